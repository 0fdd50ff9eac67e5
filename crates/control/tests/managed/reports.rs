//! What the request path says of a key.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_hosts::managed::{GatewaySaid, Lookup, ManagedKeys as _, Why};

use crate::support::{BOTH, World};

#[tokio::test]
async fn a_dead_key_is_obtained_anew_once() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let old = running.key().await;
        world.host.panel(|panel| panel.keys[0].deleted = true);
        world.pass(SignedDuration::from_mins(5));
        for _ in 0..20 {
            running.access.report(&old, GatewaySaid::Refused, world.clock.now());
        }
        let new = running.key().await;
        assert_ne!(new.secret, old.secret);
        world.has_one_of_each(&new);
        assert_eq!(world.calls("POST", "/api/v1/keys"), 2);
        // Late reports about the old one concern nobody.
        running.access.report(&old, GatewaySaid::Refused, world.clock.now());
        assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(key) if key.secret == new.secret));
    }
}

#[tokio::test]
async fn a_dead_subscription_is_assigned_again() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let key = running.key().await;
        world.host.panel(|panel| {
            let id = panel.subscriptions[0].id;
            panel.subscriptions.retain(|row| row.id != id);
        });
        world.pass(SignedDuration::from_mins(5));
        running.access.report(&key, GatewaySaid::Refused, world.clock.now());
        let again = running.key().await;
        world.has_one_of_each(&again);
        assert_eq!(again.secret, key.secret, "the key was good");
    }
}

#[tokio::test]
async fn a_key_that_is_refused_though_all_is_there_is_left_alone_for_longer_each_time() {
    let world = World::new(BOTH[1]).await;
    let running = world.open().await;
    let key = running.key().await;
    world.pass(SignedDuration::from_mins(5));
    let calls = || world.host.received().len();
    running.access.report(&key, GatewaySaid::Refused, world.clock.now());
    running.key().await;
    let looked_at = calls();
    // Looked at once, found to be good, refused again: once more, then no more.
    running.access.report(&key, GatewaySaid::Refused, world.clock.now());
    let rest = |lookup: Lookup| match lookup {
        Lookup::Refused(refused) => {
            assert_eq!(refused.why, Why::Rejected);
            refused.until.unwrap().duration_since(world.clock.now()).as_secs()
        }
        other => panic!("{other:?}"),
    };
    let first = rest(running.look_up(world.clock.now()));
    assert!((55..=60).contains(&first), "{first}");
    assert!(running.obtain().await.is_err());
    assert_eq!(calls(), looked_at);
    world.pass(SignedDuration::from_secs(61));
    let key = running.key().await;
    running.access.report(&key, GatewaySaid::Refused, world.clock.now());
    let second = rest(running.look_up(world.clock.now()));
    assert!((110..=120).contains(&second), "{second}");
}

#[tokio::test]
async fn a_used_up_quota_rests_until_its_window_ends() {
    let world = World::new(BOTH[1]).await;
    let running = world.open().await;
    let key = running.key().await;
    let now = world.clock.now();
    let until = now + SignedDuration::from_hours(3);
    running.access.report(&key, GatewaySaid::QuotaExhausted { until: Some(until) }, now);
    assert!(matches!(running.look_up(now), Lookup::Refused(it) if it.why == Why::Quota && it.until == Some(until)));
    assert!(matches!(running.look_up(until), Lookup::Ready(_)));
    running.access.report(&key, GatewaySaid::QuotaExhausted { until: None }, now);
    let ten_minutes = now + SignedDuration::from_mins(10);
    assert!(matches!(running.look_up(now), Lookup::Refused(it) if it.until == Some(ten_minutes)));
}

#[tokio::test]
async fn a_key_goes_to_no_other_address_than_it_was_obtained_from() {
    let world = World::new(BOTH[1]).await;
    let running = world.open().await;
    let key = running.key().await;
    let other = World::new(BOTH[1]).await;
    running.access.put_hosts(&[crate::support::entry(&other.host)]);
    assert!(matches!(running.look_up(world.clock.now()), Lookup::Cold));
    let again = running.key().await;
    other.has_one_of_each(&again);
    let sent = |host: &relay_testkit::FakeHost| {
        host.received().iter().any(|request| request.bearer() == Some(key.secret.expose()))
    };
    assert!(sent(&world.host) && !sent(&other.host));
    // What is on record of the old one has ids of the other host: nothing here is deleted by them.
    other.pass(SignedDuration::from_mins(11));
    world.pass(SignedDuration::from_mins(11));
    running.until("tidied up", |view| view.keys.as_ref().unwrap()[1].state == "retired").await;
    other.has_one_of_each(&again);
}
