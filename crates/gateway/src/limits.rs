//! Admission by limits (spec §6): the locks and the waiting around what
//! `relay_limits` counts. Two gates stand before a request, its key's and its
//! group's; a request that one of them refuses has never passed the other.
//!
//! A lock is held for some tens of nanoseconds and never across an await. Who
//! may wait does so in line, first come first served, and only as long as it may
//! be worth it: a refusal that is known to last longer is told at once.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use prefetch_index::prefetch_index;
use relay_domain::{Clock, Limits, Period, Timestamp};
use relay_limits::{CarriedRates, Limiter, Now, Refusal, Standing, Used};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::consumers::LINE;

/// How long a request waits for its turn before it is refused (spec §6).
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Gates of keys and groups that are gone are kept up to so many, so that one made
/// again under its old name finds what it has spent.
const GATES_KEPT: usize = 65_536;

/// What the limits' clock stands at when it begins, in microseconds: what another process counted in the minute
/// before has a time too.
const BEFORE_THE_BEGINNING: u64 = 120_000_000;

/// What is counted for one key or one group.
///
/// Laid out by hand, in four cache lines: what each request asks comes first, and what only those in line ask is elsewhere.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Gate {
    waiting: AtomicU32,
    limiter: Mutex<Limiter>,
    queue: OnceLock<Box<Queue>>,
}

/// Where requests wait for their turn.
struct Queue {
    /// The first in line holds the one permit.
    line: Semaphore,
    /// A request of this gate has ended.
    ended: Notify,
}

impl Default for Queue {
    fn default() -> Self {
        Self { line: Semaphore::new(1), ended: Notify::new() }
    }
}

/// Both clocks of the limits.
pub(crate) struct Clocks {
    began: Instant,
    wall: Arc<dyn Clock>,
}

impl Clocks {
    pub(crate) fn new(wall: Arc<dyn Clock>) -> Self {
        Self { began: Instant::now(), wall }
    }

    /// The moment of `now`.
    fn instant(&self, now: Now) -> Instant {
        self.began + Duration::from_micros(now.micros.saturating_sub(BEFORE_THE_BEGINNING))
    }

    pub(crate) fn now(&self) -> Now {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { micros: micros.saturating_add(BEFORE_THE_BEGINNING), wall: self.wall.now() }
    }
}

/// The gates of all keys, or of all groups, by id. They outlive generations: what was counted stays.
#[derive(Default)]
pub(crate) struct Gates(Mutex<HashMap<Arc<str>, Arc<Gate>>>);

impl Gates {
    /// The gate of this id.
    pub(crate) fn of(&self, id: &Arc<str>) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(gates.entry(Arc::clone(id)).or_default())
    }

    /// What all of them have counted in the last minute, by id.
    pub(crate) fn carry(&self, now: Now) -> BTreeMap<String, CarriedRates> {
        let gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rates = gates.iter().map(|(id, gate)| (id.to_string(), gate.lock().carry(now)));
        rates.filter(|(_, rates)| !rates.is_empty()).collect()
    }

    /// Adds what another process had counted `elapsed` microseconds ago.
    pub(crate) fn take_over(&self, carried: &BTreeMap<String, CarriedRates>, elapsed: u64, now: Now) {
        for (id, rates) in carried {
            self.of(&Arc::from(id.as_str())).lock().take_over(rates, elapsed, now);
        }
    }

    /// Forgets gates that nobody else holds, once they are many.
    pub(crate) fn forget_unused(&self) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() > GATES_KEPT {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
    }
}

/// What a request asks its gates.
#[derive(Clone, Copy)]
struct Ask<'a> {
    limits: &'a Limits,
    /// Tokens that it may use.
    estimate: u64,
    clocks: &'a Clocks,
    /// When it came here.
    now: Now,
    until: Instant,
}

