//! Hosts, groups, routes and keys of the generation in force, without secrets.

use relay_domain::{ConsumerKey, CredentialMode, HostKind, KeyOrigin, Route};

use crate::Control;
use crate::page::{Key, Page, PageRequest};
use crate::view::{self, Fields};

/// Which hosts to list; an absent field admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostFilter {
    /// Of this kind.
    pub kind: Option<HostKind>,
    /// Taken out or not.
    pub enabled: Option<bool>,
}

/// Which groups to list; an absent field admits all.
#[derive(Clone, Copy, Debug, Default)]
pub struct GroupFilter {
    /// Taken out or not.
    pub enabled: Option<bool>,
}

/// Which keys to list; an absent field admits all.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// That may call this group.
    pub logical_group_id: Option<String>,
    /// Taken out or not.
    pub enabled: Option<bool>,
    /// Whose label has this in it, in upper or lower case.
    pub label: Option<String>,
    /// Kept by the fleet file, or made over the API.
    pub origin: Option<KeyOrigin>,
    /// Whose managed routes this host user pays for.
    pub subscription_user: Option<String>,
}

/// Which routes to list; an absent field admits all.
#[derive(Clone, Debug, Default)]
pub struct RouteFilter {
    /// Of this group.
    pub logical_group_id: Option<String>,
    /// Whose pattern reads exactly so.
    pub public_model: Option<String>,
    /// To this host.
    pub shadow_host_id: Option<String>,
    /// Taken out or not.
    pub enabled: Option<bool>,
    /// That send this kind of key.
    pub credential: Option<CredentialMode>,
}

/// A page of entries that come sorted by id.
fn page<'a, T: 'a>(
    entries: impl Iterator<Item = &'a T>,
    request: &PageRequest<Key<String>>,
    id: impl Fn(&T) -> &str,
    view: impl Fn(&T) -> Fields,
) -> Page<Fields> {
    let after = entries.filter(|entry| request.is_ahead(id(entry)));
    let items: Vec<&T> = after.take(request.limit + 1).collect();
    Page::of(items, request.limit, |entry| Key(id(entry)).to_string()).map(view)
}

impl Control {
    /// Hosts by id.
    pub fn hosts(&self, filter: &HostFilter, request: &PageRequest<Key<String>>) -> Page<Fields> {
        let snapshot = self.snapshot();
        let hosts =
            snapshot.hosts().iter().filter(|host| is(filter.kind, host.kind) && is(filter.enabled, host.enabled));
        page(hosts, request, |host| host.id.as_str(), view::host)
    }

    /// One host.
    pub fn host(&self, id: &str) -> Option<Fields> {
        self.snapshot().host(id).map(|(_, host)| view::host(host))
    }

    /// Groups by id.
    pub fn groups(&self, filter: &GroupFilter, request: &PageRequest<Key<String>>) -> Page<Fields> {
        let snapshot = self.snapshot();
        let groups = snapshot.groups().filter(|group: &&relay_domain::Group| is(filter.enabled, group.enabled));
        page(groups, request, |group| group.id.as_str(), view::group)
    }

    /// One group.
    pub fn group(&self, id: &str) -> Option<Fields> {
        self.snapshot().group(id).map(view::group)
    }

    /// Routes by id.
    pub fn routes(&self, filter: &RouteFilter, request: &PageRequest<Key<String>>) -> Page<Fields> {
        let snapshot = self.snapshot();
        let mut routes: Vec<&Route> =
            snapshot.routes().iter().map(|entry| &entry.route).filter(|route| filter.admits(route)).collect();
        routes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        page(routes.into_iter(), request, |route| route.id.as_str(), view::route)
    }

    /// One route.
    pub fn route(&self, id: &str) -> Option<Fields> {
        let snapshot = self.snapshot();
        snapshot.route_by_id(id).map(|index| view::route(&snapshot.route(index).route))
    }

    /// Consumer keys by id.
    pub fn keys(&self, filter: &KeyFilter, request: &PageRequest<Key<String>>) -> Page<Fields> {
        let snapshot = self.snapshot();
        let keys = snapshot.keys().iter().filter(|key| filter.admits(key));
        page(keys, request, |key| key.id.as_str(), view::key)
    }

    /// One consumer key.
    pub fn key(&self, id: &str) -> Option<Fields> {
        self.snapshot().key_by_id(id).map(view::key)
    }
}

impl RouteFilter {
    fn admits(&self, route: &Route) -> bool {
        self.logical_group_id.as_deref().is_none_or(|group| route.group.as_str() == group)
            && self.public_model.as_deref().is_none_or(|model| route.public_model.to_string() == model)
            && self.shadow_host_id.as_deref().is_none_or(|host| route.host.as_str() == host)
            && is(self.enabled, route.enabled)
            && is(self.credential, route.credential)
    }
}

impl KeyFilter {
    fn admits(&self, key: &ConsumerKey) -> bool {
        let label = key.label.as_deref().unwrap_or_default().to_lowercase();
        self.logical_group_id.as_deref().is_none_or(|group| key.groups.iter().any(|own| own.as_str() == group))
            && is(self.enabled, key.enabled)
            && self.label.as_deref().is_none_or(|part| label.contains(&part.to_lowercase()))
            && is(self.origin, key.origin)
            && (self.subscription_user.is_none() || self.subscription_user == key.subscription_user)
    }
}

/// Whether a filter admits a value.
fn is<T: PartialEq + Copy>(wanted: Option<T>, value: T) -> bool {
    wanted.is_none_or(|wanted| wanted == value)
}
