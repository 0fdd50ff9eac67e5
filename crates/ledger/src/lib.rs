//! The decision log: intent before outcome, hash-chained, one SQLite file a day.
