//! `POST /api/v1/plan`: what an apply of the document would do.

use axum::Json;
use axum::extract::State;
use relay_control::fleet_document::schema::FleetFile;
use relay_control::publication::Planned;

use crate::body::DocumentBody;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::query::NoParams;
use crate::state::AdminState;

/// Tells what an apply of the document would do.
///
/// Nothing is changed.
#[utoipa::path(
    post,
    path = "/plan",
    operation_id = "planFleet",
    tag = "fleet",
    request_body(content((FleetFile = "application/json"), (String = "application/toml")), description = "The fleet as it is meant to be"),
    responses((status = 200, description = "What would change", body = Planned)),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    _: NoParams,
    DocumentBody(document): DocumentBody,
) -> ApiResult<Json<Planned>> {
    Ok(Json(state.control.plan(&document)?))
}
