//! `POST /api/v1/managed-resources`: `{host_id, type, name, remote_id}`

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use relay_control::records::{ResourceKind, ResourceName, ResourceView};
use relay_domain::HostId;
use utoipa::ToSchema;

use crate::caller::Operator;
use crate::conditions::tagged;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::{Conflict, NotFound};
use crate::state::AdminState;

/// An object on a host.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct ResourceBody {
    /// The host.
    host_id: String,
    /// Its type.
    r#type: super::ManagedType,
    /// Its name on the host.
    #[schema(pattern = r"\S")]
    name: String,
    /// The host's id of it.
    #[schema(pattern = r"\S")]
    remote_id: String,
}

/// Records an object that is on a host.
///
/// Audited; nothing is done on the host.
#[utoipa::path(
    post,
    path = "/managed-resources",
    operation_id = "createManagedResource",
    tag = "managed-resources",
    request_body = ResourceBody,
    responses((status = 201, description = "What is recorded", body = ResourceView, headers(("ETag" = String, description = "Its version"))), NotFound, Conflict),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let body = input.body();
    let host = body.required("host_id", HostId::new);
    let kind = body.required("type", str::parse::<ResourceKind>);
    let (name, remote_id) = (body.required_text("name"), body.required_text("remote_id"));
    let (host, kind) = input.finish_with(host.zip(kind))?;
    let named = ResourceName { host, kind, name };
    let recorded = state.control.record_resource(named, &remote_id, &access.actor).await?;
    Ok(tagged(&state.control.version_of(&recorded), (StatusCode::CREATED, Json(recorded))))
}
