//! What changes between two fleets, field by field, without a secret in it.

use relay_domain::{AdminAccess, ConsumerKey, Fleet, Group, Host, Route};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::view::{self, Fields};

/// An entry by noun and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryName {
    /// `host`, `group`, `route` or `key`.
    pub noun: String,
    /// Its id.
    pub id: String,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldChange {
    /// The field's name in the fleet file.
    pub field: String,
    /// The value in force; for a secret its origin.
    pub from: Value,
    /// The value to come. For a secret that is another under the same origin: `"changed"`.
    pub to: Value,
}

/// An entry with other fields than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedEntry {
    /// Which entry.
    #[serde(flatten)]
    pub name: EntryName,
    /// What differs, in the order of the documentation.
    pub fields: Vec<FieldChange>,
}

/// Everything that differs between two fleets; the order of entries counts for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diff {
    /// Entries that were not there.
    pub added: Vec<EntryName>,
    /// Entries with other fields.
    pub changed: Vec<ChangedEntry>,
    /// Entries that are gone.
    pub removed: Vec<EntryName>,
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    /// One line for people: `2 added, 1 changed`.
    pub fn summary(&self) -> String {
        let counts = [(self.added.len(), "added"), (self.changed.len(), "changed"), (self.removed.len(), "removed")];
        let told: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        if told.is_empty() { "no changes".to_owned() } else { told.join(", ") }
    }
}

/// Compares the fleet in force with the one to come.
pub fn diff(from: &Fleet, to: &Fleet) -> Diff {
    let mut diff = Diff::default();
    let hosts = Section { noun: "host", id: |host: &Host| host.id.as_str(), view: view::host, changed: host_secrets };
    hosts.compare(&from.hosts, &to.hosts, &mut diff);
    Section { noun: "group", id: |group: &Group| group.id.as_str(), view: view::group, changed: no_secrets }.compare(
        &from.groups,
        &to.groups,
        &mut diff,
    );
    Section { noun: "route", id: |route: &Route| route.id.as_str(), view: view::route, changed: no_secrets }.compare(
        &from.routes,
        &to.routes,
        &mut diff,
    );
    Section { noun: "key", id: |key: &ConsumerKey| key.id.as_str(), view: view::key, changed: key_secret }
        .compare(&from.keys, &to.keys, &mut diff);
    diff
}

/// How the entries of one noun are compared.
struct Section<T> {
    noun: &'static str,
    id: fn(&T) -> &str,
    view: fn(&T) -> Fields,
    /// The secret fields whose value differs, whatever their origin says.
    changed: fn(&T, &T) -> Vec<&'static str>,
}

impl<T: PartialEq> Section<T> {
    fn compare(&self, from: &[T], to: &[T], diff: &mut Diff) {
        // A document is mostly applied with its entries where they were: those are looked up nowhere.
        let in_step = from.iter().zip(to).take_while(|(old, new)| (self.id)(old) == (self.id)(new)).count();
        let ((same_from, from), (same_to, to)) = (from.split_at(in_step), to.split_at(in_step));
        same_from.iter().zip(same_to).for_each(|(old, new)| self.change(old, new, diff));
        let before: FxHashMap<&str, &T> = from.iter().map(|entry| ((self.id)(entry), entry)).collect();
        let after: FxHashSet<&str> = to.iter().map(self.id).collect();
        for entry in to {
            match before.get((self.id)(entry)) {
                None => diff.added.push(self.name(entry)),
                Some(old) => self.change(old, entry, diff),
            }
        }
        diff.removed
            .extend(from.iter().filter(|entry| !after.contains((self.id)(entry))).map(|entry| self.name(entry)));
    }

    /// Notes what is different about an entry.
    fn change(&self, old: &T, new: &T, diff: &mut Diff) {
        if old != new {
            diff.changed.push(ChangedEntry { name: self.name(new), fields: self.fields(old, new) });
        }
    }

    fn name(&self, entry: &T) -> EntryName {
        EntryName { noun: self.noun.to_owned(), id: (self.id)(entry).to_owned() }
    }

