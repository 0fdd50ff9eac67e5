//! What anybody may know of how the service does: per group and model whether requests are served, and how soon
//! answers begin. Names no route, host or model of a host, and nothing that a stranger asked for.
//!
//! A request counts as served when it was answered whole, and as lost when no host served it, its answer was cut, or
//! the process ended under it. One that was wrong by itself or over its own limits, or whose client left, says
//! nothing of whether others are served.

mod past;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use relay_domain::Timestamp;
use relay_ledger::{Decision, RollupSums};
use relay_routing::{HealthView as _, RouteEntry, RouteHealth, RouteIndex, Snapshot};

use crate::Control;
use crate::page::QueryError;
use crate::traffic::was_refused;

use past::Counted;
pub(crate) use past::Past;

/// Seconds of an hour, and of a day.
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Spans of which the availability is told, in days, and the longest of them.
pub const SPANS: [u16; 4] = [1, 7, 30, 90];

/// Lately: what the present state and the times to first output are of.
const LATELY: i64 = 15 * 60;

/// Fewer requests than this say nothing by their share.
const FEW: i64 = 5;

/// From this share of lost requests on, of a hundred, a model is not as it should be; and from that on it is down.
const DEGRADED_PERCENT: i64 = 5;
const DOWN_PERCENT: i64 = 50;

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct PublicQuery {
    /// Logical groups; none: all.
    pub groups: Vec<String>,
    /// Days of the strip of bars; one day is told by the hour.
    pub days: u16,
}

/// How a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is served.
    Operational,
    /// Some requests are lost, or only a fallback serves.
    Degraded,
    /// Nothing serves it, or most requests are lost.
    Down,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operational => "operational",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// Requests that say whether the service serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Served whole.
    pub served: i64,
    /// Lost.
    pub lost: i64,
}

impl Tally {
    fn of(sums: &RollupSums) -> Self {
        let failed = (sums.failed - sums.refused).max(0);
        Self { served: sums.complete, lost: failed + sums.cut + sums.interrupted }
    }

    fn add(&mut self, other: Self) {
        self.served += other.served;
        self.lost += other.lost;
    }

    /// All that count.
    pub fn all(self) -> i64 {
        self.served + self.lost
    }

    /// Served of 100,000, rounded down; `None` without a request.
    pub fn per_100_000(self) -> Option<i64> {
        (self.served * 100_000).checked_div(self.all())
    }
}

/// One bar of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its first moment.
    pub at: Timestamp,
    /// What happened in it.
    pub tally: Tally,
}

/// A model of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStatus {
    /// The logical group.
    pub group: String,
    /// The public model, or the pattern of several.
    pub model: String,
    /// How it does now.
    pub state: State,
    /// Of each of [`SPANS`].
    pub availability: [Tally; SPANS.len()],
    /// Median and 95th percentile of the time to first output, in microseconds, of the newest requests of the last day.
    pub first_output_us: Option<(u64, u64)>,
    /// Oldest first, without gaps.
    pub bars: Vec<Bar>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicStatus {
    /// When it was so.
    pub at: Timestamp,
    /// The worst of the models; operational without any.
    pub state: State,
    /// By group and model.
    pub models: Vec<ModelStatus>,
}

impl Control {
    /// How the models of the fleet in force do. Reads up to 90 days of roll-ups: to be remembered for some seconds by
    /// whoever shows it to the public. Dropping the future does not end the reading; whoever lets strangers do that has
    /// to see to it that no other one begins meanwhile.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn public_status(&self, query: PublicQuery) -> Result<PublicStatus, QueryError> {
        let (snapshot, now, filed) = (self.snapshot(), self.now(), self.filed_until());
        let from = longest_ago(now);
        let (decisions, _) = self.newest(ago(now, DAY)).await?;
        let (past, health) = (Arc::clone(&self.past), Arc::clone(&self.parts.health));
        self.read_log(move |log| {
            let counted = past.read(log, from, (now, filed))?;
            let health = health.at(std::time::Instant::now(), now);
            let mut board = Board::new(&snapshot, &query, now);
            for counted in &counted {
                board.count(counted);
            }
            for decision in &decisions {
                board.look_at(decision);
            }
            Ok(board.told(|route| {
                let host = snapshot.host_at(route.host);
                let is_available = matches!(health.route(route, now), RouteHealth::Available | RouteHealth::Busy);
                route.route.enabled && host.enabled && is_available
            }))
        })
        .await
    }

    /// Reads what of [`Control::public_status`] is over and not remembered, so that the first to look does not wait.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn read_public_status_ahead(&self) -> Result<(), QueryError> {
        let (past, now, filed) = (Arc::clone(&self.past), self.now(), self.filed_until());
        self.read_log(move |log| past.read(log, longest_ago(now), (now, filed)).map(drop)).await
    }
}

