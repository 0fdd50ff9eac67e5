//! `DELETE /api/v1/managed-resources?host_id=&type=&name=`: forgets one;
//! nothing is done on the host.

use axum::extract::State;
use http::StatusCode;
use relay_control::records::{ResourceKind, ResourceName};
use relay_domain::HostId;

use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    params: Params,
) -> ApiResult<StatusCode> {
    let mut filters = params.filters(&["host_id", "type", "name"]);
    let host = filters.parsed("host_id", HostId::new);
    let kind = filters.parsed("type", str::parse::<ResourceKind>);
    let name = filters.text("name");
    filters.finish()?;
    let (Some(host), Some(kind), Some(name)) = (host, kind, name) else {
        return Err(ApiError::invalid_field(
            "host_id, type and name",
            "are required: one resource is forgotten at a time",
        ));
    };
    let named = ResourceName { host, kind, name };
    if state.control.forget_resource(&named, &access.actor).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::no_such("managed resource", &named.name))
}
