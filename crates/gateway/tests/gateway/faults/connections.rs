//! Connections: those that cannot be made, those that end while they are idle, and those on
//! which a host says more than it was asked.

use std::time::Duration;

use relay_testkit::{Accept, Cut, Gate, Reply};
use tokio::net::TcpListener;

use super::{Fault, Saw, Strike, attempts, balances, check_breakers, cut, hosts, silence};
use crate::rig::{Rig, host_at};

#[tokio::test]
async fn a_host_that_does_not_listen() {
    let dead = Fault {
        strike: Strike::Dead,
        attempt: ("not_sent", "transport_error", None),
        opens: &["host-1"],
        told: (502, "upstream_unreachable"),
        ..cut("refused", Reply::echo())
    };
    dead.strikes_both().await;
}

#[tokio::test]
async fn a_host_that_takes_the_connection_and_reads_nothing() {
    let unread = |fault, accept| Fault { strike: Strike::Accept(accept), ..fault };
    unread(cut("reset unread", Reply::echo()), Accept::ResetUnread).strikes_both().await;
    unread(silence("hangs", Reply::echo()), Accept::Hang).strikes_both().await;
}

#[tokio::test]
async fn a_host_that_resets_what_it_accepts() {
    // Whether the request was on its way when the reset came, nobody can tell beforehand.
    let rig = hosts(2).start().await;
    rig.hosts[0].script_accept(Accept::Reset);
    assert!(rig.say("x").id("r-1").send().await.text().await.contains("host-2"));
    let decision = rig.decision("r-1").await;
    let (_, end, class, _) = attempts(&decision)[0];
    assert_eq!(class, Some("transport_error"));
    let (opens, unseen): (&[&str], _) = match end {
        "not_sent" => (&["host-1"], 0),
        "maybe_executed" => (&["host-1", "route-1"], 1),
        other => panic!("{other}"),
    };
    check_breakers(&rig, opens, "transport_error", end);
    balances(&rig, &[("r-1", Saw::Whole)], unseen).await;
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_connect_that_failed() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let url = format!("https://{}", silent.local_addr().expect("has an address"));
    let setup = hosts(2).connect_timeout(Duration::from_millis(100));
    let rig = setup.fleet(move |fleet| fleet.hosts[0] = host_at(0, &url)).start().await;
    assert!(rig.say("x").id("r-1").send().await.text().await.contains("host-2"));
    assert_eq!(attempts(&rig.decision("r-1").await)[0], ("route-1", "not_sent", Some("transport_error"), None));
    check_breakers(&rig, &["host-1"], "transport_error", "connect timeout");
    balances(&rig, &[("r-1", Saw::Whole)], 0).await;
}

/// A rig whose first host has an idle connection with us.
async fn acquainted() -> Rig {
    let rig = hosts(2).start().await;
    assert!(rig.say("x").id("r-0").send().await.text().await.contains("host-1"));
    rig
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_idle() {
    let rig = acquainted().await;
    rig.hosts[0].kill().await;
    rig.hosts[0].revive().await;
    assert!(rig.say("x").id("r-1").send().await.text().await.contains("host-1"));
    assert_eq!(attempts(&rig.decision("r-1").await), [("route-1", "answered", None, Some(200))]);
    check_breakers(&rig, &[], "", "closed while idle");
    balances(&rig, &[("r-0", Saw::Whole), ("r-1", Saw::Whole)], 0).await;
}

#[tokio::test]
async fn a_connection_that_closes_just_when_a_request_comes() {
    for closed in [Reply::close_before_head(), Reply::reset_before_head()] {
        let rig = acquainted().await;
        rig.hosts[0].script(closed);
        let mut answer = rig.say("x").id("r-1").send().await;
        assert!(answer.text().await.contains("host-1"), "it is sent again, over a fresh connection, to the same host");
        let decision = rig.decision("r-1").await;
        assert_eq!(attempts(&decision), [("route-1", "answered", None, Some(200))], "that is no failure");
        assert!(!decision.possible_double_bill);
        let received = rig.hosts[0].received();
        assert_eq!((received.len(), received[1].connection), (3, received[0].connection));
        assert_ne!(received[2].connection, received[1].connection);
        assert_eq!(received[1].body, received[2].body);
        check_breakers(&rig, &[], "", "closed just then");
        balances(&rig, &[("r-0", Saw::Whole), ("r-1", Saw::Whole)], -1).await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_a_byte_is_a_failure_used_before_or_not() {
    let rig = acquainted().await;
    rig.hosts[0].script(Reply::wire("H", Cut::Eof));
    assert!(rig.say("x").id("r-1").send().await.text().await.contains("host-2"));
    let decision = rig.decision("r-1").await;
    assert_eq!(attempts(&decision)[0], ("route-1", "maybe_executed", Some("transport_error"), None));
    check_breakers(&rig, &["route-1", "host-1"], "transport_error", "broke after a byte");
    balances(&rig, &[("r-0", Saw::Whole), ("r-1", Saw::Whole)], 0).await;
}

#[tokio::test]
async fn a_fresh_connection_that_closes_too_is_a_failure() {
    let rig = acquainted().await;
    rig.hosts[0].script_times(2, &Reply::close_before_head());
    assert!(rig.say("x").id("r-1").send().await.text().await.contains("host-2"));
    let decision = rig.decision("r-1").await;
    assert_eq!(attempts(&decision)[0], ("route-1", "maybe_executed", Some("transport_error"), None));
    assert_eq!(rig.calls(), [3, 1]);
    balances(&rig, &[("r-0", Saw::Whole), ("r-1", Saw::Whole)], -1).await;
}

/// An answer nobody asked for must never be anybody's.
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n\
    {\"choices\":[{\"message\":{\"content\":\"poison\"}}]}";

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_given_to_nobody() {
    let asked = r#"{"choices":[{"message":{"content":"asked"}}]}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let events = "data: {\"choices\":[{\"delta\":{\"content\":\"asked\"}}]}\n\ndata: [DONE]\n\n";
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
    for first in [
        format!("{head}Content-Length: {}\r\n\r\n{asked}", asked.len()),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{asked}\r\n0\r\n\r\n", asked.len()),
        format!("{stream}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{events}\r\n0\r\n\r\n", events.len()),
    ] {
        for late in [false, true] {
            let rig = hosts(2).start().await;
            let (gate, sent) = (Gate::new(), Gate::new());
            if !late {
                gate.open();
            }
            rig.hosts[0].script(Reply::wire(first.clone(), Cut::Hang).gate(&gate).raw_text(POISON).gate(&sent));
            let ask = |id| if first.starts_with(stream) { rig.stream("x").id(id) } else { rig.say("x").id(id) };
            assert!(ask("r-0").send().await.text().await.contains("asked"));
            gate.open();
            sent.reached().await;
            let next = ask("r-1").send().await.text().await;
            assert!(next.contains("host-1") && !next.contains("poison"), "{next}");
            let received = rig.hosts[0].received();
            assert_ne!(received[0].connection, received[1].connection);
            check_breakers(&rig, &[], "", "desynchronized");
            balances(&rig, &[("r-0", Saw::Whole), ("r-1", Saw::Whole)], 0).await;
        }
    }
}
