//! One job for a grant at a time, however many wait for it. Jobs are done by
//! the worker, not by those who wait, so that nobody's limit or leaving breaks one off.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use relay_domain::HostId;
use relay_hosts::managed::{ManagedKey, Refused, Wanted};
use tokio::sync::{mpsc, watch};

/// Jobs that wait for the worker; more grants than this are not asked for at one moment.
const QUEUE: usize = 4_096;

/// What is asked for, with the group as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) host: HostId,
    pub(super) user: Arc<str>,
    pub(super) group: Arc<str>,
}

impl Asked {
    pub(super) fn of(wanted: Wanted<'_>) -> Self {
        Self { host: wanted.host.clone(), user: wanted.user.into(), group: wanted.group.into() }
    }
}

/// How a job ended.
pub(super) type Landed = Result<Arc<ManagedKey>, Refused>;

/// Waits for a job to end; `None` inside while it has not.
pub(super) type Waiting = watch::Receiver<Option<Landed>>;

/// A job for the worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) asked: Asked,
    done: watch::Sender<Option<Landed>>,
}

/// The jobs under way.
#[derive(Debug)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Asked, Waiting>>,
    queue: mpsc::Sender<Job>,
}

/// The worker is gone, or has more to do than it will ever do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFlight {
    Closed,
    Full,
}

impl Flights {
    /// No jobs, and where the worker takes them from.
    pub(super) fn new() -> (Self, mpsc::Receiver<Job>) {
        let (queue, jobs) = mpsc::channel(QUEUE);
        (Self { under_way: Mutex::default(), queue }, jobs)
    }

    /// Joins the job for a grant, or begins one.
    pub(super) fn join(&self, asked: &Asked) -> Result<Waiting, NoFlight> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = under_way.get(asked).filter(|waiting| is_worked_on(waiting)) {
            return Ok(waiting.clone());
        }
        let (done, waiting) = watch::channel(None);
        let job = Job { asked: asked.clone(), done };
        match self.queue.try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(NoFlight::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(NoFlight::Closed),
        }
        under_way.insert(asked.clone(), waiting.clone());
        Ok(waiting)
    }

    /// Begins a job of the worker's own; `None` when there is one under way.
    pub(super) fn begin(&self, asked: Asked) -> Option<Job> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(&asked).is_some_and(is_worked_on) {
            return None;
        }
        let (done, waiting) = watch::channel(None);
        under_way.insert(asked.clone(), waiting);
        Some(Job { asked, done })
    }

    /// Ends a job: whoever asks from now on begins another one.
    pub(super) fn land(&self, job: &Job, landed: Landed) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&job.asked);
        job.done.send_replace(Some(landed));
    }

    /// Whether there is a worker that takes jobs.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// How many jobs are under way.
    pub(super) fn len(&self) -> usize {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A job that panicked has landed nowhere, and nobody works on it.
fn is_worked_on(waiting: &Waiting) -> bool {
    waiting.has_changed().is_ok()
}

/// Waits for a job to end; `None` when it ended without a word: the worker is gone, or the job panicked twice.
pub(super) async fn landed(mut waiting: Waiting) -> Option<Landed> {
    let landed = waiting.wait_for(Option::is_some).await.ok()?;
    landed.clone()
}
