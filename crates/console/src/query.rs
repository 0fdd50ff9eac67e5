//! Parameters of addresses. What a page does not know is left alone: an old bookmark still opens,
//! and shows its filters as they are applied.

use std::convert::Infallible;
use std::fmt::Write as _;

use axum::extract::FromRequestParts;
use http::request::Parts;
use relay_control::page::PageRequest;
use relay_domain::Timestamp;

use crate::fault::Fault;
use crate::form::Fields;
use crate::state::Console;

/// Entries of a page of a list.
pub(crate) const PAGE: usize = 50;

/// Parameters that some pages call by a short name: the address of one page narrows any other.
const SHORT: [(&str, &str); 5] = [
    ("logical_group_id", "group"),
    ("public_model", "model"),
    ("host_id", "host"),
    ("shadow_host_id", "host"),
    ("route_id", "route"),
];

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Fields);

impl Query {
    #[cfg(test)]
    pub(crate) fn parse(text: &str) -> Self {
        Self(Fields::parse(text.as_bytes()))
    }

    /// The parameters as a form's fields, to fill a form in.
    pub(crate) fn into_fields(self) -> Fields {
        self.0
    }

    /// A parameter's text, under its own name or the short one; an empty one, as forms send it, is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let short = SHORT.iter().find(|(own, _)| *own == name);
        self.0.text(name).or_else(|| self.0.text(short?.1))
    }

    /// A parameter's text, parsed.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) fn parsed<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, Fault> {
        self.text(name).map(|text| text.parse().map_err(|_| Fault::Parameter(name))).transpose()
    }

    /// A time: RFC 3339, or what `<input type="datetime-local">` sends, taken as UTC.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let time = text.parse::<Timestamp>().or_else(|_| format!("{text}Z").parse());
        time.or_else(|_| format!("{text}:00Z").parse()).map(Some).map_err(|_| Fault::Parameter(name))
    }

    /// Which page of a list.
    ///
    /// # Errors
    /// The cursor is not one of the list's.
    pub(crate) fn page<C: std::str::FromStr>(&self) -> Result<PageRequest<C>, Fault> {
        Ok(PageRequest { limit: PAGE, cursor: self.parsed("cursor")? })
    }
}

/// An address with these parameters; empty ones are left out.
pub(crate) fn address<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A path with an id as its last segment.
pub(crate) fn path(prefix: &str, id: &str) -> String {
    let mut path = format!("{prefix}/");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

impl FromRequestParts<Console> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Console) -> Result<Self, Infallible> {
        Ok(Self(Fields::parse(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_any_text() {
        assert_eq!(address("/d", [("a", "x&y=1"), ("b", "")]), "/d?a=x%26y%3D1");
        assert_eq!(path("/hosts", "a/b c"), "/hosts/a%2Fb%20c");
    }

    #[test]
    fn times_come_from_links_and_from_fields() {
        let time = |text: &str| Query::parse(&format!("at={text}")).time("at").ok().flatten().map(|at| at.to_string());
        assert_eq!(time("2026-11-26T10:00:00Z").as_deref(), Some("2026-11-26T10:00:00Z"));
        assert_eq!(time("2026-11-26T10:00").as_deref(), Some("2026-11-26T10:00:00Z"));
        assert_eq!(time(""), None);
        assert!(Query::parse("at=yesterday").time("at").is_err());
    }
}
