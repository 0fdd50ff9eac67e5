//! A process that dies at any point of the way, and one that starts after it.

use relay_testkit::{AdminFault, Gate, Personality};
use tokio::task::JoinHandle;

use crate::support::{BOTH, GROUP, Running, USER, World, host_id};

/// Every write on the way, and some reads between them.
const CALLS: [(&str, &str); 9] = [
    ("GET", "/api/v1/admin/groups/*"),
    ("GET", "/api/v1/admin/users"),
    ("POST", "/api/v1/admin/users"),
    ("GET", "/api/v1/admin/users/*/subscriptions"),
    ("POST", "/api/v1/admin/subscriptions/assign"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/keys"),
    ("DELETE", "/api/v1/keys/*"),
    ("POST", "/api/v1/admin/subscriptions/1/extend"),
];

/// Asks in the background, as a request does.
fn ask(running: &Running) -> JoinHandle<()> {
    use relay_hosts::managed::{ManagedKeys as _, Wanted};
    let access = running.access.clone();
    tokio::spawn(async move {
        let group = GROUP.to_string();
        let _ = access.obtain(Wanted { host: &host_id(), user: USER, group: &group }, crate::support::PATIENCE).await;
    })
}

/// Dies while `call` is under way: before the host does it, or after.
async fn dies_at(world: &World, (method, path): (&str, &str), before: bool) {
    let gate = Gate::new();
    let fault = if before { AdminFault::hold_before } else { AdminFault::hold_after };
    world.host.fail(fault(method, path, &gate));
    let running = world.open().await;
    let calls = world.calls(method, path);
    let asking = ask(&running);
    world.host.wait_calls(method, path, calls + 1).await;
    if !before {
        // What the host does, it does before it holds its answer back.
        world.host.wait_in_flight(1).await;
    }
    running.crash().await;
    asking.abort();
    gate.open();
    world.host.wait_in_flight(0).await;
}

#[tokio::test]
async fn wherever_a_process_dies_the_next_one_ends_with_one_of_each() {
    for personality in BOTH {
        for call in &CALLS[..7] {
            for before in [true, false] {
                let world = World::new(personality).await;
                dies_at(&world, *call, before).await;
                let running = world.open().await;
                let key = running.key().await;
                world.has_one_of_each(&key);
                assert!(world.calls("POST", "/api/v1/admin/users") <= 2, "{call:?} {before}");
                running.crash().await;
            }
        }
    }
}

#[tokio::test]
async fn wherever_a_process_dies_while_it_exchanges_a_key_one_is_left() {
    use relay_store::{AccessStore as _, GrantFilter};
    for personality in BOTH {
        for call in [("POST", "/api/v1/auth/login"), ("POST", "/api/v1/keys"), ("DELETE", "/api/v1/keys/*")] {
            for before in [true, false] {
                let world = World::new(personality).await;
                let running = world.open().await;
                let old = running.key().await;
                running.store.ask_for_rotation(&GrantFilter::default(), true, jiff::Timestamp::now()).await.unwrap();
                running.crash().await;
                dies_at(&world, call, before).await;
                let running = world.open().await;
                running
                    .until("exchanged", |view| {
                        let keys = view.keys.as_ref().unwrap();
                        view.generation == 2 && keys.iter().all(|key| key.state != "retiring" && key.state != "begun")
                    })
                    .await;
                let key = running.key().await;
                assert_ne!(key.secret, old.secret);
                world.has_one_of_each(&key);
                running.crash().await;
            }
        }
    }
}

#[tokio::test]
async fn an_extension_whose_answer_was_lost_is_not_made_twice() {
    use jiff::SignedDuration;
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        running.key().await;
        let end = world.subscriptions()[0].expires_at;
        running.crash().await;
        world.pass(SignedDuration::from_hours(24 * 25));
        dies_at(&world, CALLS[8], false).await;
        let extended = world.subscriptions()[0].expires_at;
        assert_eq!(extended.duration_since(end), SignedDuration::from_hours(24 * 30), "the host did it");
        let running = world.open().await;
        running
            .until("renewed", |view| {
                let known = view.expires_at.map(jiff::Timestamp::as_microsecond);
                known == Some(extended.as_microsecond()) && view.step == "idle"
            })
            .await;
        assert_eq!(world.calls("POST", CALLS[8].1), 1);
        assert_eq!(world.subscriptions()[0].expires_at, extended);
        running.crash().await;
    }
}

#[tokio::test]
async fn lost_answers_of_every_write_leave_one_of_each() {
    for personality in [Personality::S, Personality::N] {
        let world = World::new(personality).await;
        let world = World { policy: relay_control::managed::Policy { tries: 5, ..world.policy }, ..world };
        for (method, path) in CALLS.iter().filter(|(method, _)| *method == "POST") {
            world.host.fail(AdminFault::lost_answer(method, path));
        }
        let running = world.open().await;
        let key = running.key().await;
        world.has_one_of_each(&key);
        assert_eq!(world.calls("POST", "/api/v1/admin/users"), 1, "the user is found, not made again");
        assert_eq!(world.calls("POST", "/api/v1/admin/subscriptions/assign"), 1);
        assert_eq!(world.calls("POST", "/api/v1/keys"), 1);
    }
}