/// The beginning of the longest of [`SPANS`]; the strip of bars is no longer.
fn longest_ago(now: Timestamp) -> Timestamp {
    ago(now, i64::from(SPANS.into_iter().max().unwrap_or(1)) * DAY)
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_second(now.as_second() - seconds).unwrap_or(Timestamp::MIN)
}

/// What is known of one model while it is added up.
struct Line<'s> {
    status: ModelStatus,
    routes: Vec<&'s RouteEntry>,
    lately: Tally,
    first_outputs: Vec<u64>,
}

impl<'s> Line<'s> {
    fn new(group: &str, model: String, routes: Vec<&'s RouteEntry>, bars: Vec<Bar>) -> Self {
        let status = ModelStatus {
            group: group.to_owned(),
            model,
            state: State::Operational,
            availability: [Tally::default(); SPANS.len()],
            first_output_us: None,
            bars,
        };
        Self { status, routes, lately: Tally::default(), first_outputs: Vec::new() }
    }
}

/// The models by group and pattern.
struct Board<'s> {
    snapshot: &'s Snapshot,
    lines: Vec<Line<'s>>,
    /// Which line a route is of: its position in `lines`.
    of_route: HashMap<RouteIndex, usize>,
    now: Timestamp,
    /// Seconds of a bar.
    step: i64,
}

impl<'s> Board<'s> {
    fn new(snapshot: &'s Snapshot, query: &PublicQuery, now: Timestamp) -> Self {
        let wanted: HashSet<&str> = query.groups.iter().map(String::as_str).collect();
        let is_shown = |group: &str| {
            let is_enabled = snapshot.group(group).is_some_and(|group| group.enabled);
            is_enabled && (wanted.is_empty() || wanted.contains(group))
        };
        let (step, bars) = if query.days <= 1 { (HOUR, 24) } else { (DAY, i64::from(query.days)) };
        let last = now.as_second() - now.as_second().rem_euclid(step);
        let starts = (0..bars).rev().filter_map(|back| Timestamp::from_second(last - back * step).ok());
        let bars: Vec<Bar> = starts.map(|at| Bar { at, tally: Tally::default() }).collect();
        let mut by_pattern: BTreeMap<(&str, String), Vec<&RouteEntry>> = BTreeMap::new();
        for entry in snapshot.routes().iter().filter(|entry| is_shown(entry.route.group.as_str())) {
            let key = (entry.route.group.as_str(), entry.route.public_model.to_string());
            by_pattern.entry(key).or_default().push(entry);
        }
        let lines =
            by_pattern.into_iter().map(|((group, model), routes)| Line::new(group, model, routes, bars.clone()));
        let lines: Vec<Line<'_>> = lines.collect();
        let positions = lines.iter().enumerate();
        let of_route =
            positions.flat_map(|(at, line)| line.routes.iter().map(move |entry| (entry.index, at))).collect();
        Self { snapshot, lines, of_route, now, step }
    }

