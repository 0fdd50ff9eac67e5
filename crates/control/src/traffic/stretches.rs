//! Sums of stretches of the log: whole days, and hours where a day is not whole. What ended a while ago
//! does not change any more and is remembered; the rest is read each time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_domain::Timestamp;
use relay_ledger::{Dimension as By, LedgerReader, Marginal, ReadError, Rollup, RollupFilter, RollupSums};

use super::HOUR;
use crate::usage::Dimension;

pub(super) const DAY: i64 = 24 * HOUR;

/// Seconds after which an hour counts as over: requests are counted in the hour in which they began.
pub(crate) const FINAL_AFTER: i64 = 2 * HOUR;

/// Sums remembered at most, over all stretches: some 25 MB.
const MAX_SUMS: usize = 100_000;

/// Sums of a stretch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stretch {
    /// By the second at which the hour began.
    pub(super) hours: BTreeMap<i64, RollupSums>,
    /// By group, host, model, consumer and route.
    pub(super) by: [HashMap<String, RollupSums>; 5],
}

impl Stretch {
    fn of(rollups: Vec<Rollup>) -> Self {
        let mut stretch = Self::default();
        for rollup in rollups {
            stretch.hours.entry(rollup.hour.as_second()).or_default().add(&rollup.sums);
            let names =
                [rollup.logical_group_id, rollup.host_id, rollup.public_model, rollup.consumer, rollup.route_id];
            for (by, name) in stretch.by.iter_mut().zip(names) {
                by.entry(name).or_default().add(&rollup.sums);
            }
        }
        stretch
    }

    /// Reads a stretch. Of all requests, its sums by route are left out ([`Stretch::of_dimension`] has none of them): there
    /// may be ten thousand routes in each hour.
    pub(super) fn read(
        log: &LedgerReader,
        from: Timestamp,
        to: Timestamp,
        filter: &RollupFilter,
    ) -> Result<Self, ReadError> {
        if !filter.is_all() {
            return Ok(Self::of(log.rollups(from, to, filter)?));
        }
        let mut stretch = Self::default();
        let dimensions = [By::Group, By::Host, By::Model, By::Consumer];
        for (at, by) in dimensions.into_iter().enumerate() {
            for Marginal { hour, value, sums } in log.marginals(from, to, by, None)? {
                if by == By::Host {
                    stretch.hours.entry(hour.as_second()).or_default().add(&sums);
                }
                stretch.by[at].entry(value).or_default().add(&sums);
            }
        }
        Ok(stretch)
    }

    fn add(&mut self, other: &Self) {
        for (hour, sums) in &other.hours {
            self.hours.entry(*hour).or_default().add(sums);
        }
        for (by, others) in self.by.iter_mut().zip(&other.by) {
            for (name, sums) in others {
                match by.get_mut(name) {
                    Some(own) => own.add(sums),
                    None => drop(by.insert(name.clone(), *sums)),
                }
            }
        }
    }

    /// The sums by a dimension; none for those of time.
    pub(super) fn of_dimension(&self, by: Dimension) -> Option<&HashMap<String, RollupSums>> {
        let [groups, hosts, models, consumers, routes] = &self.by;
        match by {
            Dimension::Group => Some(groups),
            Dimension::Host => Some(hosts),
            Dimension::Model => Some(models),
            Dimension::Consumer => Some(consumers),
            Dimension::Route => Some(routes),
            Dimension::Day | Dimension::Hour => None,
        }
    }

    fn sums(&self) -> usize {
        self.hours.len() + self.by.iter().map(HashMap::len).sum::<usize>()
    }
}

/// Which stretch: from, to, and the filter.
type Name = (i64, i64, [Option<String>; 5]);

/// Sums of stretches that are over.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    stretches: Mutex<HashMap<Name, Arc<Stretch>>>,
}

