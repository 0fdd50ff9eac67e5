//! `GET /api/v1/whoami`: whose token this is, and what it may do.

use axum::Json;
use serde_json::{Value, json};

use crate::caller::Viewer;
use crate::query::NoParams;

pub(crate) async fn handle(Viewer(access): Viewer, _: NoParams) -> Json<Value> {
    Json(json!({ "label": access.actor, "role": access.role.as_str() }))
}
