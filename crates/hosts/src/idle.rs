//! Connections to one host that wait for their next request, by the runtime whose thread is woken when something comes
//! (`docs/decisions/0023`).

use std::time::{Duration, Instant};

use tokio::runtime;

/// Hosts close idle connections after 120 s (sub2api-host-api.md §6); ours go
/// well before, so that a request rarely meets one that is closing.
const LONGEST: Duration = Duration::from_secs(55);

/// How many are kept by each runtime.
const MOST: usize = 1024;

/// When none of a runtime's was used for so long, others may have them: to be woken by another thread costs
/// microseconds, to connect anew milliseconds.
const SPARE: Duration = Duration::from_secs(1);

/// Those of all runtimes. There are as many as the gateway has threads.
pub(crate) struct Idle<T>(Vec<Home<T>>);

struct Home<T> {
    runtime: runtime::Id,
    /// In the order of their last use.
    waiting: Vec<Waiting<T>>,
}

struct Waiting<T> {
    connection: T,
    since: Instant,
}

impl<T> Default for Idle<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Idle<T> {
    /// The one used last, for it is the least likely to be closing, and whose it is: of this runtime, or of one that
    /// has not used its own for a while.
    pub(crate) fn take(&mut self, here: runtime::Id, now: Instant) -> Option<(runtime::Id, T)> {
        let own = self.0.iter_mut().filter(|home| home.runtime == here).find_map(|home| home.pop_if(|_| true));
        own.or_else(|| self.0.iter_mut().find_map(|home| home.pop_if(|last| now.duration_since(last.since) >= SPARE)))
    }

    /// Takes one in; given back, if there is no room.
    pub(crate) fn keep(&mut self, runtime: runtime::Id, connection: T, now: Instant) -> Option<T> {
        let kept = Waiting { connection, since: now };
        match self.0.iter_mut().find(|home| home.runtime == runtime) {
            Some(home) if home.waiting.len() < MOST => home.waiting.push(kept),
            Some(_) => return Some(kept.connection),
            None => self.0.push(Home { runtime, waiting: vec![kept] }),
        }
        None
    }

    /// What has been idle for long, to be dropped.
    pub(crate) fn stale(&mut self, now: Instant) -> Vec<T> {
        let mut stale = Vec::new();
        for Home { waiting, .. } in &mut self.0 {
            let is_fresh = |one: &Waiting<T>| now.duration_since(one.since) < LONGEST;
            let fresh = waiting.iter().position(is_fresh).unwrap_or(waiting.len());
            stale.extend(waiting.drain(..fresh).map(|one| one.connection));
        }
        stale
    }
}

impl<T> Home<T> {
    fn pop_if(&mut self, may_go: impl FnOnce(&mut Waiting<T>) -> bool) -> Option<(runtime::Id, T)> {
        self.waiting.pop_if(may_go).map(|last| (self.runtime, last.connection))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two runtimes, whose ids are theirs while they live, and the time.
    fn setting() -> ([runtime::Runtime; 2], Instant) {
        let start = || runtime::Builder::new_current_thread().build().expect("starts a runtime");
        ([start(), start()], Instant::now())
    }

    #[test]
    fn a_runtime_has_its_own_first_and_the_one_used_last() {
        let (runtimes, now) = setting();
        let [here, there] = runtimes.each_ref().map(|runtime| runtime.handle().id());
        let mut idle = Idle::default();
        for (home, connection) in [(here, 1), (there, 2), (here, 3)] {
            assert_eq!(idle.keep(home, connection, now), None);
        }
        assert_eq!(idle.take(here, now), Some((here, 3)));
        assert_eq!(idle.take(here, now), Some((here, 1)));
        assert_eq!(idle.take(here, now), None, "the other one is busy");
    }

    #[test]
    fn what_another_runtime_does_not_use_is_taken_and_stays_that_ones() {
        let (runtimes, now) = setting();
        let [here, there] = runtimes.each_ref().map(|runtime| runtime.handle().id());
        let mut idle = Idle::default();
        assert_eq!(idle.keep(there, 1, now), None);
        assert_eq!(idle.keep(there, 2, now + SPARE / 2), None);
        assert_eq!(idle.take(here, now + SPARE), None, "it has used one just now");
        let (home, connection) = idle.take(here, now + 2 * SPARE).expect("is spare");
        assert_eq!((home, connection), (there, 2));
        assert_eq!(idle.keep(home, connection, now + 2 * SPARE), None);
        assert_eq!(idle.take(there, now + 2 * SPARE), Some((there, 2)));
    }

    #[test]
    fn each_is_kept_for_a_while_and_not_without_end() {
        let (runtimes, now) = setting();
        let [here, there] = runtimes.each_ref().map(|runtime| runtime.handle().id());
        let mut idle = Idle::default();
        for (home, connection, at) in [(here, 1, now), (here, 2, now + LONGEST / 2), (there, 3, now)] {
            assert_eq!(idle.keep(home, connection, at), None);
        }
        assert_eq!(idle.stale(now + LONGEST), [1, 3]);
        let too_many = (0..2 * MOST).filter_map(|connection| idle.keep(here, connection, now)).count();
        assert_eq!((idle.stale(now + 2 * LONGEST).len(), too_many), (MOST, MOST + 1), "one was there");
    }
}