impl Remembered {
    /// The stretches of a span that are over and not remembered, newest first.
    pub(super) fn missing(
        &self,
        ((from, to), longest): ((Timestamp, Timestamp), i64),
        filter: &RollupFilter,
        filed: Timestamp,
    ) -> Vec<(Timestamp, Timestamp)> {
        let (over, _) = cut((from.as_second(), to.as_second()), filed.as_second() - FINAL_AFTER, longest);
        let filter = values(filter);
        let remembered = self.lock();
        let missing =
            over.into_iter().rev().filter(|(from, to)| !remembered.contains_key(&(*from, *to, filter.clone())));
        missing.map(|(from, to)| (time(from), time(to))).collect()
    }

    /// The sums from an hour on to before `to`; `read` is asked for what is not remembered.
    pub(super) fn read<E>(
        &self,
        span: (Timestamp, Timestamp),
        filter: &RollupFilter,
        filed: Timestamp,
        read: impl Fn(Timestamp, Timestamp) -> Result<Stretch, E>,
    ) -> Result<Stretch, E> {
        let mut whole = Stretch::default();
        self.each((span, DAY), filter, filed, read, |_, stretch| whole.add(stretch))?;
        Ok(whole)
    }

    /// Shows the sums of one stretch after the other, none of which is longer than `longest` (an hour or a day) or goes
    /// beyond the end of one, with the second at which it begins.
    pub(super) fn each<E>(
        &self,
        ((from, to), longest): ((Timestamp, Timestamp), i64),
        filter: &RollupFilter,
        filed: Timestamp,
        read: impl Fn(Timestamp, Timestamp) -> Result<Stretch, E>,
        mut show: impl FnMut(i64, &Stretch),
    ) -> Result<(), E> {
        let filter = values(filter);
        let (over, mut rest) = cut((from.as_second(), to.as_second()), filed.as_second() - FINAL_AFTER, longest);
        for (from, to) in over {
            let name = (from, to, filter.clone());
            let known = self.lock().get(&name).map(Arc::clone);
            let stretch = match known {
                Some(stretch) => stretch,
                None => self.remember(name, read(time(from), time(to))?),
            };
            show(from, &stretch);
        }
        while time(rest) < to {
            let end = time(rest - rest.rem_euclid(longest) + longest).min(to);
            show(rest, &read(time(rest), end)?);
            rest = end.as_second().max(rest + 1);
        }
        Ok(())
    }

