//! The pages, in the order of the navigation. What is not here goes on to the API.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use relay_control::Control;

use crate::pages::fleet::{edit, groups, hosts, keys, routes};
use crate::pages::{
    account, audit, bindings, decisions, events, generations, health, login, map, notifications, overview, tokens,
    usage,
};
use crate::state::Console;
use crate::throttle::Throttle;
use crate::{assets, entry, preferences};

/// The console over `control`. Whatever is none of its pages goes to `api`, which learns from the
/// request's extensions who is logged in. `gateway` is the gateway's URL, for what consumers paste.
pub fn router(control: Arc<Control>, gateway: &str, api: Router) -> Router {
    let console = Console { control, gateway: gateway.into(), throttle: Arc::new(Throttle::default()) };
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/preferences", post(preferences::save))
        .route("/assets/{name}", get(assets::serve))
        .route("/", get(overview::show))
        .route("/map", get(map::show))
        .route("/decisions", get(decisions::list::show))
        .route("/decisions/{id}", get(decisions::story::show))
        .route("/health", get(health::show))
        .route("/health/clear", get(health::confirm).post(health::clear))
        .route("/usage", get(usage::show))
        .route("/hosts", get(hosts::list))
        .route("/hosts/{id}", get(hosts::show))
        .route("/hosts/{id}/ask/{what}", get(hosts::confirm).post(hosts::ask))
        .route("/groups", get(groups::list))
        .route("/groups/{id}", get(groups::show))
        .route("/routes", get(routes::list))
        .route("/routes/{id}", get(routes::show))
        .route("/keys", get(keys::list))
        .route("/keys/{id}", get(keys::show))
        .merge(edit::routes())
        .route("/bindings", get(bindings::show))
        .route("/bindings/purge", get(bindings::confirm).post(bindings::purge))
        .route("/generations", get(generations::list))
        .route("/generations/{number}", get(generations::show))
        .route("/generations/{number}/rollback", get(generations::confirm).post(generations::roll_back))
        .route("/events", get(events::show))
        .route("/notifications", get(notifications::show))
        .route("/notifications/deliveries", get(notifications::deliveries))
        .route("/notifications/channels/{id}", get(notifications::channel))
        .route("/notifications/channels/{id}/test", get(notifications::confirm).post(notifications::test))
        .route("/audit", get(audit::list))
        .route("/audit/{id}", get(audit::show))
        .route("/tokens", get(tokens::list))
        .route("/tokens/new", get(tokens::new).post(tokens::create))
        .route("/tokens/{id}/remove", get(tokens::confirm).post(tokens::remove))
        .route("/account", get(account::show))
        .route("/account/everywhere", get(account::confirm))
        .fallback_service(api)
        .layer(from_fn_with_state(console.clone(), entry::enter))
        .with_state(console)
}
