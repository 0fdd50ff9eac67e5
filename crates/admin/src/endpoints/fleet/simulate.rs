//! `POST /api/v1/simulate`: recent traffic, had a host been down or slow.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use relay_control::actions::FieldFault;
use relay_control::blast_radius::Simulated;
use relay_control::replay::Troubles;
use relay_domain::HostId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::window::{Window, WindowQuery};
use crate::body::ObjectBody;
use crate::caller::Operator;
use crate::error::{ApiError, ApiResult};
use crate::openapi::responses::NotFound;
use crate::progress::Wanted;
use crate::state::AdminState;

/// The body.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    Window(window): Window,
    wanted: Wanted,
    ObjectBody(body): ObjectBody,
) -> ApiResult<Response> {
    let troubles = troubles(body)?;
    let control = Arc::clone(&state.control);
    wanted.answer(|on_progress| async move { Ok(control.simulate(&troubles, window, on_progress).await?) }).await
}

fn troubles(body: serde_json::Map<String, serde_json::Value>) -> ApiResult<Troubles> {
    let unknown = body.keys().filter(|name| !matches!(name.as_str(), "down" | "slow"));
    let unknown = unknown.map(|name| FieldFault { field: name.clone(), message: "is unknown".to_owned() });
    let unknown: Vec<FieldFault> = unknown.collect();
    if !unknown.is_empty() {
        return Err(ApiError::invalid(unknown));
    }
    let body: SimulateBody = serde_json::from_value(body.into()).map_err(|error| {
        ApiError::invalid_field("body", format!("must be {{down: [host], slow: [{{host_id, ms}}]}}: {error}"))
    })?;
    if body.down.is_empty() && body.slow.is_empty() {
        return Err(ApiError::invalid_field("down", "name a host in down or slow"));
    }
    let id = |field: &str, text: &str| {
        HostId::new(text.trim()).map_err(|error| ApiError::invalid_field(field, format!("\"{text}\" {error}")))
    };
    let down = body.down.iter().map(|host| id("down", host)).collect::<Result<_, _>>()?;
    let slow = body.slow.iter().map(|slow| Ok((id("slow", &slow.host_id)?, Duration::from_millis(slow.ms))));
    Ok(Troubles { down, slow: slow.collect::<Result<_, ApiError>>()? })
}
