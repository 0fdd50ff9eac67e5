//! What was asked for in hours and days that are over, remembered: they do not change, and three months of roll-ups are many rows.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use relay_domain::Timestamp;
use relay_ledger::{LedgerReader, ModelSums, ReadError};

use super::{DAY, HOUR, Tally};
use crate::traffic::FINAL_AFTER;

/// Roll-ups of the hour that has begun count too.
fn after(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second() + HOUR).unwrap_or(Timestamp::MAX)
}

/// What was asked for in an hour, or on a day that is over.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) at: Timestamp,
    pub(super) group: String,
    pub(super) model: String,
    pub(super) tally: Tally,
}

/// Hours and days that are over, by their first second and their length.
#[derive(Debug, Default)]
pub(crate) struct Past(Mutex<BTreeMap<(i64, i64), Vec<Counted>>>);

impl Past {
    /// Everything since the day of `from`: the last days by the hour, those before whole. Blocks.
    pub(super) fn read(
        &self,
        log: &LedgerReader,
        from: Timestamp,
        (now, filed): (Timestamp, Timestamp),
    ) -> Result<Vec<Counted>, ReadError> {
        let floor = |second: i64, of: i64| second - second.rem_euclid(of);
        let begin = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MIN);
        let first = floor(from.as_second(), DAY);
        let over = floor(filed.as_second() - FINAL_AFTER, HOUR);
        let hourly = floor(now.as_second(), DAY) - 2 * DAY;
        let hourly = hourly.min(floor(over, DAY));
        let days = (first..hourly).step_by(DAY as usize).map(|day| (day, DAY));
        let hours = (hourly.max(first)..over).step_by(HOUR as usize).map(|hour| (hour, HOUR));
        let pieces: BTreeSet<(i64, i64)> = days.chain(hours).collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|piece, _| pieces.contains(piece));
        let mut counted = Vec::new();
        for (at, length) in pieces {
            let of_piece = match known.entry((at, length)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    let hourly = log.by_group_and_model(begin(at), begin(at + length))?;
                    unknown.insert(whole(hourly, begin(at)))
                }
            };
            counted.extend(of_piece.iter().cloned());
        }
        let lately = log.by_group_and_model(begin(over.max(first)), after(now))?;
        counted.extend(lately.into_iter().map(Counted::from));
        Ok(counted)
    }
}

impl From<ModelSums> for Counted {
    fn from(sums: ModelSums) -> Self {
        let ModelSums { hour: at, logical_group_id: group, public_model: model, sums } = sums;
        Self { at, group, model, tally: Tally::of(&sums) }
    }
}

/// All of an hour or a day, told as of its beginning.
fn whole(hourly: Vec<ModelSums>, at: Timestamp) -> Vec<Counted> {
    let mut tallies: HashMap<(String, String), Tally> = HashMap::new();
    for Counted { group, model, tally, .. } in hourly.into_iter().map(Counted::from) {
        tallies.entry((group, model)).or_default().add(tally);
    }
    tallies.into_iter().map(|((group, model), tally)| Counted { at, group, model, tally }).collect()
}
