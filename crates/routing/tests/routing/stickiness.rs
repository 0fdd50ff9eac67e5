//! Bindings: when they count, what moves them, when they return, what is written.

use std::time::Duration;

use relay_domain::{Failback, Fleet, HostId};
use relay_routing::{Binding, BindingChange, BindingState, LeftBecause, Plan, RouteHealth, Snapshot, StickyAction};

use crate::fleets::{Facts, Request, TTL, at, at_secs, binding, fleet, name, order, route};

/// One tier; the subject of [`Request::default`] prefers them in the order of [`preferred`].
fn trio() -> Fleet {
    fleet(vec![route("a", 1, 100), route("b", 1, 100), route("c", 1, 100)])
}

fn preferred(snapshot: &Snapshot) -> Vec<String> {
    order(snapshot, &Request::default().plan(snapshot))
}

fn with_failback(failback: Failback) -> Snapshot {
    let mut fleet = trio();
    fleet.groups[0].failback = failback;
    Snapshot::build(&fleet)
}

fn check(snapshot: &Snapshot, plan: &Plan, action: StickyAction, route: &str, fallback: bool) {
    let first = plan.first().map(|first| name(snapshot, first));
    assert_eq!((plan.sticky_action, first.as_deref(), plan.fallback_used), (action, Some(route), fallback));
    assert_eq!(plan.sticky_hit, action == StickyAction::Hit);
}

#[test]
fn a_first_request_is_bound_to_its_home() {
    let snapshot = Snapshot::build(&trio());
    let plan = Request::default().plan(&snapshot);
    let home = &preferred(&snapshot)[0];
    check(&snapshot, &plan, StickyAction::Bind, home, false);
    assert_eq!(plan.binding, BindingState::Absent);

    let settlement = plan.settle(&snapshot, 0, None, at(1));
    let made = Binding { bound_at: at(1), expires_at: at(61), last_used_at: at(1), ..binding(home, false) };
    assert_eq!((settlement.bound_at, settlement.expires_at), (Some(at(1)), Some(at(61))));
    assert_eq!(settlement.change, BindingChange::Insert(made));
    assert_eq!((settlement.sticky_action, settlement.sticky_hit), (StickyAction::Bind, false));
}

#[test]
fn a_bound_conversation_stays_though_others_would_come_first() {
    let snapshot = Snapshot::build(&trio());
    for id in ["a", "b", "c"] {
        let bound = binding(id, false);
        let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
        check(&snapshot, &plan, StickyAction::Hit, id, false);
        assert!(plan.candidates[0].bound && !plan.candidates[1].bound);
        assert_eq!(plan.candidates.len(), 3);
    }
}

#[test]
fn eligibility_comes_before_stickiness() {
    let snapshot = Snapshot::build(&trio());
    let last = preferred(&snapshot)[2].clone();
    let bound = binding(&last, false);
    let facts = Facts::cooling(&[&last]);
    let plan = Request { binding: Some(&bound), facts: &facts, ..Request::default() }.plan(&snapshot);
    let home = &preferred(&snapshot)[0];
    check(&snapshot, &plan, StickyAction::Rebind, home, true);
    let settlement = plan.settle(&snapshot, 0, None, at(1));
    let BindingChange::Put(made) = settlement.change else { panic!("{settlement:?}") };
    assert_eq!((made.route_id.as_str(), made.moved), (home.as_str(), false));
}

#[test]
fn a_conversation_that_could_not_go_home_has_moved() {
    let snapshot = Snapshot::build(&trio());
    let preferred = preferred(&snapshot);
    let facts = Facts::cooling(&[&preferred[0]]);
    for bound in [None, Some(binding(&preferred[0], false))] {
        let plan = Request { facts: &facts, binding: bound.as_ref(), ..Request::default() }.plan(&snapshot);
        let settlement = plan.settle(&snapshot, 0, None, at(1));
        let (BindingChange::Put(made) | BindingChange::Insert(made)) = settlement.change else { panic!() };
        assert_eq!((made.route_id.as_str(), made.moved), (preferred[1].as_str(), true));
    }
}

