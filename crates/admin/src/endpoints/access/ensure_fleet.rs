//! `POST /api/v1/access-ensure`: `{host_id?}`: asks for every grant that the fleet's managed routes need.

use axum::Json;
use axum::extract::State;
use relay_control::managed::AskedFor;
use relay_domain::HostId;
use utoipa::ToSchema;

use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::input::WithBody;
use crate::openapi::responses::{HostFailed, NotFound};
use crate::state::AdminState;

/// Of which host.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct HostBody {
    /// The host; all of them when left out.
    host_id: Option<String>,
}

/// Asks for every grant that the fleet's managed routes need.
#[utoipa::path(
    post,
    path = "/access-ensure",
    operation_id = "ensureFleetAccess",
    tag = "access",
    request_body = Option<HostBody>,
    responses((status = 200, description = "What was asked for", body = AskedFor), NotFound, HostFailed),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<AskedFor>> {
    let body = input.body();
    let host = body.text("host_id");
    input.finish()?;
    let host = host.map(|id| HostId::new(&id).map_err(|_| ApiError::no_such("host", &id))).transpose()?;
    Ok(Json(state.control.ensure_fleet(host.as_ref(), &access.actor).await?))
}
