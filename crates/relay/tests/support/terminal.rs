//! Commands on a terminal, and what a person sees there.

use std::path::Path;
use std::process::{Command, Output};

use super::{Server, TOKEN};

/// Runs a command on a terminal of so many columns.
pub fn on_terminal(server: &Server, columns: u16, variables: &[(&str, &str)], arguments: &str) -> String {
    let (_, text) = run_on_terminal(server, columns, variables, arguments);
    text
}

/// The same with its exit code.
pub fn run_on_terminal(
    server: &Server,
    columns: u16,
    variables: &[(&str, &str)],
    arguments: &str,
) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_relay-manager");
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty cols {columns} rows 40; exec '{program}' {arguments}"), "/dev/null"]);
    script.current_dir(&server.directory).env("RELAY_MANAGER_SERVER", format!("http://{}", server.admin));
    script
        .env("RELAY_MANAGER_ADMIN_TOKEN", TOKEN)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied());
    let output = script.output().expect("script(1) runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).replace('\r', ""))
}

/// What a person sees: without control sequences, and without what was written over.
pub fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut in_escape = false;
    for character in text.chars() {
        match character {
            '\u{1b}' => in_escape = true,
            'A'..='Z' | 'a'..='z' if in_escape => {
                in_escape = false;
                if character == 'K' {
                    // The line is erased.
                    bare.truncate(bare.rfind('\n').map_or(0, |at| at + 1));
                }
            }
            _ if in_escape => {}
            other => bare.push(other),
        }
    }
    let lines = bare.lines().map(|line| line.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether there is a color in it; a line of progress moves the cursor and has none.
pub fn is_colored(text: &str) -> bool {
    text.split("\u{1b}[").skip(1).any(|rest| {
        let parameters = rest.trim_start_matches(|character: char| character.is_ascii_digit() || character == ';');
        parameters.starts_with('m')
    })
}

/// Panics when a line of a table is wider than the terminal. Prose is the terminal's to wrap; a table has two blanks
/// between its columns.
#[track_caller]
pub fn check_width(shown: &str, columns: u16, command: &str) {
    for line in shown.lines().filter(|line| line.trim_start().contains("  ")) {
        assert!(line.chars().count() <= usize::from(columns), "{command} on {columns} columns: {line:?}");
    }
}

/// Every command with its sub-commands, as `--help` lists them.
pub fn commands(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(command) = open.pop() {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let names = subcommands(&super::run(directory, &arguments));
        if names.is_empty() {
            found.push(command);
            continue;
        }
        open.extend(names.iter().map(|name| format!("{command} {name}").trim().to_owned()));
    }
    found.sort();
    found
}

fn subcommands(help: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    let listed = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is wrapped stands deeper.
    let names = listed.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help").map(str::to_owned).collect()
}
