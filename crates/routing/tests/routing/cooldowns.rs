//! Cool-downs of credentials: how long each outcome keeps one away, and what ends it.

use std::time::Duration;

use proptest::prelude::*;
use relay_routing::cooldown::{Cooldown, Reason};
use relay_routing::outcome::Quota;
use relay_routing::wait::{Wait, WaitFor};
use relay_routing::{AnswerHead, Ending, Outcome, classify};

use crate::clock::{Clock, millis, seconds};

fn answered(status: u16, body: &str, wait: Option<u64>) -> Outcome {
    let wait = wait.map(|wait| Wait { span: seconds(wait), of: WaitFor::Answer });
    classify(&Ending::Answer(AnswerHead { status, content_type: "", wait, body_head: Some(body.as_bytes()) }))
}

fn limited(wait: Option<u64>) -> Outcome {
    answered(429, "", wait)
}

fn used_up(wait: Option<u64>) -> Outcome {
    answered(429, r#"{"code":"USAGE_LIMIT_EXCEEDED","message":"reason=\"DAILY_LIMIT_EXCEEDED\""}"#, wait)
}

const REFUSED: &str = r#"{"code":"INVALID_API_KEY"}"#;
const BANNED: &str = r#"{"code":"INVALID_AUTH_RATE_LIMITED"}"#;

struct Rig {
    clock: Clock,
    cooldown: Cooldown,
    learned: Option<Duration>,
}

impl Rig {
    fn new() -> Self {
        Self { clock: Clock::new(), cooldown: Cooldown::default(), learned: None }
    }

    /// An attempt that took no time; how long nothing may be sent then.
    fn attempt(&mut self, outcome: Outcome) -> Duration {
        let now = self.clock.now();
        self.cooldown.observe(&outcome, now, now, self.learned, 0.5);
        self.blocked()
    }

    fn blocked(&self) -> Duration {
        let now = self.clock.now();
        self.cooldown.blocked_until(now).map_or(Duration::ZERO, |until| until - now)
    }

    /// Waits until something may be sent.
    fn wait(&mut self) {
        self.clock.advance(self.blocked());
    }

    fn reason(&self) -> Option<Reason> {
        self.cooldown.cooling(self.clock.now()).map(|cooling| cooling.reason)
    }
}

#[test]
fn each_outcome_keeps_the_credential_away_for_its_time() {
    let quota = Reason::Quota(Quota::Day);
    for (outcome, expected, reason) in [
        (limited(Some(17)), seconds(17), Some(Reason::RateLimited)),
        (limited(Some(5 * 3600)), seconds(3600), Some(Reason::RateLimited)),
        (limited(None), seconds(5), Some(Reason::RateLimited)),
        (used_up(None), seconds(600), Some(quota)),
        (used_up(Some(9 * 3600)), seconds(9 * 3600), Some(quota)),
        (answered(402, "", None), seconds(600), Some(Reason::Quota(Quota::Balance))),
        (answered(401, REFUSED, None), seconds(5), Some(Reason::Refused)),
        (answered(429, BANNED, Some(60)), seconds(60), Some(Reason::AddressBanned)),
        (answered(429, BANNED, None), seconds(60), Some(Reason::AddressBanned)),
        (answered(429, r#"{"message":"Too many pending requests"}"#, Some(9)), Duration::ZERO, None),
        (answered(503, "", Some(9)), Duration::ZERO, None),
        (answered(400, "", None), Duration::ZERO, None),
        (classify(&Ending::Unreachable), Duration::ZERO, None),
        (Outcome::ANSWERED, Duration::ZERO, None),
    ] {
        let mut rig = Rig::new();
        assert_eq!((rig.attempt(outcome), rig.reason()), (expected, reason), "{outcome:?}");
    }
}

#[test]
fn guesses_double_until_a_success() {
    let check = |outcome, expected: &[u64]| {
        let mut rig = Rig::new();
        for seconds in expected {
            assert_eq!(rig.attempt(outcome).as_secs(), *seconds, "{outcome:?}");
            rig.wait();
        }
        rig.attempt(Outcome::ANSWERED);
        assert_eq!(rig.attempt(outcome).as_secs(), expected[0]);
    };
    check(limited(None), &[5, 10, 20, 40, 80, 120, 120]);
    check(answered(401, REFUSED, None), &[5, 10, 20, 40, 80, 160, 320, 600, 600]);
    check(used_up(None), &[600, 600, 600]);
}

#[test]
fn what_was_learned_is_the_first_guess_for_limits_alone() {
    for (learned, limited_for, refused_for) in [(17_000, 17_000, 5000), (10, 1250, 5000), (3_600_000, 120_000, 5000)] {
        let mut rig = Rig::new();
        rig.learned = Some(millis(learned));
        assert_eq!(rig.attempt(limited(None)), millis(limited_for));
        let mut rig = Rig::new();
        rig.learned = Some(millis(learned));
        assert_eq!(rig.attempt(answered(401, REFUSED, None)), millis(refused_for));
    }
}

#[test]
fn what_the_host_told_has_no_jitter_and_a_guess_has() {
    let blocked = |outcome: Outcome, jitter| {
        let now = Clock::new().now();
        let mut cooldown = Cooldown::default();
        cooldown.observe(&outcome, now, now, None, jitter);
        cooldown.blocked_until(now).unwrap() - now
    };
    for outcome in [limited(Some(10)), used_up(None), answered(429, BANNED, None)] {
        assert_eq!(blocked(outcome, 0.0), blocked(outcome, 0.9), "{outcome:?}");
    }
    assert_eq!((blocked(limited(None), 0.0), blocked(limited(None), 1.0)), (seconds(4), seconds(6)));
}

#[test]
fn a_burst_is_one_refusal() {
    let mut rig = Rig::new();
    let sent = rig.clock.now();
    rig.clock.advance(millis(100));
    for _ in 0..10 {
        let now = rig.clock.now();
        rig.cooldown.observe(&limited(None), sent, now, None, 0.5);
    }
    assert_eq!(rig.blocked(), seconds(5));
    // Not even when it comes after the time is over.
    rig.clock.advance(seconds(6));
    let now = rig.clock.now();
    rig.cooldown.observe(&limited(None), sent, now, None, 0.5);
    assert_eq!(rig.blocked(), Duration::ZERO);
    let between = rig.clock.now();
    rig.clock.advance(seconds(1));
    assert_eq!(rig.attempt(limited(None)), seconds(10));
    // What was sent after the first refusal and before the second is of the second burst.
    rig.wait();
    let now = rig.clock.now();
    rig.cooldown.observe(&limited(None), between, now, None, 0.5);
    assert_eq!(rig.attempt(limited(None)), seconds(20));
}

#[test]
fn another_reason_begins_anew() {
    let mut rig = Rig::new();
    rig.attempt(limited(None));
    rig.wait();
    assert_eq!(rig.attempt(answered(401, REFUSED, None)), seconds(5));
}

#[test]
fn a_deadline_never_moves_back_and_the_later_one_gives_the_reason() {
    let mut rig = Rig::new();
    rig.attempt(used_up(Some(1000)));
    assert_eq!(rig.attempt(limited(Some(10))), seconds(1000));
    assert_eq!(rig.reason(), Some(Reason::Quota(Quota::Day)));
    assert_eq!(rig.attempt(limited(Some(2000))), seconds(2000));
    assert_eq!(rig.reason(), Some(Reason::RateLimited));
}

#[test]
fn a_success_ends_it_unless_it_was_sent_before_the_refusal() {
    let mut rig = Rig::new();
    let before = rig.clock.now();
    rig.clock.advance(seconds(1));
    rig.attempt(limited(Some(60)));
    rig.clock.advance(seconds(1));
    let now = rig.clock.now();
    rig.cooldown.observe(&Outcome::ANSWERED, before, now, None, 0.5);
    assert_eq!(rig.blocked(), seconds(59));
    assert_eq!(rig.attempt(Outcome::ANSWERED), Duration::ZERO);
}

#[test]
fn only_guessed_limits_teach() {
    let learned = |first: Outcome| {
        let mut rig = Rig::new();
        rig.attempt(first);
        rig.wait();
        let now = rig.clock.now();
        rig.cooldown.observe(&Outcome::ANSWERED, now, now, None, 0.5)
    };
    assert_eq!(learned(limited(None)), Some(millis(2500)));
    assert_eq!(learned(limited(Some(9))), None);
    assert_eq!(learned(used_up(None)), None);
    assert_eq!(learned(answered(401, REFUSED, None)), None);
}

#[test]
fn an_operator_ends_it_and_a_new_credential_forgets_it() {
    let mut rig = Rig::new();
    rig.attempt(limited(None));
    rig.cooldown.end_at(rig.clock.now() + seconds(2));
    assert_eq!(rig.blocked(), seconds(2));
    rig.cooldown.end_at(rig.clock.now() + seconds(60));
    assert_eq!(rig.blocked(), seconds(2));
    rig.wait();
    assert_eq!(rig.attempt(limited(None)), seconds(10), "the host was right");
    rig.cooldown.forget();
    assert_eq!(rig.attempt(limited(None)), seconds(5));
}

proptest! {
    #[test]
    fn a_cool_down_is_never_longer_than_what_was_told_or_may_be_guessed(
        history in prop::collection::vec((0..200_000u64, 0..6u8, prop::option::of(1..5000u64), 0.0..1.0f64), 1..40),
    ) {
        let mut rig = Rig::new();
        let mut latest = rig.clock.now();
        for (wait, kind, told, jitter) in history {
            rig.clock.advance(millis(wait));
            let now = rig.clock.now();
            let before = rig.cooldown.blocked_until(now);
            let outcome = match kind {
                0 => Outcome::ANSWERED,
                1 => used_up(told),
                2 => answered(401, REFUSED, None),
                _ => limited(told),
            };
            rig.cooldown.observe(&outcome, now, now, None, jitter);
            if outcome.is_answered() {
                prop_assert_eq!(rig.cooldown.blocked_until(now), None);
                latest = now;
                continue;
            }
            let until = rig.cooldown.blocked_until(now);
            prop_assert!(until >= before && until.is_some());
            latest = latest.max(now + outcome.wait.unwrap_or(seconds(if kind < 3 { 720 } else { 144 })));
            prop_assert!(until <= Some(latest));
        }
    }
}
