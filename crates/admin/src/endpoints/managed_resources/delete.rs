//! `DELETE /api/v1/managed-resources?host_id=&type=&name=`: forgets one;
//! nothing is done on the host.

use axum::extract::State;
use http::StatusCode;
use relay_control::records::{ResourceKind, ResourceName};
use relay_domain::HostId;

use super::ManagedType;
use crate::caller::Operator;
use crate::conditions::IfMatchHeader;
use crate::error::{ApiError, ApiResult};
use crate::input::Input;
use crate::openapi::responses::{NotFound, Outdated};
use crate::state::AdminState;

/// Forgets an object that is on a host.
///
/// Audited; nothing is done on the host.
#[utoipa::path(
    delete,
    path = "/managed-resources",
    operation_id = "deleteManagedResource",
    tag = "managed-resources",
    params(
        ("host_id" = String, Query, description = "On this host"),
        ("type" = ManagedType, Query, description = "Of this type"),
        ("name" = String, Query, description = "With this name"),
        IfMatchHeader,
    ),
    responses((status = 204, description = "It is forgotten"), NotFound, Outdated),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    mut input: Input,
) -> ApiResult<StatusCode> {
    let expected = input.if_match();
    let host = input.query.required("host_id", HostId::new);
    let kind = input.query.required("type", str::parse::<ResourceKind>);
    let name = input.query.required("name", str::parse::<String>);
    let ((host, kind), name) = input.finish_with(host.zip(kind).zip(name))?;
    let named = ResourceName { host, kind, name };
    if state.control.forget_resource(&named, &expected, &access.actor).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::no_such("managed resource", &named.name))
}
