//! `GET /api/v1/hosts/{id}/objects`: groups, models and capacities as they were seen last.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    Id(id): Id,
    params: Params,
) -> ApiResult<Json<Value>> {
    params.none()?;
    let objects = state.control.host_objects(&id).await?.into_iter().map(|object| {
        json!({
            "type": object.kind, "name": object.name, "document": object.document, "first_at": object.first_at,
            "observed_at": object.observed_at, "misses": object.misses,
        })
    });
    Ok(Json(json!({ "items": objects.collect::<Vec<_>>(), "next_cursor": null })))
}
