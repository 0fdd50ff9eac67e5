//! A host's error answer made fit for the client: in the surface's shape, and
//! without the names that only the operator knows (spec §5; field note 47).

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::GatewayError;

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
}

/// The shapes of sub2api-host-api.md §4.3, as far as a message can be found in them.
#[derive(Deserialize)]
struct AnyShape<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    /// Raw, since a text with a lone surrogate is legal and no `str`.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The body a client gets for a host's error: the host's own bytes when they
/// are in OpenAI's shape, else an error of that shape with the host's message.
pub(crate) fn reshape(status: StatusCode, body: &Bytes, names: &Names<'_>) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else { return ours(status, None, names) };
    let Ok(shape) = serde_json::from_str::<AnyShape<'_>>(text) else { return ours(status, None, names) };
    let object = shape.error.and_then(|error| serde_json::from_str::<ErrorObject<'_>>(error.get()).ok());
    if object.and_then(|object| object.message).is_some_and(|message| message.get().starts_with('"')) {
        return match names.hide(text) {
            Cow::Borrowed(_) => body.clone(),
            Cow::Owned(hidden) => hidden.into(),
        };
    }
    let mut told = [shape.message, shape.error, shape.detail].into_iter().flatten();
    let message = told.find_map(|value| serde_json::from_str::<String>(value.get()).ok());
    ours(status, message.as_deref(), names)
}

fn ours(status: StatusCode, message: Option<&str>, names: &Names<'_>) -> Bytes {
    let message = match message.map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => names.hide(message).chars().take(MAX_MESSAGE).collect(),
        None => format!("The upstream refused the request ({}).", status.as_u16()),
    };
    GatewayError::new(status, "upstream_refused", message).body()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &'static str, expected: &str) {
        let names =
            Names { hidden: vec![("tokyo-1.example".into(), "upstream".into()), ("shadow-5".into(), "gpt-5".into())] };
        let got = reshape(StatusCode::BAD_REQUEST, &Bytes::from_static(body.as_bytes()), &names);
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
