//! Bodies of forms. A form that changes something carries the session's token and comes from one of
//! our own pages (spec §10); who reads it cannot forget to check.

use axum::extract::{FromRequest, Request};
use bytes::BytesMut;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Limited};

use crate::fault::Fault;
use crate::origin;
use crate::state::Console;
use crate::visit::Visit;

/// Largest form: a fleet file pasted into a field is far smaller.
const MAX_BYTES: usize = 1024 * 1024;

/// Header for scripts that send no form field.
pub(crate) const TOKEN_HEADER: &str = "x-csrf-token";

/// Name of the hidden field.
pub(crate) const TOKEN_FIELD: &str = "csrf";

/// Fields in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

/// A form of somebody who is logged in, with its token checked.
pub(crate) struct Form(pub(crate) Fields);

/// A form that anybody may send from one of our pages: to log in, or to choose a language.
pub(crate) struct OpenForm(pub(crate) Fields);

impl Fields {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field's text, trimmed; blanks are as good as nothing.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(own, _)| own == name)?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The texts of all fields of a name, such as the boxes that are ticked of several.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let own = self.0.iter().filter(|(own, _)| own == name);
        own.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
    }

    /// Whether a box is ticked.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Where the form wants to return to: a path of ours, never another site.
    pub(crate) fn back(&self) -> String {
        self.text("back").filter(|path| is_local(path)).unwrap_or_else(|| "/".to_owned())
    }
}

/// The words of a list, separated by commas of either script or by lines.
pub(crate) fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '，', '、', '\n']).map(str::trim).filter(|word| !word.is_empty())
}

/// `/…` and no second slash or backslash, which browsers take for another host.
pub(crate) fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path[1..].starts_with(['/', '\\']) && !path.contains(|c: char| c.is_control())
}

async fn read(request: Request) -> Result<Fields, Fault> {
    if !origin::is_ours(request.headers()) {
        return Err(Fault::ForeignForm);
    }
    let mut body = Limited::new(request.into_body(), MAX_BYTES);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Fault::UnreadableForm)?;
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(Fields::parse(&bytes))
}

/// Whether the token is the session's. Compared in constant time.
pub(crate) fn is_token(visit: &Visit, given: &str) -> bool {
    let hash = |text: &str| blake3::hash(text.as_bytes());
    hash(given) == hash(&visit.form_token)
}

/// The token of a script's header.
pub(crate) fn header_token(headers: &HeaderMap) -> Option<&str> {
    headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok())
}

impl FromRequest<Console> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Console) -> Result<Self, Fault> {
        let visit = Visit::of(request.extensions()).ok_or_else(|| Fault::LogIn("/".to_owned()))?;
        let header = header_token(request.headers()).map(str::to_owned);
        let fields = read(request).await?;
        let given = fields.text(TOKEN_FIELD).or(header).unwrap_or_default();
        if is_token(&visit, &given) { Ok(Self(fields)) } else { Err(Fault::ForeignForm) }
    }
}

impl FromRequest<Console> for OpenForm {
    type Rejection = Fault;

    async fn from_request(request: Request, _: &Console) -> Result<Self, Fault> {
        read(request).await.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_returns_to_our_own_pages_alone() {
        let back = |to: &str| Fields(vec![("back".into(), to.into())]).back();
        assert_eq!(back("/decisions?host_id=a"), "/decisions?host_id=a");
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/a\nb", ""] {
            assert_eq!(back(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
