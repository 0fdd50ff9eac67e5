//! Work on hosts that somebody has started and need not wait for: it goes on when they leave the page, and what
//! came of it last is kept, in memory, until it is done again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use relay_control::hosts::{HostCapabilities, HostTrial, Reconciled, Synced};
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

/// What came of it.
#[derive(Debug)]
pub(crate) enum Came {
    Tried(HostTrial),
    Probed(HostCapabilities),
    Synced(Synced),
    Reconciled(Reconciled),
    /// Nothing, and why.
    Failed(String),
}

/// One piece of work.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    UnderWay { since: Timestamp },
    Done { at: Timestamp, came: Arc<Came> },
}

/// All of it. Dropping it ends what is under way.
#[derive(Debug, Default)]
pub(crate) struct Works {
    known: Mutex<HashMap<(String, Ask), Known>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Known {
    work: Work,
    task: AbortHandle,
}

impl Works {
    /// Begins work on a host, unless the same is under way. `now` is asked again when it has ended.
    pub(crate) fn begin(
        self: &Arc<Self>,
        host: &str,
        ask: Ask,
        now: impl Fn() -> Timestamp + Send + 'static,
        work: impl Future<Output = Came> + Send + 'static,
    ) {
        let name = (host.to_owned(), ask);
        let mut known = lock(&self.known);
        if known.get(&name).is_some_and(|known| !known.task.is_finished()) {
            return;
        }
        let (works, since) = (Arc::downgrade(self), now());
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        let of_task = name.clone();
        let task = tasks.spawn(async move {
            let came = Arc::new(work.await);
            let Some(works) = works.upgrade() else { return };
            if let Some(known) = lock(&works.known).get_mut(&of_task) {
                known.work = Work::Done { at: now(), came };
            }
        });
        known.insert(name, Known { work: Work::UnderWay { since }, task });
    }

    /// The work on a host that is under way, or what came of it last.
    pub(crate) fn of(&self, host: &str, ask: Ask) -> Option<Work> {
        let known = lock(&self.known);
        let known = known.get(&(host.to_owned(), ask))?;
        // A task that has ended without a result has panicked; its message is in the log.
        let is_lost = matches!(known.work, Work::UnderWay { .. }) && known.task.is_finished();
        (!is_lost).then(|| known.work.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn done(works: &Works) -> Arc<Came> {
        loop {
            if let Some(Work::Done { came, .. }) = works.of("tokyo", Ask::Sync) {
                return came;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_goes_on_by_itself_is_begun_once_and_its_result_stays() {
        let works = Arc::new(Works::default());
        let (go, wait) = oneshot::channel::<()>();
        works.begin("tokyo", Ask::Sync, now, async {
            let _ = wait.await;
            Came::Failed("first".into())
        });
        works.begin("tokyo", Ask::Sync, now, async { Came::Failed("second".into()) });
        assert!(matches!(works.of("tokyo", Ask::Sync), Some(Work::UnderWay { .. })));
        assert!(works.of("tokyo", Ask::Probe).is_none() && works.of("osaka", Ask::Sync).is_none());
        go.send(()).unwrap();
        assert!(matches!(&*done(&works).await, Came::Failed(why) if why == "first"));
    }

    #[tokio::test]
    async fn what_panicked_is_not_under_way() {
        let works = Arc::new(Works::default());
        works.begin("tokyo", Ask::Sync, now, async { panic!("as a bug would") });
        while works.of("tokyo", Ask::Sync).is_some() {
            tokio::task::yield_now().await;
        }
        works.begin("tokyo", Ask::Sync, now, async { Came::Failed("again".into()) });
        done(&works).await;
    }
}