/// One waiting in line, for as long as it lives.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Ordering::AcqRel);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Gate {
    /// Has all of it fetched that requests ask, which are some lines of memory from its beginning on.
    pub(crate) fn fetch(&self) {
        const OF_A_LINE: usize = LINE / size_of::<AtomicU32>();
        (0..4).for_each(|line| prefetch_index(std::slice::from_ref(&self.waiting), line * OF_A_LINE));
    }

    /// Whether somebody is in line.
    pub(crate) fn has_line(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// Lets a request through, if need be after a wait; when it went through.
    async fn pass(&self, ask: Ask<'_>) -> Result<Now, Refusal> {
        if !self.has_line() {
            match self.admit(ask, ask.now) {
                Ok(()) => return Ok(ask.now),
                Err(refusal) if !ask.is_worth_waiting(&refusal) => return Err(refusal),
                Err(_) => {}
            }
        }
        let (_waiting, queue) = (Waiting::new(&self.waiting), self.queue());
        let Ok(Ok(_first)) = timeout_at(ask.until, queue.line.acquire()).await else {
            let now = ask.clocks.now();
            return self.admit(ask, now).map(|()| now);
        };
        loop {
            // Listening begins before the question: what ends in between is not missed.
            let mut ended = pin!(queue.ended.notified());
            ended.as_mut().enable();
            let now = ask.clocks.now();
            let Err(refusal) = self.admit(ask, now) else { return Ok(now) };
            if !ask.is_worth_waiting(&refusal) {
                return Err(refusal);
            }
            let until = refusal.wait.map_or(ask.until, |wait| Instant::now() + wait);
            let _ = timeout_at(until, ended).await;
        }
    }

    fn admit(&self, ask: Ask<'_>, now: Now) -> Result<(), Refusal> {
        self.lock().admit(ask.limits, ask.estimate, now)
    }

    fn take_back(&self, ask: Ask<'_>, admitted: Now) {
        self.lock().take_back(ask.limits, ask.estimate, admitted);
        self.tell_first();
    }

    fn settle(&self, estimate: u64, rate_tokens: u64, used: Used, arrived: Timestamp, now: Now) {
        self.lock().settle(estimate, rate_tokens, used, arrived, now);
        self.tell_first();
    }

    /// Counts what the log says of an earlier run.
    pub(crate) fn restore(&self, arrived: Timestamp, used: Used, now: Timestamp) {
        self.lock().restore(arrived, used, now);
    }

    /// What was spent in the present period, and when that ends.
    pub(crate) fn spent(&self, period: Period, now: Timestamp) -> (Used, Timestamp) {
        let mut limiter = self.lock();
        (limiter.spent(period, now), limiter.period_ends(period, now))
    }

    fn standing(&self, limits: &Limits, now: Now) -> Standing {
        if limits.rpm.is_none() && limits.tpm.is_none() {
            return Standing::default();
        }
        self.lock().standing(limits, now)
    }

    fn tell_first(&self) {
        if self.has_line() {
            self.queue().ended.notify_one();
        }
    }

    fn queue(&self) -> &Queue {
        self.queue.get_or_init(Box::default)
    }

    fn lock(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ask<'_> {
    fn is_worth_waiting(&self, refusal: &Refusal) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        !left.is_zero() && refusal.wait.is_none_or(|wait| wait <= left)
    }
}

/// A gate with the limits that hold at it.
#[derive(Clone, Copy)]
pub(crate) struct Limited<'a> {
    pub(crate) gate: &'a Arc<Gate>,
    pub(crate) limits: &'a Limits,
}

/// A request was refused, with what its client is to know.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) standing: Standing,
}

/// A request that its limits let through. Dropped unsettled, it has used nothing.
pub(crate) struct Admission {
    gates: [Arc<Gate>; 2],
    estimate: u64,
    arrived: Timestamp,
    clocks: Arc<Clocks>,
    is_settled: bool,
}

