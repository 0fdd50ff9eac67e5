//! `POST /api/v1/apply`: publishes a fleet document; with `If-Match: "<generation>"` only over that generation.

use axum::extract::State;
use axum::{Extension, Json};
use relay_control::fleet_document::schema::FleetFile;
use relay_control::publication::Applied;

use crate::caller::Admin;
use crate::conditions::IfMatchHeader;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::{Conflict, Outdated};
use crate::serve::Begun;
use crate::state::AdminState;

/// Publishes a fleet document.
///
/// The document is the whole fleet: what it does not name is removed, but for keys made over the API. Keys without a
/// secret are made, and shown in this answer alone. `If-Match` takes a generation.
#[utoipa::path(
    post,
    path = "/apply",
    operation_id = "applyFleet",
    tag = "fleet",
    params(IfMatchHeader),
    request_body(content((FleetFile = "application/json"), (String = "application/toml")), description = "The fleet as it is meant to be"),
    responses((status = 200, description = "What changed", body = Applied), Conflict, Outdated),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    begun: Option<Extension<Begun>>,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<Applied>> {
    let expected = input.if_match();
    let document = input.finish_document(|document| state.control.check(document))?;
    let apply = async move { state.control.apply_expecting(&expected, &document, &access.actor).await };
    let applied = match begun {
        Some(Extension(begun)) => begun.go_on(apply).await,
        None => apply.await,
    };
    Ok(Json(applied?))
}
