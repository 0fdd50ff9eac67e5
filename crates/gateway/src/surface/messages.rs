//! `POST /v1/messages`.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The session of `metadata.user_id`, in both forms that Claude Code has used:
/// `user_<hex>_account_<uuid>_session_<uuid>` and a JSON text with
/// `session_id` (sub2api-host-api.md §5.1). Other values name a user, not a
/// conversation.
pub(super) fn metadata_session(metadata: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct UserId {
        session_id: Option<String>,
    }
    let user_id = serde_json::from_str::<Metadata>(metadata.get()).ok()?.user_id?;
    let session = match user_id.rsplit_once("_session_") {
        Some((_, session)) => Some(session.to_owned()),
        None => serde_json::from_str::<UserId>(&user_id).ok()?.session_id,
    };
    session.filter(|session| !session.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_read_from_both_forms_of_metadata() {
        let session = |user_id: &str| {
            let metadata = serde_json::json!({ "user_id": user_id }).to_string();
            metadata_session(serde_json::from_str(&metadata).unwrap())
        };
        assert_eq!(session("user_ab_account__session_1234"), Some("1234".into()));
        assert_eq!(session(r#"{"device_id":"d","session_id":"s-1"}"#), Some("s-1".into()));
        assert_eq!(session("alice"), None);
    }
}
