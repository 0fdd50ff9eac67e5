//! What failures cost: refusals in a retry storm, the first failover, the return of a route.
//! Prints figures and judges nothing; `docs/benchmarks.md` says what they are to be.
//!
//! ```sh
//! cargo run --release -p relay-gateway --example under_failure
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

#[path = "../tests/gateway/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "the clients of the tests; not all are needed")]
mod client;
#[path = "../tests/gateway/rig.rs"]
#[allow(dead_code, unreachable_pub, reason = "the rig of the tests; not all is needed")]
mod rig;

use std::time::{Duration, Instant};

use relay_domain::Scope;
use relay_testkit::Reply;

use crate::rig::{Rig, Setup};

const CLIENTS: usize = 500;
const REQUESTS: usize = 1000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    storm("hosts that refuse connections", None).await;
    storm("hosts that answer 503", Some(Reply::empty(503))).await;
    first_failover().await;
    recovery().await;
}

/// Two hosts in tiers; every request begins at the first.
fn two_hosts() -> Setup {
    Setup::hosts(2).scope(Scope::None)
}

/// Does `reply`, or nothing any more.
async fn fails(rig: &Rig, index: usize, reply: Option<&Reply>) {
    match reply {
        Some(reply) => rig.hosts[index].default_reply(reply.clone()),
        None => rig.hosts[index].kill().await,
    }
}

async fn storm(name: &str, reply: Option<Reply>) {
    println!("retry storm, {CLIENTS} clients at once, both {name}");
    let rig = two_hosts().start().await;
    fails(&rig, 0, reply.as_ref()).await;
    fails(&rig, 1, reply.as_ref()).await;
    // What connecting all at once costs is the system's: a full queue of connections makes it wait for a second.
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(rig.connect().await);
    }
    for round in ["at first", "breakers open"] {
        let asking = clients.drain(..).enumerate().map(|(number, mut client)| {
            let call = rig.stream("x").id(&format!("{round}-{number}").replace(' ', "-"));
            tokio::spawn(async move {
                let since = Instant::now();
                client.call(call).await.text().await;
                (since.elapsed(), client)
            })
        });
        let asking: Vec<_> = asking.collect();
        let mut took = Vec::new();
        for answer in asking {
            let (span, client) = answer.await.expect("answers");
            took.push(span);
            clients.push(client);
        }
        let mut attempts = 0;
        for number in 0..CLIENTS {
            attempts += rig.decision(&format!("{round}-{number}").replace(' ', "-")).await.attempts.len();
        }
        let per_request = attempts as f64 / CLIENTS as f64;
        println!("  {round}: {per_request:.2} attempts a request, refusal {}", percentiles(took));
    }
    // One at a time there is no queue for the two cores.
    let mut took = Vec::new();
    for _ in 0..REQUESTS {
        let since = Instant::now();
        rig.stream("x").send().await.text().await;
        took.push(since.elapsed());
    }
    println!("  breakers open, one at a time: refusal {}", percentiles(took));
}

/// Of a request that is served at once, and of one that fails over: what is not the hosts' time.
async fn first_failover() {
    println!("first failover, {REQUESTS} requests one at a time: time to the first output that is the relay's own");
    for (name, reply) in [
        ("served at once", Some(Reply::echo())),
        ("after a refused connection", None),
        ("after a reset", Some(Reply::reset_before_head())),
        ("after a 503", Some(Reply::empty(503))),
    ] {
        let rig = two_hosts().forgiving().start().await;
        fails(&rig, 0, reply.as_ref()).await;
        let mut own = Vec::new();
        for number in 0..REQUESTS {
            let id = format!("r-{number}");
            rig.stream("x").id(&id).send().await.text().await;
            own.push(Duration::from_micros(rig.decision(&id).await.overhead_us.expect("has ended")));
        }
        println!("  {name}: {}", percentiles(own));
    }
}

/// Requests go on while the preferred route fails, is left alone, and is well again.
async fn recovery() {
    let rig = two_hosts().start().await;
    rig.hosts[0].default_reply(Reply::empty(503));
    let is_served_by = |host: &'static str| {
        let call = rig.stream("x");
        async move {
            let mut answer = call.send().await;
            (answer.status == 200, answer.text().await.contains(host))
        }
    };
    while rig.route_health("route-1").breaker.state != "open" {
        is_served_by("host-2").await;
    }
    let (opened, breaker) = (Instant::now(), rig.route_health("route-1").breaker);
    let period = breaker.until.expect("is open").duration_since(breaker.since.expect("is open"));
    rig.hosts[0].default_reply(Reply::echo());
    let (mut asked, mut failed) = (0, 0);
    loop {
        let (is_whole, is_back) = is_served_by("host-1").await;
        (asked, failed) = (asked + 1, failed + usize::from(!is_whole));
        if is_back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = opened.elapsed().as_secs_f64();
    let period = period.as_secs_f64();
    println!("recovery: open for {period:.2} s, served again after {took:.2} s, {failed} of {asked} requests failed");
}

fn percentiles(mut spans: Vec<Duration>) -> String {
    spans.sort_unstable();
    let at = |percent: usize| spans[(spans.len() * percent / 100).min(spans.len() - 1)].as_secs_f64() * 1000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}
