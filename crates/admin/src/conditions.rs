//! Conditional requests (RFC 9110, section 13): `ETag` on what is shown, `If-Match` on what changes it,
//! `If-None-Match` for who has it already.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use relay_control::expected::Expected;
use serde::Serialize;
use utoipa::IntoParams;

use crate::input::Input;

/// The strong entity tag of a version.
pub(crate) fn entity_tag(version: &str) -> String {
    format!("\"{version}\"")
}

/// Over which version a change is made.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `Input::if_match` reads")]
pub(crate) struct IfMatchHeader {
    /// Entity tags of versions, as `ETag` has them: 412 when the present one is another. `*` or nothing means any.
    #[param(rename = "If-Match", pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"(, ?(W/)?"[!#-+.-~-]*")*)$"#)]
    if_match: Option<String>,
}

/// Which version the caller has.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what `Input::if_none_match` reads")]
pub(crate) struct IfNoneMatchHeader {
    /// Entity tags of versions, as `ETag` has them: 304 when the present one is among them.
    #[param(rename = "If-None-Match", pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"(, ?(W/)?"[!#-+.-~-]*")*)$"#)]
    if_none_match: Option<String>,
}

impl Input {
    /// Which versions a change may be made to, by `If-Match`; without it any.
    pub(crate) fn if_match(&mut self) -> Expected {
        match self.header(&IF_MATCH, |headers| tags(headers, &IF_MATCH)) {
            None | Some(Tags::Absent | Tags::Any) => Expected::default(),
            // A weak tag equals nothing here (RFC 9110, section 13.1.1).
            Some(Tags::Some(tags)) => {
                let strong = tags.into_iter().filter(|tag| !tag.weak).map(|tag| tag.version);
                Expected::one_of(strong.collect())
            }
        }
    }

    /// Which versions the caller has, by `If-None-Match`.
    pub(crate) fn if_none_match(&mut self) -> IfNoneMatch {
        IfNoneMatch(self.header(&IF_NONE_MATCH, |headers| tags(headers, &IF_NONE_MATCH)).unwrap_or(Tags::Absent))
    }
}

/// Which versions the caller has.
pub(crate) struct IfNoneMatch(Tags);

impl IfNoneMatch {
    /// 304 when the caller has this version, else the thing itself.
    pub(crate) fn answer<T: Serialize>(&self, version: &str, thing: T) -> Response {
        let is_known = match &self.0 {
            Tags::Absent => false,
            Tags::Any => true,
            Tags::Some(tags) => tags.iter().any(|tag| tag.version == version),
        };
        let answer = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Json(thing).into_response() };
        tagged(version, answer)
    }
}

/// An answer with the entity tag of what it shows.
pub(crate) fn tagged(version: &str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::try_from(entity_tag(version)) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

enum Tags {
    Absent,
    Any,
    Some(Vec<Tag>),
}

struct Tag {
    weak: bool,
    version: String,
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Tags, &'static str> {
    let mut found = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Tags::Any);
        }
        for tag in text.split(',') {
            found.push(tag_of(tag.trim()).ok_or("must be entity tags in quotes, as ETag has them, or *")?);
        }
    }
    Ok(if is_there { Tags::Some(found) } else { Tags::Absent })
}

/// Our versions have neither quotes nor commas in them, so a list can be cut at its commas.
fn tag_of(text: &str) -> Option<Tag> {
    let (weak, quoted) = text.strip_prefix("W/").map_or((false, text), |quoted| (true, quoted));
    let version = quoted.strip_prefix('"')?.strip_suffix('"')?;
    (!version.contains('"')).then(|| Tag { weak, version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Tags, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_MATCH, HeaderValue::from_str(value).unwrap());
        }
        tags(&headers, &IF_MATCH)
    }

    #[test]
    fn entity_tags_are_read_as_the_rfc_writes_them() {
        let versions = |values: &[&str]| match read(values) {
            Ok(Tags::Some(tags)) => tags.into_iter().map(|tag| (tag.weak, tag.version)).collect(),
            _ => Vec::new(),
        };
        assert!(matches!(read(&[]), Ok(Tags::Absent)));
        assert!(matches!(read(&["*"]), Ok(Tags::Any)));
        assert_eq!(
            versions(&["\"a\", W/\"b\"", "\"c\""]),
            [(false, "a".into()), (true, "b".into()), (false, "c".into())]
        );
        for broken in ["a", "\"a", "\"a\"b\"", "", "\"a\","] {
            assert!(read(&[broken]).is_err(), "{broken}");
        }
    }
}
