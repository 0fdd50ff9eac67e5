//! What a person at a terminal sees: every command of the contract, tables that fit, colors only there, completions
//! that load, and errors that say what to do next.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use relay_testkit::FakeHost;
use serde_json::Value;
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
    let cases: [(&str, Output, i32, &str); 13] = [
        ("the server does not run", nobody(&["host", "list"]), 1, "is `relay-manager serve` running there?"),
        ("no URL", asked(&["host", "list", "--server", "localhost"]), 1, "write it as http://127.0.0.1:8788"),
        ("a wrong token", stranger, 1, "pass --token or set RELAY_MANAGER_ADMIN_TOKEN"),
        ("the gateway's address", gateway, 1, "is it the admin address"),
        ("no such file", asked(&["apply", "-f", "absent.toml"]), 1, "correct -f, or write it first"),
        ("no TOML", asked(&["apply", "-f", "broken.toml"]), 1, "correct that line"),
        ("a fleet with faults", asked(&["apply", "-f", "fleet.toml"]), 1, "write it as not-a-slug"),
        ("no log", run(path, &["verify-log", "--data-dir", "elsewhere"]), 1, "data directory with --data-dir"),
        ("no server to restart", run(path, &["restart", "--data-dir", "elsewhere"]), 1, "`relay-manager serve`"),
        (
            "a short passphrase to restore with",
            run(path, &["restore", "not-a-backup", "--data-dir", "new", "--passphrase-file", "short"]),
            1,
            "name the file with the passphrase that `relay-manager backup` was given",
        ),
        (
            "a short passphrase to back up under",
            run(path, &["backup", "b", "--data-dir", "data", "--passphrase-file", "short"]),
            1,
            "write a longer one into it",
        ),
        ("an unknown command", run(path, &["hots", "list"]), 2, "a similar subcommand exists: 'host'"),
        ("a directory in use", run(path, &["migrate", "--data-dir", "data"]), 1, "stop it first"),
    ];
    for (what, output, code, step) in cases {
        check_error(what, &output, code, step);
    }
    assert!(Path::new(path).join("data").is_dir());
}

/// Commands about what is not there, and the command that shows what there is.
const ABSENT: &str = "
host show nix                                        relay-manager host list
host set nix ask_usage=false                         relay-manager host list
host drain nix                                       relay-manager host list
host remove nix                                      relay-manager host list
host probe nix                                       relay-manager host list
host sync nix                                        relay-manager host list
host reconcile nix --since 2026-01-01T00:00:00Z      relay-manager host list
host rotate nix                                      relay-manager host list
group show nix                                       relay-manager group list
group disable nix                                    relay-manager group list
route show nix                                       relay-manager route list
route drain nix                                      relay-manager route list
key show nix                                         relay-manager key list
key rotate nix                                       relay-manager key list
key disable nix                                      relay-manager key list
key delete nix                                       relay-manager key list
token delete 99                                      relay-manager token list
generations show 99                                  relay-manager generations list
generations diff 99                                  relay-manager generations list
generations diff 1 99                                relay-manager generations list
generations rollback 99                              relay-manager generations list
access ensure nix                                    relay-manager host list
access show nix                                      relay-manager host list
access show nix nobody 7                             relay-manager access show
access revoke nix nobody 7                           relay-manager access show
resolve --group nix --model gpt-5                    relay-manager group list
resolve --group gpt --model nix                      relay-manager route list
explain nix                                          relay-manager decisions
explain --group nix --model gpt-5                    relay-manager group list
explain --group gpt --model nix                      relay-manager route list
explain --key nix --model gpt-5                      relay-manager key list
explain --key team-a --model nix                     relay-manager route list
simulate --down nix                                  relay-manager host list
simulate --slow nix=2s                               relay-manager host list
health --host nix                                    relay-manager host list
health --route nix                                   relay-manager route list
health --troubled --host nix                         relay-manager host list
health --clear --host nix                            relay-manager host list
health --clear --route nix                           relay-manager route list
bindings get nix                                     relay-manager bindings list
notify channel show nix                              relay-manager notify channel list
notify channel set nix language=en                   relay-manager notify channel list
notify channel test nix                              relay-manager notify channel list
notify channel delete nix                            relay-manager notify channel list
";

#[test]
fn what_is_not_there_is_an_error_with_the_command_that_shows_what_is() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", "https://tokyo.example")])).status.success());
    for line in ABSENT.trim().lines() {
        let (line, list) = line.split_once("  ").expect("a command and a list");
        let arguments: Vec<_> = line.split(' ').collect();
        check_error(line, &server.cli(&arguments), 1, &format!("`{}`", list.trim()));
        let told = server.cli(&[&arguments[..], &["--json"]].concat());
        let error: Value = serde_json::from_slice(&told.stderr).unwrap_or_else(|_| panic!("{line}: {}", stderr(&told)));
        assert_eq!(error["error"]["code"], "not_found", "{line}: {error}");
        assert!(error["error"]["next_step"].as_str().is_some_and(|step| step.contains(list.trim())), "{line}: {error}");
    }
    for quiet in [&["health", "--troubled", "--host", "tokyo"][..], &["access", "show", "tokyo"]] {
        let output = server.cli(quiet);
        assert!(output.status.success(), "nothing to show of what there is: {quiet:?}: {}", stderr(&output));
    }
}

#[test]
fn a_role_that_is_too_small_is_told_how_to_get_another() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let made = server.json(&["token", "create", "wall", "--role", "viewer"]);
    let token = made["token"].as_str().unwrap();
    for (arguments, role) in [(&["group", "create", "gpt"][..], "admin"), (&["health", "--clear"], "operator")] {
        let refused = server.cli_with(arguments, |command| command.env("RELAY_MANAGER_ADMIN_TOKEN", token));
        check_error(&format!("{arguments:?}"), &refused, 1, &format!("token create <label> --role {role}`"));
    }
}

#[test]
fn a_mistake_in_the_arguments_is_json_where_that_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in [&["--json", "hots", "list"][..], &["simulate", "--json"], &["host", "show", "--json"]] {
        let told = run(directory.path(), arguments);
        assert_eq!((told.status.code(), stdout(&told).as_str()), (Some(2), ""), "{arguments:?}");
        let error: Value = serde_json::from_slice(&told.stderr).unwrap_or_else(|_| panic!("{}", stderr(&told)));
        assert_eq!(error["error"]["code"], "usage");
        assert!(error["error"]["message"].as_str().is_some_and(|text| text.contains("Usage:")), "{error}");
    }
    let help = run(directory.path(), &["host", "--help", "--json"]);
    assert!(help.status.success() && stdout(&help).contains("Usage:"), "help is an answer");
}

fn check_error(what: &str, output: &Output, code: i32, step: &str) {
    let told = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{what}: {told}{}", stdout(output));
    assert!(told.contains(step), "{what}: {told}");
    assert!(stdout(output).is_empty(), "{what} writes to stdout: {}", stdout(output));
}
