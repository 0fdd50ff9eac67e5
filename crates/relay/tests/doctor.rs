//! `doctor` on the real binary: with a server, without one, and with something wrong. What each verdict depends on
//! is tested beside the code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use relay_testkit::FakeHost;
use serde_json::Value;
use support::{Server, fleet, run, stderr, stdout};

/// The exit code, and each check with its verdicts.
fn examined(directory: &Path, more: &[&str]) -> (Option<i32>, Vec<(String, String, String)>) {
    let output = run(directory, &[&["doctor", "--data-dir", "data", "--json"], more].concat());
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("doctor wrote {}{}", stdout(&output), stderr(&output)));
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let lines = value["checks"].as_array().unwrap().iter();
    (
        output.status.code(),
        lines.map(|line| (text(line, "check"), text(line, "verdict"), text(line, "found"))).collect(),
    )
}

fn verdict<'l>(lines: &'l [(String, String, String)], check: &str) -> &'l str {
    let found = lines.iter().find(|(name, ..)| name == check);
    &found.unwrap_or_else(|| panic!("nothing is said of {check}: {lines:?}")).1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_order_has_a_verdict_on_every_line_and_none_fails() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    let (status, lines) = examined(directory.path(), &[]);
    // What these two say is the machine's, which is whose it is: its disk may be full.
    let (machine, ours): (Vec<_>, Vec<_>) =
        lines.iter().partition(|(check, ..)| ["disk", "open files"].contains(&check.as_str()));
    assert_eq!(machine.len(), 2, "{lines:?}");
    assert!(ours.iter().all(|(_, verdict, _)| verdict != "fail"), "{lines:?}");
    let failed = machine.iter().any(|(_, verdict, _)| verdict == "fail");
    assert_eq!(status, Some(i32::from(failed)), "{lines:?}");
    for check in
        ["configuration", "data directory", "master key", "database", "decision log", "host", "gateway", "server"]
    {
        assert_eq!(verdict(&lines, check), "ok", "{lines:?}");
    }
    let words = run(directory.path(), &["doctor", "--data-dir", "data"]);
    assert_eq!(stdout(&words).lines().filter(|line| !line.contains(" -> ")).count(), lines.len(), "{}", stdout(&words));
    assert!(!stdout(&words).contains('\u{1b}'), "no colors where nobody sees them");
    let (status, lines) = examined(directory.path(), &["--quick"]);
    assert_eq!((status, lines.len()), (Some(0), 2), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_rest_is_still_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", "http://127.0.0.1:9")])).status.success());
    assert!(server.stop().0.success());
    // The addresses that it would listen on: the ones by default may be somebody else's.
    let nobody = "[gateway]\nlisten = \"127.0.0.1:7\"\n[admin]\nlisten = \"127.0.0.1:9\"\n";
    std::fs::write(directory.path().join("nobody.toml"), nobody).unwrap();
    let examined = |more: &[&str]| examined(directory.path(), &[&["--config", "nobody.toml"], more].concat());
    let (status, lines) = examined(&[]);
    assert_eq!(verdict(&lines, "server"), "warn", "{lines:?}");
    assert_eq!(verdict(&lines, "database"), "ok", "{lines:?}");
    // Nobody listens there.
    assert_eq!((verdict(&lines, "host"), status), ("fail", Some(1)), "{lines:?}");
    let (status, lines) = examined(&["--quick"]);
    assert_eq!((verdict(&lines, "server"), status), ("fail", Some(1)), "{lines:?}");
}

#[test]
fn what_is_broken_fails_with_a_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let (status, lines) = examined(directory.path(), &[]);
    assert_eq!((verdict(&lines, "data directory"), status), ("fail", Some(1)), "{lines:?}");

    assert!(Server::start(directory.path()).stop().0.success());
    let database = directory.path().join("data/relay.db");
    let mut bytes = std::fs::read(&database).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xa5);
    }
    std::fs::write(&database, bytes).unwrap();
    let (status, lines) = examined(directory.path(), &[]);
    assert_eq!((verdict(&lines, "database"), status), ("fail", Some(1)), "{lines:?}");
    let words = run(directory.path(), &["doctor", "--data-dir", "data"]);
    assert!(stdout(&words).contains(" -> "), "{}", stdout(&words));

    std::fs::write(directory.path().join("relay-manager.toml"), "[gateway]\nmax_bdy = 1\n[log]\nretention = \"x\"\n")
        .unwrap();
    let (status, lines) = examined(directory.path(), &[]);
    assert_eq!(lines.iter().filter(|(_, verdict, _)| verdict == "fail").count(), 2, "{lines:?}");
    assert_eq!(status, Some(1));
}

#[cfg(unix)]
#[test]
fn a_directory_and_a_key_that_others_can_read_are_told_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    assert!(Server::start(directory.path()).stop().0.success());
    let data = directory.path().join("data");
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(data.join("master.key"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let (status, lines) = examined(directory.path(), &[]);
    assert_eq!(verdict(&lines, "data directory"), "warn", "{lines:?}");
    assert_eq!((verdict(&lines, "master key"), status), ("fail", Some(1)), "{lines:?}");
}