    fn fields(&self, old: &T, new: &T) -> Vec<FieldChange> {
        let secrets = (self.changed)(old, new);
        let old = (self.view)(old);
        (self.view)(new)
            .into_iter()
            .filter_map(|(field, to)| {
                let from = old.get(&field).cloned().unwrap_or_default();
                if from != to {
                    return Some(FieldChange { field, from, to });
                }
                secrets.contains(&field.as_str()).then(|| FieldChange { field, from, to: "changed".into() })
            })
            .collect()
    }
}

fn no_secrets<T>(_: &T, _: &T) -> Vec<&'static str> {
    Vec::new()
}

fn host_secrets(old: &Host, new: &Host) -> Vec<&'static str> {
    let admin = match (&old.admin, &new.admin) {
        (Some(AdminAccess::Key(old)), Some(AdminAccess::Key(new))) if old.secret != new.secret => Some("admin_key"),
        (Some(AdminAccess::Login { password: old, .. }), Some(AdminAccess::Login { password: new, .. }))
            if old.secret != new.secret =>
        {
            Some("login")
        }
        _ => None,
    };
    let gateway = match (&old.gateway_key, &new.gateway_key) {
        (Some(old), Some(new)) if old.secret != new.secret => Some("gateway_key"),
        _ => None,
    };
    admin.into_iter().chain(gateway).collect()
}

fn key_secret(old: &ConsumerKey, new: &ConsumerKey) -> Vec<&'static str> {
    if old.hash == new.hash { Vec::new() } else { vec!["secret"] }
}

#[cfg(test)]
mod tests {
    use relay_domain::{BaseUrl, HostId, HostKind, Secret, SecretSource, StoredSecret};
    use serde_json::json;

    use super::*;

    fn fleet(hosts: &[(&str, &str, &str)]) -> Fleet {
        let host = |&(id, base_url, key): &(&str, &str, &str)| Host {
            id: HostId::new(id).unwrap(),
            kind: HostKind::OpenAi,
            base_url: BaseUrl::parse(base_url).unwrap(),
            allow_private: false,
            enabled: true,
            admin: None,
            gateway_key: Some(StoredSecret { secret: Secret::new(key), source: SecretSource::Env("KEY".into()) }),
            ask_usage: true,
        };
        Fleet { hosts: hosts.iter().map(host).collect(), ..Fleet::default() }
    }

    #[test]
    fn changes_are_told_field_by_field_and_secrets_as_changed() {
        let from = fleet(&[("a", "https://a.example", "canary-1"), ("b", "https://b.example", "x")]);
        let to = fleet(&[("c", "https://c.example", "x"), ("a", "https://a2.example", "canary-2")]);
        let diff = serde_json::to_value(diff(&from, &to)).unwrap();
        assert_eq!(
            diff,
            json!({
                "added": [{"noun": "host", "id": "c"}],
                "changed": [{"noun": "host", "id": "a", "fields": [
                    {"field": "base_url", "from": "https://a.example", "to": "https://a2.example"},
                    {"field": "gateway_key", "from": {"env": "KEY"}, "to": "changed"},
                ]}],
                "removed": [{"noun": "host", "id": "b"}],
            })
        );
    }

    #[test]
    fn what_comes_in_between_and_what_goes_moves_no_other_entry() {
        let of =
            |ids: &[&'static str]| fleet(&ids.iter().map(|id| (*id, "https://a.example", "x")).collect::<Vec<_>>());
        let diff = diff(&of(&["a", "b", "c", "d"]), &of(&["a", "n", "b", "d"]));
        let ids = |names: &[EntryName]| names.iter().map(|name| name.id.clone()).collect::<Vec<_>>();
        assert_eq!((ids(&diff.added), diff.changed, ids(&diff.removed)), (vec!["n".into()], vec![], vec!["c".into()]));
    }

    #[test]
    fn the_order_of_entries_is_no_change() {
        let (a, b) = (("a", "https://a.example", "x"), ("b", "https://b.example", "x"));
        assert!(diff(&fleet(&[a, b]), &fleet(&[b, a])).is_empty());
    }
}
