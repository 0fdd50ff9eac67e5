//! A warm look-up asks nobody: no host, no database, no runtime.

use relay_domain::Clock as _;
use relay_hosts::managed::Lookup;
use relay_testkit::Personality;

use crate::support::World;

#[tokio::test]
async fn a_look_up_needs_no_host_no_store_and_no_runtime() {
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    let key = running.key().await;
    let asked = world.host.received().len();
    running.store.close().await;
    world.host.kill().await;
    let now = world.clock.now();
    // A plain thread: whatever would wait for IO panics there.
    let seen = std::thread::scope(|scope| {
        let looking = scope.spawn(|| (0..1000).all(|_| matches!(running.look_up(now), Lookup::Ready(_))));
        looking.join().expect("no runtime is needed")
    });
    assert!(seen);
    assert_eq!(running.key().await.secret, key.secret, "obtaining what is there asks nobody either");
    assert_eq!(world.host.received().len(), asked);
}

#[tokio::test]
async fn a_restart_asks_no_host() {
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    let key = running.key().await;
    running.crash().await;
    let asked = world.host.received().len();
    let running = world.open().await;
    assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(found) if found.secret == key.secret));
    assert_eq!(world.host.received().len(), asked);
}
