//! `POST /api/v1/hosts/{id}/models`: `{shadow_group_id, logical_group_id, apply?}`: models of a host's group that have
//! no route yet; published with `apply`.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::ModelSync;
use utoipa::ToSchema;

use crate::caller::Admin;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::{Conflict, HostFailed, NotFound};
use crate::state::AdminState;

/// Which models are compared.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct ModelsBody {
    /// The group on the host: its id or name.
    shadow_group_id: String,
    /// The group whose routes are meant.
    logical_group_id: String,
    /// Publish the missing routes.
    apply: Option<bool>,
}

/// Compares the models of a group on a host with the routes to it.
///
/// With `apply` the missing routes are published.
#[utoipa::path(
    post,
    path = "/hosts/{host_id}/models",
    operation_id = "syncHostModels",
    tag = "hosts",
    params(("host_id" = String, Path, description = "The host")),
    request_body = ModelsBody,
    responses(
        (status = 200, description = "What has a route, and what has none", body = ModelSync),
        NotFound,
        Conflict,
        HostFailed,
    ),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<ModelSync>> {
    let id = input.id();
    let body = input.body();
    let (shadow, logical) = (body.required_text("shadow_group_id"), body.required_text("logical_group_id"));
    let apply = body.flag("apply").unwrap_or_default();
    input.finish()?;
    Ok(Json(state.control.sync_models(&id, &shadow, &logical, apply, &access.actor).await?))
}