    /// Remembers a stretch. Of more than there is room for those that began last stay.
    fn remember(&self, name: Name, stretch: Stretch) -> Arc<Stretch> {
        let stretch = Arc::new(stretch);
        let mut remembered = self.lock();
        remembered.insert(name, Arc::clone(&stretch));
        let mut sums: usize = remembered.values().map(|stretch| stretch.sums()).sum();
        while sums > MAX_SUMS {
            let Some(oldest) = remembered.keys().min().cloned() else { break };
            sums -= remembered.remove(&oldest).map_or(0, |stretch| stretch.sums());
        }
        stretch
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Stretch>>> {
        self.stretches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn values(filter: &RollupFilter) -> [Option<String>; 5] {
    let RollupFilter { consumer, logical_group_id, public_model, route_id, host_id } = filter.clone();
    [consumer, logical_group_id, public_model, route_id, host_id]
}

/// Whole days if they may be so long, and whole hours before and after them, that are over by `over`; and where the
/// rest begins.
fn cut((from, to): (i64, i64), over: i64, longest: i64) -> (Vec<(i64, i64)>, i64) {
    let end = to.min(over);
    let mut stretches = Vec::new();
    let mut at = from;
    loop {
        let length = if longest == DAY && at.rem_euclid(DAY) == 0 && at + DAY <= end { DAY } else { HOUR };
        if at + length > end {
            return (stretches, at);
        }
        stretches.push((at, at + length));
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::convert::Infallible;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rollup(hour: Timestamp) -> Rollup {
        Rollup {
            hour,
            consumer: "a".into(),
            logical_group_id: "gpt".into(),
            public_model: "gpt-5".into(),
            route_id: "r".into(),
            host_id: "tokyo".into(),
            sums: RollupSums { requests: 1, ..RollupSums::default() },
        }
    }

    #[test]
    fn a_span_is_cut_into_hours_days_hours_and_what_is_not_over() {
        let second = |text: &str| at(text).as_second();
        let (from, to) = (second("2026-11-24T22:00:00Z"), second("2026-11-26T12:30:00Z"));
        let (stretches, rest) = cut((from, to), second("2026-11-26T02:10:00Z"), DAY);
        let lengths: Vec<i64> = stretches.iter().map(|(from, to)| (to - from) / HOUR).collect();
        assert_eq!(lengths, [1, 1, 24, 1, 1]);
        assert_eq!(rest, second("2026-11-26T02:00:00Z"));
        assert_eq!(cut((from, from), to, DAY), (vec![], from));
        assert_eq!(cut((from, to), second("2026-11-26T02:10:00Z"), HOUR).0.len(), 28, "or into hours alone");
    }

    #[test]
    fn what_is_over_is_read_once_and_the_rest_each_time() {
        let remembered = Remembered::default();
        let asked = RefCell::new(Vec::new());
        let (from, to) = (at("2026-11-25T00:00:00Z"), at("2026-11-26T03:00:00Z"));
        let ask = || {
            let read = |from: Timestamp, to: Timestamp| {
                asked.borrow_mut().push((from, to));
                Ok::<_, Infallible>(Stretch::of(vec![rollup(from)]))
            };
            remembered.read((from, to), &RollupFilter::default(), at("2026-11-26T02:30:00Z"), read).unwrap()
        };
        let first = ask();
        assert_eq!(asked.take().len(), 2, "a day, and what is not over");
        let second = ask();
        assert_eq!(asked.take(), [(at("2026-11-26T00:00:00Z"), to)]);
        let missing =
            |from| remembered.missing(((from, to), DAY), &RollupFilter::default(), at("2026-11-26T02:30:00Z"));
        assert_eq!(
            (missing(from), missing(at("2026-11-24T23:00:00Z"))),
            (vec![], vec![(at("2026-11-24T23:00:00Z"), from)])
        );
        assert_eq!((first.hours.len(), &first.by[1]["tokyo"]), (2, &second.by[1]["tokyo"]));
        assert_eq!(second.by[1]["tokyo"].requests, 2);
    }

    #[test]
    fn each_stretch_ends_with_its_hour_or_day_also_when_it_is_not_over() {
        let starts = |longest: i64| {
            let mut starts = Vec::new();
            let span = (at("2026-11-25T22:00:00Z"), at("2026-11-26T01:30:00Z"));
            let read = |from: Timestamp, _| Ok::<_, Infallible>(Stretch::of(vec![rollup(from)]));
            let show = |start: i64, _: &Stretch| starts.push((start - span.0.as_second()) / HOUR);
            Remembered::default()
                .each((span, longest), &RollupFilter::default(), at("2026-11-26T01:30:00Z"), read, show)
                .unwrap();
            starts
        };
        assert_eq!((starts(HOUR), starts(DAY)), (vec![0, 1, 2, 3], vec![0, 1, 2]));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let remembered = Remembered::default();
        let many = |offset: usize| {
            let mut stretch = Stretch::default();
            let name = |number: usize| ((offset + number).to_string(), RollupSums::default());
            stretch.by[3] = (0..MAX_SUMS / 3).map(name).collect();
            stretch
        };
        for number in 0..10 {
            remembered.remember((number, number + 1, Default::default()), many(number as usize));
        }
        let sums: usize = remembered.stretches.lock().unwrap().values().map(|stretch| stretch.sums()).sum();
        assert!(sums <= MAX_SUMS && sums > 0);
        let starts: Vec<i64> = remembered.lock().keys().map(|(from, ..)| *from).collect();
        assert!(starts.contains(&9) && !starts.contains(&0), "the newest stay: {starts:?}");
    }
}
