//! A host's base URL: scheme, authority and an optional path prefix (spec §1).

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Why a text is not a base URL. Each message says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL at all.
    #[error("is not a URL; write it as https://host.example")]
    Malformed,
    /// Neither `http` nor `https`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// `user:password@` (spec §10).
    #[error("must not hold user:password@; use admin_key or gateway_key")]
    Userinfo,
    /// `?query` or `#fragment`.
    #[error("must end at the path; remove the query or fragment")]
    Query,
}

/// A checked base URL, without a trailing `/` or `/v1`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    /// Parses and normalizes: trimmed, and a trailing `/` or `/v1` is tolerated.
    ///
    /// # Errors
    /// See [`BaseUrlError`].
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.contains(['#', '?']) {
            return Err(BaseUrlError::Query);
        }
        let uri: Uri = text.parse().map_err(|_| BaseUrlError::Malformed)?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or(BaseUrlError::Malformed)?;
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(BaseUrlError::Scheme);
        }
        let authority = parts.authority.ok_or(BaseUrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(BaseUrlError::Userinfo);
        }
        if authority.host().is_empty() || authority.as_str().ends_with(':') {
            return Err(BaseUrlError::Malformed);
        }
        let path = parts.path_and_query.as_ref().map_or("", |path| path.path()).trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/');
        Ok(Self { scheme, authority, prefix: path.to_owned() })
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.scheme == Scheme::HTTPS { 443 } else { 80 })
    }

    /// Host and optional port.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path prefix: empty, or beginning with `/` and without one at the end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URL of `path` (which begins with `/`, and may carry a query) on this host.
    ///
    /// # Errors
    /// When `path` is not a legal path.
    pub fn join(&self, path: &str) -> Result<Uri, http::Error> {
        let target = if self.prefix.is_empty() { path.to_owned() } else { format!("{}{path}", self.prefix) };
        Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(target).build()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(BaseUrl::parse(text).map(|url| url.to_string()), Ok(expected.to_owned()), "{text}");
    }

    #[test]
    fn trailing_slash_and_v1_are_tolerated() {
        check("https://a.example", "https://a.example");
        check(" https://a.example/ ", "https://a.example");
        check("https://a.example/v1", "https://a.example");
        check("https://a.example/v1/", "https://a.example");
        check("http://a.example:8080/relay/v1", "http://a.example:8080/relay");
        check("http://[::1]:9", "http://[::1]:9");
    }

    #[test]
    fn what_is_not_a_base_url_is_refused() {
        let fault = |text: &str| BaseUrl::parse(text).unwrap_err();
        assert_eq!(fault("a.example"), BaseUrlError::Malformed);
        assert_eq!(fault("ftp://a.example"), BaseUrlError::Scheme);
        assert_eq!(fault("https://u:p@a.example"), BaseUrlError::Userinfo);
        assert_eq!(fault("https://a.example/?x=1"), BaseUrlError::Query);
        assert_eq!(fault("https://a.example/#x"), BaseUrlError::Query);
        assert_eq!(fault(""), BaseUrlError::Malformed);
    }

    #[test]
    fn a_path_is_joined_below_the_prefix() {
        let url = BaseUrl::parse("http://a.example/relay/").unwrap();
        assert_eq!(url.join("/v1/models?x=1").unwrap().to_string(), "http://a.example/relay/v1/models?x=1");
    }
}
