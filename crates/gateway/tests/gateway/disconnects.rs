//! A client that goes away takes its upstream request with it, in every window
//! (spec §5, §6; field notes 21, 31). Hosts bill what they are left to finish.

use std::time::{Duration, Instant};

use relay_domain::{Amount, Budget, Period};
use relay_ledger::Decision;
use relay_testkit::{Gate, Received, Reply, Usage};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::client::Call;
use crate::rig::{KEY, Rig, Setup, counted, host_at, patiently, request};

/// The contract says one second; a loaded machine is given more, and a request
/// that is merely left to end would take for ever here.
const SOON: Duration = Duration::from_secs(5);

/// Waits until host `index` has lost its only request, and checks that it was soon.
async fn let_go(rig: &Rig, index: usize) -> Received {
    let since = Instant::now();
    let received = rig.hosts[index].wait_disconnected(0).await;
    assert!(since.elapsed() < SOON, "{:?}", since.elapsed());
    received
}

async fn gone(rig: &Rig, id: &str) -> Decision {
    let decision = rig.decision(id).await;
    assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("client_gone", Some("client_gone")));
    decision
}

/// Sends `call`, and leaves when the host that answers it has come to `window`.
async fn leaves_at(window: &Gate, call: Call) {
    let answering = call.spawn();
    window.reached().await;
    answering.abort();
    assert!(answering.await.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test]
async fn while_the_hosts_head_is_awaited() {
    for stream in [false, true] {
        let rig = Setup::hosts(2).start().await;
        let window = Gate::new();
        rig.hosts[0].script(Reply::echo().hold(&window));
        leaves_at(&window, rig.chat(request("x", stream)).id("r-1")).await;
        let_go(&rig, 0).await;
        let decision = gone(&rig, "r-1").await;
        assert_eq!((decision.client_status, decision.attempts.len()), (None, 1));
        assert_eq!(rig.calls(), [1, 0], "nobody else is asked for someone who left");
    }
}

#[tokio::test]
async fn before_the_first_output() {
    let rig = Setup::hosts(2).start().await;
    let window = Gate::new();
    rig.hosts[0].script(Reply::chat("one two").pings(2, Duration::ZERO).hold_after(1, &window));
    leaves_at(&window, rig.stream("x").id("r-1")).await;
    let_go(&rig, 0).await;
    gone(&rig, "r-1").await;
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn while_comments_keep_it_waiting() {
    let short = Duration::from_millis(60);
    let rig =
        Setup::hosts(2).options(|options| (options.status_commit, options.keep_alive) = (short, short)).start().await;
    let window = Gate::new();
    rig.hosts[0].script(Reply::echo().hold(&window));
    let mut answer = rig.stream("x").id("r-1").send().await;
    answer.until(": keep-alive\n\n").await;
    drop(answer);
    let_go(&rig, 0).await;
    gone(&rig, "r-1").await;
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn in_the_middle_of_a_stream() {
    let rig = Setup::hosts(2).start().await;
    let window = Gate::new();
    let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9}}\n\n";
    let output = "data: {\"choices\":[{\"delta\":{\"content\":\"one\"}}]}\n\n";
    rig.hosts[0].script(Reply::stream().raw_text(output).raw_text(usage).gate(&window).text("two"));
    let mut answer = rig.chat(counted("x")).id("r-1").send().await;
    answer.until("prompt_tokens").await;
    drop(answer);
    let_go(&rig, 0).await;
    let decision = gone(&rig, "r-1").await;
    assert_eq!((decision.client_status, decision.route_id.as_deref()), (Some(200), Some("route-1")));
    assert_eq!(decision.response_bytes, Some((output.len() + usage.len()) as u64));
    assert_eq!((decision.usage.input, decision.usage.provenance.as_deref()), (Some(9), Some("partial")));
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn while_a_whole_answer_is_read() {
    let rig = Setup::hosts(2).start().await;
    let window = Gate::new();
    let (head, rest) = ("{\"choices\":[", "]}");
    let reply = Reply::stream().header("content-type", "application/json").raw_text(head).gate(&window).raw_text(rest);
    rig.hosts[0].script(reply);
    leaves_at(&window, rig.say("x").id("r-1")).await;
    let_go(&rig, 0).await;
    gone(&rig, "r-1").await;
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn while_the_next_host_is_awaited() {
    let rig = Setup::hosts(3).start().await;
    let window = Gate::new();
    rig.hosts[0].script(Reply::empty(500));
    rig.hosts[1].script(Reply::echo().hold(&window));
    leaves_at(&window, rig.stream("x").id("r-1")).await;
    let_go(&rig, 1).await;
    let decision = gone(&rig, "r-1").await;
    let attempts = decision.attempts.iter().map(|attempt| (attempt.route_id.as_str(), attempt.class.as_deref()));
    assert_eq!(attempts.collect::<Vec<_>>(), [("route-1", Some("gateway_500")), ("route-2", Some("client_gone"))]);
    assert_eq!(rig.calls(), [1, 1, 0]);
}

#[tokio::test]
async fn while_a_host_is_being_connected_to() {
    // It takes the connection and never answers the TLS handshake.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("https://{}", silent.local_addr().expect("has an address"));
    let rig = Setup::hosts(3).fleet(move |fleet| fleet.hosts[1] = host_at(1, &url)).start().await;
    rig.hosts[0].script(Reply::empty(500));
    let answering = rig.say("x").id("r-1").spawn();
    let (mut socket, _) = patiently("the connection", silent.accept()).await.expect("accepts");
    answering.abort();
    let since = Instant::now();
    let mut hello = Vec::new();
    let _ = patiently("the connection to end", socket.read_to_end(&mut hello)).await;
    assert!(since.elapsed() < SOON);
    let decision = gone(&rig, "r-1").await;
    assert_eq!(decision.attempts.len(), 2);
    assert_eq!(rig.calls(), [1, 0, 0]);
}

#[tokio::test]
async fn inside_its_own_request() {
    let rig = Setup::hosts(1).start().await;
    let mut wire = rig.wire().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\nexpect: 100-continue\r\ncontent-length: 99\r\n\r\n"
    );
    wire.send(head).await;
    // The body is being read when this comes.
    wire.until("100 Continue\r\n\r\n").await;
    wire.send("{\"model\":").await;
    drop(wire);
    // Nothing was decided, so nothing is logged, and nobody was called.
    assert_eq!(rig.say("after").send().await.status, 200);
    assert_eq!((rig.calls(), rig.decisions().await.len()), (vec![1], 1));
}

#[tokio::test]
async fn one_that_stops_reading_is_let_go() {
    let rig = Setup::hosts(1).options(|options| options.client_stall = Duration::from_millis(100)).start().await;
    // Far more than the buffers between them hold.
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1 << 20));
    rig.hosts[0].script((0..64).fold(Reply::stream(), |reply, _| reply.raw_text(&*event)));
    let answer = rig.stream("x").id("r-1").send().await;
    rig.hosts[0].wait_disconnected(0).await;
    gone(&rig, "r-1").await;
    drop(answer);
}

