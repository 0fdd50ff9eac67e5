//! The index of one generation: built once, then only read, behind an `Arc`.
//!
//! Routes lie sorted by (group, pattern, priority, id), so that the routes of a
//! pool are neighbors and a plan walks them in one direction. Nothing in the
//! index depends on the order in which the fleet was written down, so replicas
//! with equal fleets have equal snapshots.

use relay_domain::{ConsumerKey, Fleet, Generation, Group, GroupId, Host, KeyId, ModelPattern, Route, RouteId};
use rustc_hash::FxHashMap;

use crate::Exclusion;
use crate::score::text_hash;

/// A route of one snapshot; it means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(u32);

/// A host of one snapshot; it means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostIndex(u32);

/// A consumer key of one snapshot; it means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyIndex(u32);

impl KeyIndex {
    /// The position in [`Snapshot::keys`], for tables kept beside a snapshot.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl RouteIndex {
    /// The position in [`Snapshot::routes`], for tables kept beside a snapshot.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

impl HostIndex {
    /// The position in [`Snapshot::hosts`], for tables kept beside a snapshot.
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// A route with what planning needs to know of it at hand.
#[derive(Clone, Debug)]
pub struct RouteEntry {
    /// The route as published.
    pub route: Route,
    /// Its place in the snapshot.
    pub index: RouteIndex,
    /// Its host.
    pub host: HostIndex,
    /// Stable hash of the route's id: its half of the rendezvous score.
    pub id_hash: u64,
    /// The operator's own exclusion: the group, the host or the route is disabled.
    pub disabled: Option<Exclusion>,
}

/// Why a name leads to no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
    /// No route of the group, or of the caller's groups, serves this model.
    #[error("no route serves this model")]
    UnknownModel,
}

/// The routes that may serve a model, and the group they belong to.
#[derive(Clone, Copy, Debug)]
pub struct Pool<'a> {
    /// The group.
    pub group: &'a Group,
    /// The model as it was asked for, without the group part.
    pub public_model: &'a str,
    /// The routes whose pattern is the most specific one that matches, by
    /// (priority, id). Routes of less specific patterns are no fallback for them:
    /// an exact name says which routes are meant.
    pub routes: &'a [RouteIndex],
}

/// Neighbors in the list of routes that share group and pattern.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Debug)]
struct GroupEntry {
    group: Group,
    exact: FxHashMap<Box<str>, Span>,
    prefixes: FxHashMap<Box<str>, Span>,
    /// Byte lengths that occur in `prefixes`, longest first: one look-up each
    /// finds the longest match, however many prefixes there are.
    prefix_lengths: Vec<usize>,
    /// Exact names with at least one route that is not disabled, sorted.
    listable: Vec<Box<str>>,
}

impl GroupEntry {
    fn new(group: Group) -> Self {
        Self {
            group,
            exact: FxHashMap::default(),
            prefixes: FxHashMap::default(),
            prefix_lengths: Vec::new(),
            listable: Vec::new(),
        }
    }

    fn span(&self, model: &str) -> Option<Span> {
        if model.is_empty() {
            return None;
        }
        if let Some(span) = self.exact.get(model) {
            return Some(*span);
        }
        self.prefix_lengths
            .iter()
            .filter_map(|length| model.get(..*length))
            .find_map(|prefix| self.prefixes.get(prefix))
            .copied()
    }

    fn admit(&mut self, pattern: &ModelPattern, span: Span, enabled: bool) {
        match pattern {
            ModelPattern::Exact(name) => {
                self.exact.insert(name.as_str().into(), span);
                if enabled {
                    self.listable.push(name.as_str().into());
                }
            }
            ModelPattern::Prefix(prefix) => {
                self.prefixes.insert(prefix.as_str().into(), span);
                self.prefix_lengths.push(prefix.len());
            }
        }
    }

    fn finish(&mut self) {
        self.prefix_lengths.sort_unstable_by(|a, b| b.cmp(a));
        self.prefix_lengths.dedup();
        self.listable.sort_unstable();
    }
}

/// One generation of the fleet, indexed for planning. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    generation: Generation,
    hosts: Vec<Host>,
    host_by_id: FxHashMap<relay_domain::HostId, u32>,
    groups: Vec<GroupEntry>,
    group_by_id: FxHashMap<GroupId, u32>,
    routes: Vec<RouteEntry>,
    route_by_id: FxHashMap<RouteId, u32>,
    /// 0, 1, 2, …: a pool borrows its neighbors from here.
    indices: Vec<RouteIndex>,
    /// Side by side: which one a request asks for is any of them.
    keys: Vec<ConsumerKey>,
    key_by_id: FxHashMap<KeyId, u32>,
}

