//! A backup is taken from a running server, and restored where nothing is.

mod support;

use std::path::Path;

use relay_testkit::FakeHost;
use support::http::chat;
use support::{Server, fleet, run, stderr, stdout};

/// A server with a fleet, after two requests.
async fn used(directory: &Path) -> (Server, FakeHost) {
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory);
    let applied = server.apply(&fleet(&[("tokyo", &host.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    for conversation in ["c-1", "c-2"] {
        assert_eq!(chat(server.gateway, conversation, false).await.status, 200);
    }
    (server, host)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_server_serves_elsewhere_with_its_passphrase_alone() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, host) = used(here.path()).await;
    std::fs::write(here.path().join("passphrase"), "correct horse battery\n").unwrap();
    let file = there.path().join("relay.backup");
    let file = file.to_str().unwrap();
    let taken = server.cli(&["backup", file, "--passphrase-file", "passphrase"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    assert!(stdout(&taken).contains("the passphrase restores it anywhere"), "{}", stdout(&taken));
    let archive = std::fs::read(file).unwrap();
    for secret in [support::CONSUMER_KEY, "sk-host-tokyo", "tokyo", "SQLite"] {
        assert!(!archive.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is readable");
    }
    assert_eq!(chat(server.gateway, "c-3", false).await.status, 200, "it goes on serving");
    drop(server);
    // The first machine is gone for good.
    here.close().unwrap();

    std::fs::write(there.path().join("passphrase"), "correct horse battery").unwrap();
    let restored =
        run(there.path(), &["restore", "relay.backup", "--passphrase-file", "passphrase", "--data-dir", "data"]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(there.path().join("data")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700, "the restored directory is for its owner alone");
    let verified = run(there.path(), &["verify-log", "--data-dir", "data"]);
    assert!(verified.status.success(), "{}{}", stdout(&verified), stderr(&verified));
    let server = Server::start(there.path());
    assert_eq!(chat(server.gateway, "c-1", false).await.status, 200);
    assert_eq!(host.received().last().unwrap().bearer(), Some("sk-host-tokyo"), "the sealed key opens");
    let decisions = server.json(&["decisions"])["items"].as_array().unwrap().len();
    assert!(decisions >= 2, "{decisions}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_passphrase_the_master_key_is_needed() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, _host) = used(here.path()).await;
    let file = there.path().join("relay.backup");
    let taken = server.cli(&["backup", file.to_str().unwrap(), "--without-log"]);
    assert!(taken.status.success(), "{}", stderr(&taken));
    let again = server.cli(&["backup", file.to_str().unwrap()]);
    assert!(stderr(&again).contains("is there already"), "{}", stderr(&again));

    let restore =
        |more: &[&str]| run(there.path(), &[&["restore", "relay.backup", "--data-dir", "data"], more].concat());
    let told = stderr(&restore(&[]));
    assert!(told.contains("--master-key-file"), "{told}");
    std::fs::write(there.path().join("other.key"), format!("{}\n", "ab".repeat(32))).unwrap();
    std::fs::set_permissions(there.path().join("other.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    let told = stderr(&restore(&["--master-key-file", "other.key"]));
    assert!(told.contains("it is encrypted under master key"), "{told}");
    assert!(!there.path().join("data").exists(), "nothing is left of a failed one");
    let key = here.path().join("data/master.key");
    let restored = restore(&["--master-key-file", key.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", stderr(&restored));
    assert!(stdout(&restored).contains("without its decision log"), "{}", stdout(&restored));
    let told = stderr(&restore(&["--master-key-file", key.to_str().unwrap()]));
    assert!(told.contains("is not empty"), "{told}");
    let server = Server::start(there.path());
    assert_eq!(server.json(&["host", "list"])["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.json(&["decisions"])["items"].as_array().unwrap().len(), 0);
}
