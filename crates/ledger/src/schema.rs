//! The tables of a segment, and the order of their columns.
//!
//! The column lists are the one place that knows the order: the encoder
//! writes in it, filing binds by it, verification reads by it. A change of a
//! list is a new [`VERSION`]: columns are only ever added, behind the detail, and `upgrade`
//! brings older files to it.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

use crate::codec::{Encoder, Kind};
use crate::record::{Intent, Outcome};
use crate::rollup::SUMS;

/// The version of the segments' schema.
pub(crate) const VERSION: i64 = 4;

/// Request ids are indexed inside blocks of this many sequence numbers (as a power of two).
///
/// An index over ids that clients choose is written at random places. Inside
/// one block it stays within some 60 pages, so that filing writes few pages
/// however large the day grows; a look-up asks block after block, newest
/// first: 150 of them in ten million rows.
///
/// So are the indexes over consumers and routes, which may be thousands.
pub(crate) const BLOCK_BITS: u32 = 16;

/// Columns of `intents`, without the hash.
pub(crate) const INTENT: [(&str, &str); 26] = [
    ("seq", "INTEGER PRIMARY KEY"),
    ("entry", "INTEGER NOT NULL"),
    ("at", "INTEGER NOT NULL"),
    ("request_id", "TEXT NOT NULL"),
    ("request_key", "INTEGER NOT NULL"),
    ("client_request_id", "TEXT"),
    ("generation", "INTEGER NOT NULL"),
    ("surface", "TEXT NOT NULL"),
    ("consumer", "TEXT"),
    ("logical_group_id", "TEXT NOT NULL"),
    ("public_model", "TEXT NOT NULL"),
    ("scope", "TEXT NOT NULL"),
    ("sticky_key", "TEXT"),
    ("sticky_type", "TEXT"),
    ("sticky_source", "TEXT"),
    ("sticky_hit", "INTEGER NOT NULL"),
    ("sticky_action", "TEXT NOT NULL"),
    ("route_id", "TEXT"),
    ("host_id", "TEXT"),
    ("shadow_group_id", "TEXT"),
    ("shadow_model", "TEXT"),
    ("fallback_used", "INTEGER NOT NULL"),
    ("stream", "INTEGER NOT NULL"),
    ("user_key", "TEXT"),
    ("conversation_key", "TEXT"),
    ("seed", "INTEGER NOT NULL"),
];

/// The last column of `intents` before the hash: the candidates as JSON.
pub(crate) const INTENT_DETAIL: &str = "candidates";

/// Columns of `outcomes`, without the hash.
pub(crate) const OUTCOME: [(&str, &str); 32] = [
    ("seq", "INTEGER PRIMARY KEY"),
    ("entry", "INTEGER NOT NULL"),
    ("at", "INTEGER NOT NULL"),
    ("verdict", "TEXT NOT NULL"),
    ("error_class", "TEXT"),
    ("error_message", "TEXT"),
    ("route_id", "TEXT"),
    ("host_id", "TEXT"),
    ("shadow_group_id", "TEXT"),
    ("sticky_action", "TEXT NOT NULL"),
    ("client_status", "INTEGER"),
    ("upstream_status", "INTEGER"),
    ("latency_us", "INTEGER NOT NULL"),
    ("first_output_us", "INTEGER"),
    ("overhead_us", "INTEGER"),
    ("request_bytes", "INTEGER NOT NULL"),
    ("response_bytes", "INTEGER NOT NULL"),
    ("input_tokens", "INTEGER"),
    ("cached_input_tokens", "INTEGER"),
    ("cache_write_tokens", "INTEGER"),
    ("output_tokens", "INTEGER"),
    ("reasoning_tokens", "INTEGER"),
    ("usage_provenance", "TEXT"),
    // Was never filled, and keeps its place in the canonical bytes.
    ("cost_micros", "INTEGER"),
    ("key_source", "TEXT"),
    ("key_fingerprint", "TEXT"),
    ("upstream_request_id", "TEXT"),
    ("possible_double_bill", "INTEGER NOT NULL"),
    ("panic", "INTEGER NOT NULL"),
    ("sticky_hit", "INTEGER NOT NULL"),
    ("fallback_used", "INTEGER NOT NULL"),
    ("shadow_model", "TEXT"),
];

/// The column of `outcomes` behind the others: the attempts as JSON.
pub(crate) const OUTCOME_DETAIL: &str = "attempts";

/// Columns of `outcomes` that version 2 added. They are the last of the canonical bytes, and left out of
/// those when none of them has a value, so that rows of version 1 hash as they did.
pub(crate) const OUTCOME_ADDED: [&str; 3] = ["price_nanos", "cost_nanos", "cache_saved_nanos"];

