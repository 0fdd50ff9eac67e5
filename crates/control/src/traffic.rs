//! Traffic over time, for charts: hourly roll-ups added up into steps, and by what people
//! look for; and the newest requests one by one, for what roll-ups do not hold.
//!
//! Months of roll-ups are millions of rows, and what is over does not change: its sums are
//! remembered (`stretches`, `routes`), read ahead in the background (`ahead`), and waited for no longer than whoever asks
//! has patience (`look`).

mod ahead;
mod look;
mod over_time;
mod routes;
mod stretches;
mod timings;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use relay_domain::Timestamp;
use relay_ledger::{Decision, Filter};
pub use relay_ledger::{RollupFilter, RollupSums};

pub use self::ahead::UsualSpan;
pub use self::over_time::{OverTime, OverTimeQuery};
pub(crate) use self::routes::RouteSpans;
use self::stretches::{DAY, Stretch};
pub(crate) use self::stretches::{FINAL_AFTER, Remembered};
pub(crate) use self::timings::RememberedTimings;
pub use self::timings::{StepTimings, StepsTimed};
use crate::Control;
use crate::page::QueryError;

/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// Seconds of a minute.
const MINUTE: i64 = 60;

/// Steps of a chart at most: more than that no screen shows.
const MAX_STEPS: i64 = 120;

/// Decisions of one read of the log.
const READ_AT_ONCE: usize = 1_000;

/// Reads at most: looking at the newest requests stays quick however many there were.
const READS: usize = 3;

/// For how long each part of them: a page waits for all.
const READ_PATIENCE: Duration = Duration::from_millis(15);

/// Which traffic.
#[derive(Clone, Debug)]
pub struct TrafficQuery {
    /// From this hour.
    pub from: Timestamp,
    /// To before this time.
    pub to: Timestamp,
    /// Which requests count.
    pub filter: RollupFilter,
}

/// Requests of one step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// When it began.
    pub at: Timestamp,
    /// What happened in it.
    pub sums: RollupSums,
}

/// What one of something had of the traffic.
#[derive(Clone, Debug)]
pub struct Share {
    /// Which one; empty where there was none, as for requests that no route served.
    pub name: String,
    /// Its part.
    pub sums: RollupSums,
}

/// Traffic over time.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Length of a step.
    pub step: Duration,
    /// Every step from the first to the last, those without requests too.
    pub steps: Vec<Step>,
    /// Every hour with requests, oldest first; none of traffic by the minute.
    pub hours: Vec<Step>,
    /// All of it.
    pub total: RollupSums,
    /// By logical group, most requests first.
    pub groups: Vec<Share>,
    /// By host, likewise.
    pub hosts: Vec<Share>,
    /// By public model, likewise.
    pub models: Vec<Share>,
    /// By consumer, likewise.
    pub consumers: Vec<Share>,
}

/// The newest requests of a span of time.
#[derive(Clone, Debug)]
pub struct Recent {
    /// All of them by the minute; `None` when there were more than were looked at: sums of a part would pass for the whole.
    pub by_the_minute: Option<Traffic>,
    /// How many were looked at.
    pub looked_at: usize,
    /// Our own part of the time, in microseconds: median and 99th percentile.
    pub overhead_us: Option<(u64, u64)>,
    /// Time to first output, in microseconds, likewise.
    pub first_output_us: Option<(u64, u64)>,
}

impl Control {
    /// Traffic over time, what has just ended included; `None` when that takes longer than `patience`. By route:
    /// [`Control::traffic_by_route`].
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn traffic(&self, query: TrafficQuery, patience: Duration) -> Result<Option<Traffic>, QueryError> {
        let (remembered, filed) = (Arc::clone(&self.remembered_traffic), self.filed_until());
        let TrafficQuery { from, to, filter } = query;
        let from = floor(from, HOUR);
        let missing = remembered.missing(((from, to), DAY), &filter, filed);
        self.look(patience, missing.is_empty(), move |log| {
            let read = |from, to| Stretch::read(log, from, to, &filter);
            Ok(Traffic::new(remembered.read((from, to), &filter, filed, read)?, from, to))
        })
        .await
    }

    /// The requests since `since`, newest first as far as they are looked at.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn recent(&self, since: Timestamp) -> Result<Recent, QueryError> {
        let now = self.now();
        let (decisions, is_cut) = self.newest(since).await?;
        Ok(Recent {
            by_the_minute: (!is_cut).then(|| by_the_minute(&decisions, since, now)),
            looked_at: decisions.len(),
            overhead_us: percentiles(decisions.iter().filter_map(|decision| decision.overhead_us)),
            first_output_us: percentiles(decisions.iter().filter_map(|decision| decision.first_output_us)),
        })
    }
}