#[tokio::test]
async fn a_binding_is_kept_for_a_client_that_left() {
    let rig = Setup::hosts(2).start().await;
    rig.say("x").conversation("c").send().await;
    assert_eq!(rig.bound_route().await, "route-1");
    let window = Gate::new();
    rig.hosts[0].script(Reply::empty(500));
    rig.hosts[1].script(Reply::echo().hold(&window));
    leaves_at(&window, rig.say("x").conversation("c").id("r-1")).await;
    let decision = gone(&rig, "r-1").await;
    assert_eq!(decision.attempts.len(), 2);
    assert_eq!(rig.bound_route().await, "route-1");
    let back = rig.say("x").conversation("c").send().await;
    assert_eq!(rig.decision(&back.request_id()).await.sticky_action, "hit");
}

#[tokio::test]
async fn one_of_many_leaves_the_others_alone() {
    let rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    rig.hosts[0].default_reply(Reply::chat("one two {prompt}").hold_after(2, &gate));
    let mut staying = rig.stream("stays").send().await;
    staying.until("one").await;
    let mut leaving = rig.stream("leaves").send().await;
    leaving.until("one").await;
    drop(leaving);
    rig.hosts[0].wait_disconnected(1).await;
    gate.open();
    assert!(staying.text().await.ends_with("data: [DONE]\n\n"));
    // The connection of the one that left is not used again.
    assert_eq!(rig.say("next").send().await.status, 200);
    let received = rig.hosts[0].received();
    assert_ne!(received[2].connection, received[1].connection);
}

