//! `POST /api/v1/hosts`: one `[[host]]` of the fleet file as JSON; 409 when there is one of that id.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::hosts::AddedHost;
use relay_control::view::Fields;
use serde_json::Value;

use crate::body::RawBody;
use crate::caller::Admin;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(access): Admin,
    RawBody(body): RawBody,
) -> ApiResult<(StatusCode, Json<Fields>)> {
    let Ok(Value::Object(host)) = serde_json::from_slice(&body) else {
        return Err(ApiError::invalid_field("body", "must be a JSON object"));
    };
    let id = host.get("host_id").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let AddedHost { .. } = state.control.add_host(host, &access.actor).await?;
    let added = state.control.host(&id).ok_or_else(|| ApiError::no_such("host", &id))?;
    Ok((StatusCode::CREATED, Json(added)))
}