impl Control {
    /// The decisions since `since`, newest first, what has just ended included; and whether there are more than
    /// were looked at.
    pub(crate) async fn newest(&self, since: Timestamp) -> Result<(Vec<Decision>, bool), QueryError> {
        self.parts.ledger.settle().await;
        let filter = Filter { from: Some(since), ..Filter::default() };
        self.read_log(move |log| {
            let mut decisions = Vec::new();
            let mut cursor = None;
            for _ in 0..READS {
                let page = log.list_within(READ_PATIENCE, &filter, cursor, READ_AT_ONCE)?;
                decisions.extend(page.items);
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            Ok((decisions, cursor.is_some()))
        })
        .await
    }
}

fn floor(at: Timestamp, seconds: i64) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(at)
}

/// Hours, or as many of them as keep a chart readable; a divisor of the day, so that days begin with a step.
fn step_seconds(from: Timestamp, to: Timestamp) -> i64 {
    let ceil = |number: i64, by: i64| (number + by - 1) / by;
    let hours = ceil((to.as_second() - from.as_second()).max(1), 3_600);
    let step = [1, 2, 3, 6, 12].into_iter().find(|step| ceil(hours, *step) <= MAX_STEPS);
    step.unwrap_or_else(|| ceil(hours, 24 * MAX_STEPS) * 24) * 3_600
}

fn empty_steps(from: Timestamp, to: Timestamp, seconds: i64) -> Vec<Step> {
    let first = floor(from, seconds).as_second();
    let starts = (0..).map(|step| first + step * seconds).take_while(|start| *start < to.as_second());
    let step = |start| Some(Step { at: Timestamp::from_second(start).ok()?, sums: RollupSums::default() });
    starts.take(4 * MAX_STEPS as usize).filter_map(step).collect()
}

fn step_of(steps: &mut [Step], seconds: i64, at: i64) -> Option<&mut Step> {
    let first = steps.first()?.at.as_second();
    steps.get_mut(usize::try_from((at - first).div_euclid(seconds)).ok()?)
}

impl Traffic {
    /// The steps of a span, without traffic: what is shown until that is known.
    pub fn empty(from: Timestamp, to: Timestamp) -> Self {
        Self::new(Stretch::default(), floor(from, HOUR), to)
    }

    fn new(whole: Stretch, from: Timestamp, to: Timestamp) -> Self {
        let seconds = step_seconds(from, to);
        let mut steps = empty_steps(from, to, seconds);
        let mut total = RollupSums::default();
        for (hour, sums) in &whole.hours {
            total.add(sums);
            if let Some(step) = step_of(&mut steps, seconds, *hour) {
                step.sums.add(sums);
            }
        }
        let hour = |(at, sums): (i64, RollupSums)| Some(Step { at: Timestamp::from_second(at).ok()?, sums });
        let hours = whole.hours.into_iter().filter_map(hour).collect();
        let [groups, hosts, models, consumers, _] = whole.by.map(shares);
        let step = Duration::from_secs(seconds.unsigned_abs());
        Self { step, steps, hours, total, groups, hosts, models, consumers }
    }
}

/// Most requests first.
pub fn shares(shares: impl IntoIterator<Item = (String, RollupSums)>) -> Vec<Share> {
    let mut shares: Vec<Share> = shares.into_iter().map(|(name, sums)| Share { name, sums }).collect();
    shares.sort_by(|a, b| b.sums.requests.cmp(&a.sums.requests).then_with(|| a.name.cmp(&b.name)));
    shares
}

/// What roll-ups would say of these decisions if they were of minutes.
fn by_the_minute(decisions: &[Decision], since: Timestamp, now: Timestamp) -> Traffic {
    let to = Timestamp::from_second(now.as_second() + 1).unwrap_or(now);
    let mut steps = empty_steps(since, to, MINUTE);
    let mut total = RollupSums::default();
    let mut by: [HashMap<String, RollupSums>; 4] = Default::default();
    for decision in decisions {
        let sums = sums_of(decision);
        total.add(&sums);
        if let Some(step) = step_of(&mut steps, MINUTE, decision.at.as_second()) {
            step.sums.add(&sums);
        }
        let Decision { logical_group_id, host_id, public_model, consumer, .. } = decision;
        let names = [Some(logical_group_id), host_id.as_ref(), Some(public_model), consumer.as_ref()];
        for (shares, name) in by.iter_mut().zip(names) {
            shares.entry(name.cloned().unwrap_or_default()).or_default().add(&sums);
        }
    }
    let [groups, hosts, models, consumers] = by.map(shares);
    let step = Duration::from_secs(MINUTE.unsigned_abs());
    Traffic { step, steps, hours: Vec::new(), total, groups, hosts, models, consumers }
}

