//! `GET /api/v1/hosts/{id}/objects`: groups, models and capacities as they were seen last.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_domain::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::openapi::responses::{Conflict, NotFound};
use crate::query::PageQuery;
use crate::state::AdminState;

/// An object on a host as it was seen last.
#[derive(Serialize, ToSchema)]
pub(crate) struct HostObject {
    /// `group`, `model` or `capacity`.
    r#type: String,
    /// Its name on the host.
    name: String,
    /// What the host says of it.
    document: Value,
    /// When it was seen first.
    first_at: Timestamp,
    /// When it was seen last.
    observed_at: Timestamp,
    /// Looks since then that did not see it.
    misses: u32,
}

/// Lists groups, models and capacities of a host as they were seen last.
#[utoipa::path(
    get,
    path = "/hosts/{host_id}/objects",
    operation_id = "listHostObjects",
    tag = "hosts",
    params(PageQuery, ("host_id" = String, Path, description = "The host"), ("type" = Option<String>, Query, description = "Of this type")),
    responses((status = 200, description = "The objects", body = Page<HostObject>), NotFound, Conflict),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<HostObject>>> {
    let id = input.id();
    let (page, kind) = (input.query.page(), input.query.text("type"));
    input.finish()?;
    let objects = state.control.host_objects(&id, kind.as_deref(), &page).await?;
    Ok(Json(objects.map(|object| HostObject {
        r#type: object.kind,
        name: object.name,
        document: object.document,
        first_at: object.first_at,
        observed_at: object.observed_at,
        misses: object.misses,
    })))
}
