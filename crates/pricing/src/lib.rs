//! What tokens are worth: a table of list prices by model and date, and exact
//! arithmetic over it.
//!
//! A *price* is what the consumer pays: the list price times the group's
//! `price_ratio`. A *cost* is what the host takes: the list price times the
//! route's multiplier and recharge ratio. Both are computed once for each decision,
//! in whole billionths, and recorded with it; a later change of the table
//! rewrites nothing. Nothing here reads a clock or a file.
#![forbid(unsafe_code)]

mod rates;
mod table;

pub use rates::{Rates, Tokens, Worth};
pub use table::{Entry, PriceFault, PriceTable};