/// Whether it failed by itself, as roll-ups count it.
pub(crate) fn was_refused(decision: &Decision) -> bool {
    let status = decision.client_status.map_or(0, i64::from);
    decision.verdict == "failed" && relay_ledger::is_refusal(status, decision.error_class.as_deref())
}

/// What a roll-up would count of one decision.
fn sums_of(decision: &Decision) -> RollupSums {
    let number = |value: Option<u64>| i64::try_from(value.unwrap_or(0)).unwrap_or(i64::MAX);
    let one_if = |verdicts: &[&str]| i64::from(verdicts.contains(&decision.verdict.as_str()));
    let usage = &decision.usage;
    RollupSums {
        requests: 1,
        complete: one_if(&["complete"]),
        resolved: one_if(&["resolved"]),
        failed: one_if(&["failed"]),
        cut: one_if(&["truncated", "idle_cut", "error_in_stream"]),
        client_gone: one_if(&["client_gone"]),
        interrupted: one_if(&["interrupted"]),
        latency_us_sum: number(decision.latency_us),
        latency_us_max: number(decision.latency_us),
        first_output_us_sum: number(decision.first_output_us),
        first_output_count: i64::from(decision.first_output_us.is_some()),
        request_bytes: number(decision.request_bytes),
        response_bytes: number(decision.response_bytes),
        input_tokens: number(usage.input),
        cached_input_tokens: number(usage.cached_input),
        cache_write_tokens: number(usage.cache_write),
        output_tokens: number(usage.output),
        reasoning_tokens: number(usage.reasoning),
        priced: i64::from(decision.price_nanos.is_some()),
        with_usage: i64::from(usage.provenance.is_some()),
        price_nanos: decision.price_nanos.unwrap_or(0),
        cost_nanos: decision.cost_nanos.unwrap_or(0),
        cache_saved_nanos: decision.cache_saved_nanos.unwrap_or(0),
        refused: i64::from(was_refused(decision)),
    }
}

fn percentiles(values: impl Iterator<Item = u64>) -> Option<(u64, u64)> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied();
    Some((at(50)?, at(99)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn steps_are_without_gaps_and_shares_the_largest_first() {
        let of = |host: &str, requests| (host.to_owned(), RollupSums { requests, ..RollupSums::default() });
        let hour = |text: &str, requests| (at(text).as_second(), RollupSums { requests, ..RollupSums::default() });
        let hours = [hour("2026-11-26T10:00:00Z", 5), hour("2026-11-26T12:00:00Z", 4)].into();
        let mut whole = Stretch { hours, ..Stretch::default() };
        whole.by[1] = [of("tokyo", 3), of("osaka", 6)].into();
        let traffic = Traffic::new(whole, at("2026-11-26T09:00:00Z"), at("2026-11-26T12:30:00Z"));
        let requests: Vec<i64> = traffic.steps.iter().map(|step| step.sums.requests).collect();
        assert_eq!((requests, traffic.total.requests), (vec![0, 5, 0, 4], 9));
        let hosts: Vec<_> = traffic.hosts.iter().map(|share| (share.name.as_str(), share.sums.requests)).collect();
        assert_eq!(hosts, [("osaka", 6), ("tokyo", 3)]);
    }

    #[test]
    fn a_step_grows_with_the_span_and_divides_the_day() {
        let hours = |span: i64| {
            let from = at("2026-01-01T00:00:00Z");
            step_seconds(from, from + jiff::SignedDuration::from_hours(span)) / 3_600
        };
        assert_eq!([1, 24, 120, 121, 168, 720, 1_440, 8_760].map(hours), [1, 1, 1, 2, 2, 6, 12, 96]);
    }

    #[test]
    fn percentiles_of_few_values_are_among_them() {
        assert_eq!(percentiles([].into_iter()), None);
        assert_eq!(percentiles([7].into_iter()), Some((7, 7)));
        assert_eq!(percentiles((1..=200).rev()), Some((101, 199)));
    }
}
