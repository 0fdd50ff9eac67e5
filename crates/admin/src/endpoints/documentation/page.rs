//! `GET /docs`: the description for people, made of the same document.

use std::sync::LazyLock;

use askama::Template;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};

use super::view::View;
use crate::error::ApiResult;
use crate::input::Input;

/// Nothing but our own style and script; nothing inline, nothing from elsewhere, no frame around it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static HTML: LazyLock<Bytes> = LazyLock::new(|| {
    let view = View::of(&crate::routes::document());
    Bytes::from(view.render().expect("writing to memory does not fail"))
});

/// Shows this API as a page.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getDocs",
    tag = "documentation",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
    security(())
)]
pub(crate) async fn handle(input: Input) -> ApiResult<Response> {
    input.finish()?;
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, HTML.clone()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_schema_and_fetches_nothing() {
        let document = crate::routes::document();
        let html = std::str::from_utf8(&HTML).unwrap();
        let operations =
            document["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values());
        for operation in operations {
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(html.matches(&format!("id=\"{id}\"")).count(), 1, "{id}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert_eq!(html.matches(&format!("id=\"schema-{name}\"")).count(), 1, "{name}");
        }
        for forbidden in ["<style", "style=", "onclick", "https://", "http://", "javascript:"] {
            let outside_of_texts =
                html.matches(forbidden).count() - html.matches(&format!("<code>{forbidden}")).count();
            assert!(outside_of_texts == 0 || forbidden.starts_with("http"), "{forbidden}");
        }
        for (position, _) in html.match_indices("src=\"").chain(html.match_indices("href=\"")) {
            let target = html[position..].split('"').nth(1).unwrap();
            assert!(target.starts_with(['#', '/']) || target == "data:,", "{target}");
            let anchor = target.strip_prefix('#').map(|anchor| format!("id=\"{anchor}\""));
            assert!(anchor.is_none_or(|anchor| html.contains(&anchor)), "{target} leads nowhere");
        }
    }
}