impl Snapshot {
    /// Indexes a fleet. The fleet has been validated; a route whose host or group
    /// is not in it, which validation refuses, would be left out: it could not be served.
    pub fn build(fleet: &Fleet) -> Self {
        let mut hosts = fleet.hosts.clone();
        hosts.sort_by(|a, b| a.id.cmp(&b.id));
        let host_by_id = index(hosts.iter().map(|host| host.id.clone()));

        let mut groups: Vec<_> = fleet.groups.iter().cloned().map(GroupEntry::new).collect();
        groups.sort_by(|a, b| a.group.id.cmp(&b.group.id));
        let group_by_id = index(groups.iter().map(|entry| entry.group.id.clone()));

        let mut keys: Vec<_> = fleet
            .keys
            .iter()
            .cloned()
            .map(|mut key| {
                // The groups' own ids: a copy for each of ten thousand keys would miss the caches at each request.
                for id in &mut key.groups {
                    if let Some(group) = group_by_id.get(id) {
                        *id = groups[*group as usize].group.id.clone();
                    }
                }
                key
            })
            .collect();
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let key_by_id = index(keys.iter().map(|key| key.id.clone()));

        let mut routes: Vec<RouteEntry> = fleet
            .routes
            .iter()
            .filter_map(|route| {
                let host = *host_by_id.get(&route.host)?;
                let group = *group_by_id.get(&route.group)?;
                Some(entry(route, HostIndex(host), &hosts[host as usize], &groups[group as usize].group))
            })
            .collect();
        routes.sort_by(|a, b| position(&a.route).cmp(&position(&b.route)));
        for (index, entry) in routes.iter_mut().enumerate() {
            entry.index = RouteIndex(index as u32);
        }
        let route_by_id = index(routes.iter().map(|entry| entry.route.id.clone()));
        let indices = (0..routes.len() as u32).map(RouteIndex).collect();

        let mut start = 0;
        for pool in
            routes.chunk_by(|a, b| (&a.route.group, &a.route.public_model) == (&b.route.group, &b.route.public_model))
        {
            let span = Span { start, end: start + pool.len() as u32 };
            start = span.end;
            let group = group_by_id[&pool[0].route.group];
            let enabled = pool.iter().any(|entry| entry.disabled.is_none());
            groups[group as usize].admit(&pool[0].route.public_model, span, enabled);
        }
        groups.iter_mut().for_each(GroupEntry::finish);

        Self {
            generation: fleet.generation,
            hosts,
            host_by_id,
            groups,
            group_by_id,
            routes,
            route_by_id,
            indices,
            keys,
            key_by_id,
        }
    }

    /// Which generation this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The key at `index`, which is of this snapshot.
    pub fn key(&self, index: KeyIndex) -> &ConsumerKey {
        &self.keys[index.as_usize()]
    }

    /// Where the key of this id is.
    pub fn key_index(&self, id: &str) -> Option<KeyIndex> {
        self.key_by_id.get(id).copied().map(KeyIndex)
    }

    /// The places of all keys, in their order.
    pub fn key_indices(&self) -> impl Iterator<Item = KeyIndex> + Clone + use<> {
        (0..self.keys.len() as u32).map(KeyIndex)
    }

    /// The key of this id.
    pub fn key_by_id(&self, id: &str) -> Option<&ConsumerKey> {
        self.key_index(id).map(|index| self.key(index))
    }

