//! The consumers of a generation: whom the hash of a secret names, which is what a request asks first, and what is
//! counted for each.
//!
//! Of ten thousand consumers none is in a processor's cache, and what says where the next piece of memory lies has to be there
//! before that is asked for. So what is found by a hash is one cache line, which says where everything else of its consumer is; and
//! that is fetched while the request's body is read.

use std::sync::Arc;

use prefetch_index::prefetch_index;
use relay_domain::{ConsumerKey, KeyHash};
use relay_routing::{KeyIndex, Snapshot};

use crate::limits::{Gate, Gates};

/// A consumer, as a request finds it.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Consumer {
    /// What the presented secret must hash to.
    hash: KeyHash,
    /// What is counted for it.
    pub(crate) gate: Arc<Gate>,
    /// Its key's id.
    name: Arc<str>,
    pub(crate) key: KeyIndex,
    /// Its key has nothing about it that could refuse this secret, or whoever presents it.
    pub(crate) is_always_good: bool,
}

/// Bytes that are fetched from memory together.
pub(crate) const LINE: usize = 64;

/// The consumers, by everything that their secrets may hash to.
pub(crate) struct Consumers {
    /// A power of two, at least half of them free. Of hashes that begin alike the later one is in the next free slot.
    slots: Vec<Option<Consumer>>,
    /// In the order of the snapshot's keys.
    gates: Vec<Arc<Gate>>,
}

impl Consumers {
    pub(crate) fn new(snapshot: &Snapshot, gates: &Gates) -> Self {
        let gates: Vec<_> = snapshot.keys().iter().map(|key| gates.of(&key.id.shared())).collect();
        let consumer = |(key, hash): (KeyIndex, KeyHash)| Consumer {
            hash,
            gate: Arc::clone(&gates[key.as_usize()]),
            name: snapshot.key(key).id.shared(),
            key,
            is_always_good: is_always_good(snapshot.key(key), &hash),
        };
        let own = snapshot.key_indices().map(|key| (key, snapshot.key(key).hash));
        let previous = snapshot.key_indices().filter_map(|key| Some((key, snapshot.key(key).previous.as_ref()?.hash)));
        let mut slots = vec![None; (2 * (own.clone().count() + previous.clone().count())).next_power_of_two()];
        // What was one key's secret may have become another's, whose it is now: own ones come first.
        for consumer in own.chain(previous).map(consumer) {
            let first = first(&consumer.hash, slots.len());
            let (before, from) = slots.split_at_mut(first);
            if let Some(free) = from.iter_mut().chain(before).find(|slot| slot.is_none()) {
                *free = Some(consumer);
            }
        }
        Self { slots, gates }
    }

    /// Has the place fetched where whoever this hash names is likely to be.
    pub(crate) fn fetch(&self, hash: &KeyHash) {
        prefetch_index(&self.slots, first(hash, self.slots.len()));
    }

    /// Whom this hash names.
    pub(crate) fn find(&self, hash: &KeyHash) -> Option<&Consumer> {
        let (before, from) = self.slots.split_at(first(hash, self.slots.len()));
        from.iter().chain(before).map_while(Option::as_ref).find(|consumer| consumer.hash == *hash)
    }

    /// What is counted for each, in the order of the snapshot's keys.
    pub(crate) fn gates(&self) -> &[Arc<Gate>] {
        &self.gates
    }
}

impl Consumer {
    /// Has everything fetched that a request of this consumer is going to read.
    pub(crate) fn fetch(&self, key: &ConsumerKey) {
        prefetch_index(self.name.as_bytes(), 0);
        self.gate.fetch();
        // From its hash on, which comes first, as many lines as it says to have for requests.
        (0..4).for_each(|line| prefetch_index(&key.hash.0[..], line * LINE));
    }
}

/// Whether nothing of this key but its secret has to be looked at.
fn is_always_good(key: &ConsumerKey, hash: &KeyHash) -> bool {
    key.enabled && key.expires_at.is_none() && key.allowed_ips.is_empty() && key.hash == *hash
}

/// Where to look first among so many slots. The hash is keyed, so that nobody chooses its bits: they say it as they are.
fn first(hash: &KeyHash, slots: usize) -> usize {
    let bits = hash.0.first_chunk().copied().map_or(0, u64::from_le_bytes);
    bits as usize & (slots - 1)
}

#[cfg(test)]
mod tests {
    use relay_domain::{ConsumerKey, Fleet, KeyId, PreviousSecret, Timestamp};

    use super::*;

    fn hash(last: u8) -> KeyHash {
        KeyHash(std::array::from_fn(|at| if at == 31 { last } else { 0xff }))
    }

    fn consumers(keys: Vec<ConsumerKey>) -> Consumers {
        Consumers::new(&Snapshot::build(&Fleet { keys, ..Fleet::default() }), &Gates::default())
    }

    #[test]
    fn hashes_that_begin_alike_are_told_apart() {
        let key = |number: u8| ConsumerKey::new(KeyId::new(&format!("k-{number}")).unwrap(), hash(number));
        let mut keys: Vec<_> = (0..9).map(key).collect();
        let previous = |hash| Some(PreviousSecret { hash, until: Timestamp::MAX });
        keys[3].previous = previous(hash(100));
        keys[5].previous = previous(hash(8));
        let consumers = consumers(keys);
        let named = |last| consumers.find(&hash(last)).map(|consumer| consumer.name.to_string());
        for number in 0..9 {
            assert_eq!(named(number), Some(format!("k-{number}")));
        }
        assert_eq!(named(100), Some("k-3".to_owned()));
        assert_eq!(named(9), None);
    }

    #[test]
    fn what_could_refuse_a_secret_is_looked_at() {
        let plain = ConsumerKey::new(KeyId::new("k").unwrap(), hash(0));
        let is_always_good = |key: ConsumerKey| consumers(vec![key]).find(&hash(0)).unwrap().is_always_good;
        assert!(is_always_good(plain.clone()));
        let expires_at = Some(Timestamp::MAX);
        let allowed_ips = vec!["10.0.0.0/8".parse().unwrap()];
        let previous = Some(PreviousSecret { hash: hash(0), until: Timestamp::MAX });
        assert!(!is_always_good(ConsumerKey { enabled: false, ..plain.clone() }));
        assert!(!is_always_good(ConsumerKey { expires_at, ..plain.clone() }));
        assert!(!is_always_good(ConsumerKey { allowed_ips, ..plain.clone() }));
        assert!(!is_always_good(ConsumerKey { hash: hash(1), previous, ..plain }));
    }

    #[test]
    fn nobody_is_found_among_none() {
        assert!(consumers(Vec::new()).find(&hash(0)).is_none());
    }

    #[test]
    fn a_consumer_is_one_cache_line() {
        assert_eq!(size_of::<Option<Consumer>>(), 64);
    }
}
