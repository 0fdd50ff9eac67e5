//! Letting clients go: an orderly end, an end now, and those who are too many or
//! too slow (spec §5, last bullet; §10).

use std::time::Duration;

use relay_testkit::{Gate, Reply};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::{check_error, events, said};
use crate::rig::{KEY, MODEL, Rig, Setup, patiently};

const SHORT: Duration = Duration::from_millis(60);

fn end_now(rig: &Rig) {
    rig.shutdown.stop_accepting.cancel();
    rig.shutdown.end_now.cancel();
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_is_taken() {
    let mut rig = Setup::hosts(2).one_tier().start().await;
    let gate = Gate::new();
    for host in &rig.hosts {
        host.default_reply(Reply::chat("one two {prompt}").hold_after(2, &gate));
    }
    let mut idle = rig.connect().await;
    idle.call(rig.call("GET", "/v1/models")).await.text().await;
    let unused = rig.connect().await;
    let mut stream = rig.stream("stream").send().await;
    stream.until("one").await;
    let held = Gate::new();
    rig.hosts.iter().for_each(|host| host.default_reply(Reply::echo().hold(&held)));
    let whole = rig.say("whole").spawn();
    held.reached().await;

    rig.shutdown.stop_accepting.cancel();
    idle.closed().await;
    unused.closed().await;
    let refused = async { while TcpStream::connect(rig.address).await.is_ok() {} };
    patiently("new connections to be refused", refused).await;

    gate.open();
    held.open();
    assert_eq!(said(&stream.text().await), "one two stream");
    let mut whole = whole.await.expect("answers");
    assert_eq!((whole.status, whole.header("connection")), (200, Some("close")));
    assert!(whole.text().await.contains("whole"));
    stream.closed().await;
    whole.closed().await;
    rig.stopped().await;
    let verdicts: Vec<_> = rig.decisions().await.into_iter().map(|decision| decision.verdict).collect();
    assert_eq!(verdicts, ["complete", "complete"]);
}

#[tokio::test]
async fn at_the_end_every_client_is_told() {
    let mut rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::chat("one two").hold_after(2, &gate));
    let mut stream = rig.stream("x").id("stream").send().await;
    stream.until("one").await;
    let held = Gate::new();
    rig.hosts[0].script(Reply::echo().hold(&held));
    let waiting = rig.say("x").id("waiting").spawn();
    held.reached().await;

    end_now(&rig);
    let text = stream.text().await;
    assert!(!text.contains("[DONE]"), "{text}");
    let last: Value = serde_json::from_str(&events(&text).pop().expect("has events")).expect("is JSON");
    assert_eq!(check_error(&last), "server_shutdown");
    stream.closed().await;
    let mut waiting = waiting.await.expect("answers");
    assert_eq!((waiting.status, waiting.header("retry-after")), (503, Some("1")));
    assert_eq!(waiting.error_code().await, "server_shutdown");
    waiting.closed().await;
    rig.hosts[0].wait_disconnected(0).await;
    rig.hosts[0].wait_disconnected(1).await;
    rig.stopped().await;
    for (id, verdict, status) in [("stream", "truncated", 200), ("waiting", "failed", 503)] {
        let decision = rig.decision(id).await;
        assert_eq!((decision.verdict.as_str(), decision.client_status), (verdict, Some(status)), "{id}");
        assert_eq!(decision.error_class.as_deref(), Some("server_shutdown"), "{id}");
    }
}

#[tokio::test]
async fn at_the_end_a_client_with_an_early_200_is_told_in_its_stream() {
    let mut rig = Setup::hosts(1).options(|options| options.status_commit = SHORT).start().await;
    rig.hosts[0].script(Reply::silence());
    let mut stream = rig.stream("x").send().await;
    assert_eq!(stream.status, 200);
    end_now(&rig);
    let last: Value = serde_json::from_str(&events(&stream.text().await).pop().expect("has events")).expect("is JSON");
    assert_eq!(check_error(&last), "server_shutdown");
    stream.closed().await;
    rig.stopped().await;
}

#[tokio::test]
async fn at_the_end_nobody_is_waited_for_who_does_not_take_part() {
    let mut rig = Setup::hosts(1).start().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\nexpect: 100-continue\r\ncontent-length: 99\r\n\r\n"
    );
    let mut body = rig.wire().await;
    body.send(&head).await;
    body.until("100 Continue\r\n\r\n").await;
    body.send("{").await;
    let mut line = rig.wire().await;
    line.send("POST /v1/chat").await;
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1 << 20));
    rig.hosts[0].script((0..64).fold(Reply::stream(), |reply, _| reply.raw_text(&*event)));
    let unread = rig.stream("x").send().await;

    end_now(&rig);
    rig.stopped().await;
    body.rest().await;
    line.rest().await;
    drop(unread);
}

