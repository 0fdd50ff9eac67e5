//! `GET /api/v1/generations`: newest first.

use axum::Json;
use axum::extract::State;
use relay_control::page::Page;
use relay_control::records::{GenerationFilter, GenerationView};

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::query::PageQuery;
use crate::state::AdminState;

/// Lists generations, newest first.
#[utoipa::path(
    get,
    path = "/generations",
    operation_id = "listGenerations",
    tag = "generations",
    params(PageQuery, ("actor" = Option<String>, Query, description = "By this one"), ("from" = Option<Timestamp>, Query, description = "From this time on"), ("to" = Option<Timestamp>, Query, description = "Before this time")),
    responses((status = 200, description = "Generations", body = Page<GenerationView>)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    _: Viewer,
    mut input: Input,
) -> ApiResult<Json<Page<GenerationView>>> {
    let query = &mut input.query;
    let page = query.page();
    let (actor, from, to) = (query.text("actor"), query.time("from"), query.time("to"));
    input.finish()?;
    let filter = GenerationFilter { actor, from, to };
    Ok(Json(state.control.generations(&filter, &page).await?))
}
