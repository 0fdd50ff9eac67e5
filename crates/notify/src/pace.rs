//! How often people's channels are sent to: no oftener than the strictest of the services
//! documents. What has to wait is told with what comes meanwhile, in one message.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Messages to one channel within [`WINDOW`]. `DingTalk`, which is silent for ten minutes to whoever sends more,
/// WeCom and Telegram (to one group) document twenty a minute; Feishu a hundred, and five a second.
pub const MOST: usize = 20;

/// The time in which these are counted. The services count arrivals, which lie between our sending and their answer, so a
/// message counts from its answer; the five seconds over a minute are for clocks that count whole seconds, and for what
/// arrives though its answer does not.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(65);

/// When each channel was last sent to. A restart forgets it; the services remember.
#[derive(Debug, Default)]
pub struct Pace {
    channels: Mutex<BTreeMap<String, Lately>>,
}

/// What one channel was sent.
#[derive(Debug, Default)]
struct Lately {
    times: VecDeque<Timestamp>,
    has_waited: bool,
}

impl Pace {
    /// Counts a message that is about to be sent, or answers `false`: the channel has to wait.
    pub fn begin(&self, channel: &str, now: Timestamp) -> bool {
        let mut channels = self.channels();
        let lately = channels.entry(channel.to_owned()).or_default();
        // What lies in the future is of a clock that was set back.
        lately.times.retain(|at| *at <= now && now.duration_since(*at) < WINDOW);
        let may = lately.times.len() < MOST;
        if may {
            lately.times.push_back(now);
        }
        may
    }

    /// What was begun then has its answer, or none, now.
    pub fn end(&self, channel: &str, begun: Timestamp, now: Timestamp) {
        let mut channels = self.channels();
        let times = channels.get_mut(channel).map(|lately| &mut lately.times);
        if let Some(time) = times.and_then(|times| times.iter_mut().find(|time| **time == begun)) {
            *time = now;
        }
    }

    /// Says whether what is due for the channel has to wait.
    pub fn set_waiting(&self, channel: &str, waits: bool) {
        if let Some(lately) = self.channels().get_mut(channel) {
            lately.has_waited = waits;
        }
    }

    /// Whether what is due for the channel had to wait.
    pub fn has_waited(&self, channel: &str) -> bool {
        self.channels().get(channel).is_some_and(|lately| lately.has_waited)
    }

    fn channels(&self) -> MutexGuard<'_, BTreeMap<String, Lately>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_665_906 + second).unwrap()
    }

    /// A message arrives anywhere between its sending and its answer: the first ones just before it, as over a
    /// connection that is slow to come about, and the later ones at once.
    #[test]
    fn in_no_minute_more_arrive_than_the_services_take_however_slow_the_first_are() {
        for slowest in [0, 1, 14] {
            let pace = Pace::default();
            let mut arrived = Vec::new();
            let mut now = 0;
            while now < 600 {
                if !pace.begin("ops", at(now)) {
                    now += 1;
                    continue;
                }
                let took = if arrived.len() % MOST == 0 { slowest } else { 0 };
                pace.end("ops", at(now), at(now + took));
                now += took;
                arrived.push(now);
            }
            assert!(arrived.len() > 7 * MOST, "{}", arrived.len());
            let within = |first: &i64| arrived.iter().filter(|at| (*first..=first + 60).contains(*at)).count();
            assert_eq!(arrived.iter().map(within).max(), Some(MOST), "{slowest} s");
        }
    }

    #[test]
    fn what_is_on_its_way_counts() {
        let pace = Pace::default();
        assert!((0..MOST).all(|_| pace.begin("ops", at(0))));
        assert!(!pace.begin("ops", at(0)));
    }

    #[test]
    fn channels_do_not_wait_for_each_other_and_a_clock_that_is_set_back_stops_nothing() {
        let pace = Pace::default();
        (0..MOST).for_each(|_| assert!(pace.begin("ops", at(0))));
        assert!(!pace.begin("ops", at(64)) && pace.begin("others", at(64)));
        assert!(pace.begin("ops", at(-1)));
    }
}