    /// The line of a model that was asked for. What no route is for is nobody's business.
    fn line(&mut self, group: &str, model: &str) -> Option<&mut Line<'s>> {
        let pool = self.snapshot.locate_in(group, model).ok()?;
        let at = self.of_route.get(pool.routes.first()?)?;
        self.lines.get_mut(*at)
    }

    fn count(&mut self, counted: &Counted) {
        let (now, step) = (self.now, self.step);
        let Some(line) = self.line(&counted.group, &counted.model) else { return };
        for (span, sum) in SPANS.into_iter().zip(&mut line.status.availability) {
            if counted.at > ago(now, i64::from(span) * DAY) {
                sum.add(counted.tally);
            }
        }
        let first = line.status.bars.first().map_or(i64::MAX, |bar| bar.at.as_second());
        let at = usize::try_from((counted.at.as_second() - first).div_euclid(step)).ok();
        if let Some(bar) = at.and_then(|at| line.status.bars.get_mut(at)) {
            bar.tally.add(counted.tally);
        }
    }

    fn look_at(&mut self, decision: &Decision) {
        let since = ago(self.now, LATELY);
        let Some(line) = self.line(&decision.logical_group_id, &decision.public_model) else { return };
        line.first_outputs.extend(decision.first_output_us);
        if decision.at < since {
            return;
        }
        match decision.verdict.as_str() {
            "complete" => line.lately.served += 1,
            "truncated" | "idle_cut" | "error_in_stream" | "interrupted" => line.lately.lost += 1,
            "failed" if !was_refused(decision) => line.lately.lost += 1,
            _ => {}
        }
    }

    fn told(self, is_well: impl Fn(&RouteEntry) -> bool) -> PublicStatus {
        let models = self.lines.into_iter().map(|mut line| {
            let routes = line.routes.iter();
            let best = routes.clone().filter(|entry| entry.route.enabled && entry.route.weight > 0);
            let best = best.map(|entry| entry.route.priority).min();
            let well: Vec<u32> = routes.filter(|entry| is_well(entry)).map(|entry| entry.route.priority).collect();
            line.status.state = state(&well, best, line.lately);
            line.first_outputs.sort_unstable();
            line.status.first_output_us = percentiles(&line.first_outputs);
            line.status
        });
        let models: Vec<ModelStatus> = models.collect();
        let state = models.iter().map(|model| model.state).max().unwrap_or(State::Operational);
        PublicStatus { at: self.now, state, models }
    }
}

/// How a model does: `well` are the tiers of its routes that may serve, `best` the tier that should.
fn state(well: &[u32], best: Option<u32>, lately: Tally) -> State {
    let lost_percent = (lately.lost * 100).checked_div(lately.all()).filter(|_| lately.all() >= FEW).unwrap_or(0);
    if well.is_empty() || lost_percent >= DOWN_PERCENT {
        State::Down
    } else if lost_percent >= DEGRADED_PERCENT || best.is_some_and(|best| !well.contains(&best)) {
        State::Degraded
    } else {
        State::Operational
    }
}

fn percentiles(sorted: &[u64]) -> Option<(u64, u64)> {
    let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied();
    Some((at(50)?, at(95)?))
}

#[cfg(test)]
mod tests {
    use relay_domain::{Fleet, KeyHash, Secret};

    use super::*;
    use crate::fleet_document::{FleetDocument, NoSecrets, Reading, read};

    #[test]
    fn what_is_wrong_with_requests_themselves_does_not_count() {
        let sums = RollupSums { complete: 97, failed: 5, refused: 3, cut: 1, client_gone: 9, ..RollupSums::default() };
        let tally = Tally::of(&sums);
        assert_eq!((tally.served, tally.lost, tally.per_100_000()), (97, 3, Some(97_000)));
        assert_eq!(Tally::default().per_100_000(), None);
        assert_eq!(Tally { served: 99_999, lost: 2 }.per_100_000(), Some(99_998), "never rounded up to all");
    }

    #[test]
    fn a_model_is_down_when_nothing_may_serve_it_and_degraded_on_a_fallback() {
        let lately = |served, lost| Tally { served, lost };
        for (well, best, lately, expected) in [
            (vec![1, 2], Some(1), lately(0, 0), State::Operational),
            (vec![2], Some(1), lately(20, 0), State::Degraded),
            (vec![], Some(1), lately(20, 0), State::Down),
            (vec![1], Some(1), lately(95, 5), State::Degraded),
            (vec![1], Some(1), lately(96, 4), State::Operational),
            (vec![1], Some(1), lately(5, 5), State::Down),
            (vec![1], Some(1), lately(1, 1), State::Operational),
        ] {
            assert_eq!(state(&well, best, lately), expected, "{well:?} {lately:?}");
        }
    }

