//! Consumer keys by the hash of their secret: what a request asks first.
//!
//! The hash is keyed, so that nobody chooses its bits: they say where to look as they are. What lies there is a part of
//! the hash and the key's place; the rest is compared in the key itself, which is read next anyway. A map would
//! be asked in two pieces of memory and hold all of every hash, and of ten thousand keys none is in a processor's cache.

use relay_domain::{ConsumerKey, KeyHash};

/// The place of a slot that is free.
const FREE: u32 = u32::MAX;

/// A part of a hash, and the place of its key.
type Slot = (u32, u32);

/// Where in a list of keys each is.
#[derive(Debug)]
pub(crate) struct KeysByHash {
    /// A power of two, at least half of them free. Of hashes that begin alike the later one is in the next free slot.
    slots: Vec<Slot>,
}

impl KeysByHash {
    /// By everything that the keys' secrets may hash to.
    pub(crate) fn new(keys: &[ConsumerKey]) -> Self {
        let hashes = |key: &ConsumerKey| [Some(key.hash), key.previous.map(|previous| previous.hash)];
        let named = keys.iter().zip(0..).flat_map(|(key, place)| hashes(key).into_iter().flatten().zip([place; 2]));
        let mut slots = vec![(0, FREE); (2 * named.clone().count()).next_power_of_two()];
        for (hash, place) in named {
            let (first, part) = parts(&hash, slots.len());
            let (before, from) = slots.split_at_mut(first);
            if let Some(free) = from.iter_mut().chain(before).find(|slot| slot.1 == FREE) {
                *free = (part, place);
            }
        }
        Self { slots }
    }

    /// The place in `keys`, of which this was made, of the one that this hash names.
    pub(crate) fn find(&self, hash: &KeyHash, keys: &[ConsumerKey]) -> Option<u32> {
        let (first, part) = parts(hash, self.slots.len());
        let (before, from) = self.slots.split_at(first);
        let taken = from.iter().chain(before).take_while(|slot| slot.1 != FREE);
        let alike = taken.filter(|slot| slot.0 == part).map(|slot| slot.1);
        let named = alike.filter(|place| keys[*place as usize].is_named_by(hash));
        // What was one key's secret may have become another's, whose it is now.
        named.reduce(|found, place| if keys[place as usize].hash == *hash { place } else { found })
    }
}

/// Where to look first among so many slots, and what to look for.
fn parts(hash: &KeyHash, slots: usize) -> (usize, u32) {
    let bits = hash.0.first_chunk().copied().map_or(0, u64::from_le_bytes);
    (bits as usize & (slots - 1), (bits >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use relay_domain::{KeyId, PreviousSecret, Timestamp};

    use super::*;

    #[test]
    fn hashes_that_begin_alike_are_told_apart() {
        let hash = |last: u8| KeyHash(std::array::from_fn(|at| if at == 31 { last } else { 0xff }));
        let mut keys: Vec<_> = (0..9).map(|last| ConsumerKey::new(KeyId::new("k").unwrap(), hash(last))).collect();
        keys[3].previous = Some(PreviousSecret { hash: hash(100), until: Timestamp::MAX });
        keys[5].previous = Some(PreviousSecret { hash: hash(8), until: Timestamp::MAX });
        let table = KeysByHash::new(&keys);
        for last in 0..9 {
            assert_eq!(table.find(&hash(last), &keys), Some(last.into()));
        }
        assert_eq!(table.find(&hash(100), &keys), Some(3));
        assert_eq!(table.find(&hash(9), &keys), None);
        assert_eq!(KeysByHash::new(&[]).find(&hash(0), &[]), None);
    }
}
