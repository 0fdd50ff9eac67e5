//! The head of an answer: what the host puts on every answer (sub2api-host-api.md §4.4, §4.5, checked against running hosts), then what the
//! script asks for.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Personality, Place, Surface};
use crate::reply::Rendered;

const OF_STREAMS: &[(&str, &str)] =
    &[("Cache-Control", "no-cache"), ("Connection", "keep-alive"), ("X-Accel-Buffering", "no")];

const OF_N: &[(&str, &str)] = &[
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
];

const OF_S: &[(&str, &str)] = &[
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", "POST, OPTIONS, GET, PUT, DELETE, PATCH"),
];

/// Writes all headers of an answer.
pub(crate) fn write(
    personality: Personality,
    request: &HeaderMap,
    place: Place,
    rendered: &Rendered,
    headers: &mut HeaderMap,
) {
    if rendered.stream {
        append_all(headers, OF_STREAMS);
    }
    match personality {
        Personality::N => {
            of_n(request, place, rendered, headers);
            append_all(headers, OF_N);
        }
        Personality::S => append_all(headers, OF_S),
        Personality::OpenAi => {}
    }
    if let (Some(id), Personality::S | Personality::OpenAi) = (&rendered.upstream_request_id, personality) {
        append(headers, "X-Request-Id", id);
    }
    for (name, value) in &rendered.headers {
        append(headers, name, value);
    }
}

fn of_n(request: &HeaderMap, place: Place, rendered: &Rendered, headers: &mut HeaderMap) {
    let sent = request.get("x-request-id").and_then(|value| value.to_str().ok()).map(str::trim);
    let own = sent.filter(|id| (1..=64).contains(&id.len())).map_or_else(fresh_id, str::to_owned);
    let upstream = rendered.upstream_request_id.as_deref();
    let replaced = upstream.is_some() && rendered.stream && place == Place::Relay(Surface::Messages);
    if !replaced {
        append(headers, "X-Request-Id", &own);
    }
    if let Some(id) = upstream {
        append(headers, "X-Request-Id", id);
    }
    if let Some(id) = &rendered.client_request_id {
        append(headers, "X-Client-Request-Id", id);
    } else {
        append(headers, "Content-Security-Policy", "default-src 'self'");
    }
}

fn append_all(headers: &mut HeaderMap, pairs: &[(&str, &str)]) {
    for (name, value) in pairs {
        append(headers, name, value);
    }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => headers.append(name, value),
        _ => panic!("{name:?}: {value:?} is not a header; use Reply::wire for what HTTP does not allow"),
    };
}

/// The id that `[N]` puts on every answer of its gateway, and bills under.
pub(crate) fn client_request_id(personality: Personality, place: Place) -> Option<String> {
    let of_gateway = matches!(place, Place::Relay(_) | Place::Models(_) | Place::Usage | Place::Billing);
    (personality == Personality::N && of_gateway).then(fresh_id)
}

fn fresh_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
