//! Where a host lets no user make keys, a person makes one and it is found.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_hosts::admin::{Barrier, Support};
use relay_hosts::managed::Lookup;
use relay_testkit::{Captcha, FakeKey, FakePanel, Personality};

use crate::support::{GROUP, Running, World, host_id};

const BY_HAND: &str = "sk-made-by-hand-0123456789";

fn make_by_hand(panel: &mut FakePanel, key: &str) -> i64 {
    let user = panel.users[1].id;
    panel.add_key(FakeKey::new(user, key, Some(GROUP)))
}

async fn closed(close: fn(&mut FakePanel)) -> (World, Running) {
    let world = World::new(Personality::N).await;
    world.host.panel(close);
    let running = world.open().await;
    (world, running)
}

#[tokio::test]
async fn what_keeps_users_out_is_reported_and_not_got_around() {
    let barriers: [(fn(&mut FakePanel), Barrier); 2] = [
        (|panel| panel.backend_mode = true, Barrier::BackendMode),
        (|panel| panel.captcha = Some(Captcha::Turnstile), Barrier::Captcha),
    ];
    for (close, barrier) in barriers {
        let (world, running) = closed(close).await;
        assert_eq!(running.refused().await, ("key", "key_by_hand".into()));
        // The subscription is there, so that a key can be made; and no second login was tried.
        assert_eq!((world.subscriptions().len(), world.keys().len()), (1, 0));
        assert_eq!(world.calls("POST", "/api/v1/auth/login"), 1);
        let capabilities = running.access.hosts().recorded(&host_id()).await.unwrap().unwrap();
        assert_eq!(capabilities.self_service.possible, Support::No);
        assert!(capabilities.self_service.barriers.contains(&barrier));
    }
}

#[tokio::test]
async fn a_key_made_by_hand_is_found_and_used() {
    let (world, running) = closed(|panel| panel.backend_mode = true).await;
    running.refused().await;
    world.host.panel(|panel| {
        let user = panel.users[1].id;
        // Of another group, of nobody's use, and the right one.
        panel.add_key(FakeKey::new(user, "sk-of-another-group-0123456789", None));
        panel.add_key(FakeKey {
            status: "inactive".into(),
            ..FakeKey::new(user, "sk-off-0123456789abcdef", Some(GROUP))
        });
        make_by_hand(panel, BY_HAND);
    });
    world.pass(SignedDuration::from_mins(20));
    running.until("found", |view| view.state == "ready").await;
    let key = running.key().await;
    assert_eq!(key.secret.expose(), BY_HAND);
    assert_eq!(world.keys().len(), 3, "nothing is changed");
}

#[tokio::test]
async fn an_adopted_key_is_exchanged_by_hand_and_never_deleted() {
    use relay_store::{AccessStore as _, GrantFilter};
    let (world, running) = closed(|panel| panel.backend_mode = true).await;
    running.refused().await;
    world.host.panel(|panel| make_by_hand(panel, BY_HAND));
    world.pass(SignedDuration::from_mins(20));
    running.until("found", |view| view.state == "ready").await;
    running.store.ask_for_rotation(&GrantFilter::default(), false, world.clock.now()).await.unwrap();
    running.until("asked for a person", |view| view.problem.as_ref().is_some_and(|it| it.code == "key_by_hand")).await;
    assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(key) if key.secret.expose() == BY_HAND));
    world.host.panel(|panel| make_by_hand(panel, "sk-second-by-hand-0123456789"));
    world.pass(SignedDuration::from_mins(20));
    running.until("exchanged", |view| view.generation == 2).await;
    world.pass(SignedDuration::from_mins(20));
    running.until("put aside", |view| view.keys.as_ref().unwrap()[1].state == "retired").await;
    assert_eq!(world.keys().len(), 2);
    assert!(running.events().await.contains(&"key_to_delete".to_owned()));
}

#[tokio::test]
async fn a_two_factor_login_is_a_barrier_of_one_user() {
    let (world, running) = closed(|panel| panel.two_factor_enabled = true).await;
    let key = running.key().await;
    world.host.panel(|panel| {
        panel.users[1].two_factor = Some("123456".into());
        panel.users[1].password_version += 1;
        panel.keys[0].deleted = true;
    });
    running.crash().await;
    world.pass(SignedDuration::from_hours(24 * 24));
    let running = world.open().await;
    running.until("asked for a person", |view| view.problem.as_ref().is_some_and(|it| it.code == "key_by_hand")).await;
    let capabilities = running.access.hosts().recorded(&host_id()).await.unwrap().unwrap();
    assert_eq!(capabilities.self_service.possible, Support::Yes);
    assert!(capabilities.self_service.barriers.contains(&Barrier::TwoFactor));
    drop(key);
}
