//! What the process says about itself, on stderr: lines for a person on a
//! terminal, JSON for a collector everywhere else. `RELAY_MANAGER_LOG` filters.
//!
//! A panic is an event like any other, so that a collector reads it; and what it says is only what
//! the program's own text says.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// The variable that filters, in `tracing`'s own syntax.
const VARIABLE: &str = "RELAY_MANAGER_LOG";

/// What is shown when it is not set: our own events, and warnings of libraries.
const DEFAULT: &str = "info,sqlx=warn,hyper=warn,rustls=warn";

/// Starts logging with `default` when the variable does not say otherwise.
///
/// # Errors
/// When the variable is not a filter.
fn start_with(default: &str) -> anyhow::Result<()> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text).map_err(|error| {
            anyhow::anyhow!("{VARIABLE} {text:?} is not a filter ({error}); write a level such as info or debug")
        })?,
        _ => EnvFilter::new(default),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    std::panic::set_hook(Box::new(tell_panic));
    Ok(())
}

/// Starts the log of a server.
pub(crate) fn start() -> anyhow::Result<()> {
    start_with(DEFAULT)
}

/// Starts the log of a command: only what went wrong, next to its result.
pub(crate) fn start_quietly() -> anyhow::Result<()> {
    start_with("warn")
}

/// Tells where a panic was. Its message is told when it stands in the program as it is: one that was put
/// together may hold whatever a request brought, a key or a prompt.
fn tell_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let reason = panic.payload().downcast_ref::<&'static str>().copied();
    let thread = std::thread::current();
    // Only with RUST_BACKTRACE. It has names of functions and places, and no values.
    let backtrace = Some(Backtrace::capture()).filter(|trace| trace.status() == BacktraceStatus::Captured);
    let backtrace = backtrace.map(|trace| trace.to_string());
    tracing::error!(place, reason, thread = thread.name(), backtrace, "a panic: this is a bug, please report it");
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    const CANARY: &str = "rk-canary-in-a-panic";

    /// Panics as a request might: in a task, with what it was given in the message.
    #[test]
    #[ignore = "run by the test below, in a process of its own: the log and the panic hook belong to a whole process"]
    fn panics_with_a_secret() {
        super::start().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let told = runtime.block_on(async {
            let put_together = tokio::spawn(async { panic!("cannot use {}", CANARY.to_owned()) });
            let unwrapped = tokio::spawn(async { CANARY.parse::<u32>().map_err(|_| CANARY).expect("there is a key") });
            let indexed = tokio::spawn(async { panic!("a message that stands in the program") });
            (put_together.await.is_err(), unwrapped.await.is_err(), indexed.await.is_err())
        });
        assert_eq!(told, (true, true, true));
    }

    #[test]
    fn a_panic_is_one_event_that_holds_nothing_of_what_it_was_given() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "telemetry::tests::panics_with_a_secret", "--ignored", "--nocapture"])
            .env_remove(super::VARIABLE)
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap();
        let (told, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{told}{log}");
        assert!(!told.contains(CANARY) && !log.contains(CANARY), "{told}{log}");
        let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events.len(), 3, "{log}");
        for event in &events {
            assert_eq!(event["level"], "ERROR", "{log}");
            assert!(event["place"].as_str().unwrap().contains("telemetry.rs"), "{log}");
            assert!(event["backtrace"].as_str().unwrap().contains("panics_with_a_secret"), "{log}");
        }
        assert!(events.iter().any(|event| event["reason"] == "a message that stands in the program"), "{log}");
    }
}
