//! What a key or a group has used, and whether the next request may go on (spec §6).
//!
//! Pure: a [`Limiter`] is a value advanced by (event, now). It reads no clock,
//! takes no lock and waits for nobody; whoever holds it does that. The limits
//! themselves come with each call, from the generation in force, so that a
//! change of a limit keeps what was counted.
//!
//! - Rates are kept by a [`Window`] that slides: never more than the limit in *any*
//!   60 seconds, which buckets that begin anew with the minute do not give.
//! - Budgets and tokens per day are kept by [`Spending`], by the calendar, from what
//!   the decision log says; so a restart finds them again.
#![forbid(unsafe_code)]

mod carried;
mod limiter;
mod spending;
mod window;

pub use carried::{CarriedBucket, CarriedRates};
pub use limiter::{Kind, Limiter, Now, Quota, Refusal, Standing};
pub use spending::{Spending, Used};
pub use window::Window;
