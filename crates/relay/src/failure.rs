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

/// What clap says of the arguments. Help and versions are answers; a mistake is an error like others.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    // The arguments were not understood, so what they say of the output is looked for among them.
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let words = error.render().to_string();
        let message = words.strip_prefix("error: ").unwrap_or(&words).trim_end();
        line_err(&json!({ "error": { "code": "usage", "message": message } }).to_string());
        return ExitCode::from(Exit::Usage as u8);
    }
    error.exit()
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
        let mut body = failed.body.clone();
        if let Some(step) = &failed.next_step {
            body["error"]["next_step"] = step.as_str().into();
        }
        return body;
    }
    if let Some(Faults(faults)) = error.downcast_ref() {
        let details: Vec<_> = faults
            .iter()
            .map(|fault| json!({ "origin": fault.origin.to_string(), "key": fault.key, "message": fault.complaint }))
            .collect();
        return json!({ "error": { "code": "invalid_configuration", "message": "the configuration has mistakes", "details": details } });
    }
    json!({ "error": { "code": "failed", "message": in_words(error) } })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
