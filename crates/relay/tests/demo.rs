//! The demo, as somebody meets it who pastes what it prints.

mod support;

use std::process::{Command, Stdio};

use support::{Process, command};

fn start(directory: &std::path::Path) -> Process {
    let mut demo = command(directory);
    demo.arg("demo").env("TMPDIR", directory);
    Process::spawn(demo)
}

#[test]
fn the_printed_curl_streams_and_ends_with_done() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: there is no curl here");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut demo = start(directory.path());
    demo.wait_for_line("Ctrl-C");
    let printed = demo.stdout();
    let curl = continued_command(&printed, "curl ");
    assert!(curl.contains("-N"), "{curl}");
    let output = Command::new("sh").args(["-c", &curl]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.trim_end().ends_with("data: [DONE]"), "{curl}\n{text}");

    let explain = continued_command(&printed, "RELAY_MANAGER_ADMIN_TOKEN=");
    let output = Command::new("sh").args(["-c", &explain]).output().unwrap();
    assert!(output.status.success(), "{explain}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_shows_where_each_conversation_went_and_why() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = start(directory.path());
    demo.wait_for_line("Ctrl-C");
    let printed = demo.stdout();
    for part in ["127.0.0.1", "tokyo", "osaka", "bind", "hit", "CONVERSATION"] {
        assert!(printed.contains(part), "{part} is not in:\n{printed}");
    }
}

#[test]
fn it_stops_cleanly_and_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let mut demo = start(directory.path());
        demo.wait_for_line("Ctrl-C");
        assert_ne!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        demo.signal(signal);
        let (status, log) = demo.wait();
        assert_eq!(status.code(), Some(0), "{signal}: {log}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{signal}");
    }
}

#[test]
fn two_demos_run_beside_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = start(directory.path());
    let mut second = start(directory.path());
    first.wait_for_line("Ctrl-C");
    second.wait_for_line("Ctrl-C");
}

/// The command that begins with `beginning`, with the lines that a backslash continues.
fn continued_command(printed: &str, beginning: &str) -> String {
    let mut lines = printed.lines().map(str::trim).skip_while(|line| !line.contains(beginning));
    let mut command = String::new();
    for line in lines.by_ref() {
        command.push_str(line);
        command.push('\n');
        if !line.ends_with('\\') {
            break;
        }
    }
    assert!(!command.is_empty(), "no line with {beginning:?} in:\n{printed}");
    command
}
