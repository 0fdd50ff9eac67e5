//! `previous_response_id`: only the host and user that made a response can go on from it.

use relay_domain::{Fleet, HostId};
use relay_routing::{BindingChange, Hard, RouteHealth, Snapshot, StickyAction};

use crate::fleets::{Facts, Request, binding, excluded, fleet, order, route};

/// `b` and `b2` are on the same host.
fn shared() -> Fleet {
    let mut second = route("b2", 2, 100);
    second.host = HostId::new("h-b").unwrap();
    fleet(vec![route("a", 1, 100), route("b", 1, 100), second])
}

fn held(host: &HostId) -> Hard<'_> {
    Hard::Held { host_id: host, credential: "user-1" }
}

#[test]
fn only_the_host_that_made_the_response_serves() {
    let snapshot = Snapshot::build(&shared());
    let host = HostId::new("h-b").unwrap();
    let plan = Request { hard: Some(held(&host)), ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["b", "b2"]);
    assert_eq!(excluded(&snapshot, &plan), ["a: not_the_hard_bound_host"]);
}

#[test]
fn only_the_user_that_made_the_response_serves() {
    let snapshot = Snapshot::build(&shared());
    let host = HostId::new("h-b").unwrap();
    let facts = Facts { identities: vec![("b".to_owned(), "user-2".to_owned())], ..Facts::default() };
    let plan = Request { hard: Some(held(&host)), facts: &facts, ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["b2"]);
    assert_eq!(excluded(&snapshot, &plan), ["a: not_the_hard_bound_host", "b: not_the_hard_bound_user"]);
}

#[test]
fn an_unknown_response_is_never_sent_anywhere() {
    let snapshot = Snapshot::build(&shared());
    let bound = binding("a", false);
    let plan = Request { hard: Some(Hard::Unknown), binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    assert!(plan.candidates.is_empty());
    assert_eq!(plan.excluded.len(), 3);
    assert_eq!(plan.reasons(&snapshot)[0], "a: previous_response_id is not known here (any more)");
    assert_eq!(plan.settle(&snapshot, 0, None, bound.bound_at).change, BindingChange::Keep);
}

#[test]
fn a_response_whose_host_is_gone_or_down_is_never_moved() {
    let snapshot = Snapshot::build(&shared());
    let gone = HostId::new("h-gone").unwrap();
    let plan = Request { hard: Some(held(&gone)), ..Request::default() }.plan(&snapshot);
    assert!(plan.candidates.is_empty());

    let host = HostId::new("h-a").unwrap();
    let facts = Facts::health("a", RouteHealth::Busy);
    let plan = Request { hard: Some(held(&host)), facts: &facts, ..Request::default() }.plan(&snapshot);
    assert!(plan.candidates.is_empty());
    assert_eq!(excluded(&snapshot, &plan)[0], "a: busy");
}

#[test]
fn a_drained_host_still_serves_what_it_alone_can() {
    let mut fleet = shared();
    fleet.routes[0].weight = 0;
    let snapshot = Snapshot::build(&fleet);
    let host = HostId::new("h-a").unwrap();
    let plan = Request { hard: Some(held(&host)), ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["a"]);
}

#[test]
fn the_response_decides_over_the_binding() {
    let snapshot = Snapshot::build(&shared());
    let host = HostId::new("h-b").unwrap();
    let bound = binding("a", false);
    let plan = Request { hard: Some(held(&host)), binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    assert_eq!(plan.sticky_action, StickyAction::Rebind);
    assert_eq!(order(&snapshot, &plan), ["b", "b2"]);
}
