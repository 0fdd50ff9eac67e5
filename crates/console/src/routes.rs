//! The pages, in the order of the navigation. What is not here goes on to the API.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use relay_control::Control;

use crate::pages::{decisions, health, login, overview};
use crate::state::Console;
use crate::throttle::Throttle;
use crate::{assets, entry, preferences};

/// The console over `control`. Whatever is none of its pages goes to `api`, which learns from the
/// request's extensions who is logged in.
pub fn router(control: Arc<Control>, api: Router) -> Router {
    let console = Console { control, throttle: Arc::new(Throttle::default()) };
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/preferences", post(preferences::save))
        .route("/assets/{name}", get(assets::serve))
        .route("/", get(overview::show))
        .route("/decisions", get(decisions::list::show))
        .route("/decisions/{id}", get(decisions::story::show))
        .route("/health", get(health::show))
        .route("/health/clear", get(health::confirm).post(health::clear))
        .fallback_service(api)
        .layer(from_fn_with_state(console.clone(), entry::enter))
        .with_state(console)
}
