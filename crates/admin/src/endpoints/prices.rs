//! `GET /api/v1/prices`: the price table, `model` narrowing it to names that begin so.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::prices::PriceView;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

/// Lists the price table.
#[utoipa::path(
    get,
    path = "/prices",
    operation_id = "listPrices",
    tag = "usage",
    params(("model" = Option<String>, Query, description = "Only names that begin so")),
    responses(
        (status = 200, description = "Lines by model and date, the operator's own first", body = Page<PriceView>),
    ),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    params: Params,
) -> ApiResult<Json<Page<PriceView>>> {
    let mut filters = params.filters(&["model"]);
    let model = filters.text("model");
    filters.finish()?;
    Ok(Json(Page { items: state.control.prices(model.as_deref()), next_cursor: None }))
}
