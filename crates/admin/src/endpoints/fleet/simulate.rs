//! `POST /api/v1/simulate`: recent traffic, had a host been down or slow.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use relay_control::blast_radius::Simulated;
use relay_control::replay::Troubles;
use relay_domain::HostId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::window::{WindowQuery, window};
use crate::body::Members;
use crate::caller::Operator;
use crate::error::ApiResult;
use crate::input::WithBody;
use crate::openapi::responses::NotFound;
use crate::progress::Wanted;
use crate::state::AdminState;

/// The body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `troubles` reads")]
struct SimulateBody {
    /// These answer nothing.
    #[serde(default)]
    down: Vec<String>,
    /// These answer later.
    #[serde(default)]
    slow: Vec<SlowBody>,
}

/// A host that answers later.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes what `troubles` reads")]
struct SlowBody {
    /// Which host.
    host_id: String,
    /// By so many milliseconds.
    ms: u64,
}

/// Tells what recent traffic would do if hosts were down or slow.
///
/// Nothing is changed. With `Accept: application/x-ndjson` the answer is lines: progress now and then, and the result at last.
#[utoipa::path(
    post,
    path = "/simulate",
    operation_id = "simulateTrouble",
    tag = "fleet",
    params(WindowQuery),
    request_body(content = SimulateBody, description = "Which hosts; at least one"),
    responses(
        (status = 200, description = "What would happen", content((Simulated = "application/json"), (String = "application/x-ndjson"))),
        NotFound
    ),
    extensions(("x-role" = json!("operator"))),
)]
pub(crate) async fn handle(
    State(state): State<AdminState>,
    Operator(_): Operator,
    wanted: Wanted,
    WithBody(mut input): WithBody,
) -> ApiResult<Response> {
    let window = window(&mut input.query, state.control.now());
    let troubles = troubles(input.body());
    input.finish()?;
    let control = Arc::clone(&state.control);
    wanted.answer(|on_progress| async move { Ok(control.simulate(&troubles, window, on_progress).await?) }).await
}

fn troubles(body: &mut Members) -> Troubles {
    if !body.names_any(&["down", "slow"]) {
        body.fault("down", "name a host in down or slow");
    }
    let down = body.texts("down", HostId::new);
    let slow = body.objects("slow", |slow| {
        let (host, ms) = (slow.required("host_id", HostId::new), slow.required_number("ms"));
        host.zip(ms.map(Duration::from_millis))
    });
    Troubles { down, slow }
}
