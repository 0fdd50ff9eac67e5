//! How often a host's panel is called. Hosts count calls in windows of a minute
//! that begin with the first one (sub2api-host-api.md §1.2, §1.3, §6): 240 of a
//! user, 20 logins of an address. We stay below whatever the window: what may
//! go out at once and what is refilled in a minute are less than that together.
//!
//! All callers of a host share one [`Pace`], whichever fleet entry they come from.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::AdminError;

/// The window that hosts count calls in.
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// A call waits at most this part of a window for its turn, 10 s; beyond that the caller is told.
const LONGEST_WAITS: u32 = 6;

/// What a host counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Calls of the panel: 30 at once and 180 a minute, of the 240 a host allows.
    Panel,
    /// Logging in and renewing: 6 at once and 12 a minute, of 20. They count by
    /// address, which may not be ours alone.
    Login,
    /// Calls with a gateway key, which no panel counts.
    Free,
}

/// The pace towards one host.
#[derive(Debug)]
pub(super) struct Pace {
    lanes: Mutex<Lanes>,
}

#[derive(Debug)]
struct Lanes {
    panel: Bucket,
    login: Bucket,
}

impl Lanes {
    fn of(&mut self, lane: Lane) -> Option<&mut Bucket> {
        match lane {
            Lane::Panel => Some(&mut self.panel),
            Lane::Login => Some(&mut self.login),
            Lane::Free => None,
        }
    }
}

impl Pace {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        let longest = window / LONGEST_WAITS;
        let panel = Bucket::new(30, window / 180, longest, now);
        let login = Bucket::new(6, window / 12, longest, now);
        Self { lanes: Mutex::new(Lanes { panel, login }) }
    }

    /// Waits for a turn.
    pub(super) async fn admit(&self, lane: Lane) -> Result<(), AdminError> {
        let turn = match self.lock().of(lane) {
            Some(bucket) => bucket.reserve(Instant::now()),
            None => return Ok(()),
        };
        let wait = turn.map_err(|wait| AdminError::RateLimited { wait })?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Lets nobody through for `wait`: the host said so.
    pub(super) fn hold(&self, lane: Lane, wait: Duration) {
        if let Some(bucket) = self.lock().of(lane) {
            bucket.hold(Instant::now() + wait);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token bucket in the form of the generic cell rate algorithm: all it keeps
/// is when the bucket will be full again.
#[derive(Debug)]
struct Bucket {
    burst: u32,
    interval: Duration,
    longest_wait: Duration,
    full_at: Instant,
    held_until: Instant,
}

impl Bucket {
    fn new(burst: u32, interval: Duration, longest_wait: Duration, now: Instant) -> Self {
        Self { burst, interval, longest_wait, full_at: now, held_until: now }
    }

    /// The wait until a turn, which is then taken; or, when that is too far
    /// off, until one may be asked for again.
    fn reserve(&mut self, now: Instant) -> Result<Duration, Duration> {
        if self.held_until > now {
            return Err(self.held_until - now);
        }
        let full_at = self.full_at.max(now) + self.interval;
        let wait = (full_at - now).saturating_sub(self.interval * self.burst);
        if wait > self.longest_wait {
            return Err(wait);
        }
        self.full_at = full_at;
        Ok(wait)
    }

    fn hold(&mut self, until: Instant) {
        self.held_until = self.held_until.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as it may and returns when each call went out.
    fn greedy(bucket: &mut Bucket, start: Instant, calls: usize) -> Vec<Duration> {
        let mut now = start;
        let mut sent = Vec::new();
        while sent.len() < calls {
            if let Ok(wait) = bucket.reserve(now) {
                now += wait;
                sent.push(now - start);
            }
        }
        sent
    }

    #[test]
    fn no_minute_has_more_calls_than_a_host_allows() {
        let start = Instant::now();
        let pace = Pace::new(WINDOW, start);
        for (lane, allowed) in [(Lane::Panel, 240), (Lane::Login, 20)] {
            let mut lanes = pace.lock();
            let bucket = lanes.of(lane).unwrap();
            let sent = greedy(bucket, start, 1000);
            for (index, from) in sent.iter().enumerate() {
                let window = sent[index..].iter().take_while(|at| **at < *from + Duration::from_mins(1)).count();
                assert!(window < allowed, "{window} calls in the minute from {from:?} on {lane:?}");
            }
        }
    }

    #[test]
    fn a_turn_far_off_is_refused_and_not_taken() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, Duration::from_secs(6), Duration::from_secs(10), now);
        assert_eq!(bucket.reserve(now), Ok(Duration::ZERO));
        assert_eq!(bucket.reserve(now), Ok(Duration::from_secs(6)));
        assert_eq!(bucket.reserve(now), Err(Duration::from_secs(12)));
        assert_eq!(bucket.reserve(now + Duration::from_secs(12)), Ok(Duration::ZERO));
    }

    #[test]
    fn a_hold_is_never_shortened() {
        let now = Instant::now();
        let mut bucket = Bucket::new(1, Duration::from_secs(1), Duration::from_secs(10), now);
        bucket.hold(now + Duration::from_mins(1));
        bucket.hold(now + Duration::from_secs(5));
        assert_eq!(bucket.reserve(now), Err(Duration::from_mins(1)));
        assert_eq!(bucket.reserve(now + Duration::from_mins(1)), Ok(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_lane_refuses_and_the_other_goes_on() {
        let pace = Pace::new(WINDOW, Instant::now());
        pace.hold(Lane::Login, Duration::from_secs(30));
        let refused = pace.admit(Lane::Login).await.unwrap_err();
        assert_eq!(refused.retry_after(), Some(Duration::from_secs(30)));
        pace.admit(Lane::Panel).await.unwrap();
        tokio::time::advance(Duration::from_secs(30)).await;
        pace.admit(Lane::Login).await.unwrap();
    }
}