#[test]
fn a_busy_bound_route_is_borrowed_around_and_kept() {
    let snapshot = Snapshot::build(&trio());
    let bound = binding("b", false);
    for health in [RouteHealth::Busy, RouteHealth::OverLimit { limit: "concurrency" }] {
        let facts = Facts::health("b", health);
        let plan = Request { binding: Some(&bound), facts: &facts, ..Request::default() }.plan(&snapshot);
        assert_eq!((plan.sticky_action, plan.sticky_hit, plan.fallback_used), (StickyAction::Borrow, false, true));
        let settlement = plan.settle(&snapshot, 0, None, at(30));
        assert_eq!(settlement.change, BindingChange::Keep);
        assert_eq!((settlement.bound_at, settlement.expires_at), (Some(at(0)), Some(at(60))));
    }
}

#[test]
fn leaving_the_bound_route_moves_or_borrows_by_the_reason() {
    let snapshot = Snapshot::build(&trio());
    let bound = binding("b", false);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    let busy = plan.settle(&snapshot, 1, Some(LeftBecause::Busy), at(1));
    assert_eq!(
        (busy.sticky_action, busy.change, busy.fallback_used),
        (StickyAction::Borrow, BindingChange::Keep, true)
    );
    let failed = plan.settle(&snapshot, 1, Some(LeftBecause::Failed), at(1));
    assert_eq!((failed.sticky_action, failed.sticky_hit), (StickyAction::Rebind, false));
    let BindingChange::Put(made) = failed.change else { panic!() };
    assert_eq!(made.route_id.as_str(), name(&snapshot, plan.candidates[1].route));
}

#[test]
fn a_first_request_that_failed_over_is_bound_where_it_was_served() {
    let snapshot = Snapshot::build(&trio());
    let plan = Request::default().plan(&snapshot);
    for left in [LeftBecause::Busy, LeftBecause::Failed] {
        let settlement = plan.settle(&snapshot, 1, Some(left), at(1));
        let BindingChange::Insert(made) = settlement.change else { panic!() };
        assert_eq!((made.route_id.as_str(), made.moved), (preferred(&snapshot)[1].as_str(), true));
        assert_eq!(settlement.sticky_action, StickyAction::Bind);
    }
}

#[test]
fn a_drained_route_keeps_its_conversations_and_gets_no_new_ones() {
    let mut fleet = trio();
    fleet.routes[1].weight = 0;
    let snapshot = Snapshot::build(&fleet);
    let bound = binding("b", false);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, "b", false);
    let plan = Request::default().plan(&snapshot);
    assert!(!order(&snapshot, &plan).contains(&"b".to_owned()));
    let settlement = plan.settle(&snapshot, 0, None, at(1));
    let BindingChange::Insert(made) = settlement.change else { panic!() };
    assert!(!made.moved, "a drained route is nobody's home");
}

#[test]
fn a_drained_route_that_failed_is_not_returned_to() {
    let mut fleet = trio();
    fleet.routes[1].weight = 0;
    let snapshot = Snapshot::build(&fleet);
    let bound = binding("b", false);
    let facts = Facts::cooling(&["b"]);
    let plan = Request { binding: Some(&bound), facts: &facts, ..Request::default() }.plan(&snapshot);
    let BindingChange::Put(made) = plan.settle(&snapshot, 0, None, at(1)).change else { panic!() };
    assert!(!made.moved);
}

#[test]
fn a_binding_to_what_is_no_more_is_a_miss() {
    let snapshot = Snapshot::build(&trio());
    let check = |bound: &Binding| {
        let plan = Request { binding: Some(bound), ..Request::default() }.plan(&snapshot);
        assert_eq!(
            (plan.binding, plan.sticky_action, plan.fallback_used),
            (BindingState::Gone, StickyAction::Rebind, true)
        );
        assert!(matches!(plan.settle(&snapshot, 0, None, at(1)).change, BindingChange::Put(_)));
    };
    check(&binding("removed", false));
    // The route was pointed at another host: the prompt cache is not there.
    check(&Binding { host_id: HostId::new("h-old").unwrap(), ..binding("a", false) });
}

#[test]
fn an_expired_binding_is_none() {
    let snapshot = Snapshot::build(&trio());
    let bound = binding(&preferred(&snapshot)[2], false);
    let plan_at = |now| Request { binding: Some(&bound), now, ..Request::default() }.plan(&snapshot);
    assert_eq!(plan_at(at_secs(3599)).sticky_action, StickyAction::Hit);
    let plan = plan_at(at(60));
    assert_eq!(plan.binding, BindingState::Expired);
    check(&snapshot, &plan, StickyAction::Bind, &preferred(&snapshot)[0], false);
    assert!(matches!(plan.settle(&snapshot, 0, None, at(60)).change, BindingChange::Insert(_)));
}

