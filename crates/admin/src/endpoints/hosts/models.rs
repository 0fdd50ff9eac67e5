//! `POST /api/v1/hosts/{id}/models`: `{shadow_group_id, logical_group_id, apply?}`: models of a host's group that have
//! no route yet; published with `apply`.

use axum::Json;
use axum::extract::State;
use relay_control::hosts::ModelSync;

use crate::body::{Id, Members, RawBody};
use crate::caller::Admin;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    Id(id): Id,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Json<ModelSync>> {
    let mut members = Members::read(&body)?;
    let (shadow, logical) = (members.required_text("shadow_group_id"), members.required_text("logical_group_id"));
    let apply = members.flag("apply").unwrap_or_default();
    members.finish()?;
    Ok(Json(state.control.sync_models(&id, &shadow, &logical, apply, &access.actor).await?))
}
