//! The conformance cases against the sub2api host that `RELAY_TEST_SUB2API_*` names
//! (`docs/hosts.md`), one after another. Without the variables nothing is run, and it says so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "it is its own test harness")]

#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/list.rs"]
mod list;
#[path = "conformance/world.rs"]
mod world;

use std::process::ExitCode;

use futures_util::FutureExt as _;
use list::with_cases;
use world::World;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let filter = arguments.into_iter().find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run(&filter))
}

async fn run(filter: &str) -> ExitCode {
    let world = match World::real().await {
        Ok(world) => world,
        Err(missing) => {
            println!("no real host is tested: {missing}");
            return ExitCode::SUCCESS;
        }
    };
    println!("{}", serde_json::to_string_pretty(&world.capabilities).unwrap());
    let mut failed = 0;
    macro_rules! one_by_one {
        ($($case:ident)*) => {
            $(if stringify!($case).contains(filter) {
                let case = std::panic::AssertUnwindSafe(cases::$case(&world));
                let outcome = case.catch_unwind().await;
                println!("{} ... {}", stringify!($case), if outcome.is_ok() { "ok" } else { "FAILED" });
                failed += u32::from(outcome.is_err());
            })*
        };
    }
    with_cases!(one_by_one);
    world.leave().await;
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
