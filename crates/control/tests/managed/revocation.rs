//! Access that is taken away.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_store::{AccessStore as _, GrantFilter};
use relay_testkit::{AdminFault, FakeKey, Personality};

use crate::support::{BOTH, GROUP, World, name};

#[tokio::test]
async fn the_key_and_the_subscription_go_and_the_user_stays() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let old = running.key().await;
        running.store.ask_for_revocation(&GrantFilter::default(), world.clock.now()).await.unwrap();
        running.until("revoked", |view| view.state == "revoked").await;
        assert_eq!((world.users().len(), world.subscriptions().len(), world.keys().len()), (1, 0, 0));
        assert_eq!(running.refused().await.0, "revoked");
        // Asked for again, it is another key.
        running.store.ask_for_grants(&[name()], true, world.clock.now()).await.unwrap();
        running.until("back", |view| view.state == "ready").await;
        let view = running.access.grant_view(&name()).await.unwrap().unwrap();
        assert_eq!(view.generation, 2);
        assert_ne!(world.keys()[0].key, old.secret.expose());
    }
}

#[tokio::test]
async fn no_request_gets_a_key_that_is_about_to_be_deleted() {
    let world = World::new(Personality::S).await;
    let running = world.open().await;
    running.key().await;
    let gate = relay_testkit::Gate::new();
    world.host.fail(AdminFault::hold_before("DELETE", "/api/v1/keys/*", &gate));
    // Asked for by another process, say: this one hears of it by the record alone.
    running.store.ask_for_revocation(&GrantFilter::default(), world.clock.now()).await.unwrap();
    gate.reached().await;
    assert_eq!((running.refused().await.0, world.keys().len()), ("revoked", 1));
    gate.open();
    running.until("revoked", |view| view.state == "revoked").await;
}

#[tokio::test]
async fn it_is_taken_away_also_while_it_is_being_made() {
    let world = World::new(Personality::N).await;
    let gate = relay_testkit::Gate::new();
    world.host.fail(AdminFault::hold_before("POST", "/api/v1/keys", &gate));
    let running = world.open().await;
    running.store.ask_for_grants(&[name()], false, world.clock.now()).await.unwrap();
    world.host.wait_calls("POST", "/api/v1/keys", 1).await;
    running.store.ask_for_revocation(&GrantFilter::default(), world.clock.now()).await.unwrap();
    gate.open();
    running.until("revoked", |view| view.state == "revoked").await;
    assert_eq!((world.subscriptions().len(), world.keys().len()), (0, 0));
}

#[tokio::test]
async fn what_was_made_by_hand_is_left() {
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    running.key().await;
    world.host.panel(|panel| {
        let user = panel.users[1].id;
        panel.add_key(FakeKey::new(user, "sk-made-by-hand-0123456789", Some(GROUP)));
        panel.subscriptions[0].notes = "handed over".into();
    });
    running.store.ask_for_revocation(&GrantFilter::default(), world.clock.now()).await.unwrap();
    running.until("revoked", |view| view.state == "revoked").await;
    assert_eq!(world.subscriptions().len(), 1);
    assert_eq!(world.keys().iter().map(|key| key.key.as_str()).collect::<Vec<_>>(), ["sk-made-by-hand-0123456789"]);
}

#[tokio::test]
async fn a_host_that_fails_meanwhile_is_asked_until_it_is_done() {
    let world = World::new(Personality::S).await;
    let running = world.open().await;
    running.key().await;
    for path in ["/api/v1/keys/*", "/api/v1/admin/subscriptions/*"] {
        for _ in 0..4 {
            world.host.fail(AdminFault::internal_error("DELETE", path));
        }
    }
    running.store.ask_for_revocation(&GrantFilter::default(), world.clock.now()).await.unwrap();
    running.until("revoked", |view| view.state == "revoked").await;
    assert_eq!((world.subscriptions().len(), world.keys().len()), (0, 0));
    world.pass(SignedDuration::from_hours(24 * 60));
    assert_eq!(running.refused().await.0, "revoked");
}
