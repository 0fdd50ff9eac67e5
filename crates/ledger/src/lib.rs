//! The decision log: intent before outcome, hash-chained, one SQLite file a day.
//!
//! A request's *intent* is on disk before the first byte of an answer reaches
//! its client; its *outcome* follows when it ends (spec §7). A row goes two
//! ways, one after the other:
//!
//! - **writing** numbers and chains rows and appends them to a journal file
//!   with one `write` for everything that has queued. Whoever queues a row
//!   does it, unless somebody is at it; nobody waits for an `fsync`, for
//!   SQLite, or for a timer;
//! - **filing** moves rows from the journal into the day's SQLite file in
//!   large transactions, with their indexes and hourly roll-ups, and deletes
//!   journal files once SQLite has synced what they held.
//!
//! A row is canonical bytes (`codec`) that both places share, so a crash
//! anywhere leaves rows in one of the two and the next start files the rest.
//! The crate knows nothing of the fleet, of HTTP or of the store: whoever
//! calls it fills plain records in, and hands it the time.
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as relay_ledger;

mod adoption;
mod archivist;
mod aside;
mod codec;
mod day;
mod decision;
mod fault;
mod filing;
mod filter;
mod handover;
mod hours;
mod interrupted;
mod journal;
mod ledger;
mod look;
mod meta;
mod options;
mod pending;
mod progress;
mod queue;
mod reader;
mod record;
mod recovery;
mod retention;
mod rollup;
mod scan;
mod schema;
mod sums;
mod tail;
mod timings;
mod traffic;
mod upgrade;
mod verify;
mod writer;

pub use decision::{Decision, DecisionAttempt, DecisionCandidate, DecisionUsage};
pub use fault::DiskFault;
pub use filter::Filter;
pub use ledger::{IntentRef, Ledger, LedgerStats, OpenError, SegmentError, Stalled, Ticket};
pub use look::{LogFiles, look};
pub use options::{LedgerOptions, OnStall};
pub use reader::{LedgerReader, ListCursor, NoListCursor, PATIENCE, Page, ReadError};
pub use record::{AttemptRecord, CandidateRecord, Intent, Outcome, Usage, Verdict};
pub use rollup::{Dimension, RollupSums, is_refusal};
pub use sums::{Marginal, ModelSums, Rollup, RollupFilter};
pub use tail::{Behind, Ended, Follower, NoTailCursor, TailCursor};
pub use timings::Timings;
pub use traffic::{Passage, PassageEnd, Traffic, TrafficWindow};
pub use verify::{Fault, InterruptedRow, SegmentReport, VerifyReport, verify, verify_with};
