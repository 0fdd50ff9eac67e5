//! Who calls: the consumer key, checked before a body is read (spec §6).

use http::StatusCode;
use relay_domain::{ConsumerKey, KeyHash, Secret};
use relay_http1::{Fields, RequestHead};
use relay_routing::KeyIndex;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use crate::Gateway;
use crate::client::Peer;
use crate::error::GatewayError;
use crate::limits::Gate;
use crate::percent;
use crate::router::line_of;
use crate::serving::Serving;
use crate::surface::RequestLine;

/// A consumer, and the secret it presented.
pub(crate) struct Caller<'s> {
    /// Its key, in its generation.
    pub(crate) key: KeyIndex,
    /// What is counted for it.
    pub(crate) gate: &'s Arc<Gate>,
    pub(crate) secret: Secret,
}

/// The credential of a request: `Authorization: Bearer`, `x-api-key` or
/// `x-goog-api-key`, in this order; on Google's paths also `?key=`.
fn presented<'r>(fields: &'r Fields, line: RequestLine<'r>) -> Option<Cow<'r, str>> {
    let bearer = fields.text("authorization").and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(key)
    });
    bearer
        .or_else(|| fields.text("x-api-key"))
        .or_else(|| fields.text("x-goog-api-key"))
        .map(Cow::Borrowed)
        .or_else(|| in_query(line).map(percent::decode))
        .map(trimmed)
        .filter(|key| !key.is_empty())
}

fn in_query(line: RequestLine<'_>) -> Option<&str> {
    let query = line.query.filter(|_| line.path.starts_with("/v1beta/"))?;
    query.split('&').find_map(|pair| pair.strip_prefix("key="))
}

fn trimmed(key: Cow<'_, str>) -> Cow<'_, str> {
    match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.trim()),
        Cow::Owned(key) => Cow::Owned(key.trim().to_owned()),
    }
}

impl Gateway {
    /// Looks the presented key up by its keyed hash: the secret itself is never compared.
    ///
    /// # Errors
    /// 401, without saying whether a key is unknown, disabled or expired to anyone who does not hold it;
    /// 403 for a good key from an address that is not on its list.
    pub(crate) fn authenticate<'s>(
        &self,
        serving: &'s Serving,
        head: &RequestHead,
        peer: &Peer,
    ) -> Result<Caller<'s>, GatewayError> {
        let address = match peer {
            Peer::Address(address) => *address,
            Peer::Inside(caller) => return self.take_in(serving, caller),
        };
        let Some(presented) = presented(&head.fields, line_of(head)) else {
            return Err(refusal("You didn't provide an API key. Send it as Authorization: Bearer YOUR_KEY."));
        };
        let hash = (self.hash_key)(&presented);
        serving.consumers().fetch(&hash);
        let secret = Secret::new(&presented);
        let Some(consumer) = serving.consumers().find(&hash) else { return Err(unknown()) };
        let key = serving.snapshot.key(consumer.key);
        consumer.fetch(key);
        if !consumer.is_always_good {
            self.check(key, Some(&hash))?;
            check_address(key, address)?;
        }
        Ok(Caller { key: consumer.key, gate: &consumer.gate, secret })
    }

    /// Whether a key is good: enabled and not expired, and so the secret of this hash, if one was presented.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn check(&self, key: &ConsumerKey, presented: Option<&KeyHash>) -> Result<(), GatewayError> {
        if !key.enabled {
            return Err(refusal("This API key is disabled."));
        }
        let previous = presented.filter(|hash| **hash != key.hash).and(key.previous);
        let ends = [key.expires_at, previous.map(|previous| previous.until)];
        if ends.into_iter().flatten().any(|at| at <= self.clock.now()) {
            return Err(refusal("This API key has expired."));
        }
        Ok(())
    }
}

fn check_address(key: &ConsumerKey, address: IpAddr) -> Result<(), GatewayError> {
    if key.may_be_used_from(address) {
        return Ok(());
    }
    let message = "This API key may not be used from this address.";
    Err(GatewayError::new(StatusCode::FORBIDDEN, "address_not_allowed", message))
}

/// 401 of a key that nobody has.
pub(crate) fn unknown() -> GatewayError {
    refusal("Incorrect API key provided.")
}

fn refusal(message: &str) -> GatewayError {
    GatewayError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: RequestLine<'static> = RequestLine { method: "POST", path: "/v1/messages", query: None };

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
            assert_eq!(presented(&Fields::from_pairs(pairs.clone()), LINE).as_deref(), expected);
        }
        pairs[3].1 = "Basic abc";
        assert_eq!(presented(&Fields::from_pairs(pairs), LINE).as_deref(), Some("anthropic"));
    }

    #[test]
    fn a_key_in_the_query_counts_on_googles_paths_and_after_every_header() {
        let line = RequestLine { path: "/v1beta/models/m:x", query: Some("alt=sse&key=a%2Bb"), ..LINE };
        let key = |fields: &[(&'static str, &'static str)], line| {
            presented(&Fields::from_pairs(fields.to_vec()), line).map(Cow::into_owned)
        };
        assert_eq!(key(&[], line), Some("a+b".into()));
        assert_eq!(key(&[("x-goog-api-key", "google")], line), Some("google".into()));
        assert_eq!(key(&[], RequestLine { path: "/v1/chat/completions", ..line }), None);
        assert_eq!(key(&[], RequestLine { query: Some("api_key=a"), ..line }), None);
    }
}
