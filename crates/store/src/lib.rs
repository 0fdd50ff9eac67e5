//! The fleet's database: one trait, one contract, SQLite today.
