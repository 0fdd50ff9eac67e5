//! From what a client asked for to a pool, and the other look-ups of a snapshot.

use relay_domain::{Fleet, GroupId, KeyHash, ModelPattern, Route};
use relay_routing::{LocateError, Snapshot};

use crate::fleets::{fleet, group, group_ids, key, route};

fn on(id: &str, group: &str, model: &str) -> Route {
    let public_model = ModelPattern::parse(model).unwrap();
    Route { group: GroupId::new(group).unwrap(), public_model, ..route(id, 1, 1) }
}

fn models() -> Fleet {
    let mut fleet = fleet(vec![
        on("exact", "gpt", "gpt-5"),
        on("long", "gpt", "gpt-5-m*"),
        on("short", "gpt", "gpt-*"),
        on("slash", "gpt", "openai/gpt-4o"),
        on("other-exact", "other", "gpt-5"),
        on("other-only", "other", "claude"),
        on("all", "open", "*"),
        on("named", "openai", "gpt-4o"),
        on("unicode", "gpt", "模型*"),
    ]);
    fleet.groups.extend([group("other"), group("open"), group("openai"), group("empty")]);
    fleet
}

fn check(asked: &str, groups: &[&str], expected: Result<(&str, &str), LocateError>) {
    let snapshot = Snapshot::build(&models());
    let pool = snapshot.locate(asked, &group_ids(groups));
    let found = pool.map(|pool| {
        assert_eq!(pool.routes.len(), 1);
        (snapshot.route(pool.routes[0]).route.id.as_str(), pool.public_model)
    });
    assert_eq!(found, expected, "{asked} in {groups:?}");
}

const UNKNOWN: Result<(&str, &str), LocateError> = Err(LocateError::UnknownModel);

#[test]
fn exact_beats_prefix_and_a_longer_prefix_comes_first() {
    check("gpt-5", &["gpt"], Ok(("exact", "gpt-5")));
    check("gpt-5-mini", &["gpt"], Ok(("long", "gpt-5-mini")));
    check("gpt-5-m", &["gpt"], Ok(("long", "gpt-5-m")));
    check("gpt-5-nano", &["gpt"], Ok(("short", "gpt-5-nano")));
    check("gpt-", &["gpt"], Ok(("short", "gpt-")));
    check("anything", &["open"], Ok(("all", "anything")));
    check("模型-1", &["gpt"], Ok(("unicode", "模型-1")));
}

#[test]
fn what_is_unknown_fails_closed() {
    check("gpt", &["gpt"], UNKNOWN);
    check("GPT-5", &["gpt"], UNKNOWN);
    check("", &["gpt", "open"], UNKNOWN);
    check("open/", &["open"], Ok(("all", "open/")));
    check("模", &["gpt"], UNKNOWN);
    check("gpt-5", &["empty"], UNKNOWN);
    check("gpt-5", &["not-there"], UNKNOWN);
    check("gpt-5", &[], UNKNOWN);
}

#[test]
fn groups_are_looked_up_in_the_order_of_the_key() {
    check("gpt-5", &["gpt", "other"], Ok(("exact", "gpt-5")));
    check("gpt-5", &["other", "gpt"], Ok(("other-exact", "gpt-5")));
    check("claude", &["gpt", "other"], Ok(("other-only", "claude")));
}

#[test]
fn a_group_may_be_named_if_the_key_may_call_it() {
    check("other/gpt-5", &["gpt", "other"], Ok(("other-exact", "gpt-5")));
    check("other/gpt-5", &["gpt"], UNKNOWN);
    check("gpt/claude", &["gpt", "other"], UNKNOWN);
}

#[test]
fn a_model_name_may_hold_a_slash() {
    check("openai/gpt-4o", &["gpt"], Ok(("slash", "openai/gpt-4o")));
    check("gpt/openai/gpt-4o", &["gpt"], Ok(("slash", "openai/gpt-4o")));
    check("openai/gpt-4o", &["gpt", "openai"], Ok(("named", "gpt-4o")));
}

#[test]
fn an_action_is_told_whether_group_or_model_is_unknown() {
    let snapshot = Snapshot::build(&models());
    assert_eq!(snapshot.locate_in("nope", "gpt-5").unwrap_err(), LocateError::UnknownGroup);
    assert_eq!(snapshot.locate_in("gpt", "nope").unwrap_err(), LocateError::UnknownModel);
    assert_eq!(snapshot.locate_in("gpt", "gpt-5").unwrap().group.id.as_str(), "gpt");
}

#[test]
fn the_routes_of_less_specific_patterns_are_no_fallback() {
    let snapshot = Snapshot::build(&models());
    assert_eq!(snapshot.locate_in("gpt", "gpt-5").unwrap().routes.len(), 1);
}

#[test]
fn listed_models_are_exact_enabled_sorted_and_unique() {
    let mut fleet = models();
    assert_eq!(
        Snapshot::build(&fleet).models_of(&group_ids(&["other", "gpt", "not-there"])),
        ["claude", "gpt-5", "openai/gpt-4o"]
    );
    fleet.routes.iter_mut().find(|route| route.id.as_str() == "other-only").unwrap().enabled = false;
    fleet.hosts.iter_mut().find(|host| host.id.as_str() == "h-slash").unwrap().enabled = false;
    assert_eq!(Snapshot::build(&fleet).models_of(&group_ids(&["other", "gpt"])), ["gpt-5"]);
    fleet.groups.iter_mut().for_each(|group| group.enabled = false);
    assert!(Snapshot::build(&fleet).models_of(&group_ids(&["other", "gpt"])).is_empty());
}

#[test]
fn keys_hosts_and_routes_are_found_by_id() {
    let mut fleet = models();
    fleet.keys = vec![key("team-b", 2, &["gpt"]), key("team-a", 1, &["gpt"])];
    let snapshot = Snapshot::build(&fleet);
    assert_eq!(snapshot.generation(), 7);
    assert_eq!(snapshot.key(snapshot.key_index("team-b").unwrap()).hash, KeyHash([2; 32]));
    assert_eq!(snapshot.key_by_id("team-a").unwrap().hash, KeyHash([1; 32]));
    assert_eq!(snapshot.keys()[0].id.as_str(), "team-a");
    let (index, host) = snapshot.host("h-exact").unwrap();
    assert_eq!(snapshot.host_at(index), host);
    assert_eq!(snapshot.hosts()[index.as_usize()], *host);
    let route = snapshot.route_by_id("long").unwrap();
    assert_eq!(snapshot.routes()[route.as_usize()].route.id.as_str(), "long");
    assert!(snapshot.route_by_id("nope").is_none() && snapshot.host("nope").is_none());
    assert_eq!(snapshot.groups().map(|group| group.id.as_str()).collect::<Vec<_>>()[0], "empty");
    assert!(snapshot.group("gpt").is_some());
}

#[test]
fn an_empty_fleet_serves_nothing() {
    let snapshot = Snapshot::build(&Fleet::default());
    assert_eq!(snapshot.locate("gpt-5", &group_ids(&["gpt"])).unwrap_err(), LocateError::UnknownModel);
    assert!(snapshot.routes().is_empty());
}
