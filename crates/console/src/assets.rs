//! Styles and scripts, in the binary. Their URLs carry a hash of their content, so that
//! browsers may keep them for ever and never mix two versions.

use std::io::Write as _;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A file that pages refer to.
struct Asset {
    name: String,
    content_type: &'static str,
    plain: Bytes,
    gzipped: Bytes,
}

impl Asset {
    fn new(name: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let hash = blake3::hash(content).to_hex();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to a vector cannot fail; should it all the same, the file is served as it is.
        let gzipped = gzip.write_all(content).and_then(|()| gzip.finish()).unwrap_or_default();
        Self {
            name: format!("{stem}.{}.{extension}", &hash[..12]),
            content_type,
            plain: Bytes::from_static(content),
            gzipped: gzipped.into(),
        }
    }

    fn url(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

struct Assets {
    css: Asset,
    js: Asset,
    htmx: Asset,
    playground: Asset,
    icon: Asset,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    css: Asset::new("console.css", "text/css; charset=utf-8", include_bytes!("../assets/console.css")),
    js: Asset::new("console.js", "text/javascript; charset=utf-8", include_bytes!("../assets/console.js")),
    htmx: Asset::new("htmx.js", "text/javascript; charset=utf-8", include_bytes!("../assets/htmx.min.js")),
    playground: Asset::new(
        "playground.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/playground.js"),
    ),
    icon: Asset::new("icon.svg", "image/svg+xml", include_bytes!("../assets/icon.svg")),
});

/// The addresses for the head of a page.
#[derive(Clone, Debug)]
pub(crate) struct AssetUrls {
    pub(crate) css: String,
    pub(crate) js: String,
    pub(crate) htmx: String,
    pub(crate) playground: String,
    pub(crate) icon: String,
}

/// Where the assets are.
pub(crate) fn urls() -> AssetUrls {
    let Assets { css, js, htmx, playground, icon } = &*ASSETS;
    AssetUrls { css: css.url(), js: js.url(), htmx: htmx.url(), playground: playground.url(), icon: icon.url() }
}

/// `GET /assets/{name}`
pub(crate) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Assets { css, js, htmx, playground, icon } = &*ASSETS;
    let Some(asset) = [css, js, htmx, playground, icon].into_iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let takes_gzip = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes_gzip = takes_gzip.is_some_and(|list| list.contains("gzip")) && !asset.gzipped.is_empty();
    let body = if takes_gzip { asset.gzipped.clone() } else { asset.plain.clone() };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if takes_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
