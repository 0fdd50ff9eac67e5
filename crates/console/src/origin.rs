//! Whether a request that changes something was made by one of our own pages: the second of two
//! defenses, beside the form's token.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// What a browser says of who made a request. A client that says nothing is no browser that
/// somebody else's page could use.
pub(crate) fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(ORIGIN.as_str()) else { return true };
    let Some((_, authority)) = origin.split_once("://") else { return false };
    // A proxy in front may ask us by another name; a foreign page cannot set this header.
    [text(HOST.as_str()), text("x-forwarded-host")].contains(&Some(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_change_something() {
        let ours = |pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
            is_ours(&headers.collect())
        };
        assert!(ours(&[("sec-fetch-site", "same-origin"), ("origin", "https://proxy.example"), ("host", "127.0.0.1")]));
        assert!(!ours(&[("sec-fetch-site", "same-site")]) && !ours(&[("sec-fetch-site", "cross-site")]));
        assert!(ours(&[("origin", "http://relay.example:8788"), ("host", "relay.example:8788")]));
        assert!(ours(&[
            ("origin", "https://relay.example"),
            ("host", "127.0.0.1"),
            ("x-forwarded-host", "relay.example")
        ]));
        assert!(!ours(&[("origin", "https://evil.example"), ("host", "relay.example")]));
        assert!(!ours(&[("origin", "null"), ("host", "relay.example")]));
        assert!(ours(&[("host", "relay.example")]), "curl");
    }
}
