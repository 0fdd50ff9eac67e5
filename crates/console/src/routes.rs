//! The pages, in the order of the navigation. What is not here goes on to the API.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use relay_control::Control;

use crate::pages::fleet::{edit, groups, host_work, hosts, keys, routes};
use crate::pages::status::Board;
use crate::pages::{
    account, audit, bindings, decisions, events, generations, health, login, map, notifications, overview, playground,
    settings, start, status, tokens, usage,
};
use crate::process::{Process, StatusPage};
use crate::state::Console;
use crate::throttle::Throttle;
use crate::{assets, entry, preferences};

/// The console over `control`. Whatever is none of its pages goes to `api`, which learns from the
/// request's extensions who is logged in.
pub fn router(control: Arc<Control>, process: Process, api: Router) -> Router {
    let board = process.status_page.clone().map(|page| Arc::new(Board::new(Arc::clone(&control), page)));
    let console = Console {
        control,
        gateway: Arc::clone(&process.gateway),
        process,
        api: api.clone(),
        board,
        works: Arc::default(),
        throttle: Arc::new(Throttle::default()),
    };
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/preferences", post(preferences::save))
        .route("/assets/{name}", get(assets::serve))
        .route("/", get(overview::show))
        .merge(start::routes())
        .route("/map", get(map::show))
        .route("/decisions", get(decisions::list::show))
        .route("/decisions/{id}", get(decisions::story::show))
        .route("/playground", get(playground::chat::show))
        .route("/playground/resolve", post(playground::chat::resolve))
        .route("/playground/send", post(playground::send::send))
        .route("/playground/told/{id}", get(playground::send::told))
        .route("/playground/actions", get(playground::actions::show).post(playground::actions::run))
        .route("/health", get(health::show))
        .route("/health/clear", get(health::confirm).post(health::clear))
        .route("/usage", get(usage::show))
        .route("/hosts", get(hosts::list))
        .route("/hosts/{id}", get(hosts::show))
        .route("/hosts/{id}/ask/{what}", get(host_work::confirm).post(host_work::ask))
        .route("/hosts/{id}/work/{what}", get(host_work::show))
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
        .route("/notifications", get(notifications::list::show))
        .route("/notifications/deliveries", get(notifications::list::deliveries))
        .route("/notifications/new", get(notifications::edit::new).post(notifications::edit::create))
        .route("/notifications/channels/{id}", get(notifications::list::channel))
        .route("/notifications/channels/{id}/test", get(notifications::test::confirm).post(notifications::test::send))
        .route("/notifications/channels/{id}/edit", get(notifications::edit::edit).post(notifications::edit::update))
        .route(
            "/notifications/channels/{id}/delete",
            get(notifications::edit::confirm).post(notifications::edit::delete),
        )
        .route("/audit", get(audit::list))
        .route("/audit/{id}", get(audit::show))
        .route("/tokens", get(tokens::list))
        .route("/tokens/new", get(tokens::new).post(tokens::create))
        .route("/tokens/{id}/remove", get(tokens::confirm).post(tokens::remove))
        .route("/account", get(account::show))
        .route("/account/everywhere", get(account::confirm))
        .route("/settings", get(settings::show))
        .route("/status", get(status::on_admin))
        .route("/status.json", get(status::on_admin_json))
        .fallback_service(api)
        .layer(from_fn_with_state(console.clone(), entry::enter))
        .with_state(console)
}

/// The public status page by itself, for a listener of its own: nothing else is answered there.
pub fn status_router(control: Arc<Control>, page: StatusPage) -> Router {
    let board = Arc::new(Board::new(control, page));
    Router::new()
        .route("/", get(status::page))
        .route("/status", get(status::page))
        .route("/status.json", get(status::json))
        .route("/assets/{name}", get(status::asset))
        .fallback(status::nothing)
        .layer(axum::middleware::from_fn(status::dressed))
        .with_state(board)
}
