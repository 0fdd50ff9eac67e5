//! What look-ups are answered from: every key in memory, by user, host and group.
//! A reader takes one of 64 locks for as long as a hash map is asked; nothing
//! here waits, reads a clock or does IO.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use relay_domain::{HostId, Timestamp};
use relay_hosts::managed::{Lookup, ManagedKey, Refused, Wanted, Why};
use relay_store::GrantName;

const SHARDS: usize = 64;

/// What is known of one grant.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) state: State,
    /// How often in a row the gateway refused the key although everything was there.
    pub(super) rejections: u32,
}

/// See [`Entry`].
#[derive(Clone, Debug)]
pub(super) enum State {
    /// A key to send.
    Ready(Ready),
    /// There was one, and somebody doubts it.
    Doubted {
        /// Which issue.
        generation: u32,
    },
    /// There is none.
    Refused(Refused),
}

/// A key to send.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) key: Arc<ManagedKey>,
    /// Where the host was when it was obtained.
    pub(super) base_url: Arc<str>,
    /// The subscription's end.
    pub(super) expires_at: Option<Timestamp>,
    /// Its quota is used up until then.
    pub(super) limited_until: Option<Timestamp>,
    /// When it was last found to be good.
    pub(super) checked_at: Timestamp,
}

type Users = HashMap<Arc<str>, HashMap<HostId, Vec<(i64, Entry)>>>;

/// The table.
pub(super) struct Table {
    hasher: RandomState,
    shards: Vec<RwLock<Users>>,
    names: RwLock<HashMap<HostId, HashMap<Box<str>, Named>>>,
}

/// What is known of a group's name on a host.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    /// Its id.
    Id(i64),
    /// It cannot be told which group it is.
    Refused(Refused),
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            names: RwLock::default(),
        }
    }

    fn shard(&self, user: &str) -> &RwLock<Users> {
        &self.shards[(self.hasher.hash_one(user) as usize) % SHARDS]
    }

    /// The answer of [`ManagedKeys::look_up`](relay_hosts::managed::ManagedKeys::look_up).
    pub(super) fn look_up(&self, wanted: Wanted<'_>, now: Timestamp) -> Lookup {
        let group_id = match self.group_id(wanted.host, wanted.group) {
            Some(Named::Id(id)) => id,
            Some(Named::Refused(refused)) if refused.until.is_none_or(|until| until > now) => {
                return Lookup::Refused(refused);
            }
            Some(Named::Refused(_)) | None => return Lookup::Cold,
        };
        let shard = self.shard(wanted.user).read().unwrap_or_else(PoisonError::into_inner);
        find(&shard, wanted.user, wanted.host, group_id).map_or(Lookup::Cold, |entry| entry.look_up(now))
    }

    /// The id that a group's text stands for, as far as it is known.
    pub(super) fn group_id(&self, host: &HostId, group: &str) -> Option<Named> {
        if let Ok(id) = group.parse() {
            return Some(Named::Id(id));
        }
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(host)?.get(group).copied()
    }

    /// Remembers what a group's name stands for.
    pub(super) fn name_group(&self, host: &HostId, group: &str, named: Named) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.entry(host.clone()).or_default().insert(group.into(), named);
    }

    /// Forgets what names of groups stand for on a host.
    pub(super) fn forget_names(&self, host: &HostId) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).remove(host);
    }

    /// What is known of a grant.
    pub(super) fn get(&self, name: &GrantName) -> Option<Entry> {
        let shard = self.shard(&name.user).read().unwrap_or_else(PoisonError::into_inner);
        find(&shard, &name.user, &name.host, name.group_id).cloned()
    }

    /// Changes what is known of a grant; `None` forgets it. Answers what `change` says beside it.
    pub(super) fn update<T>(&self, name: &GrantName, change: impl FnOnce(Option<Entry>) -> (Option<Entry>, T)) -> T {
        let mut shard = self.shard(&name.user).write().unwrap_or_else(PoisonError::into_inner);
        let groups = shard.entry(Arc::clone(&name.user)).or_default().entry(name.host.clone()).or_default();
        let at = groups.iter().position(|(group, _)| *group == name.group_id);
        let (entry, answer) = change(at.map(|at| groups.swap_remove(at).1));
        groups.extend(entry.map(|entry| (name.group_id, entry)));
        answer
    }

    /// Puts in what is known of a grant.
    pub(super) fn put(&self, name: &GrantName, state: State) {
        self.update(name, |before| {
            let rejections = before.map_or(0, |before| before.rejections);
            (Some(Entry { state, rejections }), ())
        });
    }

    /// Changes every entry of a host.
    pub(super) fn update_host(&self, host: &HostId, change: impl Fn(i64, &mut Entry) -> bool) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            for groups in shard.values_mut().filter_map(|hosts| hosts.get_mut(host)) {
                groups.retain_mut(|(group, entry)| change(*group, entry));
            }
        }
    }
}

