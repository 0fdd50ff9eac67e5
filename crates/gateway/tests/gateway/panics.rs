//! A fault of ours that ends a request in a panic: its client is told, its decision says whose fault it was, and
//! nobody else notices.

use std::sync::Arc;
use std::time::Duration;

use relay_domain::Timestamp;
use relay_gateway::GatewayOptions;
use relay_hosts::managed::{GatewaySaid, Lookup, ManagedKey, ManagedKeys, Obtaining, Wanted};
use tokio::sync::Semaphore;

use crate::diagnostics::listen;
use crate::rig::{Rig, Setup};

const CANARY: &str = "sk-canary-in-a-panic";

/// Whoever asks for a key meets a bug, once the gate is open.
struct Broken(Arc<Semaphore>);

impl ManagedKeys for Broken {
    fn look_up(&self, _: Wanted<'_>, _: Timestamp) -> Lookup {
        Lookup::Cold
    }

    fn obtain<'a>(&'a self, _: Wanted<'a>, _: Duration) -> Obtaining<'a> {
        Box::pin(async {
            let _open = self.0.acquire().await;
            panic!("cannot use {CANARY}")
        })
    }

    fn report(&self, _: &ManagedKey, _: GatewaySaid, _: Timestamp) {}
}

async fn broken(gate: &Arc<Semaphore>, options: impl FnOnce(&mut GatewayOptions)) -> Rig {
    Setup::hosts(1).managed(Arc::new(Broken(Arc::clone(gate)))).options(options).start().await
}

#[tokio::test]
async fn a_request_that_panics_is_answered_500_and_recorded_as_a_fault_of_ours() {
    let (lines, _listening) = listen();
    let rig = broken(&Arc::new(Semaphore::new(1)), |options| options.access_log = true).await;
    let mut answer = rig.say("x").id("r-panics").send().await;
    assert_eq!((answer.status, answer.header("x-request-id")), (500, Some("r-panics")));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.error_code().await, "internal");
    let decision = rig.decision("r-panics").await;
    assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("failed", Some("internal")));
    assert_eq!((decision.client_status, decision.attempts.len()), (Some(500), 0), "no host was asked");
    let text = lines.text();
    let is_told = |words: [&str; 3]| text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(is_told(["ERROR", "a panic ended a request", "r-panics"]), "{text}");
    assert!(is_told(["INFO relay_access", "verdict=\"failed\" class=\"internal\"", "r-panics"]), "{text}");
    assert!(!text.contains(CANARY), "{text}");
    // Others are served as ever.
    assert_eq!(rig.call("GET", "/healthz").send().await.status, 200);
}

#[tokio::test]
async fn a_stream_that_panics_after_its_status_breaks_off() {
    let gate = Arc::new(Semaphore::new(0));
    let rig = broken(&gate, |options| {
        (options.status_commit, options.keep_alive) = (Duration::ZERO, Duration::from_millis(1));
    })
    .await;
    let mut answer = rig.stream("x").id("r-cut").send().await;
    assert_eq!(answer.status, 200);
    answer.until(": keep-alive").await;
    gate.add_permits(1);
    assert!(answer.bytes().await.is_err(), "nobody takes what came for an answer");
    let decision = rig.decision("r-cut").await;
    assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("failed", Some("internal")));
}
