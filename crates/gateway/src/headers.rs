//! Which headers cross the relay, in each direction (spec §6;
//! sub2api-host-api.md §5.3).

use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::percent;
use crate::request_id::{RequestId, X_REQUEST_ID};

/// Whether a request header ends here: hop-by-hop ones, every way to carry a
/// credential, what names the client's address, and what we set ourselves.
#[expect(clippy::match_same_arms, reason = "one arm for each kind of header")]
fn ends_here(name: &str) -> bool {
    match name {
        "connection" | "keep-alive" | "proxy-connection" | "te" | "trailer" | "transfer-encoding" | "upgrade" => true,
        "authorization" | "proxy-authorization" | "x-api-key" | "x-goog-api-key" | "api-key" => true,
        "cookie" | "cookie2" | "forwarded" | "via" => true,
        "x-real-ip" | "x-client-ip" | "x-cluster-client-ip" | "true-client-ip" | "fastly-client-ip" => true,
        "cf-connecting-ip" | "cf-connecting-ipv6" | "x-original-forwarded-for" => true,
        "host" | "content-length" | "expect" | "accept-encoding" | "x-request-id" => true,
        _ => name.starts_with("x-forwarded-") || name.starts_with("x-relay-"),
    }
}

/// The client's headers as a host may see them. Names with underscores pass.
pub(crate) fn to_host(client: &HeaderMap, request_id: &RequestId) -> HeaderMap {
    let named_by_connection: Vec<&str> =
        client.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).collect();
    let is_hop_by_hop = |name: &str| named_by_connection.iter().any(|hop| hop.trim().eq_ignore_ascii_case(name));
    let mut headers = HeaderMap::with_capacity(client.len() + 4);
    for (name, value) in client {
        if !ends_here(name.as_str()) && !is_hop_by_hop(name.as_str()) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(X_REQUEST_ID, request_id.value());
    headers
}

/// Whether a host's answer header is shown to the client. What could name the
/// host, its vendor or its owner is not.
#[expect(clippy::match_same_arms, reason = "one arm for each kind of header")]
fn is_shown(name: &str) -> bool {
    match name {
        "content-type" | "content-language" | "content-encoding" | "cache-control" | "etag" => true,
        "retry-after" | "retry-after-ms" | "x-should-retry" => true,
        "openai-processing-ms" | "openai-version" | "x-reasoning-included" => true,
        _ => ["x-ratelimit-", "anthropic-ratelimit-", "x-codex-"].iter().any(|prefix| name.starts_with(prefix)),
    }
}

/// A host's answer headers as the client may see them.
pub(crate) fn to_client(host: &HeaderMap, request_id: &RequestId) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    for (name, value) in host {
        if is_shown(name.as_str()) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(X_REQUEST_ID, request_id.value());
    headers
}

/// The id under which the host logged the request (sub2api-host-api.md §4.5):
/// `X-Client-Request-ID` where the host makes one, else its own request id.
pub(crate) fn host_request_id(host: &HeaderMap) -> Option<&str> {
    const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-client-request-id");
    let value = host.get(CLIENT_REQUEST_ID).or_else(|| host.get(X_REQUEST_ID))?;
    value.to_str().ok().filter(|id| id.len() <= 128)
}

/// Whether an answer is a stream of server-sent events.
pub(crate) fn is_event_stream(host: &HeaderMap) -> bool {
    media_type(host).is_some_and(|media| media.eq_ignore_ascii_case("text/event-stream"))
}

/// Whether an answer is a web page, as hosts give for unknown paths (sub2api-host-api.md §7.1).
pub(crate) fn is_html(host: &HeaderMap) -> bool {
    media_type(host).is_some_and(|media| media.eq_ignore_ascii_case("text/html"))
}

fn media_type(host: &HeaderMap) -> Option<&str> {
    let value = host.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim())
}

/// A query without `key` and `api_key`, every other byte kept (spec §6).
pub(crate) fn query_to_host(query: &str) -> Option<String> {
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !is_credential(pair.split('=').next().unwrap_or_default())).collect();
    let joined = kept.join("&");
    (!joined.is_empty()).then_some(joined)
}

/// A host decodes names before it looks at them, so an encoded one is a credential too.
fn is_credential(name: &str) -> bool {
    matches!(&*percent::decode(name), "key" | "api_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap()))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn credentials_addresses_and_hops_end_here_and_the_rest_passes() {
        let client = map(&[
            ("authorization", "Bearer a"),
            ("x-api-key", "a"),
            ("x-goog-api-key", "a"),
            ("cookie", "a"),
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("x-relay-conversation", "c"),
            ("host", "relay"),
            ("accept-encoding", "gzip"),
            ("session_id", "s"),
            ("anthropic-beta", "b"),
            ("user-agent", "u"),
            ("idempotency-key", "i"),
        ]);
        let id = RequestId::of(&map(&[("x-request-id", "r-1")]), relay_domain::Timestamp::UNIX_EPOCH);
        let sent = to_host(&client, &id);
        assert_eq!(
            names(&sent),
            ["accept-encoding", "anthropic-beta", "idempotency-key", "session_id", "user-agent", "x-request-id"]
        );
        assert_eq!(sent[ACCEPT_ENCODING], "identity");
        assert_eq!(sent[X_REQUEST_ID], "r-1");
    }

    #[test]
    fn what_names_the_host_is_not_shown() {
        let host = map(&[
            ("server", "nginx/tokyo-1"),
            ("set-cookie", "a=b"),
            ("location", "https://tokyo-1.example/"),
            ("via", "tokyo-1"),
            ("x-request-id", "host-id"),
            ("content-length", "5"),
            ("content-type", "application/json"),
            ("x-ratelimit-remaining-requests", "9"),
            ("retry-after-ms", "20"),
            ("x-should-retry", "false"),
        ]);
        let id = RequestId::of(&map(&[("x-request-id", "r-1")]), relay_domain::Timestamp::UNIX_EPOCH);
        let shown = to_client(&host, &id);
        assert_eq!(
            names(&shown),
            ["content-type", "retry-after-ms", "x-ratelimit-remaining-requests", "x-request-id", "x-should-retry"]
        );
        assert_eq!(shown[X_REQUEST_ID], "r-1");
    }

    #[test]
    fn the_query_loses_only_credentials() {
        assert_eq!(query_to_host("beta=true&key=a&alt=sse"), Some("beta=true&alt=sse".into()));
        assert_eq!(query_to_host("api_key=a"), None);
        assert_eq!(query_to_host("x=%20&&keys=1"), Some("x=%20&&keys=1".into()));
    }
}
