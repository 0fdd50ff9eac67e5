//! `GET /api/v1/access-counts`: how many grants are in which state, to watch long work.

use axum::Json;
use axum::extract::State;
use relay_control::managed::AccessFilter;
use relay_domain::HostId;
use serde_json::{Value, json};

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, params: Params) -> ApiResult<Json<Value>> {
    let mut filters = params.filters(&["host_id", "subscription_user"]);
    let filter = AccessFilter {
        host: filters.parsed("host_id", HostId::new),
        user: filters.text("subscription_user"),
        ..AccessFilter::default()
    };
    filters.finish()?;
    let counts = state.control.grant_counts(&filter).await?;
    Ok(Json(json!({
        "pending": counts.pending, "ready": counts.ready, "refused": counts.refused, "revoked": counts.revoked,
        "changing": counts.changing,
    })))
}