/// Where filing and adoption find what they need among an intent's values.
pub(crate) mod intent_at {
    pub(crate) const AT: usize = 2;
    pub(crate) const REQUEST_ID: usize = 3;
    pub(crate) const REQUEST_KEY: usize = 4;
    pub(crate) const CONSUMER: usize = 8;
    pub(crate) const GROUP: usize = 9;
    pub(crate) const MODEL: usize = 10;
    pub(crate) const STICKY_HIT: usize = 15;
    /// Route, host, shadow group and shadow model, in this order.
    pub(crate) const FIRST_PLANNED: usize = 17;
    pub(crate) const FALLBACK_USED: usize = 21;
    pub(crate) const SEED: usize = 25;
}

/// Where filing finds what the roll-ups need among an outcome's values.
pub(crate) mod outcome_at {
    pub(crate) const VERDICT: usize = 3;
    pub(crate) const CLASS: usize = 4;
    pub(crate) const CLIENT_STATUS: usize = 10;
    pub(crate) const ROUTE: usize = 6;
    pub(crate) const LATENCY: usize = 12;
    pub(crate) const FIRST_OUTPUT: usize = 13;
    pub(crate) const REQUEST_BYTES: usize = 15;
    pub(crate) const RESPONSE_BYTES: usize = 16;
    pub(crate) const HOST: usize = 7;
    pub(crate) const FIRST_TOKENS: usize = 17;
    pub(crate) const PROVENANCE: usize = 22;
    pub(crate) const FIRST_MONEY: usize = 33;
}

impl Kind {
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Intent => "intents",
            Self::Outcome => "outcomes",
        }
    }

    /// Columns that are hashed: all but the hash itself.
    pub(crate) fn columns(self) -> impl Iterator<Item = &'static str> {
        let (columns, detail): (&[(&str, &str)], _) = match self {
            Self::Intent => (&INTENT, INTENT_DETAIL),
            Self::Outcome => (&OUTCOME, OUTCOME_DETAIL),
        };
        columns.iter().map(|(name, _)| *name).chain([detail]).chain(self.added().iter().copied())
    }

    /// The last of them, which may be left out of the canonical bytes.
    const fn added(self) -> &'static [&'static str] {
        match self {
            Self::Intent => &[],
            Self::Outcome => &OUTCOME_ADDED,
        }
    }

    /// How many values a row has without its hash.
    pub(crate) const fn width(self) -> usize {
        self.least_width() + self.added().len()
    }

    /// How many values the canonical bytes of a row have at least.
    pub(crate) const fn least_width(self) -> usize {
        match self {
            Self::Intent => INTENT.len() + 1,
            Self::Outcome => OUTCOME.len() + 1,
        }
    }

    fn create(self) -> String {
        let (columns, detail): (&[(&str, &str)], _) = match self {
            Self::Intent => (&INTENT, INTENT_DETAIL),
            Self::Outcome => (&OUTCOME, OUTCOME_DETAIL),
        };
        let columns: Vec<String> = columns.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
        let added: Vec<String> = self.added().iter().map(|column| format!(", {column} INTEGER")).collect();
        format!(
            "CREATE TABLE {} ({}, {detail} TEXT NOT NULL, hash BLOB NOT NULL{}) STRICT;",
            self.table(),
            columns.join(", "),
            added.concat()
        )
    }

    /// The statement that files a row; the hash is its last parameter.
    pub(crate) fn insert(self) -> String {
        let marks = vec!["?"; self.width() + 1].join(", ");
        let columns: Vec<&str> = self.columns().chain(["hash"]).collect();
        format!("INSERT INTO {} ({}) VALUES ({marks})", self.table(), columns.join(", "))
    }
}

/// Four indexes, each for one question that the console and the API ask. 16 is [`BLOCK_BITS`].
pub(crate) const INDEXES: &str = "
    -- GET decisions/{request_id}, explain, and the list's request_id filter.
    CREATE INDEX intents_by_request ON intents (request_key);
    -- The page of one consumer: its newest decisions, block by block.
    CREATE INDEX intents_by_consumer ON intents (seq >> 16, consumer) WHERE consumer IS NOT NULL;
    -- The page of one route (and, route by route, of one host): its newest decisions, block by block.
    CREATE INDEX outcomes_by_route ON outcomes (seq >> 16, route_id) WHERE route_id IS NOT NULL;
    -- The list of what went wrong. Complete answers, nearly all rows, are left out.
    CREATE INDEX outcomes_by_verdict ON outcomes (verdict, seq) WHERE verdict <> 'complete';
";

const META: &str = "
    CREATE TABLE segment (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        schema INTEGER NOT NULL,
        writer TEXT NOT NULL,
        day INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        entries INTEGER NOT NULL,
        intents INTEGER NOT NULL,
        outcomes INTEGER NOT NULL,
        -- No row below this sequence number waits for its outcome.
        settled_seq INTEGER NOT NULL,
        head BLOB NOT NULL,
        -- Rows up to this entry are counted in the roll-ups …
        rolled_entries INTEGER NOT NULL,
        -- … and so is every row below this sequence number.
        rolled_seq INTEGER NOT NULL
    ) STRICT;
