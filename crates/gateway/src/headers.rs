//! Which headers cross the relay, in each direction (spec §6;
//! sub2api-host-api.md §5.3).

use bytes::{BufMut, Bytes, BytesMut};
use relay_http1::{Fields, ResponseHeadWriter};
use relay_traces::Context;

use crate::percent;
use crate::request_id::{RequestId, X_REQUEST_ID};

/// A name as the lists below have it. None of theirs is longer than this.
const LONGEST_NAME: usize = 64;

fn lower<'b>(name: &[u8], buffer: &'b mut [u8; LONGEST_NAME]) -> &'b [u8] {
    let length = name.len().min(LONGEST_NAME);
    let lower = &mut buffer[..length];
    lower.copy_from_slice(&name[..length]);
    lower.make_ascii_lowercase();
    lower
}

/// Whether a request header ends here: hop-by-hop ones, every way to carry a
/// credential, what names the client's address, and what we set ourselves.
#[expect(clippy::match_same_arms, reason = "one arm for each kind of header")]
fn ends_here(name: &[u8]) -> bool {
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"te" | b"trailer" | b"transfer-encoding"
        | b"upgrade" => true,
        b"authorization" | b"proxy-authorization" | b"x-api-key" | b"x-goog-api-key" | b"api-key" => true,
        b"cookie" | b"cookie2" | b"forwarded" | b"via" => true,
        b"x-real-ip" | b"x-client-ip" | b"x-cluster-client-ip" | b"true-client-ip" | b"fastly-client-ip" => true,
        b"cf-connecting-ip" | b"cf-connecting-ipv6" | b"x-original-forwarded-for" => true,
        b"host" | b"content-length" | b"expect" | b"accept-encoding" | b"x-request-id" => true,
        _ => name.starts_with(b"x-forwarded-") || name.starts_with(b"x-relay-"),
    }
}

/// Whether the place in a trace that a client tells is ours to tell, because its request is traced. A
/// state without the parent that it belongs to means nothing (W3C Trace Context).
fn is_retold(name: &[u8], trace: Option<&Context>) -> bool {
    trace.is_some_and(|trace| name == b"traceparent" || (name == b"tracestate" && trace.parent.is_none()))
}

/// The lines of the client's head as a host may see them: in their order and
/// as they were written. Names with underscores pass. Of a request that is traced each attempt tells its
/// own `traceparent`.
pub(crate) fn to_host(client: &Fields, request_id: &RequestId, trace: Option<&Context>) -> Bytes {
    let mut lines = BytesMut::with_capacity(512);
    let mut put = |name: &[u8], value: &[u8]| {
        lines.put_slice(name);
        lines.put_slice(b": ");
        lines.put_slice(value);
        lines.put_slice(b"\r\n");
    };
    let names_hops = client.contains("connection");
    for (name, value) in client.iter() {
        let hop = names_hops && client.list_has("connection", name);
        let mut buffer = [0; LONGEST_NAME];
        let lower = lower(name, &mut buffer);
        if !hop && !ends_here(lower) && !is_retold(lower, trace) {
            put(name, value);
        }
    }
    if !client.contains("content-type") {
        put(b"content-type", b"application/json");
    }
    put(b"accept-encoding", b"identity");
    put(X_REQUEST_ID.as_bytes(), request_id.as_str().as_bytes());
    lines.freeze()
}

/// Whether a host's answer header is shown to the client. What could name the
/// host, its vendor or its owner is not.
#[expect(clippy::match_same_arms, reason = "one arm for each kind of header")]
fn is_shown(name: &[u8]) -> bool {
    match name {
        b"content-language" | b"cache-control" | b"etag" => true,
        b"retry-after" | b"retry-after-ms" | b"x-should-retry" => true,
        b"openai-processing-ms" | b"openai-version" | b"x-reasoning-included" => true,
        _ => [&b"x-ratelimit-"[..], b"anthropic-ratelimit-", b"x-codex-"].iter().any(|prefix| name.starts_with(prefix)),
    }
}

/// Writes a host's answer headers as the client may see them, but for those
/// that describe the body, which may be another, and those that begin with
/// `ours`, which we tell ourselves.
pub(crate) fn to_client(host: &Fields, ours: Option<&[u8]>, head: &mut ResponseHeadWriter) {
    let mut buffer = [0; LONGEST_NAME];
    for (name, value) in host.iter() {
        let lower = lower(name, &mut buffer);
        if is_shown(lower) && !ours.is_some_and(|prefix| lower.starts_with(prefix)) {
            head.field(name, value);
        }
    }
}

