//! `PUT /api/v1/access/{host}/{user}/{group}`: obtains access, also when it was taken away or refused before.

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use super::WAIT;
use crate::body::GrantPath;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(access): Operator,
    GrantPath([host, user, group]): GrantPath,
    params: Params,
) -> ApiResult<Json<GrantView>> {
    params.none()?;
    Ok(Json(state.control.ensure_access((&host, &user, &group), WAIT, &access.actor).await?))
}