#[tokio::test]
async fn one_connection_too_many_is_told_to_come_back() {
    let rig = Setup::hosts(1).options(|options| options.max_connections = 1).start().await;
    let mut only = rig.connect().await;
    assert_eq!(only.call(rig.call("GET", "/v1/models")).await.status, 200);
    // Both the one that has sent its request already and the one that has not.
    for sends in [true, false] {
        let mut wire = rig.wire().await;
        if sends {
            wire.send("GET /v1/models HTTP/1.1\r\nhost: r\r\n\r\n").await;
        }
        let answer = wire.rest().await;
        let (head, body) = answer.split_once("\r\n\r\n").expect("has a head");
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(check_error(&serde_json::from_str(body).expect("is JSON")), "overloaded");
    }
    assert_eq!(only.call(rig.say("x")).await.status, 200, "who is in stays in");
    drop(only);
    let room = async { while rig.call("GET", "/healthz").send().await.status != 200 {} };
    patiently("the place to be free again", room).await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let rig = Setup::hosts(1).options(|options| options.head_limit = SHORT).start().await;
    let mut nothing = rig.wire().await;
    let mut half = rig.wire().await;
    half.send("POST /v1/chat/compl").await;
    let mut second = rig.wire().await;
    second.send("GET /healthz HTTP/1.1\r\nhost: r\r\n\r\n").await;
    second.until(r#"{"status":"ok"}"#).await;
    second.send("GET /healthz HT").await;
    assert_eq!(half.rest().await, "");
    assert_eq!(second.rest().await, "");
    assert_eq!(nothing.rest().await, "");
}

#[tokio::test]
async fn a_request_that_takes_long_is_no_slow_head() {
    let rig = Setup::hosts(1).options(|options| options.head_limit = SHORT).start().await;
    let mut slow = rig.wire().await;
    slow.send("POST /v1/chat/compl").await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::echo().hold(&gate));
    let mut idle = rig.connect().await;
    idle.call(rig.call("GET", "/healthz")).await.text().await;
    let answering = rig.say("x").spawn();
    gate.reached().await;
    // The clocks have been looked at when this one is gone.
    slow.rest().await;
    gate.open();
    assert_eq!(answering.await.expect("answers").status, 200);
    assert_eq!(idle.call(rig.call("GET", "/healthz")).await.status, 200, "idle is not slow");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let rig = Setup::hosts(1).options(|options| options.body_stall = SHORT).start().await;
    let mut wire = rig.wire().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\ncontent-length: 99\r\n\r\n"
    );
    wire.send(format!("{head}{{\"model\":\"{MODEL}\"")).await;
    let answer = wire.rest().await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(rig.calls(), [0]);
}

#[tokio::test]
async fn a_head_too_long_to_hold_is_refused() {
    let rig = Setup::hosts(1).start().await;
    let mut wire = rig.wire().await;
    wire.send(format!("GET /healthz HTTP/1.1\r\nhost: r\r\nx-long: {}\r\n\r\n", "x".repeat(70_000))).await;
    assert!(wire.rest().await.starts_with("HTTP/1.1 431 "));
    let within = rig.call("GET", "/healthz").header("x-long", &"x".repeat(60_000)).send().await;
    assert_eq!(within.status, 200);
}

#[tokio::test]
async fn where_another_process_accepts_an_open_connection_brings_one_more_request() {
    let mut rig = Setup::hosts(1).start().await;
    rig.hosts[0].default_reply(Reply::echo());
    let mut idle = rig.connect().await;
    idle.call(rig.call("GET", "/v1/models")).await.text().await;
    let mut busy = rig.connect().await;
    busy.call(rig.call("GET", "/v1/models")).await.text().await;

    rig.shutdown.last_requests.cancel();
    let refused = async { while TcpStream::connect(rig.address).await.is_ok() {} };
    patiently("new connections to be left to others", refused).await;
    let mut answer = busy.call(rig.call("GET", "/v1/models")).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    answer.text().await;
    busy.closed().await;
    // What nobody uses goes when its time is over.
    rig.shutdown.stop_accepting.cancel();
    idle.closed().await;
    rig.stopped().await;
}
