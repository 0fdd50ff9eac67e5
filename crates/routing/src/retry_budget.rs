//! The process-wide budget of retries (spec §5): at most 20 percent of the requests in
//! flight, and never under three. A fleet in trouble gets no more than that on top of what its
//! clients send.
//!
//! A request that failed without being sent is retried for free: nobody had work with it.
//!
//! The budget is a value of 64 bits, so that a gateway keeps it in one atomic and changes it
//! with `fetch_update`:
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
//! use relay_routing::retry_budget::{Allowance, RetryBudget};
//!
//! let shared = AtomicU64::new(RetryBudget::default().to_bits());
//! let withdrawn = shared.fetch_update(Relaxed, Relaxed, |bits| {
//!     RetryBudget::from_bits(bits).withdraw(Allowance::default()).map(RetryBudget::to_bits)
//! });
//! assert!(withdrawn.is_ok());
//! ```

/// How much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Retries in flight, as a share of the requests in flight (`retry.budget_percent`).
    pub percent: u32,
    /// What there always is: a share of few requests would be nothing.
    pub least: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { percent: 20, least: 3 }
    }
}

/// Requests and retries in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryBudget {
    requests: u32,
    retries: u32,
}

impl RetryBudget {
    /// As it is kept.
    pub fn to_bits(self) -> u64 {
        u64::from(self.requests) << 32 | u64::from(self.retries)
    }

    /// As it was kept.
    pub fn from_bits(bits: u64) -> Self {
        Self { requests: (bits >> 32) as u32, retries: bits as u32 }
    }

    /// A request came.
    #[must_use]
    pub fn request_began(self) -> Self {
        Self { requests: self.requests.saturating_add(1), ..self }
    }

    /// A request was answered, whole or not.
    #[must_use]
    pub fn request_ended(self) -> Self {
        Self { requests: self.requests.saturating_sub(1), ..self }
    }

    /// Takes one retry out; `None` when there is none left. To be given back by
    /// [`RetryBudget::deposit`] as soon as that attempt has failed or has its first output: what
    /// goes on from there is a request like any other.
    #[must_use]
    pub fn withdraw(self, allowance: Allowance) -> Option<Self> {
        (self.retries < self.limit(allowance)).then(|| Self { retries: self.retries + 1, ..self })
    }

    /// Puts one back.
    #[must_use]
    pub fn deposit(self) -> Self {
        Self { retries: self.retries.saturating_sub(1), ..self }
    }

    /// Requests in flight.
    pub fn requests(self) -> u32 {
        self.requests
    }

    /// Retries in flight.
    pub fn retries(self) -> u32 {
        self.retries
    }

    /// How many there may be with so many requests in flight.
    pub fn limit(self, allowance: Allowance) -> u32 {
        let share = u64::from(self.requests) * u64::from(allowance.percent) / 100;
        u32::try_from(share).unwrap_or(u32::MAX).max(allowance.least)
    }
}