";

/// The tables of roll-ups, in a segment and in `rollups.db` alike.
///
/// `rollups` has a row for everything that requests may differ in: with thousands of routes and consumers,
/// hundreds of thousands a day. `marginals` has the same sums by one of it at a time ([`Dimension`](crate::Dimension),
/// as its number), for those who look at nothing else.
pub(crate) fn rollups() -> String {
    let sums = SUMS.map(|sum| format!("{sum} INTEGER NOT NULL, ")).concat();
    format!(
        "CREATE TABLE IF NOT EXISTS rollups (hour INTEGER NOT NULL, consumer TEXT NOT NULL, \
             logical_group_id TEXT NOT NULL, public_model TEXT NOT NULL, route_id TEXT NOT NULL, host_id TEXT NOT NULL, \
             {sums} PRIMARY KEY (hour, consumer, logical_group_id, public_model, route_id, host_id)) STRICT, WITHOUT ROWID; \
         CREATE TABLE IF NOT EXISTS marginals (dimension INTEGER NOT NULL, hour INTEGER NOT NULL, value TEXT NOT NULL, \
             {sums} PRIMARY KEY (dimension, hour, value)) STRICT, WITHOUT ROWID;"
    )
}

/// Creates the tables of a new segment.
pub(crate) fn create(connection: &Connection) -> rusqlite::Result<()> {
    let (intents, outcomes) = (Kind::Intent.create(), Kind::Outcome.create());
    connection.execute_batch(&format!("{META}{intents}{outcomes}{INDEXES}{}", rollups()))
}

/// Opens a database that this process alone writes.
///
/// No automatic checkpoints: filing runs them itself when a journal file is
/// to be deleted. Pages of 16 KiB, since rows come in large transactions: fewer
/// frames to write. 8 MiB of cache hold the right edges of all B-trees.
pub(crate) fn open_writable(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;",
    )?;
    Ok(connection)
}

/// Opens a database that somebody else may be writing.
///
/// A copy on a medium that cannot be written has no place for the shared
/// memory of WAL mode; when it has no write-ahead log either, it is opened as
/// one that nobody changes.
pub(crate) fn open_readable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let plain = uri(path);
    let opened = Connection::open_with_flags(&plain, flags)?;
    let readable = opened.query_row("PRAGMA schema_version", [], |_| Ok(()));
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let connection = match readable {
        Err(_) if path.exists() && !Path::new(&log).exists() => {
            Connection::open_with_flags(format!("{plain}?immutable=1"), flags)?
        }
        Err(error) => return Err(error),
        Ok(()) => opened,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    // Without it SQLite may look at what is bound to choose a plan, and so parses a statement anew each time that
    // something else is: a page asks the same of block after block, and parsing took nine tenths of its time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch("PRAGMA query_only = TRUE; PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;")?;
    Ok(connection)
}

/// A path as SQLite's URI; only these three characters mean something in one.
fn uri(path: &Path) -> String {
    let path = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    // A leading `//` would be read as an authority.
    let path = if path.starts_with("//") { format!("/{}", path.trim_start_matches('/')) } else { path };
    format!("file:{path}")
}

/// The indexed stand-in for a request id, inside the block of `seq`.
pub(crate) fn request_key(request_id: &str, block: u64) -> i64 {
    // FNV-1a: the key only narrows a look-up to a handful of rows, whose ids are then compared.
    let hash =
        request_id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (block as i64) << 32 | i64::from(hash)
}

/// Encodes an intent: the values of its row, in the order of [`INTENT`].
pub(crate) fn encode_intent(buffer: &mut Vec<u8>, seq: u64, entry: u64, intent: &Intent) {
    let mut row = Encoder(buffer);
    row.kind(Kind::Intent);
    row.unsigned(seq);
    row.unsigned(entry);
    row.integer(intent.at.as_microsecond());
    row.text(&intent.request_id);
    row.integer(request_key(&intent.request_id, seq >> BLOCK_BITS));
    row.optional_text(intent.client_request_id.as_deref());
    row.unsigned(intent.generation);
    row.text(intent.surface);
    row.optional_text(intent.consumer.as_deref());
    row.text(&intent.logical_group_id);
    row.text(&intent.public_model);
    row.text(intent.scope);
    row.optional_text(intent.sticky_key.as_deref());
    row.optional_text(intent.sticky_type);
    row.optional_text(intent.sticky_source);
    row.integer(intent.sticky_hit.into());
    row.text(intent.sticky_action);
    row.optional_text(intent.route_id.as_deref());
    row.optional_text(intent.host_id.as_deref());
    row.optional_text(intent.shadow_group_id.as_deref());
    row.optional_text(intent.shadow_model.as_deref());
    row.integer(intent.fallback_used.into());
    row.integer(intent.stream.into());
    row.optional_text(intent.user_key.as_deref());
    row.optional_text(intent.conversation_key.as_deref());
    // Any 64 bits, not a quantity.
    row.integer(intent.seed.cast_signed());
    row.json(&intent.candidates);
}

