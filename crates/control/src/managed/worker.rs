//! The one task that works on grants: jobs that requests wait for, and grants
//! that are due by their record. It is started and awaited by whoever owns the process;
//! its end breaks jobs off, which every step allows for.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use relay_domain::{HostId, Timestamp};
use relay_hosts::managed::{ManagedKey, Refused, Why};
use relay_store::{AccessChange, Grant, GrantName, GrantState, KeyState, Severity, Want};
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

use super::fault::{Again, EnsureError};
use super::flights::{Asked, Job, Landed};
use super::saga::{self, Saga};
use super::table::{Entry, Named, State};
use super::{ManagedAccess, policy};

/// Failures in a row after which a host is left alone for a while by grants that are due.
const FAILURES_TO_REST: u32 = 3;

/// How often log-ins that nobody uses are looked for.
const LOG_OUT: Duration = Duration::from_mins(1);

/// A wait of the host up to this many pauses is sat out within a job.
const PAUSES: u32 = 8;

/// Does the jobs. Made by [`ManagedAccess::open`].
pub struct Worker {
    access: Arc<ManagedAccess>,
    jobs: mpsc::Receiver<Job>,
    /// A grant can be asked for by the id and by the name of its group.
    grants: Mutex<HashMap<GrantName, Weak<AsyncMutex<()>>>>,
    resting: Mutex<HashMap<HostId, Rest>>,
}

/// How a host does.
#[derive(Clone, Copy, Debug, Default)]
struct Rest {
    failures: u32,
    until: Option<Timestamp>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker(…)")
    }
}

impl Worker {
    pub(super) fn new(access: Arc<ManagedAccess>, jobs: mpsc::Receiver<Job>) -> Self {
        Self { access, jobs, grants: Mutex::default(), resting: Mutex::default() }
    }

