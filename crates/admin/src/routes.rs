//! The endpoints, in the order of the documentation (docs/api.md).

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use http::{Method, StatusCode};
use relay_control::Control;

use crate::endpoints::{
    access, actions, audit, bindings, decisions, events, fleet, generations, groups, health, hosts, keys,
    managed_resources, metrics, notifications, observations, prices, probes, routes, tokens, usage, verify_log, whoami,
};
use crate::error::ApiError;
use crate::middleware::{authenticate, envelope};
use crate::state::{AdminState, Process};

/// The admin API, and what `process` says of itself.
pub fn router(control: Arc<Control>, process: Process) -> Router {
    let state = AdminState { control, process };
    let api = Router::new()
        .route("/resolve-route", post(actions::resolve_route::handle))
        .route("/proxy-route-chat-completions", post(actions::proxy_route_chat_completions::handle))
        .route("/route-chat-completions", post(actions::route_chat_completions::handle))
        .route("/plan", post(fleet::plan::handle))
        .route("/apply", post(fleet::apply::handle))
        .route("/export", get(fleet::export::handle))
        .route("/hosts", get(hosts::list::handle).post(hosts::create::handle))
        .route("/hosts/{id}", get(hosts::get::handle).patch(hosts::update::handle).delete(hosts::delete::handle))
        .route("/hosts/{id}/capabilities", get(hosts::capabilities::handle))
        .route("/hosts/{id}/objects", get(hosts::objects::handle))
        .route("/hosts/{id}/probe", post(hosts::probe::handle))
        .route("/hosts/{id}/progress", get(hosts::progress::handle))
        .route("/hosts/{id}/sync", post(hosts::sync::handle))
        .route("/hosts/{id}/drain", post(hosts::drain::handle))
        .route("/hosts/{id}/models", post(hosts::models::handle))
        .route("/hosts/{id}/reconcile", post(hosts::reconcile::handle))
        .route("/groups", get(groups::list::handle).post(groups::create::handle))
        .route("/groups/{id}", get(groups::get::handle).patch(groups::update::handle).delete(groups::delete::handle))
        .route("/routes", get(routes::list::handle).post(routes::create::handle))
        .route("/routes/{id}", get(routes::get::handle).patch(routes::update::handle).delete(routes::delete::handle))
        .route("/keys", get(keys::list::handle).post(keys::create::handle))
        .route("/keys/{id}", get(keys::get::handle).patch(keys::update::handle).delete(keys::delete::handle))
        .route("/keys/{id}/rotate", post(keys::rotate::handle))
        .route("/bindings", get(bindings::list::handle).delete(bindings::purge::handle))
        .route("/bindings/{id}", get(bindings::get::handle).delete(bindings::delete::handle))
        .route("/decisions", get(decisions::list::handle))
        .route("/decisions/{id}", get(decisions::get::handle))
        .route("/decisions/{id}/explain", get(decisions::explain::handle))
        .route(
            "/managed-resources",
            get(managed_resources::list::handle)
                .post(managed_resources::create::handle)
                .delete(managed_resources::delete::handle),
        )
        .route("/access", get(access::list::handle))
        .route(
            "/access/{host}/{user}/{group}",
            get(access::show::handle).put(access::ensure::handle).delete(access::revoke::handle),
        )
        .route("/access-counts", get(access::counts::handle))
        .route("/access-ensure", post(access::ensure_fleet::handle))
        .route("/access-rotate", post(access::rotate::handle))
        .route("/events", get(events::handle))
        .route("/observations", get(observations::handle))
        .route("/generations", get(generations::list::handle))
        .route("/generations/{id}", get(generations::get::handle))
        .route("/generations/{id}/diff", get(generations::diff::handle))
        .route("/generations/{id}/rollback", post(generations::rollback::handle))
        .route("/audit", get(audit::handle))
        .route("/health", get(health::get::handle))
        .route("/health/clear-cooldowns", post(health::clear_cooldowns::handle))
        .route("/usage", get(usage::handle))
        .route("/prices", get(prices::handle))
        .route(
            "/notifications/channels",
            get(notifications::channels::list::handle).post(notifications::channels::create::handle),
        )
        .route(
            "/notifications/channels/{id}",
            get(notifications::channels::get::handle)
                .patch(notifications::channels::update::handle)
                .delete(notifications::channels::delete::handle),
        )
        .route("/notifications/channels/{id}/test", post(notifications::channels::test::handle))
        .route("/notifications/deliveries", get(notifications::deliveries::handle))
        .route("/tokens", get(tokens::list::handle).post(tokens::create::handle))
        .route("/tokens/{id}", delete(tokens::delete::handle))
        .route("/whoami", get(whoami::handle))
        .route("/verify-log", get(verify_log::handle))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(state.clone(), authenticate));
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(metrics::handle))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(envelope))
        .with_state(state)
}

async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "not_found", format!("there is nothing at {}", uri.path()))
}

async fn method_not_allowed(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let message = format!("{} takes no {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
