//! `PUT /api/v1/access/{host}/{user}/{group}`: obtains access, also when it was taken away or refused before.

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use super::WAIT;
use crate::body::{GrantPath, NoBody};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    GrantPath([host, user, group]): GrantPath,
    _: NoParams,
    _: NoBody,
) -> ApiResult<Json<GrantView>> {
    Ok(Json(state.control.ensure_access((&host, &user, &group), WAIT, &access.actor).await?))
}