#[tokio::test]
async fn a_group_that_drains_reads_on_for_the_usage() {
    let drains = |fleet: &mut relay_domain::Fleet| {
        fleet.groups[0].on_disconnect = relay_domain::OnDisconnect::Drain(relay_testkit::PATIENCE);
    };
    let rig = Setup::hosts(1).fleet(drains).start().await;
    let window = Gate::new();
    rig.hosts[0].script(
        Reply::chat("one two three")
            .usage(Usage { input: 3, cached: 0, output: 5, reasoning: 0 })
            .hold_after(2, &window),
    );
    let mut answer = rig.stream("x").id("r-1").send().await;
    answer.until("one").await;
    window.reached().await;
    drop(answer);
    window.open();
    let decision = gone(&rig, "r-1").await;
    assert_eq!((decision.usage.input, decision.usage.output), (Some(3), Some(5)));
    assert_eq!(decision.usage.provenance.as_deref(), Some("host"), "it is whole");
    assert!(!rig.hosts[0].received()[0].hung_up());
}

#[tokio::test]
async fn a_drain_ends_at_its_limit() {
    let drains = |fleet: &mut relay_domain::Fleet| {
        fleet.groups[0].on_disconnect = relay_domain::OnDisconnect::Drain(Duration::from_millis(50));
    };
    let rig = Setup::hosts(1).fleet(drains).start().await;
    let window = Gate::new();
    rig.hosts[0].script(Reply::chat("one two three").hold_after(2, &window));
    let mut answer = rig.stream("x").id("r-1").send().await;
    answer.until("one").await;
    drop(answer);
    let_go(&rig, 0).await;
    gone(&rig, "r-1").await;
}

/// A host tells the usage of a stream at its end. If leaving before were free, every answer could be had for nothing.
#[tokio::test]
async fn what_a_stream_has_used_is_estimated_when_its_client_leaves_before_that_is_told() {
    let budget = Budget { amount: Amount::Tokens(100), period: Period::Day };
    let rig = Setup::hosts(1).fleet(move |fleet| fleet.keys[0].limits.budgets = vec![budget]).start().await;
    let window = Gate::new();
    let output = |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let stream = Reply::stream().raw_text(output("one")).raw_text(output("two")).raw_text(output("three"));
    rig.hosts[0].script(stream.gate(&window).text("four"));
    let body = counted(&"some words ".repeat(40));
    let tokens = body.len() as u64 / 4;
    let mut answer = rig.chat(body).id("r-1").send().await;
    answer.until("three").await;
    drop(answer);
    let_go(&rig, 0).await;
    let decision = gone(&rig, "r-1").await;
    let usage = decision.usage;
    assert_eq!((usage.input, usage.output, usage.cached_input), (Some(tokens), Some(3), None));
    assert_eq!(usage.provenance.as_deref(), Some("estimated"));
    assert!(decision.price_nanos.is_some_and(|price| price > 0));
    assert_eq!(rig.say("more").send().await.status, 429, "the budget has counted it");
}

/// Anthropic tells the input in its first event, and there an output of one token.
#[tokio::test]
async fn what_was_told_of_the_output_first_is_not_what_the_client_has_had() {
    let rig = Setup::hosts(1).start().await;
    let window = Gate::new();
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"gpt-5\",\
        \"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":60,\"cache_creation_input_tokens\":7,\"output_tokens\":1}}}\n\n";
    let delta = |text: &str| {
        let delta = format!("{{\"type\":\"text_delta\",\"text\":\"{text}\"}}");
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}\n\n"
        )
    };
    let stream = Reply::stream().raw_text(start).raw_text(delta("one")).raw_text(delta("two")).raw_text(delta("three"));
    rig.hosts[0].script(stream.gate(&window).text("four"));
    let body = r#"{"model":"gpt-5","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#;
    let mut answer = rig.call("POST", "/v1/messages").body(body).id("r-1").send().await;
    answer.until("three").await;
    drop(answer);
    let_go(&rig, 0).await;
    let usage = gone(&rig, "r-1").await.usage;
    assert_eq!((usage.input, usage.cached_input, usage.cache_write), (Some(70), Some(60), Some(7)));
    assert_eq!(usage.output, Some(3));
    assert_eq!(usage.provenance.as_deref(), Some("estimated"));
}
