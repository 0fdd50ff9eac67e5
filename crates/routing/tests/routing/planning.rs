//! Eligibility, tiers and the fallback mark, one request at a time.

use relay_domain::{Fleet, HostKind};
use relay_routing::{CredentialFault, Exclusion, RouteHealth, Snapshot, StickyAction, Surface};

use crate::fleets::{Facts, Request, at, excluded, fleet, order, route};

/// Two tiers: `a` and `b` above `c`, and below them `d`.
fn tiers() -> Fleet {
    fleet(vec![route("a", 1, 100), route("b", 1, 100), route("c", 2, 100), route("d", 3, 100)])
}

fn is_sorted_by_tier(snapshot: &Snapshot, order: &[String]) -> bool {
    let tiers = order.iter().map(|id| snapshot.route(snapshot.route_by_id(id).unwrap()).route.priority);
    tiers.is_sorted()
}

#[test]
fn candidates_run_from_the_best_tier_to_the_last() {
    let snapshot = Snapshot::build(&tiers());
    let plan = Request::default().plan(&snapshot);
    let order = order(&snapshot, &plan);
    assert!(is_sorted_by_tier(&snapshot, &order), "{order:?}");
    assert_eq!(order.len(), 4);
    assert!(plan.excluded.is_empty());
    assert!(!plan.fallback_used);
    assert_eq!((plan.generation, plan.seed, plan.best_tier), (7, 1, Some(1)));
}

#[test]
fn each_exclusion_has_its_reason() {
    let check = |change: fn(&mut Fleet), facts: Facts, label: &str, reason: &str| {
        let mut fleet = tiers();
        change(&mut fleet);
        let snapshot = Snapshot::build(&fleet);
        let plan = Request { facts: &facts, surface: Surface::Messages, ..Request::default() }.plan(&snapshot);
        assert!(excluded(&snapshot, &plan).contains(&format!("a: {label}")), "{label}: {:?}", plan.excluded);
        assert!(plan.reasons(&snapshot).contains(&format!("a: {reason}")), "{:?}", plan.reasons(&snapshot));
        assert!(!order(&snapshot, &plan).contains(&"a".to_owned()));
    };
    let same: fn(&mut Fleet) = |_| {};
    let health = |health| Facts::health("a", health);
    let credential = |fault| Facts { credentials: vec![("a".to_owned(), fault)], ..Facts::default() };
    check(|fleet| fleet.groups[0].enabled = false, Facts::default(), "group_disabled", "the group is disabled");
    check(|fleet| fleet.hosts[0].enabled = false, Facts::default(), "host_disabled", "the host is disabled");
    check(|fleet| fleet.routes[0].enabled = false, Facts::default(), "route_disabled", "the route is disabled");
    check(
        |fleet| fleet.routes[0].weight = 0,
        Facts::default(),
        "drained",
        "it is drained (weight 0) and the conversation is not bound to it",
    );
    check(
        |fleet| fleet.hosts[0].kind = HostKind::OpenAi,
        Facts::default(),
        "surface_unsupported",
        "the host does not speak this API",
    );
    check(
        same,
        health(RouteHealth::CoolingDown { until: at(5) }),
        "cooling_down",
        "it is cooling down until 2027-01-15T08:05:00Z",
    );
    check(same, health(RouteHealth::Busy), "busy", "it is busy");
    check(
        same,
        health(RouteHealth::OverLimit { limit: "requests per minute" }),
        "over_limit",
        "it is over its limit of requests per minute",
    );
    for (fault, reason) in [
        (CredentialFault::HostKeyMissing, "the host has no gateway_key"),
        (CredentialFault::CallerKeyMissing, "the caller sent no gateway key of its own"),
        (CredentialFault::SubscriptionUserMissing, "the consumer key has no subscription_user"),
        (CredentialFault::ManagedUnavailable { why: "barrier", until: None }, "no managed key can be had (barrier)"),
        (CredentialFault::Unreadable, "the gateway key cannot be decrypted"),
        (CredentialFault::Rejected, "the host refuses the gateway key"),
        (CredentialFault::CoolingDown { until: at(5) }, "the gateway key is limited until 2027-01-15T08:05:00Z"),
    ] {
        check(same, credential(fault), "credential_unusable", reason);
    }
}

#[test]
fn what_was_tried_is_not_tried_again() {
    let snapshot = Snapshot::build(&tiers());
    let tried = [snapshot.route_by_id("a").unwrap(), snapshot.route_by_id("c").unwrap()];
    let plan = Request { tried: &tried, ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["b", "d"]);
    assert_eq!(excluded(&snapshot, &plan), ["a: already_tried", "c: already_tried"]);
}

