//! What is counted for each name of the fleet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names of one kind that are told apart. A larger fleet is counted all the same, the rest
/// under [`OTHERS`]: a scrape must not grow with whatever somebody configures.
pub const MOST_NAMES: usize = 200;

/// The name of the rest. No id of the fleet looks like it.
pub const OTHERS: &str = "(others)";

/// A `T` for each name. Found once for each generation of the fleet, and not while requests run.
#[derive(Debug, Default)]
pub struct Named<T>(Mutex<Names<T>>);

#[derive(Debug, Default)]
struct Names<T> {
    by_name: BTreeMap<Arc<str>, Arc<T>>,
    others: Arc<T>,
}

impl<T: Default> Named<T> {
    /// What is counted for this name.
    pub fn of(&self, name: &Arc<str>) -> Arc<T> {
        let mut names = self.lock();
        if let Some(known) = names.by_name.get(name) {
            return Arc::clone(known);
        }
        if names.by_name.len() >= MOST_NAMES {
            return Arc::clone(&names.others);
        }
        let counted = Arc::new(T::default());
        names.by_name.insert(Arc::clone(name), Arc::clone(&counted));
        counted
    }

    /// Forgets the names that are not to be kept, and with them what was counted.
    pub fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        self.lock().by_name.retain(|name, _| is_kept(name));
    }

    /// All names with what is counted, in their order, the rest last.
    pub fn all(&self) -> Vec<(Arc<str>, Arc<T>)> {
        let names = self.lock();
        let named = names.by_name.iter().map(|(name, counted)| (Arc::clone(name), Arc::clone(counted)));
        let others = (names.by_name.len() >= MOST_NAMES).then(|| (OTHERS.into(), Arc::clone(&names.others)));
        named.chain(others).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Names<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Counter;

    fn name(number: usize) -> Arc<str> {
        format!("host-{number:05}").into()
    }

    #[test]
    fn names_beyond_the_most_are_counted_together() {
        let named = Named::<Counter>::default();
        (0..10_000).for_each(|number| named.of(&name(number)).increment());
        let all = named.all();
        assert_eq!(all.len(), MOST_NAMES + 1);
        assert_eq!(all.iter().map(|(_, count)| count.get()).sum::<u64>(), 10_000);
        assert_eq!(all.last().map(|(name, count)| (&**name, count.get())), Some((OTHERS, 9_800)));
    }

    #[test]
    fn a_name_that_is_gone_makes_room_and_one_that_stays_keeps_its_count() {
        let named = Named::<Counter>::default();
        (0..MOST_NAMES).for_each(|number| named.of(&name(number)).increment());
        named.retain(|kept| kept == "host-00007");
        assert_eq!(named.of(&name(7)).get(), 1);
        assert_eq!(named.of(&name(MOST_NAMES)).get(), 0, "a new one of its own");
        assert_eq!(named.all().len(), 2);
    }
}
