//! After the route commit no other host is asked: what the client has read stays, half an
//! event is dropped, and one error event tells that the answer is not whole.

use std::time::Duration;

use relay_testkit::{Cut, Gate, Reply, errors};

use super::{Saw, attempts, balances, check_breakers, hosts, told};

/// An event with output.
fn event(text: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
}

/// A stream that breaks off, and what the client keeps of it.
struct Break {
    name: &'static str,
    reply: Reply,
    kept: String,
    code: &'static str,
    verdict: &'static str,
    class: &'static str,
    /// Opened when the client has what it keeps.
    gate: Gate,
}

/// It ended without its end.
fn truncated(name: &'static str, reply: Reply, kept: &str) -> Break {
    let kept = kept.to_owned();
    Break {
        name,
        reply,
        kept,
        code: "stream_interrupted",
        verdict: "truncated",
        class: "stream_truncated",
        gate: Gate::new(),
    }
}

impl Break {
    async fn check(self) {
        let Self { name, reply, kept, code, verdict, class, gate } = self;
        let rig = hosts(2).options(|options| options.idle = Duration::from_millis(200)).start().await;
        rig.hosts[0].script(reply);
        let mut answer = rig.stream("x").id("r-1").send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")), "{name}");
        answer.until(&kept).await;
        gate.open();
        assert_eq!(answer.text().await, format!("{kept}data: {}\n\n", told(code)), "{name}");
        answer.closed().await;
        assert_eq!(rig.calls(), [1, 0], "{name}: output was sent, so nobody else may go on");

        let decision = rig.decision("r-1").await;
        assert_eq!(attempts(&decision), [("route-1", "answered", None, Some(200))], "{name}");
        assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), (verdict, Some(class)), "{name}");
        assert_eq!(decision.response_bytes, Some((kept.len() + told(code).len() + 8) as u64), "{name}");
        check_breakers(&rig, &["route-1"], class, name);
        balances(&rig, &[("r-1", Saw::Broken)], 0).await;
    }
}

#[tokio::test]
async fn who_asks_again_at_once_is_answered_on_the_connection_that_ends() {
    let rig = hosts(2).start().await;
    rig.hosts[0].script(cut_at(b"", Cut::Clean));
    let mut connection = rig.connect().await;
    let mut broken = connection.call(rig.stream("x").id("r-1")).await;
    assert!(broken.text().await.ends_with(&format!("data: {}\n\n", told("stream_interrupted"))));
    // This client has the whole answer, and does not know yet that the connection is to end.
    let mut next = connection.call(rig.say("y").id("r-2")).await;
    assert_eq!((next.status, next.header("connection")), (200, Some("close")));
    next.json().await;
    connection.closed().await;
}

/// Two events and what is cut out of a third.
fn cut_at(rest: &[u8], cut: Cut) -> Reply {
    let whole = [event("one").as_bytes(), event("two").as_bytes(), event("日本").as_bytes()].concat();
    let length = event("one").len() + event("two").len() + rest.len();
    assert!(whole[..length].ends_with(rest));
    Reply::stream().raw_text(String::from_utf8(whole).expect("is UTF-8")).truncate_bytes(length, cut)
}

#[tokio::test]
async fn a_cut_falls_anywhere() {
    let kept = event("one") + &event("two");
    let third = event("日本");
    let inside_character = third.find('日').expect("is there") + 1;
    for cut in [Cut::Clean, Cut::Eof, Cut::Reset] {
        for (name, at) in [
            ("between events", 0),
            ("inside the name of a field", 3),
            ("inside an event", 20),
            ("inside a character", inside_character),
            ("before the end of the JSON text", third.len() - 3),
        ] {
            truncated(name, cut_at(&third.as_bytes()[..at], cut), &kept).check().await;
        }
        // All of the event is there but for its blank line. It counts if the host ended here, and is
        // half an event if the connection broke.
        for missing in [1, 2] {
            let rest = &third[..third.len() - missing];
            let kept = if cut == Cut::Clean { format!("{kept}{rest}\n\n") } else { kept.clone() };
            truncated("before a blank line", cut_at(rest.as_bytes(), cut), &kept).check().await;
        }
    }
}

#[tokio::test]
async fn the_framing_breaks_under_a_stream() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    let one = event("one");
    let chunk = format!("{:x}\r\n{one}\r\n", one.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n");
    for (name, bytes, rest, end) in [
        ("length", format!("{head}Content-Length: 9999\r\n\r\n{one}"), "", Cut::Eof),
        ("the end of the connection", format!("HTTP/1.0{}\r\n{one}", &head["HTTP/1.1".len()..]), "", Cut::Eof),
        ("inside a size", format!("{chunked}{chunk}"), "1", Cut::Reset),
        ("no size", format!("{chunked}{chunk}"), "zz\r\n", Cut::Hang),
        ("a longer chunk", format!("{chunked}{}", chunk.strip_suffix("\r\n").expect("ends")), "!", Cut::Hang),
    ] {
        let gate = Gate::new();
        let reply = Reply::wire(bytes, end).gate(&gate).raw_text(rest);
        Break { gate, ..truncated(name, reply, &one) }.check().await;
    }
}

#[tokio::test]
async fn a_stream_ends_without_its_end() {
    let text = event("one") + "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    truncated("no terminal event", Reply::stream().raw_text(&*text), &text).check().await;
    let pings = event("one") + ": ping\n\n: ping\n\n";
    truncated("pings", Reply::stream().raw_text(&*pings), &pings).check().await;
}

#[tokio::test]
async fn a_stream_falls_silent() {
    let (one, half) = (event("one"), &event("two")[..20]);
    for (name, text) in [("between events", one.clone()), ("inside an event", format!("{one}{half}"))] {
        let reply = Reply::stream().raw_text(text).truncate_after(1, Cut::Hang);
        let silent = truncated(name, reply, &one);
        Break { code: "stream_timeout", verdict: "idle_cut", class: "stream_idle", ..silent }.check().await;
    }
}

#[tokio::test]
async fn a_host_tells_of_its_failure() {
    let one = event("one");
    let error = || errors::UPSTREAM_UNAVAILABLE.with_message("account 17 at secret-host.internal");
    for (name, reply) in [
        ("and ends", Reply::stream().raw_text(&*one).error_in_band(error())),
        ("and goes on", Reply::stream().raw_text(&*one).error_in_band(error()).raw_text(event("two")).data("[DONE]")),
        ("without a blank line", Reply::stream().raw_text(&*one).error_in_band(error()).no_final_blank_line()),
    ] {
        let told = truncated(name, reply, &one);
        Break { verdict: "error_in_stream", class: "error_in_stream", ..told }.check().await;
    }
}
