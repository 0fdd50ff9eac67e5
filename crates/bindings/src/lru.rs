//! A map of bounded size from which the least recently used entry goes first.
//!
//! The order is exact: a doubly linked list through a slab, indexed by a hash
//! map. A cache that samples or batches its recency would be as fast, but could
//! not promise which conversation loses its place.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

/// No neighbor.
const END: u32 = u32::MAX;

struct Node<V> {
    key: u128,
    value: V,
    newer: u32,
    older: u32,
}

/// Keys are hashes already, so a fast hash of them is enough.
pub(crate) struct Lru<V> {
    index: HashMap<u128, u32, FxBuildHasher>,
    nodes: Vec<Option<Node<V>>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    capacity: usize,
}

impl<V> Lru<V> {
    /// An empty map of at least one and at most `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, END as usize - 1);
        Self { index: HashMap::default(), nodes: Vec::new(), free: Vec::new(), newest: END, oldest: END, capacity }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Reads without counting as a use.
    pub(crate) fn peek(&self, key: u128) -> Option<&V> {
        self.node(*self.index.get(&key)?).map(|node| &node.value)
    }

    /// Reads for change without counting as a use.
    pub(crate) fn peek_mut(&mut self, key: u128) -> Option<&mut V> {
        let at = *self.index.get(&key)?;
        self.node_mut(at).map(|node| &mut node.value)
    }

    /// Reads for change, as the newest use.
    pub(crate) fn use_mut(&mut self, key: u128) -> Option<&mut V> {
        let at = *self.index.get(&key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.nodes[at as usize].as_mut().map(|node| &mut node.value)
    }

    /// Inserts as the newest use, and answers the key that had to go.
    pub(crate) fn insert(&mut self, key: u128, value: V) -> Option<u128> {
        if let Some(present) = self.use_mut(key) {
            *present = value;
            return None;
        }
        let evicted = if self.len() >= self.capacity { self.node(self.oldest).map(|node| node.key) } else { None };
        if let Some(oldest) = evicted {
            self.remove(oldest);
        }
        let node = Some(Node { key, value, newer: END, older: END });
        let at = if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            at
        } else {
            self.nodes.push(node);
            (self.nodes.len() - 1) as u32
        };
        self.index.insert(key, at);
        self.link_newest(at);
        evicted
    }

    pub(crate) fn remove(&mut self, key: u128) -> Option<V> {
        let at = self.index.remove(&key)?;
        self.unlink(at);
        self.free.push(at);
        self.nodes[at as usize].take().map(|node| node.value)
    }

    /// All entries, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u128, &V)> {
        self.nodes.iter().flatten().map(|node| (node.key, &node.value))
    }

    fn node(&self, at: u32) -> Option<&Node<V>> {
        self.nodes.get(at as usize)?.as_ref()
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node<V>> {
        self.nodes.get_mut(at as usize)?.as_mut()
    }

    fn unlink(&mut self, at: u32) {
        let Some(node) = self.node(at) else { return };
        let (newer, older) = (node.newer, node.older);
        match self.node_mut(newer) {
            Some(neighbor) => neighbor.older = older,
            None => self.newest = older,
        }
        match self.node_mut(older) {
            Some(neighbor) => neighbor.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let before = self.newest;
        if let Some(node) = self.node_mut(at) {
            (node.newer, node.older) = (END, before);
        }
        match self.node_mut(before) {
            Some(neighbor) => neighbor.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(3);
        for key in 1..=3 {
            assert_eq!(lru.insert(key, key), None);
        }
        lru.use_mut(1);
        assert_eq!(lru.insert(4, 4), Some(2));
        assert_eq!(lru.insert(3, 33), None, "a present key evicts nothing");
        assert_eq!(lru.insert(5, 5), Some(1));
        assert_eq!((lru.len(), lru.peek(3), lru.peek(1)), (3, Some(&33), None));
    }

    #[test]
    fn it_agrees_with_a_plain_list_through_a_long_mixed_run() {
        let mut lru = Lru::new(8);
        let mut model: Vec<(u128, u32)> = Vec::new();
        let mut state = 1_u32;
        for step in 0..20_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = u128::from(state >> 28);
            let position = model.iter().position(|(k, _)| *k == key);
            match (state >> 20) % 4 {
                0 => {
                    let removed = position.map(|position| model.remove(position).1);
                    assert_eq!(lru.remove(key), removed);
                }
                1 => {
                    let used = position.map(|position| {
                        let entry = model.remove(position);
                        model.push(entry);
                        entry.1
                    });
                    assert_eq!(lru.use_mut(key).copied(), used);
                }
                _ => {
                    let full = position.is_none() && model.len() == 8;
                    if let Some(position) = position {
                        model.remove(position);
                    }
                    let evicted = full.then(|| model.remove(0).0);
                    model.push((key, step));
                    assert_eq!(lru.insert(key, step), evicted);
                }
            }
            assert_eq!(lru.len(), model.len());
            assert!(lru.nodes.len() <= 8);
        }
        let mut left: Vec<_> = lru.iter().map(|(key, value)| (key, *value)).collect();
        left.sort_unstable();
        model.sort_unstable();
        assert_eq!(left, model);
    }
}
