//! Hosts that fail in every way there is, and what must be true each time (spec §5).
//!
//! A [`Fault`] is what a host does and how that is to be judged. Everything else follows:
//! what the client reads, byte for byte; what the next host is asked; the row in the log;
//! which breakers have seen it. At the end of each test the [account](balances) must balance.

mod after_commit;
mod before_commit;
mod connections;
mod endless;
mod fleet;
mod harmless;

use std::collections::BTreeMap;
use std::time::Duration;

use relay_ledger::Decision;
use relay_testkit::{Accept, Reply};

use crate::rig::{Rig, Setup, as_written_by, counted, host_key, patiently, request};

/// Time to the first output where a host is silent. The next host is served from the same
/// thread, so on a loaded machine it must be long enough for that one.
const FIRST_OUTPUT: Duration = Duration::from_secs(1);

/// Hosts in tiers, whose breakers open by a single failure, so that every failure shows.
fn hosts(count: usize) -> Setup {
    Setup::hosts(count)
        .breaker(|settings| (settings.consecutive_failures, settings.first_open) = (1, Duration::from_mins(1)))
}

/// What a host does.
enum Strike {
    Reply(Box<Reply>),
    /// To the connection, before it has read anything.
    Accept(Accept),
    /// It does not listen.
    Dead,
}

/// A failure that no client sees while there is another host.
struct Fault {
    name: &'static str,
    strike: Strike,
    /// End, class and status of the attempt.
    attempt: (&'static str, &'static str, Option<u16>),
    /// The breakers that have seen a failure.
    opens: &'static [&'static str],
    /// Status and code of what a client is told that has no other host.
    told: (u16, &'static str),
}

/// An answer that breaks off.
fn cut(name: &'static str, reply: Reply) -> Fault {
    Fault {
        name,
        strike: Strike::Reply(Box::new(reply)),
        attempt: ("maybe_executed", "transport_error", None),
        opens: &["route-1", "host-1"],
        told: (502, "upstream_bad_response"),
    }
}

/// No answer, but something else.
fn junk(name: &'static str, status: Option<u16>, reply: Reply) -> Fault {
    Fault { attempt: ("maybe_executed", "gateway_bad_response", status), ..cut(name, reply) }
}

/// No answer in time.
fn silence(name: &'static str, reply: Reply) -> Fault {
    let attempt = ("maybe_executed", "timeout", None);
    Fault { attempt, opens: &["route-1"], told: (504, "upstream_timeout"), ..cut(name, reply) }
}

impl Fault {
    /// Strikes a request that is not streamed.
    async fn strikes_whole(&self) {
        self.strikes(&request(self.name, false)).await;
    }

    /// Strikes a stream.
    async fn strikes_streams(&self) {
        self.strikes(&counted(self.name)).await;
    }

    async fn strikes_both(&self) {
        self.strikes_whole().await;
        self.strikes_streams().await;
    }

    async fn strikes(&self, body: &str) {
        self.leads_to_the_next(body).await;
        self.is_told_when_nothing_is_left(body).await;
    }

    async fn leads_to_the_next(&self, body: &str) {
        let rig = self.struck(2).await;
        let mut answer = rig.chat(body.to_owned()).id("r-1").send().await;
        let read = answer.bytes().await.unwrap_or_else(|error| panic!("{self}: {error}"));
        assert_eq!((answer.status, utf8(&read)), (200, &*as_written_by("host-2", Reply::echo(), body).await), "{self}");
        self.is_asked_of_the_next(&rig, body);

        let decision = rig.decision("r-1").await;
        let next = ("route-2", "answered", None, Some(200));
        assert_eq!(attempts(&decision), [self.as_logged(), next], "{self}");
        assert_eq!((decision.verdict.as_str(), decision.error_class), ("complete", None), "{self}");
        assert_eq!(decision.possible_double_bill, self.attempt.0 == "maybe_executed", "{self}");
        self.shows_in_the_breakers(&rig);
        balances(&rig, &[("r-1", Saw::Whole)], self.unseen()).await;
    }

