//! A host that leaves, is left, dies and comes back.

mod support;

use std::time::Duration;

use relay_testkit::{Accept, Cut, Ending, FakeHost, Gate, Reply};
use support::{Client, End, KEY, chat, chat_body, post};

#[tokio::test]
async fn a_peer_that_leaves_is_seen_at_every_stage() {
    let host = FakeHost::start().await;
    let gate = Gate::new();
    // Before the head, after the head, in the middle, and in a body of known length.
    host.script(Reply::chat("held").hold(&gate));
    host.script(Reply::chat("a b c").hold_after(0, &gate));
    host.script(Reply::chat("a b c").hold_after(2, &gate));
    host.script(Reply::chat("whole").hold_after(0, &gate));
    for (index, stream) in [true, true, true, false].into_iter().enumerate() {
        let mut client = Client::connect(&host).await;
        client.send(post("/v1/chat/completions", KEY, &chat_body("x", stream))).await;
        gate.reached_by(index + 1).await;
        drop(client);
        assert!(host.wait_disconnected(index).await.complete);
    }
    host.wait_connections(0).await;
    assert_eq!(host.in_flight(), 0);
}

#[tokio::test]
async fn a_peer_that_leaves_inside_its_request_is_seen() {
    let host = FakeHost::start().await;
    let mut client = Client::connect(&host).await;
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf").await;
    host.wait_in_flight(1).await;
    drop(client);
    let request = host.wait_disconnected(0).await;
    assert!(!request.complete);
    assert!(host.next_request().await.hung_up());
}

#[tokio::test]
async fn everything_before_a_gate_has_arrived_when_the_host_dies_there() {
    let host = FakeHost::start().await;
    let gate = Gate::new();
    host.script(Reply::chat("one two three").hold_after(2, &gate));
    let mut client = Client::connect(&host).await;
    client.send(post("/v1/chat/completions", KEY, &chat_body("x", true))).await;
    gate.reached().await;
    host.kill().await;
    let answer = client.answer().await;
    assert_eq!((answer.chunks.len(), answer.end), (2, End::Reset));
    assert_eq!(host.received()[0].ending, Ending::Cut);
    assert_eq!(host.open_connections(), 0);
}

#[tokio::test]
async fn a_killed_host_refuses_and_a_revived_one_answers_on_the_same_port() {
    let host = FakeHost::start().await;
    let mut idle = Client::connect(&host).await;
    assert_eq!(idle.get("/health", "").await.status(), 200);
    host.kill().await;
    assert!(!host.is_alive());
    assert_eq!(idle.answer().await.end, End::Reset);
    let refused = tokio::net::TcpStream::connect(host.address()).await;
    assert_eq!(refused.expect_err("the port refuses").kind(), std::io::ErrorKind::ConnectionRefused);
    host.revive().await;
    host.revive().await;
    assert_eq!(chat(&host, "back", false).await.json()["choices"][0]["message"]["content"], "fake says: back");
    host.stop().await;
}

#[tokio::test]
async fn a_dropped_host_ends_its_connections() {
    let host = FakeHost::start().await;
    let gate = Gate::new();
    host.script(Reply::chat("x").hold(&gate));
    let mut client = Client::connect(&host).await;
    client.send(post("/v1/chat/completions", KEY, &chat_body("x", true))).await;
    gate.reached().await;
    drop(host);
    assert_eq!(client.answer().await.end, End::Reset);
}

#[tokio::test]
async fn cuts_differ_on_the_wire() {
    let host = FakeHost::start().await;
    for (cut, end) in [(Cut::Clean, End::Whole), (Cut::Eof, End::Eof), (Cut::Reset, End::Reset)] {
        host.script(Reply::chat("a b c").truncate_after(2, cut));
        let answer = chat(&host, "x", true).await;
        assert_eq!((answer.chunks.len(), answer.end), (2, end), "{cut:?}");
        assert!(!answer.text().contains("[DONE]"));

        host.script(Reply::chat("a b c").truncate_after(0, cut));
        let answer = chat(&host, "x", true).await;
        assert_eq!((answer.status(), answer.chunks.len(), answer.end), (200, 0, end), "{cut:?} after the head");
    }
    for (cut, end) in [(Cut::Eof, End::Eof), (Cut::Reset, End::Reset)] {
        host.script(Reply::chat("a whole body").truncate_bytes(20, cut));
        let answer = chat(&host, "x", false).await;
        assert_eq!((answer.body().len(), answer.end), (20, end), "{cut:?}");
        assert!(answer.header("content-length").expect("a length").parse::<usize>().expect("a number") > 20);
    }
    assert!(host.received().iter().all(|request| request.ending == Ending::Cut));
}