impl Admission {
    /// Takes a request that arrived at `arrived` through the gates of its key and its group.
    ///
    /// # Errors
    /// A limit of either is reached. A dropped future has passed neither.
    pub(crate) async fn ask(
        key: Limited<'_>,
        group: Limited<'_>,
        estimate: u64,
        arrived: Timestamp,
        clocks: &Arc<Clocks>,
    ) -> Result<(Self, Standing), Refused> {
        let now = clocks.now();
        let until = clocks.instant(now) + LONGEST_WAIT;
        let of_key = Ask { limits: key.limits, estimate, clocks, now, until };
        let standing = |now| key.gate.standing(key.limits, now).tighter(group.gate.standing(group.limits, now));
        let admitted = match key.gate.pass(of_key).await {
            Ok(admitted) => admitted,
            Err(refusal) => return Err(Refused { refusal, standing: standing(clocks.now()) }),
        };
        // Given back unless the group lets it through too, also when this future is dropped.
        let passed = Passed { gate: key.gate, ask: of_key, admitted };
        let of_group = Ask { limits: group.limits, now: admitted, ..of_key };
        let admitted = match group.gate.pass(of_group).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                drop(passed);
                return Err(Refused { refusal, standing: standing(clocks.now()) });
            }
        };
        std::mem::forget(passed);
        let gates = [Arc::clone(key.gate), Arc::clone(group.gate)];
        let admission = Self { gates, estimate, arrived, clocks: Arc::clone(clocks), is_settled: false };
        Ok((admission, standing(admitted)))
    }

    /// The tokens that were taken for granted.
    pub(crate) fn estimate(&self) -> u64 {
        self.estimate
    }

    /// When the request arrived.
    pub(crate) fn arrived(&self) -> Timestamp {
        self.arrived
    }

    /// The request has ended: `rate_tokens` count for the minute, `used` for its periods.
    pub(crate) fn settle(mut self, rate_tokens: u64, used: Used) {
        self.end(rate_tokens, used);
    }

    fn end(&mut self, rate_tokens: u64, used: Used) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let now = self.clocks.now();
        for gate in &self.gates {
            gate.settle(self.estimate, rate_tokens, used, self.arrived, now);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.end(0, Used::default());
    }
}

/// One gate passed, while it is open whether the other is.
struct Passed<'a> {
    gate: &'a Gate,
    ask: Ask<'a>,
    admitted: Now,
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        self.gate.take_back(self.ask, self.admitted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_passes_in_the_order_of_coming() {
        let (gate, clocks) = (Arc::new(Gate::default()), Arc::new(Clocks::new(Arc::new(relay_domain::SystemClock))));
        let passes = |number: usize, order: Arc<Mutex<Vec<usize>>>| {
            let (gate, clocks) = (Arc::clone(&gate), Arc::clone(&clocks));
            async move {
                let limits = Limits { concurrency: Some(1), ..Limits::default() };
                let (now, until) = (clocks.now(), Instant::now() + LONGEST_WAIT);
                gate.pass(Ask { limits: &limits, estimate: 0, clocks: &clocks, now, until }).await.expect("in time");
                order.lock().unwrap().push(number);
            }
        };
        let order = Arc::default();
        passes(0, Arc::clone(&order)).await;
        let mut waiting = Vec::new();
        for number in 1..=5 {
            waiting.push(tokio::spawn(passes(number, Arc::clone(&order))));
            while (gate.waiting.load(Ordering::Acquire) as usize) < number {
                tokio::task::yield_now().await;
            }
        }
        for (served, waiting) in waiting.into_iter().enumerate() {
            assert_eq!(order.lock().unwrap().len(), served + 1, "one at a time");
            gate.settle(0, 0, Used::default(), clocks.now().wall, clocks.now());
            waiting.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_gate_with_its_counters_is_four_cache_lines() {
        let counters = 2 * size_of::<usize>();
        assert_eq!(counters + size_of::<Gate>(), 256);
    }
}
