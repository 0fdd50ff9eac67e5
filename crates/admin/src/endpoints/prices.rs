//! `GET /api/v1/prices`: the price table.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::prices::{PriceFilter, PriceView};
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::{PageQuery, Params};
use crate::state::AdminState;

/// Whose prices.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what is read by hand")]
enum PriceTableName {
    /// The operator's.
    Own,
    /// Those that ship with the product.
    List,
}

/// Lists the price table.
#[utoipa::path(
    get,
    path = "/prices",
    operation_id = "listPrices",
    tag = "usage",
    params(
        PageQuery,
        ("model" = Option<String>, Query, description = "Only names that begin so"),
        ("table" = inline(Option<PriceTableName>), Query, description = "Only the operator's own, or those that ship with the product"),
    ),
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
    let mut filters = params.list(&["model", "table"]);
    let page = filters.page();
    let is_own = filters.choice("table", &[("own", true), ("list", false)]);
    let filter = PriceFilter { model: filters.text("model"), is_own };
    filters.finish()?;
    Ok(Json(state.control.prices(&filter, &page)?))
}
