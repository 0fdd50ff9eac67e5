//! `GET /api/v1/prices`: the price table.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::prices::{PriceFilter, PriceView};
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
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
    mut input: Input,
) -> ApiResult<Json<Page<PriceView>>> {
    let page = input.query.page();
    let is_own = input.query.choice("table", &[("own", true), ("list", false)]);
    let filter = PriceFilter { model: input.query.text("model"), is_own };
    input.finish()?;
    Ok(Json(state.control.prices(&filter, &page)))
}
