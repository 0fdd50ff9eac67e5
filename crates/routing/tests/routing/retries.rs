//! Whether another candidate is tried: each reason to stop, the order of the reasons, and
//! what no walk ever does.

use proptest::prelude::*;
use relay_routing::retry::{Next, RetryPolicy, Stop, Walk};
use relay_routing::retry_budget::{Allowance, RetryBudget};
use relay_routing::wait::{Wait, WaitFor};
use relay_routing::{AnswerHead, AttemptEnd, Ending, LeftBecause, Outcome, classify};

use crate::clock::seconds;

const GO_ON: Next = Next::GoOn { takes_retry: true };
const FREE: Next = Next::GoOn { takes_retry: false };

fn answered(status: u16) -> Outcome {
    waiting(status, None)
}

fn waiting(status: u16, wait: Option<u64>) -> Outcome {
    let wait = wait.map(|wait| Wait { span: seconds(wait), of: WaitFor::Answer });
    classify(&Ending::Answer(AnswerHead { status, content_type: "", wait, body_head: Some(b"") }))
}

fn unreachable() -> Outcome {
    classify(&Ending::Unreachable)
}

fn timeout() -> Outcome {
    classify(&Ending::FirstOutputTimeout)
}

/// The attempts in order, each of a second; what came of the last one.
#[track_caller]
fn check(policy: RetryPolicy, outcomes: &[Outcome], expected: Next) {
    let mut walk = Walk::new(policy);
    let (last, before) = outcomes.split_last().unwrap();
    for outcome in before {
        let next = walk.next(outcome, seconds(1), true);
        assert!(matches!(next, Next::GoOn { .. }), "stopped early: {next:?}");
    }
    assert_eq!(walk.next(last, seconds(1), true), expected);
    assert_eq!(walk.made() as usize, outcomes.len());
}

fn policy() -> RetryPolicy {
    RetryPolicy::default()
}

#[test]
fn what_another_route_could_do_better_is_tried_again() {
    for (outcome, expected) in [
        (answered(503), GO_ON),
        (answered(429), GO_ON),
        (answered(401), GO_ON),
        (answered(404), GO_ON),
        (classify(&Ending::CutShort), GO_ON),
        (classify(&Ending::NoOutput), GO_ON),
        (timeout(), GO_ON),
        (unreachable(), FREE),
        (answered(400), Next::Stop(Stop::Final)),
        (classify(&Ending::StreamTruncated), Next::Stop(Stop::Final)),
        (classify(&Ending::ClientGone), Next::Stop(Stop::Final)),
    ] {
        check(policy(), &[outcome], expected);
    }
}

#[test]
fn three_attempts_and_five_while_none_was_sent() {
    let stop = Next::Stop(Stop::Attempts);
    check(policy(), &[answered(500); 2], GO_ON);
    check(policy(), &[answered(500); 3], stop);
    check(policy(), &[unreachable(); 4], FREE);
    check(policy(), &[unreachable(); 5], stop);
    check(policy(), &[unreachable(), unreachable(), answered(500)], stop);
    check(policy(), &[answered(500), unreachable()], FREE);
    check(policy(), &[answered(500), unreachable(), unreachable()], stop);
    check(RetryPolicy { attempts: 1, ..policy() }, &[answered(500)], stop);
    check(RetryPolicy { attempts: 8, ..policy() }, &[unreachable(); 8], stop);
}

#[test]
fn a_timeout_is_retried_once_and_only_where_the_group_allows() {
    let stop = Next::Stop(Stop::Timeout);
    check(policy(), &[timeout(), timeout()], stop);
    check(policy(), &[timeout(), answered(500)], GO_ON);
    check(policy(), &[answered(500), timeout()], GO_ON);
    check(RetryPolicy { retry_on_timeout: false, ..policy() }, &[timeout()], stop);
}

#[test]
fn what_must_not_be_done_twice_is_not_sent_again_once_it_may_have_been() {
    let stateful = RetryPolicy { is_stateful: true, ..policy() };
    let stop = Next::Stop(Stop::Stateful);
    check(stateful, &[classify(&Ending::CutShort)], stop);
    check(stateful, &[answered(504)], stop);
    check(stateful, &[timeout()], stop);
    check(stateful, &[answered(503)], GO_ON);
    check(stateful, &[unreachable()], FREE);
}

#[test]
fn only_connects_and_refusals_take_from_the_time() {
    let walked = |outcomes: &[(Outcome, u64)]| {
        let mut walk = Walk::new(policy());
        let mut next = GO_ON;
        for (outcome, took) in outcomes {
            next = walk.next(outcome, seconds(*took), true);
        }
        next
    };
    let stop = Next::Stop(Stop::Time);
    assert_eq!(walked(&[(answered(503), 29)]), GO_ON);
    assert_eq!(walked(&[(answered(503), 30)]), stop);
    assert_eq!(walked(&[(unreachable(), 20), (answered(503), 10)]), stop);
    assert_eq!(walked(&[(timeout(), 300)]), GO_ON);
    assert_eq!(walked(&[(timeout(), 300), (answered(503), 29)]), GO_ON);
    assert_eq!(walked(&[(classify(&Ending::CutShort), 200), (answered(504), 60)]), GO_ON);
}

