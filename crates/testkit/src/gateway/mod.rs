//! The data plane of a host: which path is what, whose key it takes, and in which shapes it speaks.

pub(crate) mod auth;
mod catalog;
pub(crate) mod headers;
pub(crate) mod pings;

use http::Method;

use crate::admin::KeyOwner;
use crate::reply::Reply;
use crate::server::HostState;

/// Which deployment a fake host plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Personality {
    /// sub2api of December 2025 ("`[S]`" in sub2api-host-api.md). It has no chat completions.
    S,
    /// sub2api mainline of August 2026 ("`[N]`").
    #[default]
    N,
    /// Any OpenAI-compatible server: no admin API, no pings, JSON for unknown paths.
    OpenAi,
}

/// The API in whose shapes a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `/v1/chat/completions`
    Chat,
    /// `/v1/responses` and below
    Responses,
    /// `/v1/messages`
    Messages,
    /// `/v1/messages/count_tokens`
    CountTokens,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/images/…`
    Images,
    /// `/v1beta/models/{model}:{action}`
    Gemini,
}

/// What a path is on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A call that needs the model: scripts apply.
    Relay(Surface),
    /// `GET /v1/models`, `/v1beta/models`.
    Models(Surface),
    /// `GET /v1/usage`.
    Usage,
    /// `GET /v1/sub2api/billing` of `[N]`.
    Billing,
    Health,
    SetupStatus,
    /// Below `/api/v1`.
    Panel,
    /// Inside a prefix the router owns, but not a route.
    NotFound,
    /// Anything else: the web page (sub2api-host-api.md §7.1).
    Page,
}

/// Below these the `[S]` and `[N]` builds answer `404 page not found` to what they do not know, and the web page everywhere else (§7.1).
const OWNED_PREFIXES: &[&str] = &["/api/", "/v1/", "/v1beta/", "/setup/"];
const OWNED_PREFIXES_OF_N: &[&str] = &["/backend-api/", "/antigravity/", "/responses/", "/images/", "/videos/"];
const OWNED_PATHS: &[&str] = &["/health", "/responses"];
const OWNED_PATHS_OF_N: &[&str] = &["/models", "/alpha/search"];

/// Finds out what a request addresses. `path` is without the query.
pub(crate) fn place(personality: Personality, method: &Method, path: &str) -> Place {
    if personality == Personality::OpenAi {
        return place_on_openai(method, path);
    }
    if let Some(surface) = relay_surface(method, path) {
        let known = match surface {
            Surface::Chat | Surface::Embeddings | Surface::Images => personality == Personality::N,
            _ => true,
        };
        return if known { Place::Relay(surface) } else { Place::NotFound };
    }
    match (method.as_str(), path) {
        ("GET", "/v1/models") => return Place::Models(Surface::Chat),
        ("GET", "/v1beta/models") => return Place::Models(Surface::Gemini),
        ("GET", "/v1/usage") => return Place::Usage,
        ("GET", "/v1/sub2api/billing") if personality == Personality::N => return Place::Billing,
        ("GET", "/health") => return Place::Health,
        ("GET", "/setup/status") => return Place::SetupStatus,
        ("GET", "/models") if personality == Personality::N => return Place::Models(Surface::Chat),
        _ => {}
    }
    if path.starts_with("/api/v1/") {
        return Place::Panel;
    }
    let of_n = personality == Personality::N;
    let owned = OWNED_PREFIXES.iter().any(|prefix| path.starts_with(prefix))
        || OWNED_PATHS.contains(&path)
        || (of_n && OWNED_PREFIXES_OF_N.iter().any(|prefix| path.starts_with(prefix)))
        || (of_n && OWNED_PATHS_OF_N.contains(&path));
    if owned { Place::NotFound } else { Place::Page }
}

fn place_on_openai(method: &Method, path: &str) -> Place {
    match (relay_surface(method, path), method.as_str(), path) {
        (Some(surface), _, _) => Place::Relay(surface),
        (None, "GET", "/v1/models") => Place::Models(Surface::Chat),
        (None, "GET", "/health") => Place::Health,
        _ => Place::NotFound,
    }
}

fn relay_surface(method: &Method, path: &str) -> Option<Surface> {
    if method != Method::POST {
        return None;
    }
    match path {
        "/v1/chat/completions" => Some(Surface::Chat),
        "/v1/responses" | "/responses" => Some(Surface::Responses),
        "/v1/messages" => Some(Surface::Messages),
        "/v1/messages/count_tokens" => Some(Surface::CountTokens),
        "/v1/embeddings" => Some(Surface::Embeddings),
        "/v1/images/generations" | "/v1/images/edits" => Some(Surface::Images),
        _ if path.starts_with("/v1/responses/") => Some(Surface::Responses),
        _ if path.starts_with("/v1beta/models/") && path.contains(':') => Some(Surface::Gemini),
        _ => None,
    }
}

/// The answer of everything that is neither a relay call nor the panel. A key has been checked where the place wants one.
pub(crate) fn fixed_reply(
    host: &HostState,
    place: Place,
    owner: Option<KeyOwner>,
    (method, path): (&Method, &str),
) -> Reply {
    match place {
        Place::Models(Surface::Gemini) => catalog::gemini_models(host),
        Place::Models(_) => catalog::models(host, owner),
        Place::Usage => catalog::usage(host, owner),
        Place::Billing => host.panel.lock().key_billing(owner),
        Place::Health => Reply::json(&serde_json::json!({"status": "ok"})),
        Place::SetupStatus => {
            Reply::json(&serde_json::json!({"code": 0, "data": {"needs_setup": false, "step": "completed"}}))
        }
        Place::NotFound if host.personality == Personality::OpenAi => {
            let message = format!("Invalid URL ({method} {path})");
            let error =
                serde_json::json!({"message": message, "type": "invalid_request_error", "param": null, "code": null});
            Reply::json(&serde_json::json!({ "error": error })).status(404)
        }
        Place::NotFound => Reply::raw("text/plain", "404 page not found").status(404),
        Place::Page | Place::Panel | Place::Relay(_) => Reply::html(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(personality: Personality, method: &Method, path: &str, expected: Place) {
        assert_eq!(place(personality, method, path), expected, "{method} {path} on {personality:?}");
    }

    #[test]
    fn paths_without_the_prefix_are_the_web_page() {
        for path in ["/", "/chat/completions", "/embeddings", "/messages/count_tokens", "/v1", "/healthz"] {
            check(Personality::N, &Method::POST, path, Place::Page);
            check(Personality::S, &Method::POST, path, Place::Page);
        }
        check(Personality::S, &Method::GET, "/models", Place::Page);
        check(Personality::S, &Method::GET, "/backend-api/x", Place::Page);
    }

    #[test]
    fn unknown_routes_inside_the_prefixes_are_not_found() {
        for path in ["/v1/nothing", "/v1beta/nothing", "/setup/nothing", "/api/v2/nothing"] {
            check(Personality::N, &Method::GET, path, Place::NotFound);
            check(Personality::S, &Method::GET, path, Place::NotFound);
        }
        check(Personality::N, &Method::GET, "/v1/chat/completions", Place::NotFound);
        check(Personality::N, &Method::GET, "/backend-api/x", Place::NotFound);
        check(Personality::OpenAi, &Method::GET, "/", Place::NotFound);
    }

    #[test]
    fn the_older_host_has_no_chat_completions() {
        check(Personality::S, &Method::POST, "/v1/chat/completions", Place::NotFound);
        check(Personality::S, &Method::POST, "/v1/responses", Place::Relay(Surface::Responses));
        check(Personality::N, &Method::POST, "/v1/chat/completions", Place::Relay(Surface::Chat));
    }
}
