//! What the process says about itself, on stderr: lines for a person on a
//! terminal, JSON for a collector everywhere else. `RELAY_MANAGER_LOG` filters.

use std::io::IsTerminal as _;

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