#[test]
fn a_double_bill_is_possible_once_it_is_sent_again() {
    let possible = |outcomes: &[Outcome], has_candidate| {
        let mut walk = Walk::new(policy());
        for outcome in outcomes {
            walk.next(outcome, seconds(1), has_candidate);
        }
        walk.possible_double_bill()
    };
    assert!(possible(&[timeout()], true));
    assert!(possible(&[timeout(), answered(503)], true));
    assert!(!possible(&[timeout()], false), "nothing was sent again");
    assert!(!possible(&[answered(503), unreachable()], true));
}

#[test]
fn the_smallest_wait_and_the_first_reason_are_kept() {
    let mut walk = Walk::new(policy());
    assert_eq!((walk.wait(), walk.left_first()), (None, None));
    walk.next(&answered(408), seconds(1), true);
    walk.next(&waiting(429, Some(90)), seconds(1), true);
    walk.next(&waiting(429, Some(5)), seconds(1), true);
    assert_eq!((walk.wait(), walk.left_first()), (Some(seconds(5)), Some(LeftBecause::Busy)));
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(unreachable()),
        Just(timeout()),
        Just(classify(&Ending::CutShort)),
        Just(classify(&Ending::NoOutput)),
        Just(classify(&Ending::ClientGone)),
        prop::sample::select(vec![400u16, 401, 404, 408, 429, 500, 502, 503, 504, 529]).prop_map(answered),
    ]
}

proptest! {
    #[test]
    fn no_walk_spends_more_than_it_may(
        attempts in prop::collection::vec((outcomes(), 0..400u64, prop::bool::weighted(0.9)), 1..12),
        retry_on_timeout in any::<bool>(), is_stateful in any::<bool>(), most in 1..5u32,
    ) {
        let policy = RetryPolicy { attempts: most, retry_on_timeout, is_stateful, ..policy() };
        let mut walk = Walk::new(policy);
        let mut made: Vec<(Outcome, u64)> = Vec::new();
        for (outcome, took, has_candidate) in attempts {
            made.push((outcome, took));
            match walk.next(&outcome, seconds(took), has_candidate) {
                Next::Stop(_) => break,
                Next::GoOn { takes_retry } => {
                    prop_assert_eq!(takes_retry, outcome.end != AttemptEnd::NotSent);
                    prop_assert!(has_candidate && !walk.time_left().is_zero());
                }
            }
        }
        let before: &[(Outcome, u64)] = &made[..made.len() - 1];
        let unclear = |outcome: &Outcome| outcome.end == AttemptEnd::MaybeExecuted;
        let was_sent = before.iter().any(|(outcome, _)| outcome.end != AttemptEnd::NotSent);
        let limit = if was_sent { most } else { most.max(5) };
        prop_assert!(before.len() < limit as usize);
        prop_assert!(before.iter().filter(|(outcome, _)| *outcome == timeout()).count() <= usize::from(retry_on_timeout));
        prop_assert!(!is_stateful || !before.iter().any(|(outcome, _)| unclear(outcome)));
        let counted: u64 = before.iter().filter(|(outcome, _)| !unclear(outcome)).map(|(_, took)| took).sum();
        prop_assert!(seconds(counted) < policy.time);
        prop_assert!(walk.possible_double_bill() || !before.iter().any(|(outcome, _)| unclear(outcome)));
    }

    #[test]
    fn the_budget_is_kept_and_never_starves(steps in prop::collection::vec(0..4u8, 0..400), percent in 0..=100u32) {
        let allowance = Allowance { percent, least: 3 };
        let mut budget = RetryBudget::default();
        let (mut requests, mut retries) = (0u32, 0u32);
        for step in steps {
            budget = match step {
                0 => {
                    requests += 1;
                    budget.request_began()
                }
                1 => {
                    requests = requests.saturating_sub(1);
                    budget.request_ended()
                }
                2 => {
                    let withdrawn = budget.withdraw(allowance);
                    prop_assert_eq!(withdrawn.is_some(), retries < (requests * percent / 100).max(3));
                    retries += u32::from(withdrawn.is_some());
                    withdrawn.unwrap_or(budget)
                }
                _ => {
                    retries = retries.saturating_sub(1);
                    budget.deposit()
                }
            };
            prop_assert_eq!(budget.retries(), retries);
            prop_assert_eq!(RetryBudget::from_bits(budget.to_bits()), budget);
        }
    }
}

#[test]
fn the_default_budget_is_a_fifth_and_at_least_three() {
    let with = |requests| (0..requests).fold(RetryBudget::default(), |budget, _| budget.request_began());
    for (requests, limit) in [(0, 3), (15, 3), (20, 4), (1000, 200)] {
        assert_eq!(with(requests).limit(Allowance::default()), limit);
    }
    assert_eq!(with(1000).limit(Allowance { percent: 0, ..Allowance::default() }), 3);
}
