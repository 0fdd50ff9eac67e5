//! What happens to every request on the admin listener: who is logged in, the headers that every
//! answer carries, the page of an error.
//!
//! A session also opens the JSON API (spec §8): what the API needs to know is handed to it as
//! the request's [`Access`](relay_control::access::Access), and only when a request that changes
//! something carries the session's token and comes from one of our pages.

use std::net::SocketAddr;

use askama::Template;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, HeaderName, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use relay_domain::Secret;

use crate::fault::Fault;
use crate::form::{self, header_token};
use crate::origin;
use crate::preferences::{Preferences, cookie};
use crate::query::address;
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::visit::Visit;

/// The session's cookie.
const SESSION: &str = "relay_session";

/// No script, style or picture but our own, none inline; no frame around us; forms only to us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer that does not say otherwise itself.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// The page of a fault.
#[derive(Template)]
#[template(path = "fault.html")]
pub(crate) struct FaultPage {
    pub(crate) shell: Shell,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) why: Vec<String>,
}

/// Outermost.
pub(crate) async fn enter(State(console): State<Console>, request: Request, next: Next) -> Response {
    let preferences = Preferences::of(request.headers());
    let wants_page = wants_page(&request);
    let (parts, body) = request.into_parts();
    let visit = match visit(&console, &parts, preferences).await {
        Ok(visit) => visit,
        Err(fault) => return dressed(fault_page(&fault, preferences, None, false)),
    };
    let mut request = Request::from_parts(parts, body);
    if let Some(visit) = &visit {
        if may_use_api(&request, visit) {
            request.extensions_mut().insert(visit.session.access.clone());
        }
        request.extensions_mut().insert(visit.clone());
    }
    request.extensions_mut().insert(preferences);
    let response = next.run(request).await;
    let is_fragment = visit.as_ref().is_some_and(|visit| visit.is_fragment);
    let response = match response.extensions().get::<Fault>().cloned() {
        Some(fault) => fault_page(&fault, preferences, visit.as_ref(), is_fragment),
        None if response.status() == StatusCode::NOT_FOUND && wants_page => {
            fault_page(&Fault::NotFound, preferences, visit.as_ref(), is_fragment)
        }
        None => response,
    };
    dressed(response)
}

async fn visit(console: &Console, request: &Parts, preferences: Preferences) -> Result<Option<Visit>, Fault> {
    let Some(secret) = cookie(&request.headers, SESSION).map(Secret::new) else { return Ok(None) };
    let Some(session) = console.control.session(&secret).await? else { return Ok(None) };
    Ok(Some(Visit {
        session,
        form_token: console.control.form_token(&secret),
        preferences,
        here: request.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        is_fragment: request.headers.contains_key("hx-request"),
        now: console.control.now(),
    }))
}

fn may_use_api(request: &Request, visit: &Visit) -> bool {
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) {
        return false;
    }
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    is_safe || (origin::is_ours(headers) && header_token(headers).is_some_and(|token| form::is_token(visit, token)))
}

/// A person's browser asks for a page; whoever uses the API asks for JSON, or says nothing.
fn wants_page(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !request.uri().path().starts_with("/api/")
}

fn fault_page(fault: &Fault, preferences: Preferences, visit: Option<&Visit>, is_fragment: bool) -> Response {
    if let Fault::LogIn(back) = fault {
        return log_in_first(back);
    }
    let shell = match visit {
        Some(visit) => visit.shell(Section::Elsewhere),
        None => Shell::bare(preferences, "/"),
    };
    let (title, why) = fault.told(preferences.language);
    let status = fault.status();
    // A fragment that fails must not put a whole page into a page: its old state stays.
    if is_fragment {
        return (status, [(CACHE_CONTROL, "no-store")]).into_response();
    }
    let mut response = page(&FaultPage { shell, status: status.as_u16(), title, why });
    *response.status_mut() = status;
    response
}

fn log_in_first(back: &str) -> Response {
    let login = address("/login", [("back", if back == "/" { "" } else { back })]);
    let mut response = see_other(&login);
    // The script that refreshes a part of a page follows this one; a redirect would put the login page into it.
    if let Ok(login) = HeaderValue::try_from(login) {
        response.headers_mut().insert(HeaderName::from_static("hx-redirect"), login);
    }
    response
}

fn dressed(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where the request came from: the connection's peer. A header could say anything.
pub(crate) fn peer(extensions: &http::Extensions) -> std::net::IpAddr {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    info.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |info| info.0.ip())
}

/// Hands a session's secret to the browser, or takes it back (`None`).
pub(crate) fn set_session(response: &mut Response, secret: Option<&Secret>, request: &HeaderMap) {
    let forwarded = request.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    // Behind a proxy that ends TLS the cookie must not go out over plain HTTP; on loopback there is no other way.
    let secure = if forwarded.is_some_and(|protocol| protocol.eq_ignore_ascii_case("https")) { "; Secure" } else { "" };
    let (value, age) = match secret {
        Some(secret) => (secret.expose(), relay_control::sessions::LONGEST.as_secs()),
        None => ("", 0),
    };
    let cookie = format!("{SESSION}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}
