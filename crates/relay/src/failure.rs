//! How a failed command ends: one message with the next step, one exit code.

use std::io;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::client::ClientError;
use crate::config::Faults;
use crate::output::{Output, line_err};

/// The exit code of spec §2, after saying what went wrong.
pub(crate) fn exit_code(ended: anyhow::Result<Exit>, output: Output) -> ExitCode {
    let exit = match ended {
        Ok(exit) => exit,
        // `relay-manager decisions | head` is no failure.
        Err(error) if is_broken_pipe(&error) => Exit::Done,
        Err(error) => {
            tell(&error, output);
            if error.downcast_ref::<Faults>().is_some_and(Faults::on_command_line) { Exit::Usage } else { Exit::Failed }
        }
    };
    ExitCode::from(exit as u8)
}

/// What was named is not there; the message says where to look.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotThere(String);

/// The error of a command about something that is not there.
pub(crate) fn not_there(message: String) -> anyhow::Error {
    NotThere(message).into()
}

fn tell(error: &anyhow::Error, output: Output) {
    if output.json {
        line_err(&as_json(error).to_string());
    } else {
        line_err(&format!("error: {}", in_words(error)));
    }
}

/// The error and its causes, each said once: wrappers often repeat theirs.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !words.contains(&cause) {
            words = if words.is_empty() { cause } else { format!("{words}: {cause}") };
        }
    }
    words
}

fn as_json(error: &anyhow::Error) -> Value {
    if let Some(ClientError::Failed(failed)) = error.downcast_ref() {
        return failed.body.clone();
    }
    if let Some(Faults(faults)) = error.downcast_ref() {
        let details: Vec<_> = faults
            .iter()
            .map(|fault| json!({ "origin": fault.origin.to_string(), "key": fault.key, "message": fault.complaint }))
            .collect();
        return json!({ "error": { "code": "invalid_configuration", "message": "the configuration has mistakes", "details": details } });
    }
    let code = if error.is::<NotThere>() { "not_found" } else { "failed" };
    json!({ "error": { "code": code, "message": in_words(error) } })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
