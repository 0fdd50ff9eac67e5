//! What each surface costs beside chat completions: the relay's own time until the first output, and the
//! time of a whole exchange with a host on the same machine. Prints figures and judges nothing;
//! `docs/benchmarks.md` says what they are to be.
//!
//! ```sh
//! cargo run --release -p relay-gateway --example surfaces
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

use crate::client::Call;
use crate::rig::{KEY, MODEL, Setup};

const ROUNDS: usize = 20;
const REQUESTS: usize = 200;

/// Name, path and body, as a client of that surface sends them.
const SURFACES: [(&str, &str, &str); 9] = [
    ("chat_completions", "/v1/chat/completions", r#"{"model":"$","messages":[{"role":"user","content":"hello"}]}"#),
    ("responses", "/v1/responses", r#"{"model":"$","input":[{"role":"user","content":"hello"}]}"#),
    ("messages", "/v1/messages", r#"{"model":"$","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#),
    ("embeddings", "/v1/embeddings", r#"{"model":"$","input":"hello"}"#),
    ("gemini", "/v1beta/models/$:generateContent", r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#),
    (
        "chat_completions, streamed",
        "/v1/chat/completions",
        r#"{"model":"$","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "responses, streamed",
        "/v1/responses",
        r#"{"model":"$","stream":true,"input":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "messages, streamed",
        "/v1/messages",
        r#"{"model":"$","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    ),
    (
        "gemini, streamed",
        "/v1beta/models/$:streamGenerateContent?alt=sse",
        r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#,
    ),
];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let rig = Setup::hosts(1).start().await;
    let mut own = vec![Vec::new(); SURFACES.len()];
    let mut whole = vec![Vec::new(); SURFACES.len()];
    // In turn, so that what else the machine does hits all alike.
    for round in 0..ROUNDS {
        for (index, (_, path, body)) in SURFACES.iter().enumerate() {
            for number in 0..REQUESTS {
                let id = format!("r-{index}-{round}-{number}");
                let call = Call::new(rig.address, "POST", &path.replace('$', MODEL)).key(KEY).id(&id);
                let call = call.header("content-type", "application/json").body(body.replace('$', MODEL));
                let since = Instant::now();
                let mut answer = call.send().await;
                assert_eq!(answer.status, 200, "{path}");
                answer.text().await;
                whole[index].push(since.elapsed());
            }
            for number in 0..REQUESTS {
                let decision = rig.decision(&format!("r-{index}-{round}-{number}")).await;
                own[index].push(Duration::from_micros(decision.overhead_us.expect("has ended")));
            }
        }
    }
    println!("{:<28} {:>14} {:>14} {:>16}", "surface", "own p50 µs", "own p99 µs", "exchange p50 µs");
    for (index, (name, ..)) in SURFACES.iter().enumerate() {
        let [p50, p99] = [50, 99].map(|percent| percentile(&mut own[index], percent));
        println!("{name:<28} {p50:>14} {p99:>14} {:>16}", percentile(&mut whole[index], 50));
    }
}

fn percentile(spans: &mut [Duration], percent: usize) -> u128 {
    spans.sort_unstable();
    spans[(spans.len() * percent / 100).min(spans.len() - 1)].as_micros()
}