    async fn is_told_when_nothing_is_left(&self, body: &str) {
        let rig = self.struck(1).await;
        let mut answer = rig.chat(body.to_owned()).id("r-1").send().await;
        assert_eq!((answer.status, answer.text().await), (self.told.0, told(self.told.1)), "{self}");
        let decision = rig.decision("r-1").await;
        assert_eq!(attempts(&decision), [self.as_logged()], "{self}");
        assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("failed", Some(self.attempt.1)));
        self.shows_in_the_breakers(&rig);
        balances(&rig, &[("r-1", Saw::Error(self.told.0))], self.unseen()).await;
    }

    async fn struck(&self, count: usize) -> Rig {
        let mut setup = hosts(count);
        if self.told.0 == 504 {
            // Alone nobody else is to be served in time.
            let patience = if count == 1 { Duration::from_millis(50) } else { FIRST_OUTPUT };
            setup = setup.options(move |options| options.first_output = patience);
        }
        let rig = setup.start().await;
        match &self.strike {
            Strike::Reply(reply) => rig.hosts[0].script(Reply::clone(reply)),
            Strike::Accept(accept) => rig.hosts[0].script_accept(*accept),
            Strike::Dead => rig.hosts[0].kill().await,
        }
        rig
    }

    /// The next host gets the same request, once, with its own key.
    fn is_asked_of_the_next(&self, rig: &Rig, body: &str) {
        let asked = rig.hosts[1].received();
        assert_eq!(asked.len(), 1, "{self}");
        assert_eq!((utf8(&asked[0].body), asked[0].target.as_str()), (body, "/v1/chat/completions"), "{self}");
        assert_eq!((asked[0].bearer(), asked[0].header("x-request-id")), (Some(&*host_key(1)), Some("r-1")), "{self}");
    }

    fn as_logged(&self) -> (&str, &str, Option<&str>, Option<u16>) {
        let (end, class, status) = self.attempt;
        ("route-1", end, Some(class), status)
    }

    fn shows_in_the_breakers(&self, rig: &Rig) {
        check_breakers(rig, self.opens, self.attempt.1, self.name);
    }

    /// Attempts that no host has read a request of.
    fn unseen(&self) -> isize {
        isize::from(matches!(self.strike, Strike::Accept(_)))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Exactly the breakers in `open` are open, by failures of `class`.
fn check_breakers(rig: &Rig, open: &[&str], class: &str, what: &str) {
    for number in 1..=rig.hosts.len() {
        let (route, host) = (format!("route-{number}"), format!("host-{number}"));
        for (id, breaker) in [(&route, rig.route_health(&route).breaker), (&host, rig.host_health(&host).breaker)] {
            let expected = if open.contains(&id.as_str()) { ("open", Some(class)) } else { ("closed", None) };
            assert_eq!((breaker.state, breaker.class), expected, "{what}: {id}");
        }
    }
}

/// (route, end, class, status) of each attempt.
fn attempts(decision: &Decision) -> Vec<(&str, &str, Option<&str>, Option<u16>)> {
    let attempts = decision.attempts.iter();
    attempts.map(|each| (each.route_id.as_str(), each.end.as_str(), each.class.as_deref(), each.status)).collect()
}

/// The error of ours with this code, as a client reads it.
fn told(code: &str) -> String {
    let message = match code {
        "upstream_unreachable" => "The upstream host could not be reached.",
        "upstream_bad_response" => "The upstream host gave no usable response.",
        "upstream_error" => "The upstream host failed to serve the request.",
        "upstream_timeout" => "The upstream host did not respond in time.",
        "stream_interrupted" => "The response was interrupted and is incomplete.",
        "stream_timeout" => "The response stalled and is incomplete.",
        _ => panic!("no client is told {code} here"),
    };
    format!(r#"{{"error":{{"message":"{message}","type":"server_error","param":null,"code":"{code}"}}}}"#)
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("is UTF-8")
}

/// What a client saw of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Saw {
    Whole,
    /// A status that is an error.
    Error(u16),
    /// An answer that tells that it is not whole.
    Broken,
    /// Nothing more, for it left.
    Left,
}

/// The account: what clients saw is what the log tells, request by request, and the attempts
/// that it tells of are the requests that the hosts saw, but for `unseen` ones: attempts of which a
/// host has read nothing, less what was sent twice over a fresh connection.
async fn balances(rig: &Rig, saw: &[(&str, Saw)], unseen: isize) {
    let rows = ended(rig, saw.len()).await;
    let told: BTreeMap<_, _> = rows.iter().map(|row| (row.request_id.as_str(), told_by(row))).collect();
    assert_eq!(told, saw.iter().copied().collect(), "clients and log disagree");
    let attempts = rows.iter().flat_map(|row| &row.attempts);
    let attempted = attempts.filter(|attempt| attempt.end != "not_sent").count() as isize;
    let asked: usize = rig.calls().iter().sum();
    assert_eq!(attempted - unseen, asked as isize, "attempts and requests that hosts saw");
}

/// All rows, once there are `count` and each has its outcome.
async fn ended(rig: &Rig, count: usize) -> Vec<Decision> {
    let all = async {
        loop {
            let rows = rig.decisions().await;
            if rows.len() >= count && rows.iter().all(|row| row.verdict != "open") {
                return rows;
            }
        }
    };
    let rows = patiently("the outcome of every request", all).await;
    assert_eq!(rows.len(), count, "rows and requests");
    rows
}

fn told_by(row: &Decision) -> Saw {
    match row.verdict.as_str() {
        "complete" => Saw::Whole,
        "failed" => Saw::Error(row.client_status.expect("was told something")),
        "truncated" | "idle_cut" | "error_in_stream" => Saw::Broken,
        "client_gone" => Saw::Left,
        other => panic!("{other} is no end"),
    }
}
