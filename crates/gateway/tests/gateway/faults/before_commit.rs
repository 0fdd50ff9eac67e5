//! Before the route commit a failure is free and invisible: another host serves the request.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::join_all;
use relay_testkit::{Cut, FakeHost, Reply, errors};

use super::{Fault, cut, junk, silence};

/// The head of an answer that is JSON.
const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
/// The head of a stream.
const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
/// A whole answer.
const BODY: &str = r#"{"choices":[{"message":{"content":"poison"}}]}"#;
/// A frame that only opens a stream.
const OPENING: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";

/// An answer in raw bytes: a head's first lines, further fields, and what follows.
fn wire(head: &str, fields: &str, rest: &str, end: Cut) -> Reply {
    Reply::wire(format!("{head}{fields}\r\n{rest}"), end)
}

#[tokio::test]
async fn a_connection_that_ends_at_any_stage() {
    for end in [Cut::Eof, Cut::Reset] {
        cut("after the request", Reply::wire("", end)).strikes_both().await;
        cut("inside the head", Reply::wire("HTTP/1.1 200 OK\r\nContent-Ty", end)).strikes_both().await;
        cut("after an interim head", Reply::wire("HTTP/1.1 100 Continue\r\n\r\n", end)).strikes_both().await;
        cut("after the head", Reply::chat("x").truncate_bytes(0, end)).strikes_both().await;
        cut("inside a whole body", Reply::chat("x").truncate_bytes(20, end)).strikes_whole().await;
        cut("inside the first event", Reply::chat("x").truncate_bytes(20, end)).strikes_streams().await;
        cut("after the opening frame", Reply::chat("x").truncate_after(1, end)).strikes_streams().await;
        let pings = Reply::stream().pings(2, Duration::ZERO);
        cut("after pings", pings.truncate_after(0, end)).strikes_streams().await;
    }
}

#[tokio::test]
async fn a_body_that_is_shorter_than_it_says() {
    let fields = format!("Content-Length: {}\r\n", BODY.len() + 1);
    cut("length", wire(HEAD, &fields, BODY, Cut::Eof)).strikes_whole().await;
    let chunked = "Transfer-Encoding: chunked\r\n";
    cut("chunk", wire(HEAD, chunked, "ff\r\n{\"choices\"", Cut::Eof)).strikes_whole().await;
    let unended = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    cut("last chunk", wire(HEAD, chunked, &unended, Cut::Eof)).strikes_whole().await;
    let half = gzip(BODY.as_bytes(), 12);
    cut("gzip", Reply::raw("application/json", half).labelled("gzip")).strikes_whole().await;
}

#[tokio::test]
async fn a_body_that_is_longer_than_it_says() {
    let fields = format!("Content-Length: {}\r\n", BODY.len() - 1);
    junk("length", Some(200), wire(HEAD, &fields, BODY, Cut::Hang)).strikes_whole().await;
}

#[tokio::test]
async fn what_is_no_head() {
    let no_head = |name, bytes: &str| junk(name, None, Reply::wire(bytes.to_owned(), Cut::Hang));
    no_head("another protocol", "SSH-2.0-OpenSSH_9.6\r\n").strikes_both().await;
    no_head("TLS", "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}").strikes_both().await;
    no_head("HTTP/2", "HTTP/2.0 200 OK\r\n\r\n").strikes_both().await;
    no_head("no status", "HTTP/1.1 OK\r\n\r\n").strikes_both().await;
    no_head("a field without a colon", "HTTP/1.1 200 OK\r\nContent-Type\r\n\r\n").strikes_both().await;
    no_head("another protocol from here on", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
        .strikes_both()
        .await;
    let endless = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50);
    no_head("hints without end", &endless).strikes_both().await;
    let megabyte = format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n\r\n", "x".repeat(1 << 20));
    no_head("a header of a megabyte", &megabyte).strikes_both().await;
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1000));
    no_head("a thousand headers", &many).strikes_both().await;
}

#[tokio::test]
async fn a_body_whose_end_could_be_read_in_two_ways() {
    let two_ways = |name, fields: &str| {
        let body = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
        junk(name, None, wire(HEAD, fields, &body, Cut::Hang))
    };
    two_ways("length and chunks", "Content-Length: 46\r\nTransfer-Encoding: chunked\r\n").strikes_both().await;
    two_ways("two lengths", "Content-Length: 46\r\nContent-Length: 47\r\n").strikes_both().await;
    two_ways("a list of lengths", "Content-Length: 46, 46\r\n").strikes_both().await;
    two_ways("another coding", "Transfer-Encoding: gzip, chunked\r\n").strikes_both().await;
}

