//! `GET /api/v1/tokens`: who may use this API; the tokens themselves are not kept.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::tokens::{Role, TokenView};

use crate::caller::Admin;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists who may use this API.
///
/// The tokens themselves are not kept.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "listTokens",
    tag = "tokens",
    params(PageQuery, ("role" = Option<super::TokenRole>, Query, description = "With this role")),
    responses((status = 200, description = "Tokens", body = Page<TokenView>)),
    extensions(("x-role" = json!("admin"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Admin(_): Admin,
    mut input: Input,
) -> ApiResult<Json<Page<TokenView>>> {
    let (page, role) = (input.query.page(), input.query.parsed("role", str::parse::<Role>));
    input.finish()?;
    Ok(Json(state.control.tokens(role, &page).await?))
}
