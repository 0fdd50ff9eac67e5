//! Where a host looks for the caller's key, and what it answers when that one is not good (sub2api-host-api.md §4.2, §4.3).

use http::HeaderMap;

use super::Personality;
use crate::errors::{self, HostError};
use crate::wire_query::query_value;

/// Checks the key of a request. `keys` empty means that any key is good; a request without one never is.
pub(crate) fn admit(
    personality: Personality,
    google: bool,
    headers: &HeaderMap,
    query: &str,
    keys: &[String],
) -> Result<(), HostError> {
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
    let Some(key) = key else {
        return Err(match personality {
            Personality::OpenAi => errors::OPENAI_KEY_MISSING,
            Personality::S | Personality::N if google => errors::KEY_REQUIRED_GOOGLE,
            Personality::S => errors::KEY_REQUIRED_S,
            Personality::N => errors::KEY_REQUIRED,
        });
    };
    if keys.is_empty() || keys.contains(&key) {
        return Ok(());
    }
    Err(if personality == Personality::OpenAi { errors::OPENAI_KEY_INVALID } else { errors::INVALID_API_KEY })
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
        let outcome = admit(personality, google, &headers(pairs), query, &["good".to_owned()]);
        let seen = outcome.map_or_else(|error| error.label.to_owned(), |()| "ok".to_owned());
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
        check(Personality::S, false, &[], "api_key=good&key=bad", "INVALID_API_KEY");
    }

    #[test]
    fn the_first_credential_in_the_order_decides() {
        let both = [("authorization", "Bearer bad"), ("x-api-key", "good")];
        check(Personality::N, false, &both, "", "INVALID_API_KEY");
        check(Personality::N, true, &[("authorization", "Bearer bad"), ("x-goog-api-key", "good")], "", "ok");
        check(Personality::N, false, &[], "", "API_KEY_REQUIRED");
        check(Personality::OpenAi, false, &[("authorization", "Bearer bad")], "", "invalid_api_key");
    }
}
