//! Keys are exchanged without a request that fails for want of one.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_hosts::managed::Lookup;
use relay_store::{AccessStore as _, GrantFilter, GrantName};
use relay_testkit::{FakeGroup, Personality};

use crate::support::{BOTH, Running, USER, World, builder, name};

async fn rotate(world: &World, running: &Running, leaked: bool) {
    running.store.ask_for_rotation(&GrantFilter::default(), leaked, world.clock.now()).await.unwrap();
}

/// Whether the gateway takes a key.
async fn is_served(world: &World, key: &relay_hosts::managed::ManagedKey) -> bool {
    let request = format!(
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        key.secret.expose()
    );
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut socket = tokio::net::TcpStream::connect(world.host.address()).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    answer.starts_with(b"HTTP/1.1 200")
}

#[tokio::test]
async fn the_old_key_serves_until_its_time_is_over() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let old = running.key().await;
        rotate(&world, &running, false).await;
        while matches!(running.look_up(world.clock.now()), Lookup::Ready(key) if key.generation == 1) {
            assert!(is_served(&world, &old).await, "whatever is looked up is served");
        }
        let Lookup::Ready(new) = running.look_up(world.clock.now()) else { panic!("no gap between the two") };
        assert_eq!((new.generation, new.user_id.clone()), (2, old.user_id.clone()));
        assert!(is_served(&world, &new).await && is_served(&world, &old).await);
        world.pass(SignedDuration::from_mins(11));
        running.until("tidied up", |view| view.keys.as_ref().unwrap()[1].state == "retired").await;
        world.has_one_of_each(&new);
        assert!(!is_served(&world, &old).await);
    }
}

#[tokio::test]
async fn leaked_keys_and_passwords_are_gone_at_once() {
    for personality in BOTH {
        let host = builder(personality).group(FakeGroup::new(9, "other")).start().await;
        let world = World::over(host);
        let running = world.open().await;
        let old = [running.key().await, running.obtain_for(USER, "9").await.unwrap()];
        let password = world.users()[0].password.clone();
        rotate(&world, &running, true).await;
        let all = GrantFilter::default();
        let mut changes = running.access.changes();
        let done = async {
            while running.store.grant_counts(&all).await.unwrap().changing > 0 {
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(crate::support::PATIENCE, done).await.expect("they are exchanged");
        running.until("tidied up", |view| view.keys.as_ref().unwrap()[1].state == "retired").await;
        let new = [running.key().await, running.obtain_for(USER, "9").await.unwrap()];
        let other = GrantName { group_id: 9, ..name() };
        running.until_of(&other, "tidied up", |view| view.keys.as_ref().unwrap()[1].state == "retired").await;
        assert_eq!(world.keys().len(), 2);
        for (old, new) in old.iter().zip(&new) {
            assert!(old.secret != new.secret && is_served(&world, new).await && !is_served(&world, old).await);
        }
        assert_ne!(world.users()[0].password, password);
    }
}

#[tokio::test]
async fn an_issue_that_an_older_host_keeps_taken_for_ever_is_passed_over() {
    // Somebody deleted the key on the host; its text is taken, and nobody has it.
    let world = World::new(Personality::S).await;
    let running = world.open().await;
    running.key().await;
    world.host.panel(|panel| panel.keys[0].deleted = true);
    // A database that was set back to before the first key: the derivation begins at the first issue again.
    let fresh = World { host: world.host, ..World::new(Personality::S).await };
    running.crash().await;
    let running = fresh.open().await;
    let key = running.key().await;
    assert_eq!(key.generation, 2);
    fresh.has_one_of_each(&key);
}

#[tokio::test]
async fn a_lost_database_finds_what_it_made() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let key = running.key().await;
        running.crash().await;
        let fresh = World { host: world.host, ..World::new(personality).await };
        let running = fresh.open().await;
        let again = running.key().await;
        assert_eq!(again.secret, key.secret);
        fresh.has_one_of_each(&again);
    }
}
