//! `GET /api/v1/access/{host}/{user}/{group}`

use axum::Json;
use axum::extract::State;
use relay_control::managed::GrantView;

use crate::body::GrantPath;
use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    GrantPath([host, user, group]): GrantPath,
    params: Params,
) -> ApiResult<Json<GrantView>> {
    params.none()?;
    Ok(Json(state.control.show_access(&host, &user, &group).await?))
}