    const FLEET: &str = r#"
[[host]]
host_id = "tokyo"
kind = "openai"
base_url = "https://tokyo.example"
gateway_key = "sk-tokyo"
[[group]]
logical_group_id = "gpt"
[[group]]
logical_group_id = "inner"
[[route]]
route_id = "a"
logical_group_id = "gpt"
public_model = "gpt-5*"
shadow_host_id = "tokyo"
[[route]]
route_id = "b"
logical_group_id = "gpt"
public_model = "gpt-5-mini"
shadow_host_id = "tokyo"
[[route]]
route_id = "c"
logical_group_id = "inner"
public_model = "o3"
shadow_host_id = "tokyo"
"#;

    fn snapshot() -> Snapshot {
        let reading = Reading {
            current: &Fleet::default(),
            resolver: &NoSecrets,
            hash_key: &|_| KeyHash([1; 32]),
            generate_key: &|| Secret::new("sk-relay-generated"),
            now: now(),
        };
        let document = FleetDocument::from_toml(FLEET).unwrap();
        Snapshot::build(&read(&document, &reading).unwrap_or_else(|faults| panic!("{faults}")).fleet)
    }

    fn now() -> Timestamp {
        "2026-11-26T12:30:00Z".parse().unwrap()
    }

    fn counted(at: &str, group: &str, model: &str, served: i64, lost: i64) -> Counted {
        let tally = Tally { served, lost };
        Counted { at: at.parse().unwrap(), group: group.into(), model: model.into(), tally }
    }

    #[test]
    fn requests_count_for_the_pattern_that_serves_them_and_strangers_nowhere() {
        let snapshot = snapshot();
        let query = PublicQuery { groups: vec!["gpt".into()], days: 30 };
        let mut board = Board::new(&snapshot, &query, now());
        for counted in [
            counted("2026-11-26T12:00:00Z", "gpt", "gpt-5", 8, 1),
            counted("2026-11-26T11:00:00Z", "gpt", "gpt-5-turbo", 1, 0),
            counted("2026-11-26T11:00:00Z", "gpt", "gpt-5-mini", 5, 0),
            counted("2026-11-20T00:00:00Z", "gpt", "gpt-5", 100, 0),
            counted("2026-09-20T00:00:00Z", "gpt", "gpt-5", 0, 10),
            counted("2026-11-26T11:00:00Z", "gpt", "<script>", 9, 9),
            counted("2026-11-26T11:00:00Z", "inner", "o3", 9, 9),
        ] {
            board.count(&counted);
        }
        let told = board.told(|_| true);
        let names: Vec<_> = told.models.iter().map(|model| (model.group.as_str(), model.model.as_str())).collect();
        assert_eq!(names, [("gpt", "gpt-5*"), ("gpt", "gpt-5-mini")]);
        let tally = |served, lost| Tally { served, lost };
        assert_eq!(told.models[0].availability, [tally(9, 1), tally(109, 1), tally(109, 1), tally(109, 11)]);
        let bars = &told.models[0].bars;
        assert_eq!((bars.len(), bars[29].tally, bars[23].tally), (30, tally(9, 1), tally(100, 0)));
        assert_eq!(
            (bars[29].at, bars[0].at),
            ("2026-11-26T00:00:00Z".parse().unwrap(), "2026-10-28T00:00:00Z".parse().unwrap())
        );
        assert_eq!(told.state, State::Operational);
    }

    #[test]
    fn a_day_is_told_by_the_hour() {
        let snapshot = snapshot();
        let board = Board::new(&snapshot, &PublicQuery { groups: Vec::new(), days: 1 }, now());
        let told = board.told(|entry| entry.route.id.as_str() != "c");
        let o3 = told.models.iter().find(|model| model.model == "o3").unwrap();
        assert_eq!((o3.bars.len(), o3.state, told.state), (24, State::Down, State::Down));
        assert_eq!(o3.bars[23].at, "2026-11-26T12:00:00Z".parse().unwrap());
    }
}
