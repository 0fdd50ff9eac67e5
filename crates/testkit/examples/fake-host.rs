//! The fake host as a program of its own, for clients in other languages: it
//! can be killed like a host, and is told on standard input what to answer next.
//!
//! `fake-host NAME GATEWAY_KEY` prints its base URL; then each line of standard
//! input is one command, answered by `ok`:
//!
//! - `tool NAME ARGUMENTS`: the next answer is a tool call
//! - `error KIND`: the next answer is this error of `relay_testkit::errors`
//! - `truncate EVENTS`: the next stream ends after so many events
//! - `pace MILLISECONDS WORDS`: the next answer is so many words, that far apart
//! - `panel ADMIN_KEY GROUP_ID`: its admin API takes that key, and has that subscription group
//! - `received`: prints a JSON line for each request so far
#![expect(clippy::print_stdout, reason = "standard output is how it speaks with its driver")]

use std::time::Duration;

use relay_testkit::{Cut, FakeGroup, FakeHost, Reply, errors};
use serde_json::json;
use tokio::runtime::Runtime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(key)) = (arguments.next(), arguments.next()) else {
        panic!("usage: fake-host NAME GATEWAY_KEY");
    };
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime: {error}"));
    let host = runtime.block_on(FakeHost::builder().name(&name).key(&key).start());
    println!("{}", host.base_url());
    for line in std::io::stdin().lines().map_while(Result::ok) {
        obey(&host, &line);
        println!("ok");
    }
}

fn obey(host: &FakeHost, line: &str) {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    match command {
        "tool" => host.script(Reply::chat("").tool_call(first, second)),
        "error" => host.script(Reply::error(error(first))),
        "truncate" => host.script(Reply::echo().truncate_after(number(first), Cut::Clean)),
        "pace" => {
            let words = "word ".repeat(number(second));
            host.script(Reply::chat(words).pace(Duration::from_millis(number(first) as u64)));
        }
        "panel" => host.panel(|panel| {
            panel.admin_key = Some(first.to_owned());
            panel.groups.push(FakeGroup::new(number(second) as i64, "group"));
        }),
        "received" => {
            for request in host.received() {
                let hung_up = request.hung_up();
                println!("{}", json!({"path": request.path(), "bearer": request.bearer(), "hung_up": hung_up}));
            }
        }
        other => panic!("unknown command {other:?}"),
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"))
}

fn error(kind: &str) -> errors::HostError {
    let found = errors::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind));
    found.map_or_else(|| panic!("no error is called {kind:?}"), |(_, error)| error.clone())
}