/// The id under which the host logged the request (sub2api-host-api.md §4.5):
/// `X-Client-Request-ID` where the host makes one, else its own request id.
pub(crate) fn host_request_id(host: &Fields) -> Option<&str> {
    let id = host.text("x-client-request-id").or_else(|| host.text(X_REQUEST_ID))?;
    (id.len() <= 128).then_some(id)
}

/// Whether an answer is a stream of server-sent events.
pub(crate) fn is_event_stream(host: &Fields) -> bool {
    media_type(host).is_some_and(|media| media.eq_ignore_ascii_case("text/event-stream"))
}

/// Whether an answer is a web page, as hosts give for unknown paths (sub2api-host-api.md §7.1).
pub(crate) fn is_html(host: &Fields) -> bool {
    media_type(host).is_some_and(|media| media.eq_ignore_ascii_case("text/html"))
}

fn media_type(host: &Fields) -> Option<&str> {
    Some(host.text("content-type")?.split(';').next()?.trim())
}

/// Adds a query to a path, without `key` and `api_key`, every other byte kept (spec §6).
pub(crate) fn add_query_to_host(target: &mut String, query: &str) {
    let path = target.len();
    for pair in query.split('&').filter(|pair| !is_credential(pair.split('=').next().unwrap_or_default())) {
        target.push(if target.len() == path { '?' } else { '&' });
        target.push_str(pair);
    }
    if target.len() == path + 1 {
        target.truncate(path);
    }
}

/// A host decodes names before it looks at them, so an encoded one is a credential too.
fn is_credential(name: &str) -> bool {
    matches!(&*percent::decode(name), "key" | "api_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_addresses_and_hops_end_here_and_the_rest_passes_as_it_was_written() {
        let client = Fields::from_pairs([
            ("Authorization", "Bearer a"),
            ("X-Api-Key", "a"),
            ("x-goog-api-key", "a"),
            ("Cookie", "a"),
            ("X-Forwarded-For", "1.1.1.1"),
            ("Forwarded", "for=1.1.1.1"),
            ("X-Real-IP", "1.1.1.1"),
            ("Connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("X-Relay-Conversation", "c"),
            ("Host", "relay"),
            ("Accept-Encoding", "gzip"),
            ("session_id", "s"),
            ("Anthropic-Beta", "b"),
            ("User-Agent", "u"),
            ("Idempotency-Key", "i"),
            ("anthropic-beta", "b2"),
        ]);
        let id = RequestId::of(&Fields::from_pairs([("x-request-id", "r-1")]), relay_domain::Timestamp::UNIX_EPOCH);
        assert_eq!(
            std::str::from_utf8(&to_host(&client, &id, None)).unwrap(),
            "session_id: s\r\nAnthropic-Beta: b\r\nUser-Agent: u\r\nIdempotency-Key: i\r\nanthropic-beta: b2\r\n\
             content-type: application/json\r\naccept-encoding: identity\r\nx-request-id: r-1\r\n"
        );
    }

    #[test]
    fn what_names_the_host_is_not_shown() {
        let shown: Vec<&str> = [
            "server",
            "set-cookie",
            "location",
            "via",
            "x-request-id",
            "content-length",
            "x-ratelimit-remaining-requests",
            "retry-after-ms",
            "x-should-retry",
        ]
        .into_iter()
        .filter(|name| is_shown(name.as_bytes()))
        .collect();
        assert_eq!(shown, ["x-ratelimit-remaining-requests", "retry-after-ms", "x-should-retry"]);
    }

    #[test]
    fn the_query_loses_only_credentials() {
        let to_host = |query: &str| {
            let mut target = String::from("/p");
            add_query_to_host(&mut target, query);
            target
        };
        assert_eq!(to_host("beta=true&key=a&alt=sse"), "/p?beta=true&alt=sse");
        assert_eq!(to_host("x=%20&&keys=1"), "/p?x=%20&&keys=1");
        assert_eq!([to_host(""), to_host("api_key=a"), to_host("key=a&")], ["/p", "/p", "/p"]);
    }
}
