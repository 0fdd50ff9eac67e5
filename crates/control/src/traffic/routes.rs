//! Traffic by route. There may be ten thousand of them in each hour, too many to remember every hour or day: what is
//! remembered are the sums of a few whole spans, and a span that nearly is one of those is made of it by reading the
//! difference alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay_domain::Timestamp;
use relay_ledger::{Dimension, RollupSums};

use super::stretches::FINAL_AFTER;
use super::{HOUR, floor};
use crate::Control;
use crate::page::QueryError;

/// Spans remembered: those that pages begin with, an hour ahead, and a few that people chose. Some 3 MB each with
/// ten thousand routes.
const SPANS: usize = 10;

/// Hours of ten thousand routes that are read while somebody waits.
const SHORT: i64 = 3 * HOUR;

/// So few routes are looked up one by one.
const FEW: usize = 100;

/// Sums by route; of requests that no route served by the empty name.
pub(super) type OfRoutes = HashMap<String, RollupSums>;

/// The sums of the hours from a second on to before another.
#[derive(Clone, Debug)]
struct Span {
    from: i64,
    to: i64,
    sums: Arc<OfRoutes>,
}

/// Sums of spans that are over; the one used last is last.
#[derive(Debug, Default)]
pub(crate) struct RouteSpans(Mutex<Vec<Span>>);

impl Control {
    /// The sums of each route from an hour on to before `to`, what has just ended included; with `only` of those routes.
    /// `None` when that takes longer than `patience`.
    ///
    /// The longest latency may be of an hour before `from`: it is no sum, and cannot be taken away again.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn traffic_by_route(
        &self,
        (from, to): (Timestamp, Timestamp),
        only: Option<Vec<String>>,
        patience: Duration,
    ) -> Result<Option<HashMap<String, RollupSums>>, QueryError> {
        let (spans, filed) = (Arc::clone(&self.route_spans), self.filed_until());
        let from = floor(from, HOUR);
        if let Some(few) = only.as_ref().filter(|only| only.len() <= FEW).cloned() {
            let looked = self.look(patience, true, move |log| log.marginals(from, to, Dimension::Route, Some(&few)));
            return Ok(looked.await?.map(|marginals| {
                let mut sums = OfRoutes::new();
                for one in marginals {
                    sums.entry(one.value).or_default().add(&one.sums);
                }
                sums
            }));
        }
        let is_near = spans.distance((from, over(filed).min(to))) <= SHORT;
        let read = self.look(patience, is_near, move |log| {
            spans.read((from, to), filed, |from, to| log.totals(from, to, Dimension::Route))
        });
        let mut found = read.await?;
        if let (Some(sums), Some(only)) = (&mut found, only) {
            let only: std::collections::HashSet<String> = only.into_iter().collect();
            sums.retain(|route, _| only.contains(route));
        }
        Ok(found)
    }

    /// Reads the sums of a span as far as they are final, to be remembered.
    pub(super) async fn remember_routes(&self, from: Timestamp) -> Result<(), QueryError> {
        let (spans, over) = (Arc::clone(&self.route_spans), over(self.filed_until()));
        let _counting = self.counting.lock().await;
        self.read_log(move |log| spans.past((from, over), &|from, to| log.totals(from, to, Dimension::Route)).map(drop))
            .await
    }
}

/// The hour before which everything has ended and is in the sums of a log that is filed so far.
fn over(filed: Timestamp) -> Timestamp {
    floor(Timestamp::from_second(filed.as_second() - FINAL_AFTER).unwrap_or(Timestamp::MIN), HOUR)
}

impl RouteSpans {
    /// The sums of a span; `read` is asked for what is not remembered.
    fn read<E>(
        &self,
        (from, to): (Timestamp, Timestamp),
        filed: Timestamp,
        read: impl Fn(Timestamp, Timestamp) -> Result<OfRoutes, E>,
    ) -> Result<OfRoutes, E> {
        let rest = over(filed).clamp(from, to.max(from));
        let mut whole = (*self.past((from, rest), &read)?).clone();
        add(&mut whole, read(rest, to)?);
        Ok(whole)
    }

    /// The sums of a span that is over.
    fn past<E>(
        &self,
        (from, to): (Timestamp, Timestamp),
        read: &impl Fn(Timestamp, Timestamp) -> Result<OfRoutes, E>,
    ) -> Result<Arc<OfRoutes>, E> {
        let wanted = (from.as_second(), to.as_second());
        if wanted.0 >= wanted.1 {
            return Ok(Arc::default());
        }
        let sums = match self.nearest(wanted) {
            Some(near) if near.distance(wanted) == 0 => near.sums,
            Some(near) if near.distance(wanted) < wanted.1 - wanted.0 => Arc::new(near.moved(wanted, read)?),
            _ => Arc::new(read(from, to)?),
        };
        let mut spans = self.lock();
        spans.retain(|span| span.distance(wanted) > 0);
        spans.push(Span { from: wanted.0, to: wanted.1, sums: Arc::clone(&sums) });
        let surplus = spans.len().saturating_sub(SPANS);
        spans.drain(..surplus);
        Ok(sums)
    }

