//! The process-wide budget of retries (spec §5), counted in one atomic.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use relay_routing::retry_budget::{Allowance, RetryBudget};

/// Requests and retries in flight.
#[derive(Debug)]
pub(crate) struct Retries {
    budget: AtomicU64,
    allowance: Allowance,
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
        Self { budget, allowance: Allowance { percent, ..Allowance::default() } }
    }

    /// A request came.
    pub(crate) fn request(self: &Arc<Self>) -> InFlight {
        self.change(|budget| Some(budget.request_began()));
        InFlight(Arc::clone(self))
    }

    /// Takes a retry out; `None` when there is none left.
    pub(crate) fn withdraw(self: &Arc<Self>) -> Option<Retry> {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_out_comes_back_when_it_is_over() {
        let retries = Arc::new(Retries::new(20));
        let requests: Vec<_> = (0..20).map(|_| retries.request()).collect();
        let mut taken: Vec<_> = std::iter::from_fn(|| retries.withdraw()).collect();
        assert_eq!(taken.len(), 4);
        taken.pop();
        assert!(retries.withdraw().is_some());
        drop((requests, taken));
        assert_eq!(retries.budget.load(Ordering::Relaxed), 0);
    }
}