    /// Works until `stopped`. Jobs under way are then broken off, and taken up by the next start.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let (_, closed) = mpsc::channel(1);
        let mut jobs = std::mem::replace(&mut self.jobs, closed);
        let this = Arc::new(self);
        // Tasks of their own: a job that holds a connection of the store goes on while this waits for one. They end
        // with the sets.
        let (mut asked, mut due) = (JoinSet::new(), JoinSet::new());
        let mut poll = every(this.access.policy.poll);
        let mut log_out = every(LOG_OUT);
        loop {
            tokio::select! {
                () = &mut stopped => return,
                Some(job) = jobs.recv() => drop(asked.spawn(Arc::clone(&this).work(job))),
                Some(ended) = asked.join_next() => note(ended),
                Some(ended) = due.join_next() => {
                    note(ended);
                    this.take_due(&mut due).await;
                }
                _ = poll.tick() => this.take_due(&mut due).await,
                () = this.access.wake.notified() => this.take_due(&mut due).await,
                _ = log_out.tick() => drop(asked.spawn(Arc::clone(&this).log_out())),
            }
        }
    }

    /// Fills the free places with grants that are due.
    async fn take_due(self: &Arc<Self>, due: &mut JoinSet<()>) {
        let places = self.access.policy.jobs.saturating_sub(due.len());
        if places == 0 {
            return;
        }
        let now = self.access.now();
        let resting = self.resting_hosts(now);
        // Those under way are due, too, until they are done.
        let limit = u32::try_from(places + self.access.flights.len()).unwrap_or(u32::MAX);
        let grants = match self.access.store.due_grants(now, &resting, limit).await {
            Ok(grants) => grants,
            Err(error) => return tracing::warn!(%error, "grants that are due cannot be read; it is tried again"),
        };
        for grant in grants {
            if due.len() >= self.access.policy.jobs {
                return;
            }
            let GrantName { host, user, group_id } = grant.name;
            let asked = Asked { host, user, group: group_id.to_string().into() };
            if let Some(job) = self.access.flights.begin(asked) {
                due.spawn(Arc::clone(self).work(job));
            }
        }
    }

    async fn work(self: Arc<Self>, job: Job) {
        // What a panic leaves half done is in the record, like what a crash leaves; locks here hold no half-made state.
        let landed = match AssertUnwindSafe(self.attempt(&job.asked)).catch_unwind().await {
            Ok(landed) => landed,
            Err(_) => Err(self.broken_off(&job.asked).await),
        };
        self.access.flights.land(&job, landed);
    }

    /// Writes down that a job panicked, so that it is tried again later and not at once for ever.
    async fn broken_off(&self, asked: &Asked) -> Refused {
        let error = EnsureError::Panicked;
        match self.access.table.group_id(&asked.host, &asked.group) {
            Some(Named::Id(group_id)) => {
                let name = GrantName { host: asked.host.clone(), user: Arc::clone(&asked.user), group_id };
                self.failed(&name, &error).await
            }
            Some(Named::Refused(_)) | None => self.unnamed(asked, &error),
        }
    }

    async fn attempt(&self, asked: &Asked) -> Landed {
        let name = match self.name(asked).await {
            Ok(name) => name,
            Err(error) => return Err(self.unnamed(asked, &error)),
        };
        let lock = self.lock_of(&name);
        let _one_at_a_time = lock.lock().await;
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.access.ensure_once(&name).await {
                Ok(key) => {
                    self.is_well(&name.host);
                    return Ok(key);
                }
                Err(error) => error,
            };
            let pause = policy::backoff(
                self.access.policy.pause,
                tries - 1,
                self.access.policy.longest_backoff,
                (self.access.jitter)(),
            );
            match error.again() {
                Again::Soon if tries < self.access.policy.tries => tokio::time::sleep(pause).await,
                Again::After(wait) if tries < self.access.policy.tries && wait <= self.access.policy.pause * PAUSES => {
                    tokio::time::sleep(wait).await;
                }
                _ => return Err(self.failed(&name, &error).await),
            }
        }
    }

    /// The grant that is asked for: a group's name is looked up on the host.
    async fn name(&self, asked: &Asked) -> Result<GrantName, EnsureError> {
        let group_id = match asked.group.parse() {
            Ok(id) => id,
            Err(_) => self.access.group_id(&asked.host, &asked.group).await?,
        };
        Ok(GrantName { host: asked.host.clone(), user: Arc::clone(&asked.user), group_id })
    }

    fn unnamed(&self, asked: &Asked, error: &EnsureError) -> Refused {
        let wait = match error.again() {
            Again::Soon => self.access.policy.first_backoff,
            Again::After(wait) => wait,
            Again::Later => self.access.policy.recheck,
        };
        tracing::warn!(%error, host = %asked.host, group = %asked.group, "a shadow group cannot be told");
        let refused = Refused { why: error.why(), until: after(self.access.now(), wait) };
        self.access.table.name_group(&asked.host, &asked.group, Named::Refused(refused));
        refused
    }

    /// Writes down a failure, and what it means for look-ups.
    async fn failed(&self, name: &GrantName, error: &EnsureError) -> Refused {
        let now = self.access.now();
        if let EnsureError::Admin(admin) = error {
            self.access.hosts.note(&name.host, admin);
        }
        let failures = match self.access.store.grant(name).await {
            Ok(grant) => grant.map_or(0, |grant| grant.failures),
            Err(_) => 0,
        };
        let jitter = (self.access.jitter)();
        let policy = &self.access.policy;
        let wait = match error.again() {
            Again::Soon => policy::backoff(policy.first_backoff, failures, policy.longest_backoff, jitter),
            Again::After(wait) => wait + policy.pause.mul_f64(jitter),
            Again::Later => policy.recheck.mul_f64(0.8 + 0.4 * jitter),
        };
        let until = after(now, wait);
        if error.is_of_host() {
            self.is_unwell(&name.host, error, until, now);
        }
        let is_over = matches!(error, EnsureError::Stuck { why: Why::Revoked, .. });
        let refused = Refused { why: error.why(), until: until.filter(|_| !is_over) };
        let serves = self.access.refuse(name, refused, now);
        if !is_over {
            self.record_failure(name, error, until, serves).await;
        }
        refused
    }

    /// `serves`: whether there is a key all the same, which an admin API that fails does not take away.
    async fn record_failure(&self, name: &GrantName, error: &EnsureError, due_at: Option<Timestamp>, serves: bool) {
        let now = self.access.now();
        let grant = match self.access.store.grant(name).await {
            Ok(grant) => grant.unwrap_or_else(|| Grant::new(name.clone(), now)),
            Err(error) => return tracing::warn!(%error, grant = %name, "a failure was not recorded"),
        };
        let before = grant.state;
        let state = match error.again() {
            _ if serves => GrantState::Ready,
            Again::Later => GrantState::Refused,
            Again::Soon | Again::After(_) if grant.state == GrantState::Refused => GrantState::Refused,
            Again::Soon | Again::After(_) => GrantState::Pending,
        };
        let problem = error.problem();
        let is_news = state == GrantState::Refused && before != GrantState::Refused && grant.want == Want::Granted;
        let failed = Grant {
            state,
            failures: grant.failures.saturating_add(1),
            problem: Some(problem.clone()),
            due_at,
            updated_at: now,
            ..grant
        };
        if let Err(error) = self.access.record(AccessChange { grant: &failed, keys: &[], resources: &[] }).await {
            tracing::warn!(%error, grant = %name, "a failure was not recorded");
        }
        tracing::warn!(grant = %name, code = problem.code, error = problem.message, "a grant failed");
        if is_news {
            let details = json!({ "code": problem.code, "remedy": problem.remedy });
            self.access.tell("access_refused", Severity::Warning, name, problem.message, details).await;
        }
    }

    fn lock_of(&self, name: &GrantName) -> Arc<AsyncMutex<()>> {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = grants.get(name).and_then(Weak::upgrade) {
            return lock;
        }
        grants.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::default();
        grants.insert(name.clone(), Arc::downgrade(&lock));
        lock
    }

    fn resting_hosts(&self, now: Timestamp) -> Vec<HostId> {
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = |rest: &Rest| rest.until.is_some_and(|until| until > now);
        resting.iter().filter(|(_, rest)| rests(rest)).map(|(host, _)| host.clone()).collect()
    }

    fn is_well(&self, host: &HostId) {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    fn is_unwell(&self, host: &HostId, error: &EnsureError, until: Option<Timestamp>, now: Timestamp) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = resting.entry(host.clone()).or_default();
        rest.failures = rest.failures.saturating_add(1);
        if matches!(error.again(), Again::After(_)) {
            rest.until = until;
        } else if rest.failures >= FAILURES_TO_REST {
            let policy = &self.access.policy;
            let times = rest.failures - FAILURES_TO_REST;
            let wait = policy::backoff(policy.first_backoff, times, policy.longest_backoff, (self.access.jitter)());
            rest.until = after(now, wait);
        }
    }

    /// Ends log-ins that nobody uses: a refresh token is good for a month.
    async fn log_out(self: Arc<Self>) {
        for login in self.access.sessions.take_idle(self.access.now()) {
            if let Err(error) = login.log_out().await {
                tracing::debug!(%error, "a user of a host was not logged out");
            }
        }
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a job on a grant ended badly; it is taken up again");
    }
}

