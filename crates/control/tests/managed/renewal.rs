//! Subscriptions are renewed before they end.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_hosts::managed::Lookup;
use relay_testkit::{AdminFault, FakeSubscription};

use crate::support::{BOTH, World, name};

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[tokio::test]
async fn one_that_ends_within_a_week_is_extended_once() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let key = running.key().await;
        let end = world.subscriptions()[0].expires_at;
        world.pass(days(21));
        let view = running.access.grant_view(&name()).await.unwrap().unwrap();
        assert!(view.due_at > Some(world.clock.now()), "nine days are left, and nobody looks at it: {view:?}");
        world.pass(days(2));
        running.until("renewed", |view| view.expires_at > Some(end + days(1))).await;
        assert_eq!(world.subscriptions()[0].expires_at, end + days(30));
        assert_eq!(world.calls("POST", "/api/v1/admin/subscriptions/1/extend"), 1);
        world.pass(days(20));
        assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(same) if same.secret == key.secret));
    }
}

#[tokio::test]
async fn a_key_goes_on_while_its_renewal_fails_and_no_longer_than_its_subscription() {
    let world = World::new(BOTH[1]).await;
    let running = world.open().await;
    running.key().await;
    let extend = "/api/v1/admin/subscriptions/*/extend";
    world.host.fail(AdminFault::internal_error("POST", extend).always());
    world.pass(days(26));
    running.until("failing", |view| view.failures > 0).await;
    assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(_)));
    assert!(!matches!(running.look_up(world.clock.now() + days(5)), Lookup::Ready(_)));
    running.until("still ready", |view| view.state == "ready" && view.problem.is_some()).await;
}

#[tokio::test]
async fn somebody_elses_is_not_extended_and_its_end_is_told() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        running.key().await;
        world.host.panel(|panel| panel.subscriptions[0].notes = String::new());
        let before: Vec<FakeSubscription> = world.subscriptions();
        world.pass(days(24));
        running.until("seen", |view| !view.subscription_made).await;
        assert_eq!(world.subscriptions(), before);
        assert!(running.events().await.contains(&"subscription_ends".to_owned()));
        world.pass(days(10));
        running.until("refused", |view| view.state == "refused").await;
        assert!(matches!(running.look_up(world.clock.now()), Lookup::Refused(_)));
        assert_eq!(world.subscriptions(), before);
    }
}
