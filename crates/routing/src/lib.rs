//! The verbs of routing, pure: a fleet snapshot and the facts of a request
//! become a [`Plan`], and the end of an attempt becomes an [`Outcome`].
//!
//! Nothing here does IO, reads a clock or draws randomness: `now`, the seed, the
//! health and the credentials come in as arguments, so that any decision can be
//! replayed from what its record names (spec §4). No lock is taken, and a plan
//! costs microseconds.
//!
//! Reading order: [`fleet`] (the index of one generation), [`eligibility`] (why a
//! route may not serve), [`score`] (who comes first in a tier), [`affinity`]
//! (keeping a conversation where its prompt cache is), [`plan`](mod@plan) (all of it
//! together), [`settlement`] (what to remember after success).
//!
//! Then the failure policy (spec §5): [`classify`](mod@classify) (from the end of an attempt to
//! its [`outcome`]), [`retry`] with [`retry_budget`] (whether another route is tried),
//! [`breaker`] and [`cooldown`] (what is left alone, and until when), [`recovery`] (how long that
//! is), [`siblings`], [`panic_mode`] and [`clearing`] (several at once).
#![forbid(unsafe_code)]

mod backoff;
mod codes;
mod window;

pub mod affinity;
pub mod breaker;
pub mod classify;
pub mod clearing;
pub mod cooldown;
pub mod credential;
pub mod eligibility;
pub mod explain;
pub mod fleet;
pub mod health;
pub mod outcome;
pub mod panic_mode;
pub mod plan;
pub mod rates;
pub mod recovery;
pub mod retry;
pub mod retry_budget;
pub mod score;
pub mod settlement;
pub mod siblings;
pub mod surface;
pub mod wait;

pub use affinity::{Binding, BindingState, StickyKey, StickySecret, sticky_key};
pub use breaker::{Breaker, BreakerSettings};
pub use classify::{AnswerHead, Ending, classify};
pub use cooldown::Cooldown;
pub use credential::{AllUsable, CredentialFault, CredentialView};
pub use eligibility::{Excluded, Exclusion};
pub use explain::Explanation;
pub use fleet::{HostIndex, KeyIndex, LocateError, Pool, RouteEntry, RouteIndex, Snapshot};
pub use health::{AllHealthy, HealthView, RouteHealth};
pub use outcome::{Another, AttemptEnd, Effect, Fault, Outcome, Reply};
pub use plan::{Candidate, Hard, Plan, PlanInput, StickyAction, StickyInput, plan};
pub use retry::{RetryPolicy, Walk};
pub use retry_budget::RetryBudget;
pub use settlement::{BindingChange, LeftBecause, Settlement};
pub use surface::Surface;
pub use window::Counts;
