//! `POST /api/v1/managed-resources`: `{host_id, type, name, remote_id}`

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use relay_control::records::{ResourceName, ResourceView};
use relay_domain::HostId;

use crate::body::{RawBody, required_strings};
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    RawBody(body): RawBody,
) -> ApiResult<(StatusCode, Json<ResourceView>)> {
    let [host, kind, name, remote_id] = required_strings(&body, ["host_id", "type", "name", "remote_id"])?;
    let named = ResourceName {
        host: HostId::new(&host).map_err(|error| ApiError::invalid_field("host_id", error.to_string()))?,
        kind: kind.parse().map_err(|error: relay_control::records::UnknownResourceKind| {
            ApiError::invalid_field("type", error.to_string())
        })?,
        name,
    };
    let recorded = state.control.record_resource(named, &remote_id, &access.actor).await?;
    Ok((StatusCode::CREATED, Json(recorded)))
}
