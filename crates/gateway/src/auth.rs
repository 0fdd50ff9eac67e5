//! Who calls: the consumer key, checked before a body is read (spec §6).

use std::sync::Arc;

use http::StatusCode;
use relay_domain::{ConsumerKey, Secret};
use relay_http1::Fields;

use crate::Gateway;
use crate::error::GatewayError;
use crate::serving::Serving;

/// A consumer, and the secret it presented.
pub(crate) struct Caller {
    pub(crate) key: Arc<ConsumerKey>,
    pub(crate) secret: Secret,
}

/// The credential of a request: `Authorization: Bearer`, `x-api-key` or
/// `x-goog-api-key`, in this order.
fn presented(fields: &Fields) -> Option<&str> {
    let bearer = fields.text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    });
    bearer
        .or_else(|| fields.text("x-api-key"))
        .or_else(|| fields.text("x-goog-api-key"))
        .map(str::trim)
        .filter(|key| !key.is_empty())
}

impl Gateway {
    /// Looks the presented key up by its keyed hash: the secret itself is never compared.
    ///
    /// # Errors
    /// 401, without saying whether a key is unknown, disabled or expired to anyone who does not hold it.
    pub(crate) fn authenticate(&self, serving: &Serving, fields: &Fields) -> Result<Caller, GatewayError> {
        let Some(presented) = presented(fields) else {
            return Err(refusal("You didn't provide an API key. Send it as Authorization: Bearer YOUR_KEY."));
        };
        let Some(key) = serving.snapshot.key_by_hash(&(self.hash_key)(presented)) else {
            return Err(refusal("Incorrect API key provided."));
        };
        if !key.enabled {
            return Err(refusal("This API key is disabled."));
        }
        if key.expires_at.is_some_and(|at| at <= self.clock.now()) {
            return Err(refusal("This API key has expired."));
        }
        Ok(Caller { key: Arc::clone(key), secret: Secret::new(presented) })
    }
}

fn refusal(message: &str) -> GatewayError {
    GatewayError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_present_a_key_is_read_in_order() {
        let mut pairs = vec![];
        for (pair, expected) in [
            (("other", "x"), None),
            (("x-goog-api-key", "google"), Some("google")),
            (("x-api-key", "anthropic"), Some("anthropic")),
            (("Authorization", "bearer  openai "), Some("openai")),
        ] {
            pairs.push(pair);
            assert_eq!(presented(&Fields::from_pairs(pairs.clone())), expected);
        }
        pairs[3].1 = "Basic abc";
        assert_eq!(presented(&Fields::from_pairs(pairs)), Some("anthropic"));
    }
}
