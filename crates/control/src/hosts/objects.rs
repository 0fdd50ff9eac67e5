//! Objects of a host as they were seen last, and what a new look makes of that record.
//!
//! A look counts against an object only when it was complete and saw anything at all: an
//! empty answer is taken for a fault of the host and deletes nothing (spec §9).

use std::collections::{BTreeMap, BTreeSet};

use relay_domain::Timestamp;
use relay_store::HostObject;
use serde_json::Value;

/// Complete looks that have to miss an object before it is taken for gone: one can fall into a restart.
pub(super) const GONE: u32 = 2;

/// What one look at a host saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By kind and name.
    objects: BTreeMap<(&'static str, String), Value>,
    /// Kinds, with the beginning of names, that were looked at completely.
    complete: BTreeSet<(&'static str, String)>,
    /// The same, of which the host showed none.
    empty: BTreeSet<(&'static str, String)>,
}

impl Seen {
    /// Takes in a whole list of objects of a kind whose names begin so.
    pub(super) fn all(&mut self, kind: &'static str, prefix: &str, objects: impl IntoIterator<Item = (String, Value)>) {
        let before = self.objects.len();
        self.some(kind, objects);
        let scope = (kind, prefix.to_owned());
        if self.objects.len() == before {
            self.empty.insert(scope)
        } else {
            self.complete.insert(scope)
        };
    }

    /// Takes in objects of a list that need not be whole.
    pub(super) fn some(&mut self, kind: &'static str, objects: impl IntoIterator<Item = (String, Value)>) {
        self.objects.extend(objects.into_iter().map(|(name, value)| ((kind, name), value)));
    }

    pub(super) fn count(&self, kind: &str) -> usize {
        self.objects.keys().filter(|(of, _)| *of == kind).count()
    }

    pub(super) fn get(&self, kind: &'static str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind, name.to_owned()))
    }

    /// Objects of a kind whose names begin so.
    pub(super) fn of<'a>(&'a self, kind: &'a str, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let fits = move |(of, name): &(&str, String)| *of == kind && name.starts_with(prefix);
        self.objects.iter().filter(move |(key, _)| fits(key)).map(|((_, name), value)| (name.as_str(), value))
    }

    /// Whether the absence of an object says something.
    pub(super) fn is_complete(&self, kind: &str, name: &str) -> bool {
        self.complete.iter().any(|(of, prefix)| *of == kind && name.starts_with(prefix.as_str()))
    }

    /// Lists that were empty although objects of theirs are on record.
    pub(super) fn suspiciously_empty<'a>(
        &'a self,
        recorded: &'a [HostObject],
    ) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.empty.iter().filter_map(move |(kind, prefix)| {
            let known = |object: &HostObject| object.kind == *kind && object.name.starts_with(prefix.as_str());
            recorded.iter().any(known).then_some((*kind, prefix.as_str()))
        })
    }

    /// The record after this look: what was seen, and what was looked for in vain once more.
    pub(super) fn merged_into(&self, recorded: &[HostObject], now: Timestamp) -> Vec<HostObject> {
        let before: BTreeMap<(&str, &str), &HostObject> =
            recorded.iter().map(|object| ((object.kind.as_str(), object.name.as_str()), object)).collect();
        let seen = self.objects.iter().map(|((kind, name), document)| HostObject {
            kind: (*kind).to_owned(),
            name: name.clone(),
            document: document.clone(),
            first_at: before.get(&(*kind, name.as_str())).map_or(now, |object| object.first_at),
            observed_at: now,
            misses: 0,
        });
        let is_missed = |object: &&HostObject| {
            self.is_complete(&object.kind, &object.name)
                && !self.objects.keys().any(|(kind, name)| *kind == object.kind && *name == object.name)
        };
        let missed = recorded.iter().filter(is_missed);
        let missed = missed.map(|object| HostObject { misses: object.misses.saturating_add(1), ..object.clone() });
        seen.chain(missed).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn look(objects: &[(&str, i64)]) -> Seen {
        let mut seen = Seen::default();
        seen.all("group", "", objects.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        seen
    }

    fn told(record: &[HostObject]) -> Vec<String> {
        record
            .iter()
            .map(|it| format!("{}={} {}/{}", it.name, it.document, it.first_at.as_second(), it.misses))
            .collect()
    }

    #[test]
    fn what_is_not_seen_is_missed_and_never_deleted() {
        let record = look(&[("1", 10), ("2", 20)]).merged_into(&[], at(1));
        assert_eq!(told(&record), ["1=10 1/0", "2=20 1/0"]);
        let record = look(&[("2", 21)]).merged_into(&record, at(2));
        assert_eq!(told(&record), ["2=21 1/0", "1=10 1/1"]);
        let record = look(&[("2", 21)]).merged_into(&record, at(3));
        assert_eq!(told(&record), ["2=21 1/0", "1=10 1/2"]);
        let back = look(&[("1", 10), ("2", 21)]).merged_into(&record, at(4));
        assert_eq!(told(&back), ["1=10 1/0", "2=21 1/0"]);
    }

    #[test]
    fn an_empty_answer_says_nothing_but_that_it_was_empty() {
        let record = look(&[("1", 10)]).merged_into(&[], at(1));
        let empty = look(&[]);
        assert!(empty.merged_into(&record, at(2)).is_empty(), "nothing is written");
        assert!(!empty.is_complete("group", "1"));
        assert_eq!(empty.suspiciously_empty(&record).collect::<Vec<_>>(), [("group", "")]);
        assert_eq!(empty.suspiciously_empty(&[]).count(), 0);
    }

    #[test]
    fn a_list_that_need_not_be_whole_counts_against_nothing() {
        let record = look(&[("1", 10), ("2", 20)]).merged_into(&[], at(1));
        let mut seen = Seen::default();
        seen.some("group", [("2".to_owned(), json!(21))]);
        assert_eq!(told(&seen.merged_into(&record, at(2))), ["2=21 1/0"]);
    }

    #[test]
    fn a_look_at_one_part_counts_against_that_part_alone() {
        let mut seen = Seen::default();
        seen.all("model", "7/", [("7/a".to_owned(), json!(1))]);
        seen.all("model", "8/", [("8/a".to_owned(), json!(1)), ("8/b".to_owned(), json!(1))]);
        let record = seen.merged_into(&[], at(1));
        let mut seen = Seen::default();
        seen.all("model", "8/", [("8/a".to_owned(), json!(1))]);
        assert_eq!(told(&seen.merged_into(&record, at(2))), ["8/a=1 1/0", "8/b=1 1/1"]);
    }
}
