//! The process between the two: it starts the successor and ends, which leaves the successor to whoever takes orphans.
//!
//! Under a service manager that is the manager. It waits for the end of its own children alone: a main process that is
//! the child of another it kills at the next stop right after it was told to end, with everything in flight.

use std::process::{Command, ExitCode};

use super::VARIABLE;
use crate::output;

/// What the variable says to the process between.
pub(super) const BETWEEN: &str = "between";

/// What it says to the successor.
const SUCCESSOR: &str = "successor";

/// Starts the successor, if this process is to do no more than that. Its stdin is the successor's.
pub(crate) fn stand_between() -> Option<ExitCode> {
    if std::env::var_os(VARIABLE)? != BETWEEN {
        return None;
    }
    let mut arguments = std::env::args_os();
    let program = arguments.next()?;
    match Command::new(program).args(arguments).env(VARIABLE, SUCCESSOR).spawn() {
        Ok(_) => Some(ExitCode::SUCCESS),
        Err(error) => {
            output::line_err(&format!("cannot start the next process: {error}"));
            Some(ExitCode::FAILURE)
        }
    }
}
