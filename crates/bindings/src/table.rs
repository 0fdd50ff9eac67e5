//! The table in memory, which every engine answers from.
//!
//! It is cut into shards by the leading bits of the key, each behind a lock of
//! its own that is held for one step only. Shards are thus ranges of keys, and a
//! listing in key order visits them one after another. A small table is one
//! shard, so that its least-recently-used order is that of the whole.
//!
//! A table with a journal also remembers which keys changed, under the same lock
//! as the change, so that whoever writes them down later sees each key's last
//! state and never an older one.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxBuildHasher;

use crate::lru::Lru;

/// Locks are then held for about 4,000 entries in a full listing of a million.
const SHARD_BITS: u32 = 8;
/// Below this the shards would be so small that their bounds show.
const SHARDED_FROM: usize = 1 << 16;

/// A shard's journal holds this many keys at least before it forgets any.
const JOURNAL_FLOOR: usize = 1_024;

pub(crate) type Keys = HashSet<u128, FxBuildHasher>;

/// One shard: entries, and the keys that changed since the journal was taken.
pub(crate) struct Shard<V> {
    pub(crate) entries: Lru<V>,
    changed: Option<Keys>,
}

impl<V> Shard<V> {
    /// Inserts, and notes the change and what had to go for it.
    pub(crate) fn insert(&mut self, key: u128, value: V) {
        let evicted = self.entries.insert(key, value);
        self.note(key);
        if let Some(evicted) = evicted {
            self.note(evicted);
        }
    }

    /// Removes, and notes the change.
    pub(crate) fn remove(&mut self, key: u128) -> bool {
        let was_there = self.entries.remove(key).is_some();
        if was_there {
            self.note(key);
        }
        was_there
    }

    /// Notes that `key` changed.
    pub(crate) fn note(&mut self, key: u128) {
        let Some(changed) = &mut self.changed else { return };
        changed.insert(key);
        // Nobody has written anything down for long: the disk is failing. What is
        // gone from memory is forgotten then, so that the journal stays bounded too;
        // such a row on the disk is at worst an old preference until it expires.
        if changed.len() > JOURNAL_FLOOR.max(2 * self.entries.capacity()) {
            changed.retain(|key| self.entries.peek(*key).is_some());
        }
    }

    /// Inserts what comes from where the journal goes: only what had to go for it
    /// is noted.
    pub(crate) fn restore(&mut self, key: u128, value: V) {
        if let Some(evicted) = self.entries.insert(key, value) {
            self.note(evicted);
        }
    }

    /// Removes the entries that `condemned` holds of.
    pub(crate) fn remove_where(&mut self, condemned: impl Fn(&V) -> bool) -> u64 {
        let keys: Vec<u128> = self.entries.iter().filter(|(_, value)| condemned(value)).map(|(key, _)| key).collect();
        for key in &keys {
            self.remove(*key);
        }
        keys.len() as u64
    }
}

/// The table.
pub(crate) struct Table<V> {
    shards: Vec<Mutex<Shard<V>>>,
    shift: u32,
}

impl<V> Table<V> {
    /// A table of at most `capacity` entries, which keeps a journal or not.
    pub(crate) fn new(capacity: usize, journal: Journal) -> Self {
        let bits = if capacity < SHARDED_FROM { 0 } else { SHARD_BITS };
        let shard = || {
            let changed = match journal {
                Journal::None => None,
                Journal::Kept => Some(Keys::default()),
            };
            Mutex::new(Shard { entries: Lru::new(capacity >> bits), changed })
        };
        Self { shards: (0..1_usize << bits).map(|_| shard()).collect(), shift: 128 - bits }
    }

    /// The shard of `key`, locked.
    pub(crate) fn shard(&self, key: u128) -> MutexGuard<'_, Shard<V>> {
        lock(&self.shards[self.position(key)])
    }

    /// Every shard in the order of keys, from that of `first`; each is locked only
    /// while the caller looks at it.
    pub(crate) fn shards_from(&self, first: u128) -> impl Iterator<Item = MutexGuard<'_, Shard<V>>> {
        self.shards[self.position(first)..].iter().map(lock)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards_from(0).map(|shard| shard.entries.len()).sum()
    }

    /// Takes the journal: each key that changed with what it holds now, through
    /// `read`, or `None` when it is gone.
    pub(crate) fn take_changes<C>(&self, mut read: impl FnMut(&mut V) -> C) -> Vec<(u128, Option<C>)> {
        let mut changes = Vec::new();
        for mut shard in self.shards_from(0) {
            let Some(changed) = shard.changed.as_mut().map(std::mem::take) else { continue };
            changes.extend(changed.into_iter().map(|key| (key, shard.entries.peek_mut(key).map(&mut read))));
        }
        changes
    }

    /// Notes keys again whose changes could not be written.
    pub(crate) fn note_again(&self, keys: impl Iterator<Item = u128>) {
        for key in keys {
            self.shard(key).note(key);
        }
    }

    fn position(&self, key: u128) -> usize {
        // A shift by all 128 bits is not defined: one shard needs none.
        key.checked_shr(self.shift).unwrap_or(0) as usize
    }
}

/// Whether a table remembers its changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journal {
    /// Nobody writes them down.
    None,
    /// Until they are taken.
    Kept,
}

/// A panic elsewhere leaves a shard in order: each step is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
