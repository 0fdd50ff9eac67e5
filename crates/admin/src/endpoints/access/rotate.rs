//! `POST /api/v1/access-rotate`: `{host_id?, subscription_user?, leaked?}`: new keys for all that fit.

use axum::Json;
use axum::extract::State;
use relay_control::managed::{AccessFilter, Rotation};
use relay_domain::HostId;

use crate::body::{Members, RawBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    _: NoParams,
    RawBody(body): RawBody,
) -> ApiResult<Json<Rotation>> {
    let mut members = Members::read(&body)?;
    let (host, user) = (members.parsed("host_id", HostId::new), members.text("subscription_user"));
    let leaked = members.flag("leaked").unwrap_or_default();
    members.finish()?;
    let filter = AccessFilter { host, user, ..AccessFilter::default() };
    Ok(Json(state.control.rotate_access(&filter, leaked, &access.actor).await?))
}
