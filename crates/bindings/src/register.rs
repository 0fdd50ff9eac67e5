//! What both engines do in memory: bindings and response owners by key.

use std::time::Duration;

use jiff::SignedDuration;
use relay_domain::{KeyId, Timestamp};
use relay_routing::{Binding, StickyKey};

use crate::response::response_key;
use crate::table::{Journal, Table};
use crate::{BindingEntry, BindingFilter, BindingPage, ResponseOwner};

/// A later last use is worth a write after this long, or an eighth of the TTL
/// when that is shorter: fail-back on idleness counts in minutes.
const LAST_USE_RESOLUTION: Duration = Duration::from_mins(1);

/// A binding, and how much of its refreshes the journal knows.
pub(crate) struct Kept {
    pub(crate) entry: BindingEntry,
    noted_expires_at: Timestamp,
    noted_last_used_at: Timestamp,
}

impl Kept {
    pub(crate) fn new(entry: BindingEntry) -> Self {
        let Binding { expires_at, last_used_at, .. } = entry.binding;
        Self { entry, noted_expires_at: expires_at, noted_last_used_at: last_used_at }
    }

    /// Takes a refresh over; whether the journal should know.
    fn refresh(&mut self, by: &Binding) -> bool {
        let binding = &mut self.entry.binding;
        binding.expires_at = binding.expires_at.max(by.expires_at);
        binding.last_used_at = binding.last_used_at.max(by.last_used_at);
        let eighth = binding.expires_at.duration_since(binding.last_used_at) / 8;
        let resolution = SignedDuration::try_from(LAST_USE_RESOLUTION).map_or(eighth, |longest| eighth.min(longest));
        let extended = binding.expires_at.duration_since(self.noted_expires_at);
        let used = binding.last_used_at.duration_since(self.noted_last_used_at);
        let worth_it = (!extended.is_zero() && extended >= eighth) || (!used.is_zero() && used >= resolution);
        if worth_it {
            (self.noted_expires_at, self.noted_last_used_at) = (binding.expires_at, binding.last_used_at);
        }
        worth_it
    }
}

/// The bindings and response owners of a process.
pub(crate) struct Register {
    pub(crate) bindings: Table<Kept>,
    pub(crate) responses: Table<ResponseOwner>,
}

impl Register {
    pub(crate) fn new(capacity: usize, journal: Journal) -> Self {
        Self { bindings: Table::new(capacity, journal), responses: Table::new(capacity, journal) }
    }

    pub(crate) fn lookup(&self, key: StickyKey, now: Timestamp) -> Option<Binding> {
        let key = number(key);
        let mut shard = self.bindings.shard(key);
        let entry = &shard.entries.use_mut(key)?.entry;
        if entry.is_live(now) {
            return Some(entry.binding.clone());
        }
        shard.remove(key);
        None
    }

    pub(crate) fn put(&self, entry: BindingEntry) {
        let key = number(entry.key);
        self.bindings.shard(key).insert(key, Kept::new(entry));
    }

    pub(crate) fn bind_if_absent(&self, entry: BindingEntry, now: Timestamp) -> Option<Binding> {
        let key = number(entry.key);
        let mut shard = self.bindings.shard(key);
        match shard.entries.use_mut(key) {
            Some(present) if present.entry.is_live(now) => Some(present.entry.binding.clone()),
            _ => {
                shard.insert(key, Kept::new(entry));
                None
            }
        }
    }

    /// Whether it was refreshed, and whether the journal knows.
    pub(crate) fn touch(&self, key: StickyKey, by: &Binding) -> (bool, bool) {
        let key = number(key);
        let mut shard = self.bindings.shard(key);
        let Some(kept) = shard.entries.use_mut(key) else { return (false, false) };
        let present = &kept.entry.binding;
        if present.route_id != by.route_id || present.host_id != by.host_id {
            return (false, false);
        }
        let worth_it = kept.refresh(by);
        if worth_it {
            shard.note(key);
        }
        (true, worth_it)
    }

    pub(crate) fn list(
        &self,
        filter: &BindingFilter,
        cursor: Option<StickyKey>,
        limit: usize,
        now: Timestamp,
    ) -> BindingPage {
        let limit = limit.max(1);
        let after = cursor.map(number);
        let first = filter.sticky_key.map(number).max(after).unwrap_or(0);
        let mut items: Vec<BindingEntry> = Vec::new();
        for shard in self.bindings.shards_from(first) {
            let admitted = |(key, kept): &(u128, &Kept)| {
                after.is_none_or(|after| *key > after) && kept.entry.is_live(now) && filter.admits(&kept.entry)
            };
            let mut keys: Vec<u128> = shard.entries.iter().filter(admitted).map(|(key, _)| key).collect();
            keys.sort_unstable();
            // One more than the page holds tells whether there is a next one.
            let wanted = limit + 1 - items.len();
            items.extend(keys.iter().take(wanted).filter_map(|key| Some(shard.entries.peek(*key)?.entry.clone())));
            if items.len() > limit {
                break;
            }
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|entry| entry.key) } else { None };
        BindingPage { items, next }
    }

    pub(crate) fn purge(&self, filter: &BindingFilter) -> u64 {
        self.bindings.shards_from(0).map(|mut shard| shard.remove_where(|kept| filter.admits(&kept.entry))).sum()
    }

    pub(crate) fn sweep(&self, now: Timestamp) -> u64 {
        for mut shard in self.responses.shards_from(0) {
            shard.remove_where(|owner| !owner.is_live(now));
        }
        self.bindings.shards_from(0).map(|mut shard| shard.remove_where(|kept| !kept.entry.is_live(now))).sum()
    }

    pub(crate) fn count(&self) -> u64 {
        self.bindings.len() as u64
    }

    pub(crate) fn response_owner(&self, consumer: &KeyId, response_id: &str, now: Timestamp) -> Option<ResponseOwner> {
        let key = response_key(consumer.as_str(), response_id);
        let mut shard = self.responses.shard(key);
        let owner = shard.entries.use_mut(key)?;
        if owner.is_live(now) {
            return Some(owner.clone());
        }
        shard.remove(key);
        None
    }

    pub(crate) fn record_response_owner(&self, consumer: &KeyId, response_id: &str, owner: ResponseOwner) {
        let key = response_key(consumer.as_str(), response_id);
        self.responses.shard(key).insert(key, owner);
    }
}

/// A sticky key as the tables order it.
pub(crate) fn number(key: StickyKey) -> u128 {
    u128::from_be_bytes(key.to_bytes())
}
