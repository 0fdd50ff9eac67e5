//! A host made ready for requests: its address and the header values that
//! every request to it carries, built once per generation.

use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use relay_domain::{BaseUrl, Host, Secret};

/// Where requests to one host go and what they carry.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base_url: BaseUrl,
    allow_private: bool,
    host_header: HeaderValue,
    authorization: Option<HeaderValue>,
}

/// The key holds a byte that no header may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway key holds a character that cannot be sent in a header")]
pub struct UnsendableKey;

/// `Authorization` for a gateway key, marked sensitive so that no log shows it.
///
/// # Errors
/// When the key holds a control character.
pub fn bearer(key: &Secret) -> Result<HeaderValue, UnsendableKey> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|_| UnsendableKey)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Endpoint {
    /// Prepares a host of the fleet.
    pub fn new(host: &Host) -> Self {
        let authorization = host.gateway_key.as_ref().and_then(|key| bearer(&key.secret).ok());
        Self::at(host.base_url.clone(), host.allow_private, authorization)
    }

    /// An endpoint that is no host of the fleet.
    pub fn at(base_url: BaseUrl, allow_private: bool, authorization: Option<HeaderValue>) -> Self {
        // An authority is visible ASCII by its own grammar, so it is a header value.
        let host_header =
            HeaderValue::from_str(base_url.authority().as_str()).unwrap_or(HeaderValue::from_static("invalid"));
        Self { base_url, allow_private, host_header, authorization }
    }

    /// The base URL.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Whether special addresses may be connected to.
    pub fn allow_private(&self) -> bool {
        self.allow_private
    }

    /// Whether the host has a shared key of its own.
    pub fn has_key(&self) -> bool {
        self.authorization.is_some()
    }

    /// The URL of a path (with its query) on this host.
    ///
    /// # Errors
    /// When the path cannot follow this host's prefix.
    pub fn uri(&self, path: &PathAndQuery) -> Result<Uri, http::Error> {
        if self.base_url.prefix().is_empty() {
            return Uri::builder()
                .scheme(self.base_url.scheme().clone())
                .authority(self.base_url.authority().clone())
                .path_and_query(path.clone())
                .build();
        }
        self.base_url.join(path.as_str())
    }

    /// Puts in the `Host` header and exactly one credential: `own` (a caller's
    /// or managed key) or else the host's shared key.
    pub fn authorize(&self, headers: &mut HeaderMap, own: Option<&HeaderValue>) {
        headers.insert(HOST, self.host_header.clone());
        match own.or(self.authorization.as_ref()) {
            Some(value) => headers.insert(AUTHORIZATION, value.clone()),
            None => headers.remove(AUTHORIZATION),
        };
    }
}
