//! What a replay tells, as it is written on the wire. Lists are sorted and shares rounded, so that the same
//! log and fleets give the same bytes.

use std::collections::BTreeSet;

use relay_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a change does to recent traffic, had it been made before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BlastRadius {
    /// Which decisions were looked at.
    pub covered: Covered,
    /// All requests together.
    pub traffic: Traffic,
    /// Each host of either fleet that traffic touches, by id.
    pub hosts: Vec<HostTraffic>,
    /// From which host to which traffic moves, most first.
    pub flows: Vec<Flow>,
    /// What would not be served and was, most first.
    pub refused: Vec<Refused>,
    /// Conversations that are bound at the end of the window.
    pub conversations: Conversations,
    /// What hosts take for it.
    pub cost: Cost,
    /// How long requests took and would take.
    pub latency: Latency,
    /// Hosts that would get more than they admit, or did.
    pub capacity: Vec<OverCapacity>,
    /// How well the replay knows the fleet in force.
    pub fidelity: Fidelity,
    /// Routes that served a request in either fleet; for pages, not on the wire.
    #[serde(skip)]
    pub used_routes: BTreeSet<String>,
}

/// Which decisions were looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Covered {
    /// Arrived at this time or later.
    pub from: Timestamp,
    /// Arrived before this time.
    pub to: Timestamp,
    /// How many.
    pub decisions: u64,
    /// Why not all of the window: `decisions` (there are more than are looked at; the newest were) or `time`
    /// (it took too long; the oldest were); null when all were.
    pub truncated: Option<String>,
    /// Of them, refused by a limit before a plan was made: they are in no other number.
    pub not_planned: u64,
    /// When the oldest and the newest of them arrived, which the window alone does not tell; for pages, not on the wire.
    #[serde(skip)]
    pub seen: Option<(Timestamp, Timestamp)>,
}

/// All requests together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = MovedTraffic)]
pub struct Traffic {
    /// How many.
    pub requests: u64,
    /// Served by another host than before, or by none.
    pub moved: u64,
    /// The same as a share of all.
    pub moved_share: f64,
    /// Not served by the fleet in force.
    pub unserved_before: u64,
    /// Not served by the other one.
    pub unserved_after: u64,
}

/// What one host gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostTraffic {
    /// The host.
    pub host_id: String,
    /// Requests.
    pub requests: Change<u64>,
    /// Its share of all requests.
    pub share: Change<f64>,
    /// Requests that it loses, to other hosts or to none.
    pub moved_away: u64,
    /// Requests that it gains.
    pub moved_here: u64,
    /// Input and output tokens.
    pub tokens: Change<u64>,
    /// Most requests in flight at a moment, if each takes as long as it did.
    pub peak_concurrency: Change<u32>,
    /// Most requests that arrived in a minute.
    pub peak_rpm: Change<u32>,
}

/// A number in the fleet in force and in the other one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change<T> {
    /// In the fleet in force.
    #[schema(value_type = f64)]
    pub before: T,
    /// In the other one.
    #[schema(value_type = f64)]
    pub after: T,
}

/// Requests that move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// The host that serves them; null: none.
    pub from: Option<String>,
    /// The host that would; null: none.
    pub to: Option<String>,
    /// How many.
    pub requests: u64,
    /// The same as a share of all.
    pub share: f64,
}

/// Requests that would not be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// The group; empty when none was found.
    pub logical_group_id: String,
    /// The model as asked for.
    pub public_model: String,
    /// Whose requests; null for operators' actions.
    pub consumer: Option<String>,
    /// `key_removed`, `key_disabled`, `key_expired`, `group_not_allowed`, `model_not_allowed`, `no_such_group`,
    /// `no_route_for_model` or `no_eligible_route`.
    pub reason: String,
    /// How many.
    pub requests: u64,
}

/// Conversations that are bound at the end of the window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conversations {
    /// How many.
    pub bound: u64,
    /// … that would stay where they are.
    pub kept: u64,
    /// … that would have to move, or could not go on.
    pub broken: u64,
    /// The same for each host that has any, by id.
    pub hosts: Vec<HostConversations>,
    /// What it would cost once to fill again the prompt caches of those that break, in billionths of the unit: as
    /// much as the cache saved at the last turn of each.
    pub cache_lost_nanos: i64,
}

/// The bound conversations of one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostConversations {
    /// The host.
    pub host_id: String,
    /// How many.
    pub bound: u64,
    /// … that would break.
    pub broken: u64,
    /// Why, most first.
    pub reasons: Vec<Broken>,
}

/// Why conversations break.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Broken {
    /// `route_removed`, `host_down`, or as the plan calls it: `route_disabled`, `host_disabled`, …
    pub reason: String,
    /// How many.
    pub conversations: u64,
}

/// What hosts take, in billionths of the unit, by the price table and each route's multiplier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = CostChange)]
pub struct Cost {
    /// Requests whose tokens and price are known. Money is of these alone.
    pub priced: u64,
    /// In the fleet in force.
    pub before_nanos: i64,
    /// In the other one.
    pub after_nanos: i64,
    /// The difference.
    pub change_nanos: i64,
    /// The same as a share of what it was; null when that was nothing.
    pub change_share: Option<f64>,
}

/// How long requests took, and would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Latency {
    /// Half of them take so long at most, in milliseconds, to a sixteenth.
    pub p50_ms: Change<u64>,
    /// All but one of a hundred.
    pub p99_ms: Change<u64>,
    /// Requests that a slow host would serve later than they were.
    pub delayed: u64,
    /// Those of them whose first output would come after `timeouts.first_output`'s default of 300 s.
    pub would_time_out: u64,
}

/// A host that would get, or gets, more than it admits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverCapacity {
    /// The host.
    pub host_id: String,
    /// The group on it.
    pub shadow_group_id: String,
    /// `concurrency` or `rpm`.
    pub what: String,
    /// What the host admits, as it was seen last.
    pub limit: u32,
    /// Most at a moment, or in a minute.
    pub peak: Change<u32>,
    /// When the host's limit was seen.
    pub observed_at: Timestamp,
}

/// How often the replay of the fleet in force gives the route that was planned: lower after changes
/// of the fleet, or troubles of hosts, within the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fidelity {
    /// Requests with a planned route.
    pub compared: u64,
    /// … whose replay begins with it.
    pub same: u64,
    /// The same as a share.
    pub share: f64,
}

/// `part` of `whole`, to a millionth.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    millionths(u128::from(part) * 1_000_000, u128::from(whole))
}

/// The quotient, rounded, as millionths.
fn millionths(number: u128, by: u128) -> f64 {
    // Integer until the last step: the same on every machine.
    ((number + by / 2) / by) as f64 / 1e6
}

/// A change of money as a share.
pub(super) fn change_share(before: i64, after: i64) -> Option<f64> {
    if before <= 0 {
        return None;
    }
    let change = i128::from(after) - i128::from(before);
    let size = millionths(change.unsigned_abs() * 1_000_000, u128::from(before.unsigned_abs()));
    Some(if change < 0 { -size } else { size })
}
