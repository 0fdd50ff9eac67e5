//! The public status page: what anybody may know. It has no session, no script and no form, and what it shows is
//! remembered for half a minute, so that the public cannot keep the log busy.

mod board;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, RawQuery, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

pub(crate) use self::board::Board;
use self::board::{StatusPageContent, json_of};
use crate::assets;
use crate::form::Fields;
use crate::preferences::Preferences;
use crate::state::Console;
use crate::words::{Language, accepted};

/// Browsers and proxies may keep it as long as we do.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=30");

/// Nothing but our style and picture; no frame, no form, no script.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// `GET /status` on the page's own listener.
pub(crate) async fn page(State(board): State<Arc<Board>>, query: RawQuery, headers: HeaderMap) -> Response {
    shown(&board, accepted(&headers), query).await
}

/// `GET /status.json` there.
pub(crate) async fn json(State(board): State<Arc<Board>>, query: RawQuery) -> Response {
    shown_json(&board, query).await
}

/// `GET /status` on the admin listener: the operator sees what the public does, in the language chosen there.
pub(crate) async fn on_admin(State(console): State<Console>, query: RawQuery, headers: HeaderMap) -> Response {
    match &console.board {
        Some(board) => with_headers(shown(board, Preferences::of(&headers).language, query).await),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /status.json` there.
pub(crate) async fn on_admin_json(State(console): State<Console>, query: RawQuery) -> Response {
    match &console.board {
        Some(board) => with_headers(shown_json(board, query).await),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The page's own style and picture; of the console's other files the public gets none.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    if std::path::Path::new(&name).extension().is_some_and(|extension| extension == "js") {
        return StatusCode::NOT_FOUND.into_response();
    }
    assets::serve(Path(name), headers).await
}

/// Whatever else is asked of the page's own listener.
pub(crate) async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/plain; charset=utf-8")], "not found\n").into_response()
}

/// Puts the headers on every answer of the page's own listener.
pub(crate) async fn dressed(request: Request, next: Next) -> Response {
    with_headers(next.run(request).await)
}

fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// `?group=…`: one group alone.
fn group(query: RawQuery) -> Option<String> {
    Fields::parse(query.0.unwrap_or_default().as_bytes()).text("group")
}

async fn shown(board: &Board, language: Language, query: RawQuery) -> Response {
    let Some(status) = board.look().await else { return unknown() };
    let Some(content) = StatusPageContent::new(language, board.settings(), &status, group(query).as_deref()) else {
        return nothing().await;
    };
    match content.render() {
        Ok(html) => {
            let vary = (HeaderName::from_static("vary"), HeaderValue::from_static("accept-language"));
            let kind = (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            ([kind, (CACHE_CONTROL, KEEP), vary], html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the status page was not rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn shown_json(board: &Board, query: RawQuery) -> Response {
    let Some(status) = board.look().await else { return unknown() };
    let Some(told) = json_of(board.settings(), &status, group(query).as_deref()) else { return nothing().await };
    let kind = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Dashboards of other origins may read it: it is public.
    let anybody = (HeaderName::from_static("access-control-allow-origin"), HeaderValue::from_static("*"));
    ([kind, (CACHE_CONTROL, KEEP), anybody], told.to_string()).into_response()
}

/// The log cannot be read, and was not before.
fn unknown() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(CONTENT_TYPE, "text/plain; charset=utf-8")], "unknown just now\n")
        .into_response()
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    board::samples(language)
}
