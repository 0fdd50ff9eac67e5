//! What is counted while requests run, and how it is shown to Prometheus (ADR 0010).
//!
//! Counting is a relaxed addition to an atomic that was there before the request
//! came: no lock, no allocation, no look-up of a label. Labels are therefore bounded
//! by construction: enums, words of the program ([`Words`]), and names of the fleet up
//! to [`MOST_NAMES`] ([`Named`]).
//!
//! Each family is described once, by a [`Definition`], from which its lines in
//! `/metrics` and in `docs/metrics.md` are both made. What a family means is for the
//! component that owns it; here is no metric of the product.
#![forbid(unsafe_code)]

mod counter;
mod definition;
mod exposition;
mod histogram;
mod named;
mod words;

pub use counter::Counter;
pub use definition::{Definition, Kind};
pub use exposition::{Exposition, Family};
pub use histogram::{Buckets, Histogram};
pub use named::{MOST_NAMES, Named, OTHERS};
pub use words::Words;
