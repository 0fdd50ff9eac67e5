//! Percentiles over time: samples of the log, since no sum gives them. What is over is remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use relay_domain::Timestamp;
use relay_ledger::{RollupFilter, Timings};

use crate::Control;
use crate::page::QueryError;

/// Requests looked at for one chart at most, shared out to its steps.
const SAMPLED: u64 = 4_096;

/// … and for one step at least, if there are as many.
const OF_STEP: u64 = 32;

/// Seconds after its end in which a step may still get outcomes.
const FINAL_AFTER: i64 = 15 * 60;

/// After so long older steps are left out: a page has 100 ms. What was read is remembered, so the next look has more.
const BUDGET: Duration = Duration::from_millis(25);

/// Steps remembered at most: some 6 MB.
const MOST_REMEMBERED: usize = 20_000;

/// The median and the 95th percentile of a sample of a step, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimings {
    /// Our own part of the time.
    pub overhead_us: Option<(u64, u64)>,
    /// Time to first output.
    pub first_output_us: Option<(u64, u64)>,
}

/// The timings of the steps of a chart.
#[derive(Clone, Debug, Default)]
pub struct StepsTimed {
    /// In the order of the steps.
    pub steps: Vec<StepTimings>,
    /// Some were left out for want of time: the next look has more of them.
    pub is_cut: bool,
}

/// Steps that are over, by start, length and filter.
type Name = (i64, u64, [Option<String>; 5]);

/// Timings of steps that are over.
#[derive(Debug, Default)]
pub(crate) struct RememberedTimings(Mutex<HashMap<Name, StepTimings>>);

impl Control {
    /// How long requests took in each step, of those that began at these times: samples, the same number for each step.
    /// Of steps that were never looked at before some may be left out, the oldest first: reading takes a bounded time.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn timings(
        &self,
        steps: Vec<Timestamp>,
        step: Duration,
        filter: RollupFilter,
    ) -> Result<StepsTimed, QueryError> {
        let (remembered, filed) = (Arc::clone(&self.remembered_timings), self.filed_until());
        self.read_log(move |log| {
            let most = (SAMPLED / (steps.len() as u64).max(1)).max(OF_STEP);
            let begun = Instant::now();
            let mut timed = StepsTimed::default();
            for at in steps.iter().rev() {
                let name = name(*at, step, &filter);
                let known = remembered.get(&name);
                if known.is_none() && begun.elapsed() > BUDGET {
                    timed.is_cut = true;
                    timed.steps.push(StepTimings::default());
                    continue;
                }
                let end = at.saturating_add(step).unwrap_or(Timestamp::MAX);
                let found = match known {
                    Some(known) => known,
                    None => StepTimings::of(log.timings(*at, end, &filter, most)?),
                };
                if end.as_second() + FINAL_AFTER < filed.as_second() {
                    remembered.put(name, found);
                }
                timed.steps.push(found);
            }
            timed.steps.reverse();
            Ok(timed)
        })
        .await
    }
}

fn name(at: Timestamp, step: Duration, filter: &RollupFilter) -> Name {
    let RollupFilter { consumer, logical_group_id, public_model, route_id, host_id } = filter.clone();
    (at.as_second(), step.as_secs(), [consumer, logical_group_id, public_model, route_id, host_id])
}

impl RememberedTimings {
    fn get(&self, name: &Name) -> Option<StepTimings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    fn put(&self, name: Name, timings: StepTimings) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST_REMEMBERED && !remembered.contains_key(&name) {
            remembered.clear();
        }
        remembered.insert(name, timings);
    }
}

impl StepTimings {
    fn of(sample: Timings) -> Self {
        let percentiles = |mut values: Vec<u64>| {
            values.sort_unstable();
            let at = |percent: usize| values.get((values.len() * percent / 100).min(values.len().saturating_sub(1)));
            Some((*at(50)?, *at(95)?))
        };
        Self { overhead_us: percentiles(sample.overhead_us), first_output_us: percentiles(sample.first_output_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_requests_has_no_percentiles() {
        assert_eq!(StepTimings::of(Timings::default()), StepTimings::default());
        let sample = Timings { overhead_us: (1..=100).rev().collect(), first_output_us: vec![7] };
        let told = StepTimings::of(sample);
        assert_eq!((told.overhead_us, told.first_output_us), (Some((51, 96)), Some((7, 7))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let remembered = RememberedTimings::default();
        for second in 0..=MOST_REMEMBERED as i64 {
            remembered.put((second, 60, Default::default()), StepTimings::default());
        }
        assert_eq!(remembered.0.lock().unwrap().len(), 1);
    }
}