#[tokio::test]
async fn chunks_that_are_none() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (name, chunks) in
        [("no size", "zz\r\n{}\r\n"), ("a bare line feed", "2\n{}\n"), ("longer than its size", "2\r\n{}}\r\n")]
    {
        junk(name, Some(200), wire(HEAD, chunked, chunks, Cut::Hang)).strikes_whole().await;
        junk(name, Some(200), wire(STREAM, chunked, chunks, Cut::Hang)).strikes_streams().await;
    }
}

#[tokio::test]
async fn what_is_no_answer_of_an_api() {
    for (name, reply) in [
        ("a web page", Reply::html()),
        ("a web page that says it is JSON", Reply::raw("application/json", "<html>no</html>")),
        ("nothing", Reply::empty(200)),
        ("half a JSON text", Reply::raw("application/json", "{\"choices\":")),
        ("what says it is gzip", Reply::raw("application/json", BODY).labelled("gzip")),
        ("a coding that nobody asked for", Reply::raw("application/json", BODY).labelled("br")),
        ("a bomb", Reply::raw("application/json", gzip(&vec![b' '; 64 << 20], usize::MAX)).labelled("gzip")),
    ] {
        junk(name, Some(200), reply).strikes_both().await;
    }
    junk("a stream of junk", Some(200), Reply::stream().data("<html>")).strikes_streams().await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time() {
    let slow = Reply::wire("HTTP/1.1 200 OK\r\nX-Slow: ", Cut::Hang).forever("x", Duration::from_millis(5));
    let faults = [
        silence("after the request", Reply::silence()),
        silence("inside the head", Reply::wire("HTTP/1.1 200 OK\r\nContent-Ty", Cut::Hang)),
        silence("a head that goes on and on", slow),
        silence("after the head", Reply::chat("x").truncate_bytes(0, Cut::Hang)),
        silence("inside a whole body", Reply::chat("x").truncate_bytes(20, Cut::Hang)),
    ];
    join_all(faults.iter().map(Fault::strikes_whole)).await;
}

#[tokio::test]
async fn a_stream_whose_output_does_not_come_in_time() {
    let faults = [
        silence("after the head", Reply::chat("x").stall_after(0)),
        silence("inside the first event", Reply::chat("x").truncate_bytes(20, Cut::Hang)),
        silence("after the opening frame", Reply::chat("x").stall_after(1)),
        silence("pings without end", Reply::stream().forever(": ping\n\n", Duration::from_millis(5))),
    ];
    join_all(faults.iter().map(Fault::strikes_streams)).await;
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_output() {
    let failed = |name, end, reply| Fault {
        attempt: (end, "error_in_stream", Some(200)),
        opens: &["route-1"],
        told: (502, "upstream_error"),
        ..cut(name, reply)
    };
    let error = || errors::UPSTREAM_FAILED;
    let queued = Reply::stream().pings(3, Duration::ZERO).raw_text(OPENING).error_in_band(error());
    for (name, end, reply) in [
        ("its first event", "refused", Reply::stream().error_in_band(error())),
        ("after a queue", "refused", queued),
        ("without a blank line", "refused", Reply::stream().error_in_band(error()).no_final_blank_line()),
        ("in single bytes", "refused", Reply::stream().error_in_band(error()).crlf().chunk_bytes(1)),
        ("nothing but its end", "maybe_executed", Reply::stream().data("[DONE]")),
        ("nothing", "maybe_executed", Reply::stream()),
        ("half an event", "maybe_executed", Reply::stream().raw_text("data: {\"choices\":[{\"delta\"")),
    ] {
        failed(name, end, reply).strikes_streams().await;
    }
}

#[tokio::test]
async fn a_status_of_failure_however_its_body_goes_on() {
    let failed = |name, reply| Fault {
        attempt: ("refused", "gateway_500", Some(500)),
        opens: &["route-1"],
        told: (502, "upstream_error"),
        ..cut(name, reply)
    };
    let head = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\r\n{\"error\":\"";
    failed("whole", Reply::empty(500)).strikes_both().await;
    failed("cut", Reply::wire(head, Cut::Reset)).strikes_both().await;
    let endless = Reply::wire(head, Cut::Hang).forever("x".repeat(1 << 16), Duration::ZERO);
    failed("without end", endless).strikes_both().await;
}

#[tokio::test]
async fn a_redirect_which_is_not_followed() {
    let canary = FakeHost::start().await;
    let location = format!("{}/v1/chat/completions", canary.base_url());
    for status in [301, 302, 303, 307, 308] {
        let redirect = Fault {
            attempt: ("maybe_executed", "gateway_bad_response", Some(status)),
            opens: &["route-1"],
            ..cut("redirect", Reply::redirect(status, &location))
        };
        redirect.strikes_both().await;
    }
    assert_eq!((canary.received().len(), canary.connections_accepted()), (0, 0));
}

/// Text as gzip, up to so many bytes of it.
fn gzip(text: &[u8], most: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("encodes");
    let mut encoded = encoder.finish().expect("encodes");
    encoded.truncate(most);
    encoded
}