#[test]
fn a_binding_is_refreshed_with_use_at_most_every_eighth_of_its_ttl() {
    let snapshot = Snapshot::build(&trio());
    let bound = binding("b", false);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    let change = |seconds| plan.settle(&snapshot, 0, None, at_secs(seconds)).change;
    assert_eq!(change(0), BindingChange::Keep);
    assert_eq!(change(449), BindingChange::Keep);
    let touched = Binding { expires_at: at_secs(450 + 3600), last_used_at: at_secs(450), ..bound.clone() };
    assert_eq!(change(450), BindingChange::Touch(touched));
    assert_eq!(change(-60), BindingChange::Keep, "a clock that steps back extends nothing");
}

#[test]
fn a_moved_conversation_returns_when_it_was_idle() {
    let snapshot = with_failback(Failback::Idle);
    let preferred = preferred(&snapshot);
    let bound = binding(&preferred[2], true);
    let plan_at = |now| Request { binding: Some(&bound), now, ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan_at(at_secs(599)), StickyAction::Hit, &preferred[2], false);
    let plan = plan_at(at(10));
    check(&snapshot, &plan, StickyAction::Bind, &preferred[0], false);
    assert!(matches!(plan.binding, BindingState::Returning(_)));
    let BindingChange::Put(made) = plan.settle(&snapshot, 0, None, at(10)).change else { panic!() };
    assert_eq!((made.route_id.as_str(), made.moved), (preferred[0].as_str(), false));
}

#[test]
fn a_conversation_at_home_has_nowhere_to_return_to() {
    let snapshot = with_failback(Failback::Idle);
    let last = &preferred(&snapshot)[2];
    let bound = binding(last, false);
    let plan = Request { binding: Some(&bound), now: at(59), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, last, false);
}

#[test]
fn a_busy_moved_conversation_does_not_seem_idle() {
    // Requests every 20 s for an hour and a half; what is written is read back.
    let snapshot = with_failback(Failback::Idle);
    let preferred = preferred(&snapshot);
    let mut stored = binding(&preferred[1], true);
    let mut extended = 0;
    for turn in 1..=270 {
        let now = at_secs(turn * 20);
        let plan = Request { binding: Some(&stored), now, ..Request::default() }.plan(&snapshot);
        check(&snapshot, &plan, StickyAction::Hit, &preferred[1], false);
        if let BindingChange::Touch(touched) = plan.settle(&snapshot, 0, None, now).change {
            extended += usize::from(touched.expires_at != stored.expires_at);
            stored = touched;
        }
    }
    assert!(extended <= 12, "extended {extended} times in twelve eighths of the TTL");
    let now = at_secs(270 * 20 + 600);
    let plan = Request { binding: Some(&stored), now, ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Bind, &preferred[0], false);
}

#[test]
fn with_failback_never_it_stays() {
    let snapshot = with_failback(Failback::Never);
    let last = &preferred(&snapshot)[2];
    let bound = binding(last, true);
    let plan = Request { binding: Some(&bound), now: at(59), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, last, false);
    assert!(matches!(plan.settle(&snapshot, 0, None, at(59)).change, BindingChange::Touch(_)));
}

#[test]
fn with_failback_ttl_it_returns_one_ttl_after_the_move_however_busy() {
    let snapshot = with_failback(Failback::Ttl);
    let preferred = preferred(&snapshot);
    let mut stored = binding(&preferred[2], true);
    for minute in 1..60 {
        let plan = Request { binding: Some(&stored), now: at(minute), ..Request::default() }.plan(&snapshot);
        check(&snapshot, &plan, StickyAction::Hit, &preferred[2], false);
        if let BindingChange::Touch(touched) = plan.settle(&snapshot, 0, None, at(minute)).change {
            stored = touched;
        }
        assert_eq!(stored.expires_at, at(60));
    }
    let plan = Request { binding: Some(&stored), now: at(60), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Bind, &preferred[0], false);
    // Also one that was extended under another policy.
    let extended = Binding { expires_at: at(100), ..stored };
    let plan = Request { binding: Some(&extended), now: at(60), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Bind, &preferred[0], false);
    assert!(matches!(plan.settle(&snapshot, 0, None, at(60)).change, BindingChange::Put(_)));
}

