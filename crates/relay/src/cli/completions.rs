//! `completions`: a script for the shell's own completion.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Exit};
use crate::output::text_out;

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete in
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "relay-manager", &mut script);
    text_out(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
