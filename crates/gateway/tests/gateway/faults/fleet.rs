//! A fleet of which a part fails while it is in use: many clients at once, and what they and
//! the log tell together.

use std::collections::BTreeMap;
use std::time::Duration;

use relay_domain::Scope;
use relay_health::BreakerReport;
use relay_testkit::{Cut, Gate, Reply, errors};

use super::{Saw, balances, ended, told};
use crate::client::said;
use crate::rig::{Rig, Setup, as_written_by, counted, patiently};

const STREAMS: usize = 200;
const CLIENTS: usize = 500;
/// How long a silent host is waited for. The other must have begun to answer everybody in that time, on any machine.
const SILENCE: Duration = Duration::from_secs(5);

/// Two hosts in tiers; every request begins at the first. What is open stays so.
fn two_hosts() -> Setup {
    Setup::hosts(2).scope(Scope::None).breaker(|settings| settings.first_open = Duration::from_mins(1))
}

/// Ids that sort as they are numbered.
fn id(number: usize) -> String {
    format!("r-{number:03}")
}

/// Status and body of streams that were all in flight at once: none was ended before all had begun.
async fn in_flight_together(rig: &Rig, gate: &Gate, begun: usize) -> Vec<(u16, String)> {
    let call = |number| rig.chat(counted(&format!("prompt {number}"))).id(&id(number));
    let answering: Vec<_> = (0..STREAMS).map(|number| call(number).spawn()).collect();
    gate.reached_by(begun).await;
    gate.open();
    let mut read = Vec::new();
    for answer in answering {
        let mut answer = answer.await.expect("answers");
        read.push((answer.status, answer.text().await));
    }
    read
}

/// What the second host writes for a prompt, but for the number it gives the request.
async fn whole_answers() -> impl Fn(usize, &str) -> bool {
    let pattern = as_written_by("host-2", Reply::echo(), &counted("prompt 0")).await;
    move |number, read: &str| {
        let Some(asked) = read.split("chatcmpl-host-2-").nth(1).and_then(|rest| rest.split('"').next()) else {
            return false;
        };
        // The prompt comes in pieces of a word.
        read == pattern
            .replace("chatcmpl-host-2-0", &format!("chatcmpl-host-2-{asked}"))
            .replace("\" 0\"", &format!("\" {number}\""))
    }
}

#[tokio::test]
async fn two_hundred_streams_are_whole_whichever_way_one_host_fails_before_its_output() {
    let is_whole = whole_answers().await;
    for (name, reply) in [
        ("dead", None),
        ("closes", Some(Reply::close_before_head())),
        ("resets", Some(Reply::reset_before_head())),
        ("resets inside the first event", Some(Reply::chat("x").truncate_bytes(20, Cut::Reset))),
        ("breaks off after the opening frame", Some(Reply::chat("x").truncate_after(1, Cut::Eof))),
        ("junk", Some(Reply::wire("SSH-2.0-OpenSSH_9.6\r\n", Cut::Hang))),
        ("a web page", Some(Reply::html())),
        ("503", Some(Reply::error(errors::SERVICE_UNAVAILABLE))),
        (
            "an error after a queue",
            Some(Reply::stream().pings(2, Duration::ZERO).error_in_band(errors::UPSTREAM_FAILED)),
        ),
        ("silence", Some(Reply::silence())),
    ] {
        let setup = match name {
            "silence" => two_hosts().options(|options| options.first_output = SILENCE),
            _ => two_hosts(),
        };
        let rig = setup.start().await;
        match reply {
            Some(reply) => rig.hosts[0].default_reply(reply),
            None => rig.hosts[0].kill().await,
        }
        let gate = Gate::new();
        rig.hosts[1].default_reply(Reply::echo().hold_after(2, &gate));
        let read = in_flight_together(&rig, &gate, STREAMS).await;
        for (number, (status, text)) in read.iter().enumerate() {
            assert!(*status == 200 && is_whole(number, text), "{name}: {number}: {status} {text}");
        }
        let ids: Vec<String> = (0..STREAMS).map(id).collect();
        let saw: Vec<_> = ids.iter().map(|id| (id.as_str(), Saw::Whole)).collect();
        balances(&rig, &saw, 0).await;
    }
}

#[tokio::test]
async fn of_two_hundred_streams_none_is_spliced_or_silently_cut_when_a_host_dies_under_them() {
    for cut in [Some(Cut::Clean), Some(Cut::Eof), Some(Cut::Reset), None] {
        let rig = two_hosts().fleet(|fleet| fleet.routes.iter_mut().for_each(|route| route.priority = 1)).start().await;
        let gate = Gate::new();
        for host in &rig.hosts {
            host.default_reply(Reply::echo().hold_after(2, &gate));
        }
        if let Some(cut) = cut {
            rig.hosts[0].default_reply(Reply::echo().hold_after(2, &gate).truncate_after(3, cut));
        }
        let is_whole = whole_answers().await;
        let broken_off = format!("data: {}\n\n", told("stream_interrupted"));
        let (read, ()) = tokio::join!(in_flight_together(&rig, &gate, STREAMS), async {
            gate.reached_by(STREAMS).await;
            if cut.is_none() {
                rig.hosts[0].kill().await;
            }
        });
        let mut saw = Vec::new();
        for (number, (status, text)) in read.iter().enumerate() {
            assert_eq!(*status, 200);
            saw.push(if is_whole(number, text) {
                Saw::Whole
            } else {
                let kept = text.strip_suffix(&broken_off).unwrap_or_else(|| panic!("{number} is silently cut: {text}"));
                assert!(!kept.contains("host-2") && !kept.contains("[DONE]"), "{number} is spliced: {text}");
                assert!(said(kept) == "host-1" || said(kept) == "host-1 says:", "{number}: {kept}");
                Saw::Broken
            });
        }
        let broken = saw.iter().filter(|saw| **saw == Saw::Broken).count();
        assert!((STREAMS / 4..STREAMS * 3 / 4).contains(&broken), "{broken} of them were on the host that failed");
        assert_eq!(rig.calls()[0], broken, "and no other was");
        let ids: Vec<String> = (0..STREAMS).map(id).collect();
        balances(&rig, &ids.iter().map(String::as_str).zip(saw).collect::<Vec<_>>(), 0).await;
    }
}

