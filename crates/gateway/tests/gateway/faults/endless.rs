//! Answers without an end: they pass as they come, nothing gathers, and they end with their client.

use std::time::Duration;

use relay_testkit::Reply;

use super::{Saw, attempts, balances, check_breakers, hosts};
use crate::client::Call;
use crate::rig::Rig;

/// The client reads `most` bytes of what never ends and leaves.
async fn goes_on(call: fn(&Rig) -> Call, reply: Reply, most: usize) {
    // A whole answer is read up to 32 MiB before it is passed on.
    let rig = hosts(2).start().await;
    rig.hosts[0].script(reply);
    let mut answer = call(&rig).id("r-1").send().await;
    assert_eq!(answer.status, 200);
    let mut read = 0;
    while read < most {
        read += answer.next().await.expect("goes on").expect("is whole").len();
    }
    drop(answer);
    rig.hosts[0].wait_disconnected(0).await;
    let decision = rig.decision("r-1").await;
    assert_eq!(attempts(&decision), [("route-1", "answered", None, Some(200))]);
    assert!(decision.response_bytes.is_some_and(|bytes| bytes >= most as u64), "{:?}", decision.response_bytes);
    check_breakers(&rig, &[], "", "endless");
    balances(&rig, &[("r-1", Saw::Left)], 0).await;
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn a_whole_answer() {
    let reply = Reply::stream().header("Content-Type", "application/json").raw_text("{\"choices\":[\"");
    goes_on(|rig| rig.say("x"), reply.forever("x".repeat(1 << 16), Duration::ZERO), 40 << 20).await;
}

#[tokio::test]
async fn an_event() {
    let reply = Reply::stream().raw_text("data: {\"choices\":[\"");
    goes_on(|rig| rig.stream("x"), reply.forever("x".repeat(1 << 16), Duration::ZERO), 16 << 20).await;
}

#[tokio::test]
async fn events() {
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n".repeat(1000);
    goes_on(|rig| rig.stream("x"), Reply::stream().forever(event, Duration::ZERO), 8 << 20).await;
}

#[tokio::test]
async fn pings() {
    let pings = ": ping\n\n".repeat(1000);
    goes_on(|rig| rig.stream("x"), Reply::stream().forever(pings, Duration::ZERO), 1 << 20).await;
}
