//! Work on hosts that somebody has started and need not wait for: it goes on when they leave the page. What comes of it
//! the control plane keeps.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use relay_domain::Timestamp;
use tokio::task::{AbortHandle, JoinSet};

/// What a host is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// Whether it is reached and takes our key.
    Try,
    Probe,
    Sync,
    Reconcile,
}

impl Ask {
    pub(crate) const ALL: [Self; 4] = [Self::Try, Self::Probe, Self::Sync, Self::Reconcile];

    /// The word in addresses, and the name of the work in the control plane.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Try => "try",
            Self::Probe => "probe",
            Self::Sync => "sync",
            Self::Reconcile => "reconcile",
        }
    }

    pub(crate) fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ask| ask.as_str() == word)
    }
}

/// All of it. Dropping it ends what is under way.
#[derive(Debug, Default)]
pub(crate) struct Works {
    known: Mutex<HashMap<(String, Ask), Known>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Known {
    since: Timestamp,
    task: AbortHandle,
}

impl Works {
    /// Begins work on a host at `now`, unless the same is under way.
    pub(crate) fn begin(&self, host: &str, ask: Ask, now: Timestamp, work: impl Future<Output = ()> + Send + 'static) {
        let name = (host.to_owned(), ask);
        let mut known = lock(&self.known);
        if known.get(&name).is_some_and(|known| !known.task.is_finished()) {
            return;
        }
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        known.insert(name, Known { since: now, task: tasks.spawn(work) });
    }

    /// Since when work on a host is under way.
    pub(crate) fn under_way(&self, host: &str, ask: Ask) -> Option<Timestamp> {
        let known = lock(&self.known);
        let known = known.get(&(host.to_owned(), ask))?;
        (!known.task.is_finished()).then_some(known.since)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    async fn end(works: &Works) {
        while works.under_way("tokyo", Ask::Sync).is_some() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_goes_on_by_itself_and_is_begun_once() {
        let (works, done) = (Works::default(), Arc::new(AtomicUsize::new(0)));
        let (go, wait) = oneshot::channel::<()>();
        let (first, second) = (Arc::clone(&done), Arc::clone(&done));
        works.begin("tokyo", Ask::Sync, Timestamp::UNIX_EPOCH, async move {
            let _ = wait.await;
            first.fetch_add(1, Ordering::Relaxed);
        });
        works.begin("tokyo", Ask::Sync, Timestamp::MAX, async move {
            second.fetch_add(10, Ordering::Relaxed);
        });
        assert_eq!(works.under_way("tokyo", Ask::Sync), Some(Timestamp::UNIX_EPOCH));
        assert!(works.under_way("tokyo", Ask::Probe).is_none() && works.under_way("osaka", Ask::Sync).is_none());
        go.send(()).unwrap();
        end(&works).await;
        assert_eq!(done.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_panicked_is_not_under_way_and_can_be_begun_again() {
        let works = Works::default();
        works.begin("tokyo", Ask::Sync, Timestamp::UNIX_EPOCH, async { panic!("as a bug would") });
        end(&works).await;
        works.begin("tokyo", Ask::Sync, Timestamp::MAX, std::future::pending());
        assert_eq!(works.under_way("tokyo", Ask::Sync), Some(Timestamp::MAX));
    }
}
