//! A host made ready for requests: its address and the header values that
//! every request to it carries, built once per generation.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use relay_domain::{BaseUrl, Host, Secret};
use relay_http1::RequestHeadWriter;
use sha2::{Digest, Sha256};

/// Where requests to one host go and what they carry.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base_url: BaseUrl,
    allow_private: bool,
    host_header: HeaderValue,
    authorization: Option<HeaderValue>,
    fingerprint: Option<Arc<str>>,
    ask_usage: bool,
}

/// `sha256:` and the hexadecimal digest of a gateway key: how a record names a
/// key without holding it (spec §3).
pub fn fingerprint(key: &Secret) -> Arc<str> {
    format!("sha256:{}", hex::encode(Sha256::digest(key.expose()))).into()
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
        let key = host.gateway_key.as_ref().map(|key| &key.secret);
        let authorization = key.and_then(|key| bearer(key).ok());
        let fingerprint = key.map(fingerprint);
        Self {
            fingerprint,
            ask_usage: host.ask_usage,
            ..Self::at(host.base_url.clone(), host.allow_private, authorization)
        }
    }

    /// An endpoint that is no host of the fleet.
    pub fn at(base_url: BaseUrl, allow_private: bool, authorization: Option<HeaderValue>) -> Self {
        // An authority is visible ASCII by its own grammar, so it is a header value.
        let host_header =
            HeaderValue::from_str(base_url.authority().as_str()).unwrap_or(HeaderValue::from_static("invalid"));
        Self { base_url, allow_private, host_header, authorization, fingerprint: None, ask_usage: true }
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

    /// The host's shared key, to be hidden where a host quotes it.
    pub fn key(&self) -> Option<&str> {
        self.authorization.as_ref()?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// Fingerprint of the host's shared key.
    pub fn fingerprint(&self) -> Option<Arc<str>> {
        self.fingerprint.clone()
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

    /// Begins the head of a request for `target` (path and query) with the
    /// `Host` field and exactly one credential: `own` (a caller's or managed
    /// key) or else the host's shared key.
    pub fn begin(&self, method: &str, target: &str, own: Option<&HeaderValue>) -> RequestHeadWriter {
        let mut head = RequestHeadWriter::new(method, &[self.base_url.prefix(), target]);
        head.field("host", &self.host_header);
        if let Some(value) = own.or(self.authorization.as_ref()) {
            head.field("authorization", value);
        }
        head
    }

    /// Whether a stream may be asked for its usage: a few servers refuse
    /// requests with a member that they do not know.
    pub fn tells_usage_when_asked(&self) -> bool {
        self.ask_usage
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_sha256_of_the_trimmed_key() {
        assert_eq!(
            &*fingerprint(&Secret::new(" abc ")),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn exactly_one_credential_goes_out() {
        let url = BaseUrl::parse("https://a.example:444/relay").unwrap();
        let endpoint = Endpoint::at(url, false, Some(HeaderValue::from_static("Bearer host")));
        let mut headers = HeaderMap::new();
        endpoint.authorize(&mut headers, None);
        assert_eq!(
            (&headers[HOST], &headers[AUTHORIZATION]),
            (&"a.example:444".parse().unwrap(), &"Bearer host".parse().unwrap())
        );
        endpoint.authorize(&mut headers, Some(&HeaderValue::from_static("Bearer own")));
        assert_eq!(headers.get_all(AUTHORIZATION).iter().collect::<Vec<_>>(), ["Bearer own"]);
    }
}
