//! Where a host looks for the caller's key, and what it answers when that one is not good (sub2api-host-api.md §4.2, §4.3).

use http::HeaderMap;

use super::{Personality, Place};
use crate::admin::{Checks, KeyOwner};
use crate::errors::{self, HostError};
use crate::server::HostState;
use crate::wire_query::query_value;

/// Checks the key of a request: one of the host's, or one of a user. Where there is neither, any key is good; none never is.
pub(crate) fn admit(
    host: &HostState,
    place: Place,
    google: bool,
    headers: &HeaderMap,
    query: &str,
) -> Result<Option<KeyOwner>, HostError> {
    let key = presented(host.personality, google, headers, query)?;
    if host.keys.contains(&key) {
        return Ok(None);
    }
    if host.personality == Personality::OpenAi {
        return if host.keys.is_empty() { Ok(None) } else { Err(errors::OPENAI_KEY_INVALID) };
    }
    let panel = host.panel.lock();
    if host.keys.is_empty() && panel.knows_no_keys() {
        return Ok(None);
    }
    let about_itself = matches!(place, Place::Usage | Place::Billing);
    panel.admit(&key, if about_itself { Checks::WithoutBilling } else { Checks::All }).map(Some)
}

/// The key of a request, from where the personality looks for it.
fn presented(personality: Personality, google: bool, headers: &HeaderMap, query: &str) -> Result<String, HostError> {
    let key = match personality {
        Personality::S => bearer(headers, "Bearer ")
            .or_else(|| header(headers, "x-api-key"))
            .or_else(|| header(headers, "x-goog-api-key"))
            .or_else(|| query_value(query, "key"))
            .or_else(|| query_value(query, "api_key")),
        Personality::N if google => {
            if query_value(query, "api_key").is_some() {
                return Err(errors::QUERY_API_KEY_DEPRECATED);
            }
            header(headers, "x-goog-api-key")
                .or_else(|| any_case_bearer(headers))
                .or_else(|| header(headers, "x-api-key"))
                .or_else(|| query_value(query, "key"))
        }
        Personality::N => {
            if query_value(query, "key").is_some() || query_value(query, "api_key").is_some() {
                return Err(errors::QUERY_KEY_DEPRECATED);
            }
            any_case_bearer(headers)
                .or_else(|| header(headers, "x-api-key"))
                .or_else(|| header(headers, "x-goog-api-key"))
        }
        // Servers that speak several surfaces take each one's header.
        Personality::OpenAi => any_case_bearer(headers)
            .or_else(|| header(headers, "x-api-key"))
            .or_else(|| header(headers, "x-goog-api-key")),
    };
    key.ok_or(match personality {
        Personality::OpenAi => errors::OPENAI_KEY_MISSING,
        Personality::S | Personality::N if google => errors::KEY_REQUIRED_GOOGLE,
        Personality::S => errors::KEY_REQUIRED_S,
        Personality::N => errors::KEY_REQUIRED,
    })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn bearer(headers: &HeaderMap, scheme: &str) -> Option<String> {
    let token = header(headers, "authorization")?.strip_prefix(scheme)?.trim().to_owned();
    (!token.is_empty()).then_some(token)
}

fn any_case_bearer(headers: &HeaderMap) -> Option<String> {
    let value = header(headers, "authorization")?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[track_caller]
    fn check(
        personality: Personality,
        google: bool,
        pairs: &[(&'static str, &'static str)],
        query: &str,
        expected: &str,
    ) {
        let seen = match presented(personality, google, &headers(pairs), query) {
            Ok(key) if key == "good" => "ok".to_owned(),
            Ok(_) => "another key".to_owned(),
            Err(error) => error.label.to_owned(),
        };
        assert_eq!(seen, expected, "{personality:?} {pairs:?} ?{query}");
    }

    #[test]
    fn the_newer_host_refuses_a_key_in_the_query_even_beside_a_good_header() {
        let good = [("authorization", "bearer good")];
        check(Personality::N, false, &good, "", "ok");
        check(Personality::N, false, &good, "key=good", "api_key_in_query_deprecated");
        check(Personality::N, false, &good, "a=1&api_key=x", "api_key_in_query_deprecated");
        check(Personality::N, false, &good, "key=", "ok");
        check(Personality::N, true, &[], "key=good", "ok");
        check(Personality::N, true, &good, "api_key=good", "api_key_in_query_deprecated");
    }

    #[test]
    fn the_older_host_wants_the_exact_word_bearer_and_reads_the_query() {
        check(Personality::S, false, &[("authorization", "bearer good")], "", "API_KEY_REQUIRED");
        check(Personality::S, false, &[("authorization", "Bearer good")], "", "ok");
        check(Personality::S, false, &[], "api_key=good", "ok");
        check(Personality::S, false, &[], "api_key=good&key=bad", "another key");
    }

    #[test]
    fn the_first_credential_in_the_order_decides() {
        let both = [("authorization", "Bearer bad"), ("x-api-key", "good")];
        check(Personality::N, false, &both, "", "another key");
        check(Personality::N, true, &[("authorization", "Bearer bad"), ("x-goog-api-key", "good")], "", "ok");
        check(Personality::N, false, &[], "", "API_KEY_REQUIRED");
        check(Personality::OpenAi, false, &[("authorization", "Bearer bad")], "", "another key");
    }
}
