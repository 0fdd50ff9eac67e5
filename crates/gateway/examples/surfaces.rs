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
use crate::rig::{KEY, MODEL, Rig, Setup};

const REQUESTS: usize = 4000;

const FORM: &str = "multipart/form-data; boundary=part";

/// Name, path and body, as a client of that surface sends them. The first of each way is what the others are held against.
const SURFACES: [(&str, &str, &str); 12] = [
    ("chat_completions", "/v1/chat/completions", r#"{"model":"$","messages":[{"role":"user","content":"hello"}]}"#),
    ("responses", "/v1/responses", r#"{"model":"$","input":[{"role":"user","content":"hello"}]}"#),
    ("messages", "/v1/messages", r#"{"model":"$","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#),
    ("count_tokens", "/v1/messages/count_tokens", r#"{"model":"$","messages":[{"role":"user","content":"hello"}]}"#),
    ("embeddings", "/v1/embeddings", r#"{"model":"$","input":"hello"}"#),
    ("images/generations", "/v1/images/generations", r#"{"model":"$","prompt":"hello"}"#),
    (
        "images/edits, a form",
        "/v1/images/edits",
        "--part\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n$\r\n--part--\r\n",
    ),
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

/// Requests of one surface in a row. After one of another kind a request finds in no cache what is its surface's own, which
/// says nothing of a surface at work; among its own kind it finds all that there is.
const IN_A_ROW: [usize; 2] = [100, 1];

#[tokio::main(worker_threads = 2)]
async fn main() {
    let rig = Setup::hosts(1).start().await;
    for in_a_row in IN_A_ROW {
        compare(&rig, in_a_row).await;
    }
}

async fn compare(rig: &Rig, in_a_row: usize) {
    let mut own = vec![Vec::new(); SURFACES.len()];
    let mut whole = vec![Vec::new(); SURFACES.len()];
    let id = |index: usize, number: usize| format!("r-{in_a_row}-{index}-{number}");
    for first in (0..REQUESTS).step_by(in_a_row) {
        for index in turn(first / in_a_row) {
            for number in first..first + in_a_row {
                whole[index].push(exchange(rig, SURFACES[index], &id(index, number)).await);
            }
        }
    }
    for (index, own) in own.iter_mut().enumerate() {
        for number in 0..REQUESTS {
            let decision = rig.decision(&id(index, number)).await;
            own.push(Duration::from_micros(decision.overhead_us.expect("has ended")));
        }
    }
    println!("{in_a_row} of a surface in a row");
    println!("{:<28} {:>8} {:>8} {:>8} {:>8} {:>12}", "surface", "own, µs", "÷ chat's", "p50", "p99", "exchange p50");
    let mut chats = 0.0;
    for (index, (name, ..)) in SURFACES.iter().enumerate() {
        let own = &mut own[index];
        let [p50, p99] = [50, 99].map(|percent| percentile(own, percent));
        let mean = middle(own);
        if name.starts_with("chat") {
            chats = mean;
        }
        let exchange = percentile(&mut whole[index], 50);
        println!("{name:<28} {mean:>8.1} {:>8.2} {p50:>8} {p99:>8} {exchange:>12}", mean / chats);
    }
}

/// Asks once, and tells how long that took.
async fn exchange(rig: &Rig, (_, path, body): (&str, &str, &str), id: &str) -> Duration {
    let kind = if body.starts_with("--") { FORM } else { "application/json" };
    let call = Call::new(rig.address, "POST", &path.replace('$', MODEL)).key(KEY).id(id);
    let call = call.header("content-type", kind).body(body.replace('$', MODEL));
    let since = Instant::now();
    let mut answer = call.send().await;
    assert_eq!(answer.status, 200, "{path}");
    answer.text().await;
    since.elapsed()
}

/// All surfaces, so that what else the machine does hits all alike, in another order each time: what a request finds in the
/// processor's caches is what the one before it left there.
fn turn(number: usize) -> impl Iterator<Item = usize> {
    const COUNT: usize = SURFACES.len();
    // Each step has no divisor in common with the count, so each surface comes once.
    let step = [1, 5, 7, 11][number % 4];
    (0..COUNT).map(move |place| (number / 4 + place * step) % COUNT)
}

/// The mean in microseconds of `sorted` spans without the tenth at each end: finer than the log's unit, and free of what the
/// machine did meanwhile.
fn middle(sorted: &[Duration]) -> f64 {
    let middle = &sorted[sorted.len() / 10..sorted.len() * 9 / 10];
    middle.iter().sum::<Duration>().as_secs_f64() * 1e6 / middle.len() as f64
}

fn percentile(spans: &mut [Duration], percent: usize) -> u128 {
    spans.sort_unstable();
    spans[(spans.len() * percent / 100).min(spans.len() - 1)].as_micros()
}
