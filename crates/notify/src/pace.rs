//! How often people's channels are sent to: no oftener than the strictest of the services
//! documents. What has to wait is told with what comes meanwhile, in one message.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Messages to one channel within [`WINDOW`]. `DingTalk`, which is silent for ten minutes to whoever sends more,
/// WeCom and Telegram (to one group) document twenty a minute; Feishu a hundred, and five a second.
pub const MOST: usize = 20;

/// The time in which these are counted.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// When each channel was last sent to. A restart forgets it; the services remember.
#[derive(Debug, Default)]
pub struct Pace {
    sent: Mutex<BTreeMap<String, VecDeque<Timestamp>>>,
}

impl Pace {
    /// Whether the channel may be sent to now.
    pub fn allows(&self, channel: &str, now: Timestamp) -> bool {
        self.lately(now).get(channel).is_none_or(|times| times.len() < MOST)
    }

    /// The channel is sent to.
    pub fn note(&self, channel: &str, now: Timestamp) {
        self.lately(now).entry(channel.to_owned()).or_default().push_back(now);
    }

    /// What counts now.
    fn lately(&self, now: Timestamp) -> MutexGuard<'_, BTreeMap<String, VecDeque<Timestamp>>> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        // What lies in the future is of a clock that was set back.
        let counts = |at: &Timestamp| *at <= now && now.duration_since(*at) < WINDOW;
        sent.retain(|_, times| {
            times.retain(counts);
            !times.is_empty()
        });
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_665_906 + second).unwrap()
    }

    #[test]
    fn in_no_minute_there_are_more_than_the_services_take() {
        let pace = Pace::default();
        let mut sent = Vec::new();
        for second in 0..600 {
            while pace.allows("ops", at(second)) {
                pace.note("ops", at(second));
                sent.push(second);
            }
        }
        assert_eq!(sent.len(), 10 * MOST);
        let most = sent.iter().map(|first| sent.iter().filter(|at| (*first..first + 60).contains(*at)).count()).max();
        assert_eq!(most, Some(MOST));
    }

    #[test]
    fn channels_do_not_wait_for_each_other_and_a_clock_that_is_set_back_stops_nothing() {
        let pace = Pace::default();
        (0..MOST).for_each(|_| pace.note("ops", at(0)));
        assert!(!pace.allows("ops", at(59)) && pace.allows("others", at(59)));
        assert!(pace.allows("ops", at(-1)));
    }
}