/// Attempts that were made for as many clients at once, and what these were told.
async fn storm(rig: &Rig, round: &str) -> (usize, BTreeMap<(u16, String), usize>) {
    let before = (rig.decisions().await.len(), rig.calls().iter().sum::<usize>());
    let asking: Vec<_> = (0..CLIENTS).map(|number| rig.stream("x").id(&format!("{round}-{number}")).spawn()).collect();
    let mut heard = BTreeMap::new();
    for answer in asking {
        let mut answer = answer.await.expect("answers");
        if answer.status == 503 {
            assert!(answer.header("retry-after").is_some(), "nobody knows when to come back");
        }
        *heard.entry((answer.status, answer.error_code().await)).or_default() += 1;
    }
    let rows = ended(rig, before.0 + CLIENTS).await;
    let attempts = rows.iter().filter(|row| row.request_id.starts_with(round)).map(|row| row.attempts.len()).sum();
    let asked = rig.calls().iter().sum::<usize>() - before.1;
    assert!(asked == attempts || !rig.hosts[0].is_alive(), "hosts saw {asked} of {attempts} attempts");
    (attempts, heard)
}

#[tokio::test]
async fn a_retry_storm_dies_down() {
    for reply in [None, Some(Reply::empty(503)), Some(Reply::reset_before_head())] {
        let rig = two_hosts().start().await;
        for host in &rig.hosts {
            match &reply {
                Some(reply) => host.default_reply(reply.clone()),
                None => host.kill().await,
            }
        }
        let (attempts, heard) = storm(&rig, "first").await;
        assert!(attempts <= 2 * CLIENTS, "{attempts} attempts");
        assert!(heard.keys().all(|(status, _)| matches!(status, 502 | 503)), "{heard:?}");
        let (attempts, heard) = storm(&rig, "then").await;
        assert!(attempts * 10 <= CLIENTS * 3, "{attempts} attempts");
        assert!(heard.get(&(503, "no_eligible_route".to_owned())).is_some_and(|told| *told > CLIENTS / 2), "{heard:?}");
    }
}

/// Waits until a breaker is no longer open.
async fn is_over(breaker: impl Fn() -> BreakerReport) {
    while breaker().state == "open" {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_conversation_moves_away_from_an_outage_and_back_and_no_more() {
    let rig = Setup::hosts(2).breaker(|settings| settings.first_open = Duration::from_millis(30)).start().await;
    let mut moves = Vec::new();
    let mut routes: Vec<String> = Vec::new();
    for turn in 0..50 {
        match turn {
            15 => rig.hosts[0].kill().await,
            30 => rig.hosts[0].revive().await,
            // Idle for so long that it may go home; until then it stays where its cache is.
            40 => {
                rig.clock.advance(jiff::SignedDuration::from_mins(11));
                patiently("the open period to pass", is_over(|| rig.host_health("host-1").breaker)).await;
            }
            _ => {}
        }
        let mut answer = rig.stream(&format!("turn {turn}")).conversation("c").id(&id(turn)).send().await;
        assert_eq!(answer.status, 200, "{turn}");
        assert!(answer.text().await.ends_with("data: [DONE]\n\n"), "{turn}");
        let decision = rig.decision(&id(turn)).await;
        let route = decision.route_id.expect("served");
        if routes.last().is_some_and(|last| *last != route) {
            moves.push((turn, decision.sticky_action.clone()));
        } else {
            assert_eq!(decision.sticky_action, if turn == 0 { "bind" } else { "hit" }, "{turn}");
        }
        routes.push(route);
    }
    assert_eq!(moves, [(15, "rebind".to_owned()), (40, "bind".to_owned())], "{routes:?}");
}

#[tokio::test]
async fn the_preferred_route_is_back_with_the_first_request_after_its_open_period() {
    let first_open = Duration::from_millis(100);
    let rig = two_hosts().breaker(|settings| settings.first_open = first_open).start().await;
    rig.hosts[0].default_reply(Reply::empty(503));
    for _ in 0..8 {
        assert!(rig.stream("x").send().await.text().await.contains("host-2"));
    }
    let breaker = rig.route_health("route-1").breaker;
    let (since, until) = (breaker.since.expect("is open"), breaker.until.expect("is open"));
    let period = Duration::try_from(until.duration_since(since)).expect("is later");
    assert!(period <= first_open.mul_f64(1.2), "{period:?}");

    rig.hosts[0].default_reply(Reply::echo());
    patiently("the open period to pass", is_over(|| rig.route_health("route-1").breaker)).await;
    // Many come at once: one of them finds out, the others are served elsewhere meanwhile.
    let asking: Vec<_> = (0..50).map(|_| rig.stream("x").spawn()).collect();
    for answer in asking {
        let mut answer = answer.await.expect("answers");
        assert_eq!(answer.status, 200);
        assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
    }
    assert_eq!(rig.route_health("route-1").breaker.state, "closed");
    assert!(rig.stream("x").send().await.text().await.contains("host-1"));
}
