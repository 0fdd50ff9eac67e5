//! `GET /api/v1/prices`: the price table, `model` narrowing it to names that begin so.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, params: Params) -> ApiResult<Json<Value>> {
    let mut filters = params.filters(&["model"]);
    let model = filters.text("model");
    filters.finish()?;
    Ok(Json(json!({ "items": state.control.prices(model.as_deref()), "next_cursor": null })))
}
