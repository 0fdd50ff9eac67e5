//! Sticky bindings: in memory or in SQLite, behind one trait.
