//! What a person at a terminal sees: every command of the contract, tables that fit, colors only there, completions
//! that load, and errors that say what to do next.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use relay_testkit::FakeHost;
use support::terminal::{bare, check_width, is_colored, on_terminal};
use support::{Server, command, fleet, run, stderr, stdout};

#[test]
fn every_command_of_the_contract_is_there_and_takes_json() {
    let directory = tempfile::tempdir().unwrap();
    let commands = "serve demo apply plan export host group route key resolve explain decisions bindings verify-log \
                    backup restore doctor migrate completions restart";
    for name in commands.split_whitespace() {
        let help = run(directory.path(), &[name, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{name}: {}", stderr(&help));
        assert!(stdout(&help).contains("--json"), "{name} does not take --json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_the_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory.path());
    let applied = server
        .apply(&fleet(&[("tokyo", &host.base_url()), ("osaka-with-a-rather-long-name-of-its-own", &host.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    support::http::chat(server.gateway, "c-1", false).await.text().await;
    let lists = [
        "host list",
        "group list",
        "route list",
        "key list",
        "generations list",
        "decisions",
        "bindings list",
        "health",
        "usage --by consumer,model",
        "prices",
        "verify-log --data-dir data",
    ];
    for columns in [60, 100, 200] {
        for list in lists {
            let shown = bare(&on_terminal(&server, columns, &[], list));
            assert!(!shown.trim().is_empty(), "{list} shows nothing");
            check_width(&shown, columns, list);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn colors_are_on_terminals_alone_and_can_be_refused() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    for arguments in ["host list", "doctor --data-dir data"] {
        let colored = |variables: &[(&str, &str)]| is_colored(&on_terminal(&server, 100, variables, arguments));
        assert!(colored(&[]), "{arguments}");
        assert!(!colored(&[("NO_COLOR", "1")]), "{arguments}");
        assert!(!colored(&[("CLICOLOR", "0")]), "{arguments}");
        let arguments: Vec<_> = arguments.split(' ').collect();
        assert!(!stdout(&server.cli(&arguments)).contains('\u{1b}'), "{arguments:?}");
        let forced = server.cli_with(&arguments, |command| command.env("CLICOLOR_FORCE", "1"));
        assert!(stdout(&forced).contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn completions_load_in_their_shells() {
    let directory = tempfile::tempdir().unwrap();
    let loads = [
        ("bash", "source ./completion && complete -p relay-manager"),
        (
            "zsh",
            "autoload -U compinit && compinit -u -d ./dump && source ./completion && [[ -n $_comps[relay-manager] ]]",
        ),
        ("fish", "source ./completion; and complete -C 'relay-manager verify-' | string match -q 'verify-log*'"),
    ];
    let mut loaded = Vec::new();
    for (shell, load) in loads {
        let script = run(directory.path(), &["completions", shell]);
        assert_eq!(script.status.code(), Some(0), "{}", stderr(&script));
        std::fs::write(directory.path().join("completion"), &script.stdout).unwrap();
        let mut command = Command::new(shell);
        let command = command.args(["-c", load]).current_dir(directory.path()).env("HOME", directory.path());
        match command.output() {
            Ok(output) => {
                assert!(output.status.success(), "{shell}: {}{}", stdout(&output), stderr(&output));
                loaded.push(shell);
            }
            // Not every machine has every shell.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{shell}: {error}"),
        }
    }
    assert!(loaded.contains(&"bash"), "{loaded:?}");
}

#[test]
fn errors_name_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = Server::start(path);
    std::fs::write(path.join("fleet.toml"), "[[host]]\nhost_id = \"Not A Slug\"\n").unwrap();
    std::fs::write(path.join("broken.toml"), "[[host]\n").unwrap();
    std::fs::write(path.join("not-a-backup"), "hello").unwrap();
    std::fs::write(path.join("short"), "x\n").unwrap();
    let asked = |arguments: &[&str]| server.cli(arguments);
    let nobody = |arguments: &[&str]| {
        command(path).args(arguments).env("RELAY_MANAGER_SERVER", "http://127.0.0.1:9").output().unwrap()
    };
    let stranger = server.cli_with(&["host", "list"], |command| command.env("RELAY_MANAGER_ADMIN_TOKEN", "rma-wrong"));
    let gateway = server.cli_with(&["host", "list"], |command| {
        command.env("RELAY_MANAGER_SERVER", format!("http://{}", server.gateway))
    });
    let cases: [(&str, Output, i32, &str); 14] = [
        ("the server does not run", nobody(&["host", "list"]), 1, "relay-manager serve"),
        ("no URL", asked(&["host", "list", "--server", "localhost"]), 1, "http://127.0.0.1:8788"),
        ("a wrong token", stranger, 1, "RELAY_MANAGER_ADMIN_TOKEN"),
        ("the gateway's address", gateway, 1, "admin address"),
        ("an unknown host", asked(&["host", "show", "nowhere"]), 1, "nowhere"),
        ("an unknown request", asked(&["explain", "nothing"]), 1, "nothing"),
        ("no such file", asked(&["apply", "-f", "absent.toml"]), 1, "absent.toml"),
        ("no TOML", asked(&["apply", "-f", "broken.toml"]), 1, "broken.toml"),
        ("a fleet with faults", asked(&["apply", "-f", "fleet.toml"]), 1, "host_id"),
        ("no log", run(path, &["verify-log", "--data-dir", "elsewhere"]), 1, "--data-dir"),
        ("no server to restart", run(path, &["restart", "--data-dir", "elsewhere"]), 1, "relay-manager serve"),
        (
            "no backup",
            run(path, &["restore", "not-a-backup", "--data-dir", "new", "--passphrase-file", "short"]),
            1,
            "8 characters",
        ),
        ("an unknown command", run(path, &["hots", "list"]), 2, "host"),
        ("a directory in use", run(path, &["migrate", "--data-dir", "data"]), 1, "stop it first"),
    ];
    for (what, output, code, step) in cases {
        assert_eq!(output.status.code(), Some(code), "{what}: {}", stderr(&output));
        let told = stderr(&output);
        assert!(told.contains(step), "{what}: {told}");
        assert!(stdout(&output).is_empty(), "{what} writes to stdout: {}", stdout(&output));
    }
    let told = server.cli(&["host", "show", "nowhere", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&told.stderr).unwrap_or_else(|_| panic!("{}", stderr(&told)));
    assert_eq!(error["error"]["code"], "not_found");
    assert!(Path::new(path).join("data").is_dir());
}