    /// Seconds of the log that would have to be read for a span that is over.
    fn distance(&self, (from, to): (Timestamp, Timestamp)) -> i64 {
        let wanted = (from.as_second(), to.as_second());
        let whole = (wanted.1 - wanted.0).max(0);
        self.nearest(wanted).map_or(whole, |near| near.distance(wanted).min(whole))
    }

    fn nearest(&self, wanted: (i64, i64)) -> Option<Span> {
        self.lock().iter().min_by_key(|span| span.distance(wanted)).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Span {
    /// How far its ends are from those of another.
    fn distance(&self, (from, to): (i64, i64)) -> i64 {
        (self.from - from).abs() + (self.to - to).abs()
    }

    /// Its sums with other ends. The two spans overlap, or else reading the other one whole would be less.
    fn moved<E>(
        &self,
        (from, to): (i64, i64),
        read: &impl Fn(Timestamp, Timestamp) -> Result<OfRoutes, E>,
    ) -> Result<OfRoutes, E> {
        let mut sums = (*self.sums).clone();
        let read = |from: i64, to: i64| {
            let time = |second| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
            if from < to { read(time(from), time(to)) } else { Ok(OfRoutes::new()) }
        };
        add(&mut sums, read(from, self.from)?);
        add(&mut sums, read(self.to, to)?);
        take_away(&mut sums, &read(self.from, from)?);
        take_away(&mut sums, &read(to, self.to)?);
        Ok(sums)
    }
}

fn add(sums: &mut OfRoutes, others: OfRoutes) {
    for (route, other) in others {
        sums.entry(route).or_default().add(&other);
    }
}

fn take_away(sums: &mut OfRoutes, others: &OfRoutes) {
    for (route, other) in others {
        if let Some(own) = sums.get_mut(route) {
            *own = own.without(other);
        }
    }
    sums.retain(|_, sums| sums.requests > 0);
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use jiff::ToSpan as _;

    use super::*;

    /// A log in which every hour has two requests of one route, and one of a route of its own.
    struct Log(RefCell<Vec<(i64, i64)>>);

    impl Log {
        #[expect(clippy::unnecessary_wraps, reason = "as the log's is")]
        fn read(&self, from: Timestamp, to: Timestamp) -> Result<OfRoutes, Infallible> {
            let hours = from.as_second() / HOUR..to.as_second() / HOUR;
            self.0.borrow_mut().push((hours.start, hours.end));
            let sums = |requests| RollupSums { requests, ..RollupSums::default() };
            let own = hours.clone().map(|hour| (hour.to_string(), sums(1)));
            let all = 2 * (hours.end - hours.start);
            Ok(own.chain((all > 0).then(|| ("all".to_owned(), sums(all)))).collect())
        }

        /// Hours read since it was last asked.
        fn hours(&self) -> i64 {
            self.0.take().iter().map(|(from, to)| to - from).sum()
        }
    }

    fn hour(number: i64) -> Timestamp {
        Timestamp::from_second(number * HOUR).unwrap()
    }

    #[test]
    fn a_span_that_moves_with_the_time_is_read_by_its_ends() {
        let (spans, log) = (RouteSpans::default(), Log(RefCell::default()));
        let day = |now: i64| spans.read((hour(now - 24), hour(now)), hour(now), |from, to| log.read(from, to)).unwrap();
        assert_eq!((day(1_000).len(), log.hours()), (25, 24));
        assert_eq!((day(1_000).len(), log.hours()), (25, 2), "what has not ended is read each time");
        for now in 1_001..1_030 {
            let sums = day(now);
            assert_eq!(log.hours(), 4, "an hour at each end, and what has not ended");
            assert_eq!(
                sums,
                RouteSpans::default()
                    .read((hour(now - 24), hour(now)), hour(now), |a, b| Log(RefCell::default()).read(a, b))
                    .unwrap()
            );
        }
        assert_eq!(spans.distance((hour(1_000), hour(1_027))), 5 * HOUR);
    }

    #[test]
    fn whatever_is_remembered_a_span_has_the_sums_that_reading_it_gives() {
        let (spans, log) = (RouteSpans::default(), Log(RefCell::default()));
        let now = hour(2_000);
        let mut seed = 7_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((seed >> 33) % below) as i64
        };
        for _ in 0..300 {
            let from = 1_900 + next(100);
            let to = from + next(60);
            let found = spans.read((hour(from), hour(to)), now, |from, to| log.read(from, to)).unwrap();
            let fresh = log.read(hour(from), hour(to)).unwrap();
            assert_eq!(found, fresh, "{from} to {to}");
        }
        assert_eq!(spans.lock().len(), SPANS);
    }

    #[test]
    fn nothing_is_read_for_a_span_without_an_hour() {
        let (spans, log) = (RouteSpans::default(), Log(RefCell::default()));
        let now = hour(2_000) + 30.minutes();
        spans.past((hour(1_999), over(now)), &|from, to| log.read(from, to)).unwrap();
        assert_eq!((log.hours(), spans.lock().len()), (0, 0));
    }
}
