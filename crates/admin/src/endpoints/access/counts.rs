//! `GET /api/v1/access-counts`: how many grants are in which state, to watch long work. With `changed_since` it answers when
//! something has changed since the answer that had this number as `change`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use relay_control::managed::AccessFilter;
use relay_domain::HostId;
use serde_json::{Value, json};

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::query::Params;
use crate::state::AdminState;

/// An answer comes after this time at the latest: below what proxies and clients wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, params: Params) -> ApiResult<Json<Value>> {
    let mut filters = params.filters(&["host_id", "subscription_user", "changed_since"]);
    let filter = AccessFilter {
        host: filters.parsed("host_id", HostId::new),
        user: filters.text("subscription_user"),
        ..AccessFilter::default()
    };
    let changed_since = filters.parsed("changed_since", str::parse::<u64>);
    filters.finish()?;
    let (change, counts) = state.control.grant_counts(&filter, changed_since, LONGEST_WAIT).await?;
    Ok(Json(json!({
        "change": change,
        "pending": counts.pending, "ready": counts.ready, "refused": counts.refused, "revoked": counts.revoked,
        "changing": counts.changing,
    })))
}
