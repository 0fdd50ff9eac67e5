//! The endpoints, in the order of the documentation (docs/api.md).

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::MethodRouter;
use http::{Method, StatusCode};
use relay_control::Control;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::{PathItemExt as _, routes};

use crate::endpoints::{
    access, actions, audit, bindings, decisions, documentation, events, explain, fleet, generations, groups, health,
    hosts, keys, managed_resources, metrics, notifications, observations, prices, probes, routes, tokens, usage,
    verify_log, whoami,
};
use crate::error::ApiError;
use crate::middleware::{authenticate, envelope};
use crate::openapi;
use crate::state::{AdminState, MAX_TAILS, Process};

/// Where everything is that needs a token.
const API: &str = "/api/v1";

/// The admin API, and what `process` says of itself; `ending` ends answers that have no end.
pub fn router(control: Arc<Control>, process: Process, ending: CancellationToken) -> Router {
    let state = AdminState { control, process, ending, tails: Arc::new(Semaphore::new(MAX_TAILS)) };
    let api = api()
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), authenticate));
    open()
        .nest(API, api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(envelope))
        .with_state(state)
}

/// What [`router`] serves, described.
pub(crate) fn document() -> Value {
    let collected = OpenApi::default().nest(API, api_described()).merge_from(open_described());
    openapi::complete(&collected)
}

/// Lists endpoints, by their modules and those of a path together: as what is served, and as what describes it. Each
/// handler says its method and path, and what it takes and gives (ADR 0012).
///
/// Apart, since the descriptions are megabytes of code: a server that nobody asks for them does not have it in memory.
macro_rules! endpoints {
    (
        $(#[$about:meta])* $served:ident, $described:ident:
        $($($($module:ident)::+),+;)+
    ) => {
        $(#[$about])*
        fn $served() -> Router<AdminState> {
            Router::new()$($(.merge(served::<$($module)::+::__path_handle, _, _>(&$($module)::+::handle)))+)+
        }

        fn $described() -> OpenApi {
            OpenApiRouter::<AdminState>::new()$(.routes(routes!($($($module)::+::handle),+)))+.into_openapi()
        }
    };
}

fn served<P: utoipa::Path, H: Handler<T, AdminState>, T: 'static>(handler: &H) -> Router<AdminState> {
    let methods = P::methods()
        .iter()
        .fold(MethodRouter::new(), |methods, method| methods.on(method.to_method_filter(), handler.clone()));
    Router::new().route(&P::path(), methods)
}

endpoints! {
    /// What needs a token.
    api, api_described:
    actions::resolve_route;
    actions::proxy_route_chat_completions;
    actions::route_chat_completions;
    fleet::plan;
    fleet::simulate;
    fleet::apply;
    fleet::export;
    hosts::list, hosts::create;
    hosts::get, hosts::update, hosts::delete;
    hosts::capabilities;
    hosts::objects;
    hosts::probe;
    hosts::progress;
    hosts::results;
    hosts::sync;
    hosts::drain;
    hosts::models;
    hosts::reconcile;
    groups::list, groups::create;
    groups::get, groups::update, groups::delete;
    routes::list, routes::create;
    routes::get, routes::update, routes::delete;
    keys::list, keys::create;
    keys::get, keys::update, keys::delete;
    keys::rotate;
    bindings::list, bindings::purge;
    bindings::get, bindings::delete;
    decisions::list;
    decisions::stream;
    decisions::get;
    decisions::explain;
    explain;
    managed_resources::list, managed_resources::create, managed_resources::delete;
    access::list;
    access::show, access::ensure, access::revoke;
    access::counts;
    access::ensure_fleet;
    access::rotate;
    events;
    observations;
    generations::list;
    generations::get;
    generations::diff;
    generations::rollback;
    audit;
    health::get;
    health::clear_cooldowns;
    usage;
    prices;
    notifications::channels::list, notifications::channels::create;
    notifications::channels::get, notifications::channels::update, notifications::channels::delete;
    notifications::channels::test;
    notifications::deliveries;
    tokens::list, tokens::create;
    tokens::get, tokens::delete;
    whoami;
    verify_log;
}

endpoints! {
    /// What needs none.
    open, open_described:
    probes::healthz;
    probes::readyz;
    metrics;
    documentation::openapi;
    documentation::page;
    documentation::asset;
}

async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let message = format!("{} takes no {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
