//! A plan in words, as an operator reads it.

use relay_routing::{RouteHealth, Snapshot};

use crate::fleets::{Facts, Request, binding, fleet, route};

#[test]
fn a_moved_conversation_explains_itself() {
    let mut fleet = fleet(vec![
        route("gpt-kyoto", 1, 0),
        route("gpt-osaka", 1, 50),
        route("gpt-tokyo", 1, 100),
        route("gpt-paris", 2, 100),
        route("gpt-lyon", 2, 100),
    ]);
    fleet.routes[4].enabled = false;
    let snapshot = Snapshot::build(&fleet);
    let facts = Facts { health: vec![("gpt-osaka".to_owned(), RouteHealth::Busy)], ..Facts::cooling(&["gpt-osaka"]) };
    let bound = binding("gpt-osaka", false);
    let plan = Request { facts: &facts, binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    insta::assert_snapshot!(plan.explain(&snapshot), @r"
    generation 7, binding counts, sticky borrow, fallback
    1. gpt-tokyo on h-gpt-tokyo (tier 1, weight 100)
    2. gpt-paris on h-gpt-paris (tier 2, weight 100)
    -  gpt-kyoto on h-gpt-kyoto (tier 1, weight 0): it is drained (weight 0) and the conversation is not bound to it
    -  gpt-osaka on h-gpt-osaka (tier 1, weight 50): it is busy
    -  gpt-lyon on h-gpt-lyon (tier 2, weight 100): the route is disabled
    ");
}

#[test]
fn a_hit_explains_itself() {
    let snapshot = Snapshot::build(&fleet(vec![route("a", 1, 100), route("b", 2, 100)]));
    let bound = binding("b", true);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    insta::assert_snapshot!(plan.explain(&snapshot), @r"
    generation 7, binding counts, sticky hit
    1. b on h-b (tier 2, weight 100), bound
    2. a on h-a (tier 1, weight 100), home
    ");
}