#[test]
fn a_conversation_that_may_return_stays_while_its_home_is_down() {
    let snapshot = with_failback(Failback::Idle);
    let preferred = preferred(&snapshot);
    let bound = binding(&preferred[1], true);
    let facts = Facts::cooling(&[&preferred[0]]);
    let plan = Request { binding: Some(&bound), facts: &facts, now: at(20), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, &preferred[1], false);
    let BindingChange::Touch(touched) = plan.settle(&snapshot, 0, None, at(20)).change else { panic!() };
    assert!(touched.moved);
}

#[test]
fn a_drained_route_keeps_a_conversation_that_cannot_return() {
    let mut fleet = trio();
    fleet.routes.truncate(2);
    fleet.routes[1].weight = 0;
    let snapshot = Snapshot::build(&fleet);
    let bound = binding("b", true);
    let facts = Facts::cooling(&["a"]);
    let plan = Request { binding: Some(&bound), facts: &facts, now: at(20), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, "b", false);
    let plan = Request { binding: Some(&bound), now: at(20), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Bind, "a", false);
}

#[test]
fn who_left_a_disabled_home_may_return_to_it() {
    let snapshot = Snapshot::build(&trio());
    let preferred = preferred(&snapshot);
    let mut fleet = trio();
    fleet.routes.iter_mut().find(|route| route.id.as_str() == preferred[0]).unwrap().enabled = false;
    let without = Snapshot::build(&fleet);
    let bound = binding(&preferred[0], false);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&without);
    check(&without, &plan, StickyAction::Rebind, &preferred[1], true);
    let BindingChange::Put(made) = plan.settle(&without, 0, None, at(0)).change else { panic!() };
    assert!(made.moved);
    let plan = Request { binding: Some(&made), now: at(10), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Bind, &preferred[0], false);

    let plan = Request::default().plan(&without);
    let BindingChange::Insert(made) = plan.settle(&without, 0, None, at(0)).change else { panic!() };
    assert!(!made.moved, "whoever comes while it is disabled is at home elsewhere");
}

#[test]
fn a_hit_in_a_lower_tier_is_a_fallback_only_while_the_best_is_down() {
    let snapshot = Snapshot::build(&fleet(vec![route("a", 1, 100), route("b", 2, 100)]));
    let bound = binding("b", true);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, "b", false);
    assert_eq!(order(&snapshot, &plan), ["b", "a"]);
    let facts = Facts::cooling(&["a"]);
    let plan = Request { binding: Some(&bound), facts: &facts, ..Request::default() }.plan(&snapshot);
    check(&snapshot, &plan, StickyAction::Hit, "b", true);
}

#[test]
fn without_stickiness_nothing_is_written() {
    let snapshot = Snapshot::build(&trio());
    let plan = Request { subject: None, ..Request::default() }.plan(&snapshot);
    let settlement = plan.settle(&snapshot, 1, Some(LeftBecause::Failed), at(1));
    assert_eq!((settlement.sticky_action, settlement.change), (StickyAction::None, BindingChange::Keep));
    assert_eq!((settlement.bound_at, settlement.expires_at), (None, None));
}

#[test]
fn the_ttl_of_the_group_is_used_as_it_is_now() {
    let mut fleet = trio();
    fleet.groups[0].sticky.ttl = Duration::from_mins(8);
    let snapshot = Snapshot::build(&fleet);
    let bound = binding("b", false);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    // Shortened: what was promised under the longer one is not extended before it is due.
    let BindingChange::Touch(touched) = plan.settle(&snapshot, 0, None, at(2)).change else { panic!() };
    assert_eq!((touched.expires_at, touched.last_used_at), (at(60), at(2)));
    assert_eq!(plan.settle(&snapshot, 0, None, at_secs(30)).change, BindingChange::Keep);
    fleet.groups[0].sticky.ttl = TTL * 4;
    let snapshot = Snapshot::build(&fleet);
    let plan = Request { binding: Some(&bound), ..Request::default() }.plan(&snapshot);
    let BindingChange::Touch(touched) = plan.settle(&snapshot, 0, None, at(1)).change else { panic!() };
    assert_eq!(touched.expires_at, at(241));
}
