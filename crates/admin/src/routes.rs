//! The endpoints, in the order of the documentation (docs/api.md).

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::middleware::{from_fn, from_fn_with_state};
use http::{Method, StatusCode};
use relay_control::Control;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
    let (api, _) = api().split_for_parts();
    let (open, _) = open().split_for_parts();
    let api = api
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), authenticate));
    open.nest(API, api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(envelope))
        .with_state(state)
}

/// What [`router`] serves, described.
pub(crate) fn document() -> Value {
    let collected = OpenApi::default().nest(API, api().into_openapi()).merge_from(open().into_openapi());
    openapi::complete(&collected)
}

/// What needs a token. Each handler says its method and path, and what it takes and gives (ADR 0012).
fn api() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(actions::resolve_route::handle))
        .routes(routes!(actions::proxy_route_chat_completions::handle))
        .routes(routes!(actions::route_chat_completions::handle))
        .routes(routes!(fleet::plan::handle))
        .routes(routes!(fleet::simulate::handle))
        .routes(routes!(fleet::apply::handle))
        .routes(routes!(fleet::export::handle))
        .routes(routes!(hosts::list::handle, hosts::create::handle))
        .routes(routes!(hosts::get::handle, hosts::update::handle, hosts::delete::handle))
        .routes(routes!(hosts::capabilities::handle))
        .routes(routes!(hosts::objects::handle))
        .routes(routes!(hosts::probe::handle))
        .routes(routes!(hosts::progress::handle))
        .routes(routes!(hosts::results::handle))
        .routes(routes!(hosts::sync::handle))
        .routes(routes!(hosts::drain::handle))
        .routes(routes!(hosts::models::handle))
        .routes(routes!(hosts::reconcile::handle))
        .routes(routes!(groups::list::handle, groups::create::handle))
        .routes(routes!(groups::get::handle, groups::update::handle, groups::delete::handle))
        .routes(routes!(routes::list::handle, routes::create::handle))
        .routes(routes!(routes::get::handle, routes::update::handle, routes::delete::handle))
        .routes(routes!(keys::list::handle, keys::create::handle))
        .routes(routes!(keys::get::handle, keys::update::handle, keys::delete::handle))
        .routes(routes!(keys::rotate::handle))
        .routes(routes!(bindings::list::handle, bindings::purge::handle))
        .routes(routes!(bindings::get::handle, bindings::delete::handle))
        .routes(routes!(decisions::list::handle))
        .routes(routes!(decisions::stream::handle))
        .routes(routes!(decisions::get::handle))
        .routes(routes!(decisions::explain::handle))
        .routes(routes!(explain::handle))
        .routes(routes!(
            managed_resources::list::handle,
            managed_resources::create::handle,
            managed_resources::delete::handle
        ))
        .routes(routes!(access::list::handle))
        .routes(routes!(access::show::handle, access::ensure::handle, access::revoke::handle))
        .routes(routes!(access::counts::handle))
        .routes(routes!(access::ensure_fleet::handle))
        .routes(routes!(access::rotate::handle))
        .routes(routes!(events::handle))
        .routes(routes!(observations::handle))
        .routes(routes!(generations::list::handle))
        .routes(routes!(generations::get::handle))
        .routes(routes!(generations::diff::handle))
        .routes(routes!(generations::rollback::handle))
        .routes(routes!(audit::handle))
        .routes(routes!(health::get::handle))
        .routes(routes!(health::clear_cooldowns::handle))
        .routes(routes!(usage::handle))
        .routes(routes!(prices::handle))
        .routes(routes!(notifications::channels::list::handle, notifications::channels::create::handle))
        .routes(routes!(
            notifications::channels::get::handle,
            notifications::channels::update::handle,
            notifications::channels::delete::handle
        ))
        .routes(routes!(notifications::channels::test::handle))
        .routes(routes!(notifications::deliveries::handle))
        .routes(routes!(tokens::list::handle, tokens::create::handle))
        .routes(routes!(tokens::get::handle, tokens::delete::handle))
        .routes(routes!(whoami::handle))
        .routes(routes!(verify_log::handle))
}

/// What needs none.
fn open() -> OpenApiRouter<AdminState> {
    OpenApiRouter::new()
        .routes(routes!(probes::healthz::handle))
        .routes(routes!(probes::readyz::handle))
        .routes(routes!(metrics::handle))
        .routes(routes!(documentation::openapi::handle))
        .routes(routes!(documentation::page::handle))
        .routes(routes!(documentation::asset::handle))
}

async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let message = format!("{} takes no {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
