//! Hosts, groups, routes and keys of the generation in force, without secrets.

use relay_domain::Route;

use crate::Control;
use crate::page::{Page, PageRequest};
use crate::view::{self, Fields};

/// Which routes to list; an absent field admits all.
#[derive(Clone, Debug, Default)]
pub struct RouteFilter {
    /// Of this group.
    pub logical_group_id: Option<String>,
    /// Whose pattern reads exactly so.
    pub public_model: Option<String>,
    /// To this host.
    pub shadow_host_id: Option<String>,
}

/// A page of entries that come sorted by id.
fn page<'a, T: 'a>(
    entries: impl Iterator<Item = &'a T>,
    request: &PageRequest,
    id: impl Fn(&T) -> &str,
    view: impl Fn(&T) -> Fields,
) -> Page<Fields> {
    let after = entries.filter(|entry| request.cursor.as_deref().is_none_or(|cursor| id(entry) > cursor));
    let items: Vec<&T> = after.take(request.limit + 1).collect();
    Page::of(items, request.limit, |entry| id(entry).to_owned()).map(view)
}

impl Control {
    /// Hosts by id.
    pub fn hosts(&self, request: &PageRequest) -> Page<Fields> {
        page(self.snapshot().hosts().iter(), request, |host| host.id.as_str(), view::host)
    }

    /// One host.
    pub fn host(&self, id: &str) -> Option<Fields> {
        self.snapshot().host(id).map(|(_, host)| view::host(host))
    }

    /// Groups by id.
    pub fn groups(&self, request: &PageRequest) -> Page<Fields> {
        page(self.snapshot().groups(), request, |group| group.id.as_str(), view::group)
    }

    /// One group.
    pub fn group(&self, id: &str) -> Option<Fields> {
        self.snapshot().group(id).map(view::group)
    }

    /// Routes by id.
    pub fn routes(&self, filter: &RouteFilter, request: &PageRequest) -> Page<Fields> {
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

    /// Consumer keys by id; `group` narrows to those that may call it.
    pub fn keys(&self, group: Option<&str>, request: &PageRequest) -> Page<Fields> {
        let snapshot = self.snapshot();
        let keys = snapshot.keys().iter().map(std::convert::AsRef::as_ref);
        let keys = keys.filter(|key: &&relay_domain::ConsumerKey| {
            group.is_none_or(|group| key.groups.iter().any(|own| own.as_str() == group))
        });
        page(keys, request, |key| key.id.as_str(), view::key)
    }

    /// One consumer key.
    pub fn key(&self, id: &str) -> Option<Fields> {
        self.snapshot().key_by_id(id).map(|key| view::key(key))
    }
}

impl RouteFilter {
    fn admits(&self, route: &Route) -> bool {
        self.logical_group_id.as_deref().is_none_or(|group| route.group.as_str() == group)
            && self.public_model.as_deref().is_none_or(|model| route.public_model.to_string() == model)
            && self.shadow_host_id.as_deref().is_none_or(|host| route.host.as_str() == host)
    }
}
