//! `POST /api/v1/plan`: what an apply of the document would do, also to the traffic of late.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use relay_control::fleet_document::schema::FleetFile;
use relay_control::publication::Planned;
use utoipa::IntoParams;

use super::window::{WindowQuery, window};
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::progress::Wanted;
use crate::state::AdminState;

/// Whether traffic is looked at.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read by hand")]
struct PlanQuery {
    /// Whether recent decisions are replayed; `true` when left out.
    replay: Option<bool>,
}

/// Tells what an apply of the document would do.
///
/// Nothing is changed. With `Accept: application/x-ndjson` the answer is lines: progress now and then, and the result at last.
#[utoipa::path(
    post,
    path = "/plan",
    operation_id = "planFleet",
    tag = "fleet",
    params(WindowQuery, PlanQuery),
    request_body(content((FleetFile = "application/json"), (String = "application/toml")), description = "The fleet as it is meant to be"),
    responses((status = 200, description = "What would change", content((Planned = "application/json"), (String = "application/x-ndjson")))),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    wanted: Wanted,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let window = window(&mut input.query, state.control.now());
    let replay = input.query.flag("replay").unwrap_or(true);
    let document = input.finish_document(|document| state.control.check(document))?;
    let (control, window) = (Arc::clone(&state.control), replay.then_some(window));
    wanted.answer(|on_progress| async move { Ok(control.plan(&document, window, on_progress).await?) }).await
}