    /// The group of this id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.group_entry(id).map(|entry| &entry.group)
    }

    /// The host of this id.
    pub fn host(&self, id: &str) -> Option<(HostIndex, &Host)> {
        self.host_by_id.get(id).map(|index| (HostIndex(*index), &self.hosts[*index as usize]))
    }

    /// The host at `index`, which is of this snapshot.
    pub fn host_at(&self, index: HostIndex) -> &Host {
        &self.hosts[index.as_usize()]
    }

    /// The route at `index`, which is of this snapshot.
    pub fn route(&self, index: RouteIndex) -> &RouteEntry {
        &self.routes[index.as_usize()]
    }

    /// The route of this id.
    pub fn route_by_id(&self, id: &str) -> Option<RouteIndex> {
        self.route_by_id.get(id).copied().map(RouteIndex)
    }

    /// All hosts, by id; a [`HostIndex`] is a position in it.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// All groups, by id.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &Group> {
        self.groups.iter().map(|entry| &entry.group)
    }

    /// All routes, by (group, pattern, priority, id); a [`RouteIndex`] is a position in it.
    pub fn routes(&self) -> &[RouteEntry] {
        &self.routes
    }

    /// All consumer keys, by id; a [`KeyIndex`] is a position in it.
    pub fn keys(&self) -> &[ConsumerKey] {
        &self.keys
    }

    /// The pool for what a client asked for: `group/model`, when `group` is one of
    /// `groups` and serves that model, else a bare model, looked up in `groups` in
    /// order. Model names may hold `/` themselves: an explicit group wins, and a name
    /// that is none stays whole. A disabled group is found too, so that its plan can
    /// say why it serves nothing.
    ///
    /// # Errors
    /// [`LocateError::UnknownModel`]; whether another group exists is not told.
    pub fn locate<'a>(&'a self, asked: &'a str, groups: &[GroupId]) -> Result<Pool<'a>, LocateError> {
        if let Some((group, model)) = asked.split_once('/')
            && groups.iter().any(|allowed| allowed.as_str() == group)
            && let Ok(pool) = self.locate_in(group, model)
        {
            return Ok(pool);
        }
        groups.iter().find_map(|group| self.locate_in(group.as_str(), asked).ok()).ok_or(LocateError::UnknownModel)
    }

    /// The pool for `model` in one group: exact beats prefix, a longer prefix comes
    /// first, and what nothing matches is unknown (spec §4).
    ///
    /// # Errors
    /// See [`LocateError`].
    pub fn locate_in<'a>(&'a self, group: &str, model: &'a str) -> Result<Pool<'a>, LocateError> {
        let entry = self.group_entry(group).ok_or(LocateError::UnknownGroup)?;
        let span = entry.span(model).ok_or(LocateError::UnknownModel)?;
        let routes = &self.indices[span.start as usize..span.end as usize];
        Ok(Pool { group: &entry.group, public_model: model, routes })
    }

    /// The pool that a route is of.
    pub fn pool_of(&self, route: RouteIndex) -> Option<Pool<'_>> {
        let route = &self.route(route).route;
        let entry = self.group_entry(route.group.as_str())?;
        let (spans, model) = match &route.public_model {
            ModelPattern::Exact(model) => (&entry.exact, model),
            ModelPattern::Prefix(model) => (&entry.prefixes, model),
        };
        let span = spans.get(model.as_str())?;
        let routes = &self.indices[span.start as usize..span.end as usize];
        Some(Pool { group: &entry.group, public_model: model, routes })
    }

    /// What a key with these groups may call, sorted and unique: the exact names
    /// that an enabled route of an enabled group on an enabled host serves. Prefixes
    /// name no model, so they are not listed.
    pub fn models_of<'a>(&'a self, groups: &[GroupId]) -> Vec<&'a str> {
        let entries = groups.iter().filter_map(|group| self.group_entry(group.as_str()));
        let mut models: Vec<&str> = entries.flat_map(|entry| entry.listable.iter().map(AsRef::as_ref)).collect();
        models.sort_unstable();
        models.dedup();
        models
    }

    fn group_entry(&self, id: &str) -> Option<&GroupEntry> {
        self.group_by_id.get(id).map(|index| &self.groups[*index as usize])
    }
}

fn index<K: std::hash::Hash + Eq>(ids: impl Iterator<Item = K>) -> FxHashMap<K, u32> {
    ids.zip(0u32..).collect()
}

fn entry(route: &Route, index: HostIndex, host: &Host, group: &Group) -> RouteEntry {
    let disabled = if !group.enabled {
        Some(Exclusion::GroupDisabled)
    } else if !host.enabled {
        Some(Exclusion::HostDisabled)
    } else if !route.enabled {
        Some(Exclusion::RouteDisabled)
    } else {
        None
    };
    // Its place is known once all are sorted.
    RouteEntry {
        route: route.clone(),
        index: RouteIndex(0),
        host: index,
        id_hash: text_hash(route.id.as_str()),
        disabled,
    }
}

fn position(route: &Route) -> (&GroupId, bool, &str, u32, &RouteId) {
    let (is_prefix, text) = match &route.public_model {
        ModelPattern::Exact(name) => (false, name),
        ModelPattern::Prefix(prefix) => (true, prefix),
    };
    (&route.group, is_prefix, text, route.priority, &route.id)
}