fn find<'a>(users: &'a Users, user: &str, host: &HostId, group_id: i64) -> Option<&'a Entry> {
    let groups = users.get(user)?.get(host)?;
    groups.iter().find(|(group, _)| *group == group_id).map(|(_, entry)| entry)
}

impl Entry {
    fn look_up(&self, now: Timestamp) -> Lookup {
        match &self.state {
            State::Ready(ready) if ready.expires_at.is_some_and(|end| end <= now) => Lookup::Cold,
            State::Ready(Ready { limited_until: Some(until), .. }) if *until > now => {
                Lookup::Refused(Refused { why: Why::Quota, until: Some(*until) })
            }
            State::Ready(ready) => Lookup::Ready(Arc::clone(&ready.key)),
            State::Refused(refused) if refused.until.is_none_or(|until| until > now) => Lookup::Refused(*refused),
            State::Doubted { .. } | State::Refused(_) => Lookup::Cold,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use relay_domain::Secret;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn name(host: &str, user: &str, group_id: i64) -> GrantName {
        GrantName { host: HostId::new(host).unwrap(), user: user.into(), group_id }
    }

    fn ready(name: &GrantName) -> Ready {
        let secret = Secret::new(&format!("sk-{name}"));
        let key = ManagedKey::new(name.host.clone(), Arc::clone(&name.user), name.group_id, 1, 4, secret).unwrap();
        Ready {
            key: Arc::new(key),
            base_url: "https://a.example".into(),
            expires_at: Some(at(100)),
            limited_until: None,
            checked_at: at(0),
        }
    }

    #[track_caller]
    fn check(table: &Table, (host, user, group): (&str, &str, &str), now: i64, expected: &str) {
        let host = HostId::new(host).unwrap();
        let seen = match table.look_up(Wanted { host: &host, user, group }, at(now)) {
            Lookup::Ready(key) => key.secret.expose().to_owned(),
            Lookup::Cold => "cold".to_owned(),
            Lookup::Refused(refused) => {
                format!("{} {:?}", refused.why.as_str(), refused.until.map(Timestamp::as_second))
            }
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_key_is_found_by_all_of_its_name() {
        let table = Table::new();
        for name in [name("a", "u", 7), name("a", "u", 8), name("b", "u", 7), name("a", "v", 7)] {
            table.put(&name, State::Ready(ready(&name)));
        }
        check(&table, ("a", "u", "7"), 0, "sk-a/u/7");
        check(&table, ("a", "u", "8"), 0, "sk-a/u/8");
        check(&table, ("b", "u", "7"), 0, "sk-b/u/7");
        check(&table, ("a", "v", "7"), 0, "sk-a/v/7");
        check(&table, ("b", "v", "7"), 0, "cold");
        check(&table, ("a", "u", "pool"), 0, "cold");
        table.name_group(&HostId::new("a").unwrap(), "pool", Named::Id(8));
        check(&table, ("a", "u", "pool"), 0, "sk-a/u/8");
        table.forget_names(&HostId::new("a").unwrap());
        check(&table, ("a", "u", "pool"), 0, "cold");
    }

    #[test]
    fn what_is_known_counts_for_its_time() {
        let table = Table::new();
        let name = name("a", "u", 7);
        let asked = ("a", "u", "7");
        table.put(&name, State::Ready(ready(&name)));
        check(&table, asked, 99, "sk-a/u/7");
        check(&table, asked, 100, "cold");
        table.put(&name, State::Ready(Ready { limited_until: Some(at(50)), ..ready(&name) }));
        check(&table, asked, 49, "quota Some(50)");
        check(&table, asked, 50, "sk-a/u/7");
        table.put(&name, State::Refused(Refused { why: Why::Host, until: Some(at(30)) }));
        check(&table, asked, 29, "host Some(30)");
        check(&table, asked, 30, "cold");
        table.put(&name, State::Refused(Refused { why: Why::Revoked, until: None }));
        check(&table, asked, 1000, "revoked None");
        table.put(&name, State::Doubted { generation: 1 });
        check(&table, asked, 0, "cold");
        table.update(&name, |_| (None, ()));
        check(&table, asked, 0, "cold");
    }

    #[test]
    fn a_hosts_entries_are_changed_together() {
        let table = Table::new();
        for name in [name("a", "u", 7), name("a", "v", 8), name("b", "u", 7)] {
            table.put(&name, State::Ready(ready(&name)));
        }
        table.update_host(&HostId::new("a").unwrap(), |group, _| group != 7);
        check(&table, ("a", "u", "7"), 0, "cold");
        check(&table, ("a", "v", "8"), 0, "sk-a/v/8");
        check(&table, ("b", "u", "7"), 0, "sk-b/u/7");
    }
}
