//! A host's error answer made fit for the client: in the surface's shape, and
//! without the names that only the operator knows (spec §5; field note 47).

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::error::GatewayError;
use crate::surface::ErrorShape;

/// Longest message taken over from a body that is not in our surface's shape.
const MAX_MESSAGE: usize = 500;

/// Texts of the fleet and what stands for them towards a client.
pub(crate) struct Names<'a> {
    /// (what must not be seen, what is said in its place)
    pub(crate) hidden: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Names<'_> {
    fn hide<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.hidden.iter().filter(|(name, _)| !name.is_empty()).fold(Cow::Borrowed(text), |text, (name, instead)| {
            if text.contains(&**name) { Cow::Owned(text.replace(&**name, instead)) } else { text }
        })
    }

    /// JSON without them; `None` where one shows to whoever decodes it, or began with what was part of
    /// an escape, which replacing it has broken.
    fn clear<'t>(&self, json: &'t str) -> Option<Cow<'t, str>> {
        let cleared = self.hide(json);
        let shows = json.contains('\\') && matches!(self.hide(&unescaped(&cleared)), Cow::Owned(_));
        (!shows && serde_json::from_str::<IgnoredAny>(&cleared).is_ok()).then_some(cleared)
    }
}

/// What JSON says with its escapes undone, and rather one too many: of an escaped
/// backslash what follows is taken for an escape too. A lone surrogate, which is legal, is none.
fn unescaped(json: &str) -> String {
    let mut parts = json.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.strip_prefix('u').and_then(|rest| rest.get(..4));
        match code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?)) {
            Some(character) => {
                text.push(character);
                text.push_str(&part[5..]);
            }
            // Of the short ones only that of the slash is in an address.
            None => text.push_str(part),
        }
    }
    text
}

/// The shapes of sub2api-host-api.md §4.3 and §4.4, as far as a message can be found in them.
#[derive(Default, Deserialize)]
struct AnyShape<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
    /// `response.failed` has its error in there.
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

impl<'a> AnyShape<'a> {
    fn read(text: &'a str) -> Option<Self> {
        // Google may wrap its error in a list.
        let text = text.trim();
        let text = text.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(text);
        serde_json::from_str(text).ok()
    }

    fn inner(value: Option<&'a RawValue>) -> Option<Self> {
        Self::read(value?.get())
    }

    fn message(&self) -> Option<String> {
        let error = Self::inner(self.error).unwrap_or_default();
        let mut told = [error.message, self.message, self.error, self.detail].into_iter().flatten();
        told.find_map(|value| serde_json::from_str::<String>(value.get()).ok())
    }
}

/// The body a client gets for a host's error: the host's own bytes when they
/// are in the surface's shape, else an error of that shape with the host's message.
pub(crate) fn reshape(shape: ErrorShape, status: StatusCode, body: &Bytes, names: &Names<'_>) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return ours(shape, status, None, names) };
    let told = AnyShape::read(text).unwrap_or_default();
    if shape.fits(text) {
        return match names.clear(text) {
            Some(Cow::Borrowed(_)) => body.clone(),
            Some(Cow::Owned(cleared)) => cleared.into(),
            None => ours(shape, status, told.message().as_deref(), names),
        };
    }
    let told = AnyShape::inner(told.response).filter(|failed| failed.error.is_some()).unwrap_or(told);
    let wrapped = told.error.map(|error| format!("{{\"error\":{}}}", error.get()));
    let wrapped = wrapped.filter(|wrapped| shape.fits(wrapped));
    match wrapped.as_deref().and_then(|wrapped| names.clear(wrapped)) {
        Some(cleared) => cleared.into_owned().into(),
        None => ours(shape, status, told.message().as_deref(), names),
    }
}

fn ours(shape: ErrorShape, status: StatusCode, message: Option<&str>, names: &Names<'_>) -> Bytes {
    let message = match message.map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => names.hide(message).chars().take(MAX_MESSAGE).collect(),
        None => format!("The upstream refused the request ({}).", status.as_u16()),
    };
    GatewayError::new(status, "upstream_refused", message).in_shape(shape).body()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, expected: &str) {
        check_in(ErrorShape::OpenAi, body, expected);
    }

    fn check_in(shape: ErrorShape, body: &'static str, expected: &str) {
        let names =
            Names { hidden: vec![("tokyo-1.example".into(), "upstream".into()), ("shadow-5".into(), "gpt-5".into())] };
        let got = reshape(shape, StatusCode::BAD_REQUEST, &Bytes::from_static(body.as_bytes()), &names);
        assert_eq!(std::str::from_utf8(&got).unwrap(), expected, "{body}");
    }

    #[test]
    fn the_surfaces_own_shape_stays_as_it_is() {
        let own = r#"{ "error":{"message":"bad \ud83d","type":"t","param":null,"code":null}, "x":1e400 }"#;
        check(own, own);
    }

    #[test]
    fn names_of_the_fleet_are_hidden() {
        check(
            r#"{"error":{"message":"no shadow-5 at tokyo-1.example"}}"#,
            r#"{"error":{"message":"no gpt-5 at upstream"}}"#,
        );
    }

    #[test]
    fn an_error_inside_a_failed_response_keeps_its_code() {
        let error = r#"{"code":"context_length_exceeded","message":"too long for shadow-5"}"#;
        let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"context_length_exceeded","message":"too long for shadow-5"}}}"#;
        check(failed, &format!("{{\"error\":{}}}", error.replace("shadow-5", "gpt-5")));
    }

    #[test]
    fn each_surface_has_its_own_shape() {
        let anthropic = |kind: &str| format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#);
        check_in(ErrorShape::Anthropic, r#"{"error":{"message":"m","type":"x"}}"#, &anthropic("invalid_request_error"));
        let own = r#"{"type":"error","error":{"type":"x","message":"m"},"request_id":"r"}"#;
        check_in(ErrorShape::Anthropic, own, own);
        let google = r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#;
        check_in(ErrorShape::Google, google, &google[1..google.len() - 1]);
    }

    #[test]
    fn names_that_are_spelled_with_escapes_are_hidden_too() {
        let ours = |message: &str| {
            format!(
                r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":"upstream_refused"}}}}"#
            )
        };
        check(r#"{"error":{"message":"no sh\u0061dow-5 at \u0074okyo-1.example"}}"#, &ours("no gpt-5 at upstream"));
        check(
            r#"{"error":{"message":"\ud83d at \u0074okyo-1.example"}}"#,
            &ours("The upstream refused the request (400)."),
        );
        check(r#"{"error":{"message":"at \tokyo-1.example"}}"#, &ours(r"at \tokyo-1.example"));
        let harmless = r#"{"error":{"message":"\u65e5\u672c \"x\" \\u0074 \ud83d"}}"#;
        check(harmless, harmless);
    }

    #[test]
    fn other_shapes_are_rewritten() {
        let ours = |message: &str| {
            format!(
                r#"{{"error":{{"message":"{message}","type":"invalid_request_error","param":null,"code":"upstream_refused"}}}}"#
            )
        };
        check(r#"{"code":"X","message":"too long for shadow-5"}"#, &ours("too long for gpt-5"));
        check(r#"{"error":"too long"}"#, &ours("too long"));
        check(r#"{"detail":"too long"}"#, &ours("too long"));
        check("404 page not found", &ours("The upstream refused the request (400)."));
        check("", &ours("The upstream refused the request (400)."));
    }
}
