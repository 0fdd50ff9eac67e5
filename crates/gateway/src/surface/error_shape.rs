//! The shapes in which clients parse errors (spec §6): how one of ours is
//! written, and whether a host's is in it already.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Whose shape it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ErrorShape {
    /// `{"error":{"message","type","param","code"}}`
    #[default]
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
    /// `{"error":{"code","message","status","details"}}`
    Google,
}

/// What an error says, whatever its shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: &'a str,
    pub(crate) param: Option<&'static str>,
}

impl ErrorShape {
    /// The body of an error.
    pub(crate) fn body(self, told: Told<'_>) -> Bytes {
        let body = match self {
            Self::OpenAi => serde_json::to_vec(&openai(told)),
            Self::Anthropic => serde_json::to_vec(&anthropic(told)),
            Self::Google => serde_json::to_vec(&google(told)),
        };
        // Texts and numbers always serialize.
        body.unwrap_or_default().into()
    }

    /// Whether a host's error is in this shape, so that a client can read it as it is.
    pub(crate) fn fits(self, body: &str) -> bool {
        let Ok(shape) = serde_json::from_str::<AnyShape<'_>>(body) else { return false };
        let Some(error) = shape.error.and_then(|error| serde_json::from_str::<AnyError<'_>>(error.get()).ok()) else {
            return false;
        };
        let is_text = |value: Option<&RawValue>| value.is_some_and(|value| value.get().starts_with('"'));
        let is_number = |value: Option<&RawValue>| value.is_some_and(|value| value.get().parse::<u16>().is_ok());
        is_text(error.message)
            && match self {
                Self::OpenAi => true,
                Self::Anthropic => shape.kind.is_some_and(|kind| kind.get() == "\"error\"") && is_text(error.kind),
                Self::Google => is_number(error.code) && is_text(error.status),
            }
    }
}

/// Raw, since a text with a lone surrogate is legal and no `str`.
#[derive(Deserialize)]
struct AnyShape<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnyError<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct OpenAi<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'static str>,
    code: &'static str,
}

fn openai(told: Told<'_>) -> OpenAi<'_> {
    let kind = match told.status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        503 => "service_unavailable_error",
        _ => "server_error",
    };
    OpenAi { error: OpenAiError { message: told.message, r#type: kind, param: told.param, code: told.code } }
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

fn anthropic(told: Told<'_>) -> Anthropic<'_> {
    let kind = match told.status {
        // There is no other place for the word that tells how a stream broke off.
        _ if told.code.starts_with("stream_") || told.code == "server_shutdown" => told.code,
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    Anthropic { r#type: "error", error: AnthropicError { r#type: kind, message: told.message } }
}

#[derive(Serialize)]
struct Google<'a> {
    error: GoogleError<'a>,
}

#[derive(Serialize)]
struct GoogleError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    details: [GoogleDetail; 1],
}

/// Google's own way to give an error a machine-readable reason.
#[derive(Serialize)]
struct GoogleDetail {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: &'static str,
    domain: &'static str,
}

fn google(told: Told<'_>) -> Google<'_> {
    let status = match told.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    let kind = "type.googleapis.com/google.rpc.ErrorInfo";
    let details = [GoogleDetail { kind, reason: told.code, domain: "relay-manager" }];
    Google { error: GoogleError { code: told.status, message: told.message, status, details } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_is_what_its_clients_parse() {
        let body = |shape: ErrorShape, status, code| {
            let told = Told { status, code, message: "Say \"hi\".", param: None };
            String::from_utf8(shape.body(told).to_vec()).unwrap()
        };
        assert_eq!(
            body(ErrorShape::OpenAi, 404, "model_not_found"),
            r#"{"error":{"message":"Say \"hi\".","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#
        );
        assert_eq!(
            body(ErrorShape::Anthropic, 404, "model_not_found"),
            r#"{"type":"error","error":{"type":"not_found_error","message":"Say \"hi\"."}}"#
        );
        assert_eq!(
            body(ErrorShape::Anthropic, 502, "stream_interrupted"),
            r#"{"type":"error","error":{"type":"stream_interrupted","message":"Say \"hi\"."}}"#
        );
        assert_eq!(
            body(ErrorShape::Google, 429, "upstream_busy"),
            r#"{"error":{"code":429,"message":"Say \"hi\".","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"upstream_busy","domain":"relay-manager"}]}}"#
        );
    }

    #[test]
    fn what_a_client_can_read_is_told_from_what_it_cannot() {
        let openai = r#"{"error":{"type":"x","message":"\ud83d"}}"#;
        let anthropic = r#"{"type":"error","error":{"type":"x","message":"m"}}"#;
        let google = r#"{"error":{"code":404,"message":"m","status":"NOT_FOUND"}}"#;
        let auth = r#"{"code":"INVALID_API_KEY","message":"m"}"#;
        for (shape, bodies) in [
            (ErrorShape::OpenAi, [true, true, true, false]),
            (ErrorShape::Anthropic, [false, true, false, false]),
            (ErrorShape::Google, [false, false, true, false]),
        ] {
            assert_eq!([openai, anthropic, google, auth].map(|body| shape.fits(body)), bodies, "{shape:?}");
        }
        assert!(!ErrorShape::OpenAi.fits("<html>"));
    }
}