/// Encodes an outcome: the values of its row, in the order of [`OUTCOME`].
pub(crate) fn encode_outcome(buffer: &mut Vec<u8>, seq: u64, entry: u64, outcome: &Outcome) {
    let mut row = Encoder(buffer);
    row.kind(Kind::Outcome);
    row.unsigned(seq);
    row.unsigned(entry);
    row.integer(outcome.at.as_microsecond());
    row.text(outcome.verdict.as_str());
    row.optional_text(outcome.error_class);
    row.optional_text(outcome.error_message.as_deref());
    row.optional_text(outcome.route_id.as_deref());
    row.optional_text(outcome.host_id.as_deref());
    row.optional_text(outcome.shadow_group_id.as_deref());
    row.text(outcome.sticky_action);
    row.optional_unsigned(outcome.client_status.map(u64::from));
    row.optional_unsigned(outcome.upstream_status.map(u64::from));
    row.unsigned(outcome.latency_us);
    row.optional_unsigned(outcome.first_output_us);
    row.optional_unsigned(outcome.overhead_us);
    row.unsigned(outcome.request_bytes);
    row.unsigned(outcome.response_bytes);
    row.optional_unsigned(outcome.usage.input);
    row.optional_unsigned(outcome.usage.cached_input);
    row.optional_unsigned(outcome.usage.cache_write);
    row.optional_unsigned(outcome.usage.output);
    row.optional_unsigned(outcome.usage.reasoning);
    row.optional_text(outcome.usage.provenance);
    row.null();
    row.optional_text(outcome.key_source);
    row.optional_text(outcome.key_fingerprint.as_deref());
    row.optional_text(outcome.upstream_request_id.as_deref());
    row.integer(outcome.possible_double_bill.into());
    row.integer(outcome.panic.into());
    row.integer(outcome.sticky_hit.into());
    row.integer(outcome.fallback_used.into());
    row.optional_text(outcome.shadow_model.as_deref());
    row.json(&outcome.attempts);
    let money = [outcome.price_nanos, outcome.cost_nanos, outcome.cache_saved_nanos];
    if money.iter().any(Option::is_some) {
        for nanos in money {
            row.optional_integer(nanos);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_name_the_columns_they_stand_for() {
        let intent: Vec<&str> = Kind::Intent.columns().collect();
        assert_eq!(intent[intent_at::AT], "at");
        assert_eq!(intent[intent_at::REQUEST_ID], "request_id");
        assert_eq!(intent[intent_at::REQUEST_KEY], "request_key");
        assert_eq!(intent[intent_at::STICKY_HIT], "sticky_hit");
        let planned = intent_at::FIRST_PLANNED;
        assert_eq!(intent[planned..planned + 4], ["route_id", "host_id", "shadow_group_id", "shadow_model"]);
        assert_eq!(intent[intent_at::FALLBACK_USED], "fallback_used");
        assert_eq!(intent[intent_at::SEED], "seed");
        assert_eq!(intent[intent_at::CONSUMER], "consumer");
        assert_eq!(intent[intent_at::GROUP], "logical_group_id");
        assert_eq!(intent[intent_at::MODEL], "public_model");
        let outcome: Vec<&str> = Kind::Outcome.columns().collect();
        assert_eq!(outcome[outcome_at::VERDICT], "verdict");
        assert_eq!(outcome[outcome_at::ROUTE], "route_id");
        assert_eq!(outcome[outcome_at::LATENCY], "latency_us");
        assert_eq!(outcome[outcome_at::FIRST_OUTPUT], "first_output_us");
        assert_eq!(outcome[outcome_at::REQUEST_BYTES], "request_bytes");
        assert_eq!(outcome[outcome_at::RESPONSE_BYTES], "response_bytes");
        assert_eq!(outcome[outcome_at::FIRST_TOKENS], "input_tokens");
        assert_eq!(outcome[outcome_at::HOST], "host_id");
        assert_eq!(outcome[outcome_at::PROVENANCE], "usage_provenance");
        assert_eq!(outcome[outcome_at::FIRST_MONEY], "price_nanos");
    }

    #[test]
    fn a_segment_has_at_most_four_indexes() {
        let connection = Connection::open_in_memory().expect("opens");
        create(&connection).expect("creates");
        let indexes: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", [], |row| {
                row.get(0)
            })
            .expect("counts");
        assert_eq!(indexes, 4);
    }
}
