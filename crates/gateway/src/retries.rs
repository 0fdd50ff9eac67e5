//! The process-wide budget of retries (spec §5), counted in one atomic.
//!
//! A host that dies under many requests makes all of them need a retry at the same moment.
//! They get it one after another, as places come back: the budget is to spare the hosts that are left a
//! flood, and not to refuse requests that these could serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relay_metrics::Counter;
use relay_routing::retry_budget::{Allowance, RetryBudget};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Requests and retries in flight.
#[derive(Debug)]
pub(crate) struct Retries {
    budget: AtomicU64,
    allowance: Allowance,
    /// One that waits for a place is woken when one comes back.
    freed: Notify,
    refused: Counter,
}

/// How the budget is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) requests: u32,
    pub(crate) retries: u32,
    /// Retries so far that found no place in time.
    pub(crate) refused: u64,
}

/// A request in flight, for as long as it lives.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Retries>);

/// A retry that was taken out of the budget, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Retry(Arc<Retries>);

impl Retries {
    pub(crate) fn new(percent: u32) -> Self {
        let budget = AtomicU64::new(RetryBudget::default().to_bits());
        let allowance = Allowance { percent, ..Allowance::default() };
        Self { budget, allowance, freed: Notify::new(), refused: Counter::new() }
    }

    pub(crate) fn load(&self) -> Load {
        let budget = RetryBudget::from_bits(self.budget.load(Ordering::Relaxed));
        Load { requests: budget.requests(), retries: budget.retries(), refused: self.refused.get() }
    }

    /// A request came.
    pub(crate) fn request(self: &Arc<Self>) -> InFlight {
        self.change(|budget| Some(budget.request_began()));
        InFlight(Arc::clone(self))
    }

    /// Takes a retry out, and waits for one at most so long. Dropping the future takes none.
    pub(crate) async fn withdraw(self: &Arc<Self>, longest: Duration) -> Option<Retry> {
        let until = Instant::now() + longest;
        loop {
            if let Some(retry) = self.withdraw_now() {
                return Some(retry);
            }
            // A place that came back in between has left its mark there.
            if timeout_at(until, self.freed.notified()).await.is_err() {
                self.refused.increment();
                return None;
            }
        }
    }

    fn withdraw_now(self: &Arc<Self>) -> Option<Retry> {
        self.change(|budget| budget.withdraw(self.allowance)).then(|| Retry(Arc::clone(self)))
    }

    /// Counters order nothing but themselves.
    fn change(&self, change: impl Fn(RetryBudget) -> Option<RetryBudget>) -> bool {
        let changed = |bits| change(RetryBudget::from_bits(bits)).map(RetryBudget::to_bits);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed).is_ok()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.change(|budget| Some(budget.request_ended()));
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        self.0.change(|budget| Some(budget.deposit()));
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_out_comes_back_when_it_is_over() {
        let retries = Arc::new(Retries::new(20));
        let requests: Vec<_> = (0..20).map(|_| retries.request()).collect();
        let mut taken: Vec<_> = std::iter::from_fn(|| retries.withdraw_now()).collect();
        assert_eq!(taken.len(), 4);
        taken.pop();
        assert!(retries.withdraw_now().is_some());
        drop((requests, taken));
        assert_eq!(retries.budget.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_get_a_place_each_as_it_comes_back_or_give_up_in_time() {
        let retries = Arc::new(Retries::new(0));
        let mut taken: Vec<_> = std::iter::from_fn(|| retries.withdraw_now()).collect();
        let since = Instant::now();
        assert!(retries.withdraw(Duration::from_secs(7)).await.is_none());
        assert_eq!(since.elapsed(), Duration::from_secs(7));
        assert_eq!(retries.load().refused, 1);
        let waiting = (0..5).map(|_| retries.withdraw(Duration::from_secs(7)));
        let waiting = futures_util::future::join_all(waiting.map(|retry| async { drop(retry.await.expect("comes")) }));
        let (_, ()) = tokio::join!(waiting, async { drop(taken.pop()) });
        assert_eq!(retries.budget.load(Ordering::Relaxed), 2, "of those that still hold theirs");
    }
}
