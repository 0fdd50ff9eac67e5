//! `GET /api/v1/access-counts`: how many grants are in which state, to watch long work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use relay_control::managed::{AccessFilter, GrantCounts};
use relay_domain::HostId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::Viewer;
use crate::error::ApiResult;
use crate::input::Input;
use crate::state::AdminState;

/// An answer comes after this time at the latest: below what proxies and clients wait.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The counts, and which change they are after.
#[derive(Serialize, ToSchema)]
pub(crate) struct Counted {
    /// Number of the last change of any grant.
    change: u64,
    /// The counts.
    #[serde(flatten)]
    counts: GrantCounts,
}

/// Counts grants by state.
///
/// With `changed_since` it answers at the next change, after at most 20 s.
#[utoipa::path(
    get,
    path = "/access-counts",
    operation_id = "countGrants",
    tag = "access",
    params(
        ("host_id" = Option<String>, Query, description = "On this host"),
        ("subscription_user" = Option<String>, Query, description = "Of this user"),
        ("changed_since" = Option<u64>, Query, description = "Wait for a change after this one: a `change` of before"),
    ),
    responses((status = 200, description = "The counts", body = Counted)),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn handle(State(state): State<AdminState>, _: Viewer, mut input: Input) -> ApiResult<Json<Counted>> {
    let filter = AccessFilter {
        host: input.query.parsed("host_id", HostId::new),
        user: input.query.text("subscription_user"),
        ..AccessFilter::default()
    };
    let changed_since = input.query.parsed("changed_since", |text| {
        // As large as the description says that numbers are.
        let change = text.parse::<i64>().ok().and_then(|change| u64::try_from(change).ok());
        change.ok_or("must be the number of a change")
    });
    input.finish()?;
    let (change, counts) = state.control.grant_counts(&filter, changed_since, LONGEST_WAIT).await?;
    Ok(Json(Counted { change, counts }))
}