fn after(now: Timestamp, wait: Duration) -> Option<Timestamp> {
    now.checked_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX)).ok()
}

fn every(period: Duration) -> tokio::time::Interval {
    let mut interval = tokio::time::interval_at(Instant::now(), period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

impl ManagedAccess {
    /// One run over a grant: what is on record and not doubted is enough, when nothing is to be done.
    async fn ensure_once(&self, name: &GrantName) -> Result<Arc<ManagedKey>, EnsureError> {
        let now = self.now();
        let grant = self.store.grant(name).await?.unwrap_or_else(|| Grant::new(name.clone(), now));
        if grant.want == Want::Revoked && grant.state == GrantState::Revoked {
            return Err(saga::revoked());
        }
        let entry = self.table.get(name);
        let doubted = match &entry {
            Some(Entry { state: State::Doubted { generation }, .. }) => *generation >= grant.generation,
            Some(Entry { state: State::Refused(refused), .. }) => refused.why == Why::Rejected,
            _ => false,
        };
        let is_due = grant.due_at.is_some_and(|due| due <= now) || grant.wanted_generation > grant.generation;
        let is_alive = grant.expires_at.is_some_and(|end| end > now);
        if grant.state == GrantState::Ready && !doubted && !is_due && is_alive {
            let keys = self.store.access_keys(name).await?;
            let live = keys.iter().find(|key| key.generation == grant.generation && key.state == KeyState::Live);
            if let Some(key) = self.show(&grant, live) {
                return Ok(key);
            }
        }
        Saga::new(self, grant, doubted).await?.run().await
    }

    /// Takes a key out of use, because it was seen to be no longer good.
    pub(super) fn lose(&self, name: &GrantName) {
        self.table.update(name, |mut entry| {
            if let Some(Entry { state, .. }) = &mut entry
                && let State::Ready(ready) = state
            {
                *state = State::Doubted { generation: ready.key.generation };
            }
            (entry, ())
        });
    }

    /// Tells look-ups that there is no key, unless there is one that nobody doubts; answers whether there is.
    fn refuse(&self, name: &GrantName, refused: Refused, now: Timestamp) -> bool {
        self.table.update(name, |entry| {
            match &entry {
                Some(Entry { state: State::Ready(ready), .. })
                    if ready.expires_at.is_none_or(|end| end > now) && refused.why != Why::Revoked =>
                {
                    return (entry, true);
                }
                // That taking away fails gives nothing back.
                Some(Entry { state: State::Refused(Refused { why: Why::Revoked, .. }), .. }) => return (entry, false),
                _ => {}
            }
            let rejections = entry.map_or(0, |entry| entry.rejections);
            (Some(Entry { state: State::Refused(refused), rejections }), false)
        })
    }
}
