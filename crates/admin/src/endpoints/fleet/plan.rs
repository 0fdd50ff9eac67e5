//! `POST /api/v1/plan`: what an apply of the document would do.

use axum::Json;
use axum::extract::State;
use relay_control::publication::Planned;

use crate::body::DocumentBody;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    _: NoParams,
    DocumentBody(document): DocumentBody,
) -> ApiResult<Json<Planned>> {
    Ok(Json(state.control.plan(&document)?))
}