#[test]
fn an_openai_host_speaks_neither_anthropic_nor_google() {
    let mut fleet = tiers();
    fleet.hosts[0].kind = HostKind::OpenAi;
    let snapshot = Snapshot::build(&fleet);
    for (surface, spoken) in [
        (Surface::ChatCompletions, true),
        (Surface::Responses, true),
        (Surface::Embeddings, true),
        (Surface::Images, true),
        (Surface::Messages, false),
        (Surface::CountTokens, false),
        (Surface::Gemini, false),
    ] {
        let plan = Request { surface, ..Request::default() }.plan(&snapshot);
        assert_eq!(plan.candidates.len(), if spoken { 4 } else { 3 }, "{}", surface.as_str());
    }
}

#[test]
fn a_lower_tier_serves_when_nothing_above_is_eligible_and_is_a_fallback() {
    let snapshot = Snapshot::build(&tiers());
    let facts = Facts::cooling(&["a"]);
    let plan = Request { facts: &facts, ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["b", "c", "d"]);
    assert!(!plan.fallback_used, "the best tier still serves");
    assert!(!plan.is_fallback(0) && plan.is_fallback(1) && plan.is_fallback(2));
    assert!(!plan.is_fallback(3), "there is no such candidate");

    let facts = Facts::cooling(&["a", "b"]);
    let plan = Request { facts: &facts, ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["c", "d"]);
    assert!(plan.fallback_used);
    assert_eq!(plan.retry_at(), Some(at(5)));
}

#[test]
fn a_disabled_tier_is_configured_and_a_drained_one_is_not() {
    let mut fleet = tiers();
    fleet.routes[0].enabled = false;
    fleet.routes[1].enabled = false;
    let plan = Request::default().plan(&Snapshot::build(&fleet));
    assert!(plan.fallback_used);

    let mut fleet = tiers();
    fleet.routes[0].weight = 0;
    fleet.routes[1].weight = 0;
    let plan = Request::default().plan(&Snapshot::build(&fleet));
    assert!(!plan.fallback_used);
    assert_eq!(plan.best_tier, Some(2));
}

#[test]
fn a_tier_that_does_not_speak_the_surface_is_not_missed() {
    let mut fleet = tiers();
    fleet.hosts[0].kind = HostKind::OpenAi;
    fleet.hosts[1].kind = HostKind::OpenAi;
    let snapshot = Snapshot::build(&fleet);
    let plan = Request { surface: Surface::Messages, ..Request::default() }.plan(&snapshot);
    assert_eq!(order(&snapshot, &plan), ["c", "d"]);
    assert!(!plan.fallback_used);
    assert_eq!(plan.home, snapshot.route_by_id("c"));
}

#[test]
fn with_nothing_eligible_the_plan_says_why_and_until_when() {
    let snapshot = Snapshot::build(&tiers());
    let facts = Facts {
        health: vec![
            ("a".to_owned(), RouteHealth::CoolingDown { until: at(9) }),
            ("b".to_owned(), RouteHealth::Busy),
            ("c".to_owned(), RouteHealth::CoolingDown { until: at(3) }),
        ],
        credentials: vec![("d".to_owned(), CredentialFault::CoolingDown { until: at(2) })],
        ..Facts::default()
    };
    let plan = Request { facts: &facts, ..Request::default() }.plan(&snapshot);
    assert!(plan.candidates.is_empty());
    assert_eq!(plan.reasons(&snapshot).len(), 4);
    assert_eq!(plan.retry_at(), Some(at(2)));
    assert_eq!((plan.sticky_action, plan.fallback_used, plan.first()), (StickyAction::None, false, None));
    let busy = snapshot.route_by_id("b").unwrap();
    assert_eq!(plan.reason(busy), Some(Exclusion::Busy));
}

#[test]
fn without_stickiness_the_seed_decides() {
    let snapshot = Snapshot::build(&tiers());
    let first = |seed| Request { subject: None, seed, ..Request::default() }.plan(&snapshot).first();
    let plan = Request { subject: None, ..Request::default() }.plan(&snapshot);
    assert_eq!((plan.sticky_action, plan.sticky_hit), (StickyAction::None, false));
    assert!((0..20).any(|seed| first(seed) != first(0)));
    assert!((0..20).all(|seed| first(seed) == first(seed)));
    let with_subject = |seed| Request { seed, ..Request::default() }.plan(&snapshot).first();
    assert!((0..20).all(|seed| with_subject(seed) == with_subject(0)));
}
