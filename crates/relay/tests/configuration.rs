//! Wrong configurations of the real binary: everything at once, and the exit code.

mod support;

use support::{command, run, stderr, stdout};

#[test]
fn mistakes_of_file_environment_and_flags_are_told_together() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("relay-manager.toml"), "[gateway]\nlisten = \"localhost:1\"\n").unwrap();
    let mut command = command(directory.path());
    command.args(["serve", "--admin-listen", "8788"]).env("RELAY_MANAGER_RETRY_ATTEMPTS", "many");
    let output = command.output().unwrap();
    // A mistake on the command line is a usage error.
    assert_eq!(output.status.code(), Some(2));
    let told = stderr(&output);
    assert!(told.contains("3 mistakes"), "{told}");
    assert!(told.contains("relay-manager.toml:2: gateway.listen"), "{told}");
    assert!(told.contains("environment RELAY_MANAGER_RETRY_ATTEMPTS: retry.attempts"), "{told}");
    assert!(told.contains("--admin-listen: admin.listen"), "{told}");
    assert!(!directory.path().join("data").exists(), "nothing is made before the configuration is right");
}

#[test]
fn a_mistake_in_the_file_alone_fails_with_1() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("relay-manager.toml"), "store = \"postgres://u:hunter2@db/x\"\n").unwrap();
    let output = run(directory.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("PostgreSQL is not available in this version"));
    assert!(!stderr(&output).contains("hunter2"));
}

#[test]
fn with_json_the_mistakes_are_json() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["serve", "--gateway-listen", "x", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "invalid_configuration");
    assert_eq!(error["error"]["details"][0]["key"], "gateway.listen");
}

#[test]
fn a_named_file_must_be_there_and_the_default_one_need_not() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["serve", "--config", "missing.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot read missing.toml"), "{}", stderr(&output));
    let output = run(directory.path(), &["migrate"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[test]
fn an_unknown_command_or_flag_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["fly"]).status.code(), Some(2));
    assert_eq!(run(directory.path(), &["serve", "--wings"]).status.code(), Some(2));
    assert_eq!(run(directory.path(), &[]).status.code(), Some(2));
}

#[test]
fn a_log_filter_that_is_none_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let output = command(directory.path()).arg("serve").env("RELAY_MANAGER_LOG", "a=b=c").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("RELAY_MANAGER_LOG"), "{}", stderr(&output));
}

#[test]
fn completions_come_for_every_shell() {
    let directory = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(directory.path(), &["completions", shell]);
        assert!(output.status.success() && stdout(&output).contains("verify-log"), "{shell}");
    }
}
