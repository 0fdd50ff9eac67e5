//! New secrets that we issue ourselves.

use relay_domain::Secret;

/// A new consumer key: `sk-relay-` and 256 random bits in hex. The prefix is
/// what clients' own checks and secret scanners expect of a key.
pub fn generate_consumer_key() -> Secret {
    Secret::new(&format!("sk-relay-{}", hex::encode(random_bytes::<32>())))
}

/// A new admin token: `rma-` and 256 random bits in hex.
pub fn generate_admin_token() -> Secret {
    Secret::new(&format!("rma-{}", hex::encode(random_bytes::<32>())))
}

/// A new secret of a console session: 256 random bits in hex.
pub fn generate_session_secret() -> Secret {
    Secret::new(&hex::encode(random_bytes::<32>()))
}

/// Bytes from the operating system's generator.
///
/// # Panics
/// When the operating system has no randomness: going on would make guessable keys.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issued_secrets_have_their_form_and_differ() {
        let key = generate_consumer_key();
        assert!(key.expose().strip_prefix("sk-relay-").is_some_and(|hex| hex.len() == 64));
        assert_ne!(key, generate_consumer_key());
        assert!(generate_admin_token().expose().strip_prefix("rma-").is_some_and(|hex| hex.len() == 64));
    }
}
