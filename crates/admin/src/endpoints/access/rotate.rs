//! `POST /api/v1/access-rotate`: `{host_id?, subscription_user?, leaked?}`: new keys for all that fit.

use axum::Json;
use axum::extract::State;
use relay_control::managed::{AccessFilter, Rotation};
use relay_domain::HostId;
use utoipa::ToSchema;

use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::NotFound;
use crate::state::AdminState;

/// Which grants get new keys.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(crate) struct RotateAccessBody {
    /// On this host; on all when left out.
    host_id: Option<String>,
    /// Of this user; of all when left out.
    subscription_user: Option<String>,
    /// The old keys are known to others, and get no overlap.
    leaked: Option<bool>,
}

/// Asks for new keys of all grants that fit.
#[utoipa::path(
    post,
    path = "/access-rotate",
    operation_id = "rotateAccess",
    tag = "access",
    request_body = Option<RotateAccessBody>,
    responses((status = 200, description = "What was asked for", body = Rotation), NotFound),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    WithBody(mut input): WithBody,
) -> ApiResult<Json<Rotation>> {
    let body = input.body();
    let (host, user) = (body.parsed("host_id", HostId::new), body.text("subscription_user"));
    let leaked = body.flag("leaked").unwrap_or_default();
    input.finish()?;
    let filter = AccessFilter { host, user, ..AccessFilter::default() };
    Ok(Json(state.control.rotate_access(&filter, leaked, &access.actor).await?))
}
