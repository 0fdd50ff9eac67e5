//! `plan` and `simulate`: recent decisions replayed against a fleet to come, or against a host in trouble.
//!
//! [`crate::replay`] does the work; here the log is read, on a thread that may block, one replay at a time:
//! it takes a whole core while it runs, and the gateway needs the others.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use relay_domain::{Generation, HostId, Timestamp};
use relay_ledger::{LedgerReader, ReadError, TrafficWindow};
use relay_pricing::PriceTable;
use relay_routing::Snapshot;
use relay_store::HostObject;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Control;
use crate::page::QueryError;
use crate::replay::{BlastRadius, Capacity, Covered, Replay, Troubles, UnknownHost, World};

/// How far back decisions are looked at when nobody says.
pub const DEFAULT_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// Decisions looked at when nobody says: the newest so many.
pub const DEFAULT_AT_MOST: u64 = 1_000_000;

/// How long a replay may take when nobody says.
pub const DEFAULT_TIME_LIMIT: Duration = Duration::from_secs(5);

/// The clock, and whether anybody still waits, are looked at once for so many decisions.
const LOOK_UP: u64 = 4_096;

/// Which decisions are replayed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayWindow {
    /// Arrived at this time or later.
    pub from: Timestamp,
    /// Arrived before this time.
    pub to: Timestamp,
    /// Of more than so many the newest.
    pub at_most: u64,
    /// After so long it ends with what it has.
    pub time_limit: Duration,
}

impl ReplayWindow {
    /// The default window before `now`.
    pub fn recent(now: Timestamp) -> Self {
        Self {
            from: now.saturating_sub(DEFAULT_SINCE).unwrap_or(Timestamp::MIN),
            to: now,
            at_most: DEFAULT_AT_MOST,
            time_limit: DEFAULT_TIME_LIMIT,
        }
    }
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Decisions replayed.
    pub done: u64,
    /// Decisions there are at most.
    pub total: u64,
}

/// Told of progress now and then, from the replaying thread.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// What traffic would be if hosts failed or slowed down.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Simulated {
    /// The generation in force.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Hosts taken to be down.
    pub down: Vec<String>,
    /// Hosts taken to be slow.
    pub slow: Vec<SlowHost>,
    /// What that does to recent traffic.
    pub blast_radius: BlastRadius,
}

/// A host that answers later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SlowHost {
    /// The host.
    pub host_id: String,
    /// By how much, in milliseconds.
    pub ms: u64,
}

/// A simulation was not made.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A host is not in the fleet.
    #[error(transparent)]
    UnknownHost(#[from] UnknownHost),
    /// The log or the store could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Control {
    /// The fleet in force with hosts in trouble, compared with itself.
    ///
    /// # Errors
    /// See [`SimulateError`]. A dropped future ends the replay.
    pub async fn simulate(
        &self,
        troubles: &Troubles,
        window: ReplayWindow,
        on_progress: OnProgress,
    ) -> Result<Simulated, SimulateError> {
        let snapshot = self.snapshot();
        let generation = snapshot.generation();
        let troubled = World::troubled(Arc::clone(&snapshot), troubles)?;
        let blast_radius = self.replay([World::well(snapshot), troubled], window, on_progress).await?;
        let slow = troubles.slow.iter().map(|(host, delay)| SlowHost {
            host_id: host.to_string(),
            ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        });
        Ok(Simulated {
            generation,
            down: troubles.down.iter().map(ToString::to_string).collect(),
            slow: slow.collect(),
            blast_radius,
        })
    }

    /// Replays a window of the log in two worlds, what has just ended included.
    pub(crate) async fn replay(
        &self,
        worlds: [World; 2],
        window: ReplayWindow,
        on_progress: OnProgress,
    ) -> Result<BlastRadius, QueryError> {
        let _one_at_a_time = self.replaying.lock().await;
        self.parts.ledger.settle().await;
        let capacities = self.capacities([worlds[0].snapshot(), worlds[1].snapshot()]).await?;
        let prices = Arc::clone(&self.parts.prices);
        let abandoned = Arc::new(AtomicBool::new(false));
        let _guard = Abandon(Arc::clone(&abandoned));
        self.read_log(move |log| {
            let run = Run { worlds: &worlds, prices: &prices, capacities: &capacities, window, on_progress, abandoned };
            run.over(log)
        })
        .await
    }

    /// What the hosts of both fleets admit, as far as they told.
    async fn capacities(&self, snapshots: [&Snapshot; 2]) -> Result<Vec<Capacity>, QueryError> {
        let records = self.host_records(&snapshots.map(Snapshot::hosts)).await?;
        let of_host = |(host, objects): (&HostId, &Vec<HostObject>)| {
            objects.iter().filter_map(|object| capacity(host.as_str(), object, objects)).collect::<Vec<_>>()
        };
        Ok(records.iter().flat_map(of_host).collect())
    }
}

/// Tells the replaying thread that nobody waits any more.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A replay with all that it needs.
struct Run<'a> {
    worlds: &'a [World; 2],
    prices: &'a PriceTable,
    capacities: &'a [Capacity],
    window: ReplayWindow,
    on_progress: OnProgress,
    abandoned: Arc<AtomicBool>,
}

impl Run<'_> {
    fn over(&self, log: &LedgerReader) -> Result<BlastRadius, ReadError> {
        let started = Instant::now();
        let ReplayWindow { from, to, at_most, time_limit } = self.window;
        let traffic = log.traffic(TrafficWindow { from, to, at_most })?;
        let total = traffic.len();
        let [before, after] = self.worlds;
        let mut replay = Replay::new([before, after], self.prices, self.capacities, to);
        let mut first = None;
        let mut stopped_at = None;
        traffic.each(|passage| {
            let done = replay.decisions();
            if done.is_multiple_of(LOOK_UP) {
                (self.on_progress)(Progress { done, total });
                if started.elapsed() >= time_limit || self.abandoned.load(Ordering::Relaxed) {
                    stopped_at = Some(passage.at);
                    return ControlFlow::Break(());
                }
            }
            first.get_or_insert(passage.at);
            replay.pass(passage);
            ControlFlow::Continue(())
        })?;
        (self.on_progress)(Progress { done: total, total });
        let truncated = match (stopped_at, traffic.is_capped()) {
            (Some(_), _) => Some("time"),
            (None, true) => Some("decisions"),
            (None, false) => None,
        };
        Ok(replay.finish(Covered {
            from: if traffic.is_capped() { first.unwrap_or(from) } else { from },
            to: stopped_at.unwrap_or(to),
            decisions: 0,
            truncated: truncated.map(str::to_owned),
            not_planned: 0,
            seen: None,
        }))
    }
}

/// A recorded capacity, with the names by which routes may mean its group.
fn capacity(host: &str, object: &HostObject, objects: &[HostObject]) -> Option<Capacity> {
    if object.kind != "capacity" {
        return None;
    }
    let group = objects.iter().find(|other| other.kind == "group" && other.name == object.name);
    let name = group.and_then(|group| group.document["name"].as_str()).map(str::to_owned);
    // 0 of a maximum means that there is none.
    let most =
        |name: &str| object.document[name].as_u64().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
    Some(Capacity {
        host_id: host.to_owned(),
        shadow_groups: std::iter::once(object.name.clone()).chain(name).collect(),
        concurrency: most("concurrency_max"),
        rpm: most("rpm_max"),
        observed_at: object.observed_at,
    })
}
