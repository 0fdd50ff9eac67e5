//! Signatures that services ask for, and the one of our own webhook.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

/// `DingTalk`: HMAC under the secret over `timestamp\nsecret`, in Base64. The
/// timestamp is in milliseconds; whoever puts it into a URL encodes it.
pub fn dingtalk(timestamp_ms: i64, secret: &str) -> String {
    STANDARD.encode(hmac_sha256(secret.as_bytes(), format!("{timestamp_ms}\n{secret}").as_bytes()))
}

/// Feishu: HMAC under `timestamp\nsecret` over nothing, in Base64. The
/// timestamp is in seconds.
pub fn feishu(timestamp: i64, secret: &str) -> String {
    STANDARD.encode(hmac_sha256(format!("{timestamp}\n{secret}").as_bytes(), b""))
}

/// Our webhook, the value of `X-Relay-Signature`: `t=…,v1=…`, the HMAC under
/// the secret over `t.body`, in hex. `t` is in seconds, so that a receiver can
/// refuse what is old.
pub fn webhook(timestamp: i64, body: &[u8], secret: &str) -> String {
    let signed = [format!("{timestamp}.").as_bytes(), body].concat();
    format!("t={timestamp},v1={}", hex::encode(hmac_sha256(secret.as_bytes(), &signed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Those of the services are held against vectors in tests/notify/payloads.rs.

    #[test]
    fn the_webhook_signs_its_time_and_body() {
        assert_eq!(
            webhook(1_764_158_400, br#"{"id":1}"#, "whsec-1"),
            "t=1764158400,v1=b4b18717bb4e8949c448d773915ee50c7e245f7d54f84a15ec5532126797368a"
        );
    }
}