#[tokio::test]
async fn nothing_or_junk_can_come_instead_of_a_head() {
    let host = FakeHost::start().await;
    host.script(Reply::reset_before_head());
    host.script(Reply::close_before_head());
    host.script(Reply::wire("SSH-2.0-OpenSSH_9.2\r\n", Cut::Eof));
    host.script(Reply::wire("HTTP/1.1 200 OK\r\nContent-Le", Cut::Reset));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let mut client = Client::connect(&host).await;
        client.send(post("/v1/chat/completions", KEY, &chat_body("x", false))).await;
        let (bytes, end) = client.rest().await;
        seen.push((String::from_utf8(bytes).expect("text"), end));
    }
    let expected = [
        (String::new(), End::Reset),
        (String::new(), End::Eof),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), End::Eof),
        ("HTTP/1.1 200 OK\r\nContent-Le".to_owned(), End::Reset),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_clean_cut_leaves_the_connection_usable() {
    let host = FakeHost::start().await;
    host.script(Reply::chat("a b").truncate_after(1, Cut::Clean));
    let mut client = Client::connect(&host).await;
    assert_eq!(client.post("/v1/chat/completions", KEY, &chat_body("x", true)).await.end, End::Whole);
    assert_eq!(client.post("/v1/chat/completions", KEY, &chat_body("x", true)).await.end, End::Whole);
    let received = host.received();
    assert_eq!(received[0].connection, received[1].connection);
    assert_eq!((received[0].ending, received[1].ending), (Ending::Cut, Ending::Answered));
    assert_eq!(host.connections_accepted(), 1);
}

#[tokio::test]
async fn an_answer_can_come_before_the_body() {
    let host = FakeHost::start().await;
    host.script(Reply::error(relay_testkit::errors::BODY_TOO_LARGE).before_body());
    let mut client = Client::connect(&host).await;
    client.send(format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{KEY}Content-Length: 9999999\r\n\r\n")).await;
    assert_eq!(client.answer().await.status(), 413);
}

#[tokio::test]
async fn a_stalled_stream_ends_with_its_peer() {
    let host = FakeHost::start().await;
    host.script(Reply::chat("a b").stall_after(1));
    let mut client = Client::connect(&host).await;
    client.send(post("/v1/chat/completions", KEY, &chat_body("x", true))).await;
    client.head().await.expect("a head");
    client.chunk().await.expect("a chunk");
    assert_eq!(host.in_flight(), 1);
    drop(client);
    host.wait_disconnected(0).await;
}

#[tokio::test]
async fn raw_bytes_can_wait_go_on_for_ever_and_hang() {
    let host = FakeHost::start().await;
    let gate = Gate::new();
    host.script(Reply::wire("HTTP/1.1 ", Cut::Hang).gate(&gate).raw_text("200 OK\r\n"));
    host.script(Reply::wire("", Cut::Hang).forever("x", Duration::ZERO));
    let mut client = Client::connect(&host).await;
    client.send(post("/v1/chat/completions", KEY, &chat_body("x", true))).await;
    client.until(b"HTTP/1.1 ").await.expect("comes");
    gate.reached().await;
    gate.open();
    client.until(b"200 OK\r\n").await.expect("comes");
    assert_eq!(host.in_flight(), 1);
    drop(client);
    host.wait_disconnected(0).await;

    let mut client = Client::connect(&host).await;
    client.send(post("/v1/chat/completions", KEY, &chat_body("x", true))).await;
    client.until(&[b'x'; 100]).await.expect("comes");
    drop(client);
    host.wait_disconnected(1).await;
}

#[tokio::test]
async fn a_connection_can_fail_before_anything_is_read() {
    let host = FakeHost::start().await;
    for accept in [Accept::Reset, Accept::ResetUnread, Accept::Hang] {
        host.script_accept(accept);
    }
    let client = Client::connect(&host).await;
    assert_eq!(client.rest().await.1, End::Reset);
    let mut client = Client::connect(&host).await;
    client.send("x").await;
    assert_eq!(client.rest().await.1, End::Reset);
    let hanging = Client::connect(&host).await;
    host.wait_connections(1).await;
    drop(hanging);
    host.wait_connections(0).await;
    assert_eq!(chat(&host, "x", false).await.status(), 200);
    assert_eq!(host.received().len(), 1);
}
