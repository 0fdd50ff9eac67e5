//! `GET /api/v1/hosts/{id}/progress`: how far a sync or a reconciliation is, while somebody waits for it.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::body::Id;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, Id(id): Id) -> ApiResult<Json<Value>> {
    Ok(Json(json!({ "items": state.control.work_on_host(&id)? })))
}
