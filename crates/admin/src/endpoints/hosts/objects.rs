//! `GET /api/v1/hosts/{id}/objects`: groups, models and capacities as they were seen last.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
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
) -> ApiResult<Json<Page<Value>>> {
    let mut filters = params.list(&["type"]);
    let (page, kind) = (filters.page(), filters.text("type"));
    filters.finish()?;
    let objects = state.control.host_objects(&id, kind.as_deref(), &page).await?;
    Ok(Json(objects.map(|object| {
        json!({
            "type": object.kind, "name": object.name, "document": object.document, "first_at": object.first_at,
            "observed_at": object.observed_at, "misses": object.misses,
        })
    })))
}
