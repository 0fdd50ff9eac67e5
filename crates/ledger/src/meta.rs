//! A segment's own row: its counts, the head of its chain, and how far its roll-ups have come.

use rusqlite::{Connection, OptionalExtension as _};

use crate::journal::Link;

/// The segment's own row.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    pub(crate) writer: String,
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
    pub(crate) intents: u64,
    pub(crate) outcomes: u64,
    pub(crate) settled_seq: u64,
    pub(crate) link: Link,
    pub(crate) rolled: Rolled,
}

/// How far the roll-ups have come: every row up to `entries` is counted in them, and every row below `seq`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rolled {
    pub(crate) entries: u64,
    pub(crate) seq: u64,
}

impl Meta {
    /// Reads the row; `None` when there is none.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Option<Self>> {
        connection
            .query_row(
                "SELECT writer, first_seq, last_seq, intents, outcomes, settled_seq, entries, head, \
                 rolled_entries, rolled_seq FROM segment",
                [],
                |row| {
                    Ok(Self {
                        writer: row.get(0)?,
                        first_seq: row.get(1)?,
                        last_seq: row.get(2)?,
                        intents: row.get(3)?,
                        outcomes: row.get(4)?,
                        settled_seq: row.get(5)?,
                        link: Link { entry: row.get(6)?, head: row.get(7)? },
                        rolled: Rolled { entries: row.get(8)?, seq: row.get(9)? },
                    })
                },
            )
            .optional()
    }

    /// Whether a segment with this row is complete in itself: no request without an end, no row left out of the sums.
    pub(crate) fn is_settled(&self) -> bool {
        self.intents == self.outcomes && self.is_rolled_up()
    }

    pub(crate) fn is_rolled_up(&self) -> bool {
        self.rolled.entries == self.link.entry
    }

    pub(crate) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection
            .prepare_cached(
                "UPDATE segment SET first_seq = ?, last_seq = ?, intents = ?, outcomes = ?, settled_seq = ?, \
                 entries = ?, head = ?, rolled_entries = ?, rolled_seq = ?",
            )?
            .execute((
                self.first_seq,
                self.last_seq,
                self.intents,
                self.outcomes,
                self.settled_seq,
                self.link.entry,
                self.link.head,
                self.rolled.entries,
                self.rolled.seq,
            ))
            .map(drop)
    }
}
