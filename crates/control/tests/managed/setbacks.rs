//! What nobody expected: a job that panics, and a host that is no longer the one that was probed.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use relay_hosts::managed::{ManagedKeys as _, Unobtainable, Wanted, Why};
use relay_store::GrantName;
use relay_testkit::{AdminFault, FakeGroup, Gate, Personality, Reply};

use crate::support::{USER, World, builder, host_id, name};

const ASSIGN: &str = "/api/v1/admin/subscriptions/assign";

/// Panics once, where a job spreads its second try.
fn broken_once() -> f64 {
    static IS_MENDED: AtomicBool = AtomicBool::new(false);
    assert!(IS_MENDED.swap(true, Ordering::SeqCst), "a job of a test panics, as it should");
    0.5
}

#[tokio::test]
async fn a_job_that_panics_is_told_as_a_fault_of_ours_and_concerns_no_other() {
    let host = builder(Personality::N).group(FakeGroup::new(9, "other")).start().await;
    let world = World { jitter: broken_once, ..World::over(host) };
    let running = world.open().await;
    // Another job of the same user is under way meanwhile.
    let gate = Gate::new();
    world.host.fail(AdminFault::hold_before("POST", "/api/v1/keys", &gate));
    let (access, group) = (running.access.clone(), "9");
    let other = tokio::spawn(async move {
        access.obtain(Wanted { host: &host_id(), user: USER, group }, crate::support::PATIENCE).await
    });
    world.host.wait_calls("POST", "/api/v1/keys", 1).await;

    world.host.fail(AdminFault::internal_error("POST", ASSIGN));
    let (first, second) = tokio::join!(running.obtain(), running.obtain());
    for waited in [first, second] {
        let Err(Unobtainable::Refused(refused)) = waited else { panic!("whoever waited is let go: {waited:?}") };
        assert_eq!(refused.why, Why::Internal);
        assert!(refused.until.is_some(), "it is worth asking again, and then");
    }
    let view = running.access.grant_view(&name()).await.unwrap().unwrap();
    assert_eq!(view.problem.map(|problem| problem.code).as_deref(), Some("internal"));
    gate.open();
    other.await.unwrap().expect("the other job was never concerned");
    world.pass(SignedDuration::from_mins(1));
    running.until("worked on again by itself", |view| view.state == "ready").await;
    assert_eq!((world.users().len(), world.subscriptions().len(), world.keys().len()), (1, 2, 2));
}

#[tokio::test]
async fn a_host_that_surprises_is_probed_again_and_not_at_once() {
    let groups = 9..=13;
    let host = groups.fold(builder(Personality::N), |host, id| host.group(FakeGroup::new(id, &format!("group-{id}"))));
    let world = World::over(host.start().await);
    let running = world.open().await;
    running.key().await;
    let probed_at = async || running.access.hosts().recorded(&host_id()).await.unwrap().unwrap().probed_at;
    // A route is gone that every version has.
    let is_gone = async |group: &str| {
        let gone = Reply::raw("text/plain", "404 page not found").status(404);
        world.host.fail(AdminFault::answer("POST", ASSIGN, gone));
        running.obtain_for(USER, group).await.unwrap_err();
    };
    let first = probed_at().await;
    world.pass(SignedDuration::from_mins(11));
    running.obtain_for(USER, "9").await.unwrap();
    assert_eq!(probed_at().await, first, "what is known is believed for a day");

    is_gone("10").await;
    running.obtain_for(USER, "11").await.unwrap();
    let second = probed_at().await;
    assert!(second > first);
    is_gone("12").await;
    running.obtain_for(USER, "13").await.unwrap();
    assert_eq!(probed_at().await, second, "it was probed a moment ago");
    world.pass(SignedDuration::from_mins(16));
    running.until_of(&GrantName { group_id: 10, ..name() }, "obtained", |view| view.state == "ready").await;
    assert!(probed_at().await > second);
}
