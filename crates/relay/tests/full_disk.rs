//! A disk that fills up under the decision log (spec §7), as the whole process
//! meets it. Needs to mount a small tmpfs; where that is not permitted, the
//! ledger's own tests stand in for it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use relay_testkit::FakeHost;
use support::http::chat;
use support::{Server, fleet, run, stderr, stdout};

/// A mounted tmpfs of a few MiB.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }

    /// Takes all the space there is.
    fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.0.join("ballast");
        let mut file = std::fs::File::create(&path).unwrap();
        let mut piece = 1 << 20;
        while piece > 0 {
            if file.write_all(&vec![0; piece]).is_err() {
                piece /= 2;
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_within_about_a_second_and_recovers_without_loss() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk")) else {
        eprintln!("skipped: a tmpfs cannot be mounted here; the ledger's own tests cover a full disk");
        return;
    };
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start_with(directory.path(), |command| command.args(["--data-dir", "disk/data"]));
    let applied = server.apply(&fleet(&[("tokyo", &host.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    let before = chat(server.gateway, "before", false).await;
    assert_eq!(before.status, 200);
    let mut answered = vec![before.request_id()];

    let ballast = disk.fill();
    // What is preallocated may still take a few rows; then every request is refused.
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let asked = Instant::now();
        let answer = chat(server.gateway, "during", false).await;
        if answer.status == 503 {
            assert!(asked.elapsed() < Duration::from_secs(5), "refused only after {:?}", asked.elapsed());
            assert!(!answer.header("retry-after").is_empty());
            break;
        }
        assert_eq!(answer.status, 200);
        answered.push(answer.request_id());
        assert!(Instant::now() < deadline, "the log never filled up");
    }

    std::fs::remove_file(ballast).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let answer = chat(server.gateway, "after", false).await;
        if answer.status == 200 {
            answered.push(answer.request_id());
            break;
        }
        assert!(Instant::now() < deadline, "the gateway does not recover");
    }
    for id in &answered {
        let explained = server.cli(&["explain", id]);
        assert!(explained.status.success(), "{id}: {}", stderr(&explained));
    }
    assert!(server.stop().0.success());
    let verified = run(directory.path(), &["verify-log", "--data-dir", "disk/data"]);
    assert_eq!(verified.status.code(), Some(0), "{}{}", stdout(&verified), stderr(&verified));
}
