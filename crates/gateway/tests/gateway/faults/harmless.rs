//! What is unusual and no failure: the client gets the host's own bytes, and nobody else is asked.

use relay_testkit::{Cut, Reply};

use super::{Saw, attempts, balances, check_breakers, hosts};
use crate::client::Call;
use crate::rig::Rig;

const WHOLE: &str = r#"{"choices":[{"message":{"content":"日本 \ud83d"}}],"n":1e400}"#;
const EVENTS: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"日本 \\ud83d\"}}]}\r\n\r\n: ping\n\ndata:[DONE]\n\n";

/// What a client asks.
type Ask = fn(&Rig) -> Call;

/// The first host gives `answer`, and `body` is what the client reads of it. The next request is
/// served as well.
async fn passes(name: &str, call: Ask, answer: Reply, body: &str) {
    let rig = hosts(2).start().await;
    rig.hosts[0].script(answer);
    let mut answer = call(&rig).id("r-1").send().await;
    assert_eq!((answer.status, answer.text().await.as_str()), (200, body), "{name}");
    assert_eq!(rig.calls(), [1, 0], "{name}");
    let decision = rig.decision("r-1").await;
    assert_eq!(attempts(&decision), [("route-1", "answered", None, Some(200))], "{name}");
    check_breakers(&rig, &[], "", name);
    assert!(call(&rig).id("r-2").send().await.text().await.contains("host-1"), "{name}: the next is served as well");
    balances(&rig, &[("r-1", Saw::Whole), ("r-2", Saw::Whole)], 0).await;
}

fn say(rig: &Rig) -> Call {
    rig.say("x")
}

fn stream(rig: &Rig) -> Call {
    rig.stream("x")
}

/// Both kinds of answer: who asks for it, its head with `fields`, after what may stand before one, and its body.
fn heads(before: &str, fields: &str) -> [(Ask, String, &'static str); 2] {
    let head = |kind: &str| format!("{before}HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{fields}");
    [(say, head("application/json"), WHOLE), (stream, head("text/event-stream"), EVENTS)]
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let interim =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nContent-Length: 5\r\n\r\n";
    for (call, head, body) in heads(interim, "") {
        let wire = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        passes("interim", call, Reply::wire(wire.clone(), Cut::Eof), body).await;
        passes("byte by byte", call, Reply::wire(wire, Cut::Eof).chunk_bytes(1), body).await;
    }
}

#[tokio::test]
async fn a_body_may_end_with_its_connection() {
    for (call, head, body) in heads("", "Connection: close\r\n\r\n") {
        passes("1.1", call, Reply::wire(format!("{head}{body}"), Cut::Eof), body).await;
        let old = head.replace("HTTP/1.1", "HTTP/1.0").replace("Connection: close\r\n", "");
        passes("1.0", call, Reply::wire(format!("{old}{body}"), Cut::Eof), body).await;
    }
}

#[tokio::test]
async fn chunks_may_be_cut_and_dressed_in_any_way() {
    for (call, head, body) in heads("", "Transfer-Encoding: Chunked\r\n\r\n") {
        let bytes = body.as_bytes().iter().enumerate();
        let mut chunks = bytes.flat_map(|(at, byte)| {
            let size = if at % 2 == 0 { "1" } else { "0001 ; ext=\"a\\\"b\"" };
            [size.as_bytes(), b"\r\n", &[*byte], b"\r\n"].concat()
        });
        let chunks: Vec<u8> = chunks.by_ref().chain(*b"0;last\r\nTrailer: x\r\n\r\n").collect();
        let wire = [head.as_bytes(), &chunks].concat();
        passes("one write", call, Reply::wire(wire.clone(), Cut::Eof), body).await;
        passes("byte by byte", call, Reply::wire(wire, Cut::Eof).chunk_bytes(1), body).await;
    }
}

#[tokio::test]
async fn a_reset_after_the_last_byte_is_none() {
    for (call, head, body) in heads("", "") {
        let wire = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        passes("reset", call, Reply::wire(wire, Cut::Reset), body).await;
    }
}

#[tokio::test]
async fn what_comes_after_the_end_of_a_stream_is_left() {
    let late = format!("{EVENTS}data: {{\"late\":1}}\n\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let longer = format!("{head}Content-Length: {}\r\n\r\n{late}", late.len() + 9);
    passes("longer", stream, Reply::wire(longer, Cut::Eof), EVENTS).await;
    let until_close = format!("{head}Connection: close\r\n\r\n{late}");
    passes("until it closes", stream, Reply::wire(until_close, Cut::Hang), EVENTS).await;
}

#[tokio::test]
async fn an_answer_that_came_encoded_is_decoded() {
    for (call, body) in [(say as Ask, WHOLE), (stream, EVENTS)] {
        let kind = if body == WHOLE { "application/json" } else { "text/event-stream" };
        let reply = || Reply::stream().header("Content-Type", kind).raw_text(body).gzip();
        passes("gzip", call, reply(), body).await;
        passes("gzip, byte by byte", call, reply().chunk_bytes(1), body).await;
    }
}
