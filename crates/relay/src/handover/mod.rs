//! Zero-downtime restart: a running server starts its successor, hands it
//! everything that only one process may have, and finishes what it has in flight.
//!
//! The two talk over a socket that is the successor's stdin, a byte a word. The successor is no child of the old process
//! (`between`), so the first that it says is its number:
//!
//! 1. the old one sends its listening sockets and the lock of the data directory.
//!    It is the same sockets, with the same queue of connections: nothing is
//!    refused or lost between the two;
//! 2. the new one starts, and asks for the log when it needs it. The old one
//!    saves the bindings and what it knows of the fleet's health, lets go of the
//!    log and from then on writes its rows beside it ([`relay_ledger::Ledger::hand_over`]);
//! 3. the new one accepts and says so. The old one stops accepting, saves the
//!    rates of the last minute, ends its rounds, says so, and drains.
//!
//! Until the third step a failure of the new process changes nothing for clients:
//! the old one goes on. See `docs/decisions/0011`.

mod between;
mod predecessor;
pub(crate) mod state;
mod successor;
mod wire;

pub(crate) use between::stand_between;
pub(crate) use predecessor::Predecessor;
pub(crate) use successor::{Inheritance, Successor};

/// Says to a process that its stdin is a predecessor, and what it is to do. Not a setting: no prefix of those.
const VARIABLE: &str = "RELAY_HANDOVER_ON_STDIN";

/// The file in which bindings kept in memory go over.
pub(crate) const BINDINGS: &str = "bindings-handover.db";

/// One word of the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Word {
    /// With the sockets and the lock.
    Take = b'T',
    /// The same, and the sockets are a service manager's: they are where it says, whatever the configuration does.
    TakeGiven = b'G',
    /// "Let go of the log", and "it is yours".
    Log = b'L',
    /// "I accept connections", and "I accept none, and my rounds have ended".
    Serving = b'S',
}
