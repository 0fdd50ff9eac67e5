//! How many keys a user may have, where a host or an operator limits it.

use std::num::NonZeroU32;

use jiff::SignedDuration;
use relay_control::managed::Policy;
use relay_domain::Clock as _;
use relay_store::{AccessStore as _, GrantFilter, GrantName};
use relay_testkit::{FakeGroup, FakeKey, FakePanel, Personality};

use crate::support::{BOTH, Running, USER, World, builder, name};

const OTHER: i64 = 9;

async fn two_groups(personality: Personality, edit: fn(&mut FakePanel)) -> World {
    World::over(builder(personality).group(FakeGroup::new(OTHER, "other")).panel(edit).start().await)
}

fn other() -> GrantName {
    GrantName { group_id: OTHER, ..name() }
}

/// The problem of the second group's grant, which cannot be had.
async fn problem(running: &Running) -> (String, String) {
    running.obtain_for(USER, &OTHER.to_string()).await.unwrap_err();
    let view = running.access.grant_view(&other()).await.unwrap().unwrap();
    let problem = view.problem.unwrap();
    (problem.code, problem.message)
}

#[tokio::test]
async fn a_user_that_is_full_by_our_setting_is_not_asked_for_more_and_what_it_has_is_used() {
    for personality in BOTH {
        let world = two_groups(personality, |_| ()).await;
        let world = World { policy: Policy { keys_per_user: NonZeroU32::new(1), ..world.policy }, ..world };
        let running = world.open().await;
        running.key().await;
        let (code, message) = problem(&running).await;
        assert_eq!(code, "keys_full");
        assert!(message.contains("has 1 keys") && message.contains("managed.keys_per_user is 1"), "{message}");
        assert_eq!(world.calls("POST", "/api/v1/keys"), 1, "the host was not asked for a key too many");

        world.host.panel(|panel| {
            let user = panel.users[1].id;
            panel.add_key(FakeKey::new(user, "sk-made-by-hand-0123456789", Some(OTHER)))
        });
        world.pass(SignedDuration::from_mins(20));
        running.until_of(&other(), "found", |view| view.state == "ready").await;
        let key = running.obtain_for(USER, &OTHER.to_string()).await.unwrap();
        assert_eq!(key.secret.expose(), "sk-made-by-hand-0123456789");
        assert_eq!(world.calls("POST", "/api/v1/keys"), 1);
    }
}

#[tokio::test]
async fn a_host_that_refuses_one_more_is_asked_again_only_when_somebody_may_have_acted() {
    for personality in BOTH {
        let world = two_groups(personality, |panel| panel.keys_per_user = Some(1)).await;
        let running = world.open().await;
        running.key().await;
        let (code, message) = problem(&running).await;
        assert_eq!(code, "keys_full");
        assert!(message.contains("has 1 keys") && message.contains("API_KEY_LIMIT_REACHED"), "{message}");
        let asked = world.host.received().len();
        for _ in 0..5 {
            running.obtain_for(USER, &OTHER.to_string()).await.unwrap_err();
        }
        assert_eq!(world.host.received().len(), asked, "nothing was asked meanwhile");
        assert_eq!(world.calls("POST", "/api/v1/keys"), 2);

        world.host.panel(|panel| panel.keys_per_user = Some(2));
        world.pass(SignedDuration::from_mins(20));
        running.until_of(&other(), "made", |view| view.state == "ready").await;
        assert_eq!((world.keys().len(), world.calls("POST", "/api/v1/keys")), (2, 3));
    }
}

#[tokio::test]
async fn a_leaked_key_makes_room_for_the_one_that_follows_it() {
    for personality in BOTH {
        let world = two_groups(personality, |panel| panel.keys_per_user = Some(1)).await;
        let running = world.open().await;
        let old = running.key().await;
        running.store.ask_for_rotation(&GrantFilter::default(), true, world.clock.now()).await.unwrap();
        running.until("exchanged", |view| view.generation == 2 && view.state == "ready").await;
        let new = running.key().await;
        assert_ne!(new.secret, old.secret);
        world.has_one_of_each(&new);
    }
}
