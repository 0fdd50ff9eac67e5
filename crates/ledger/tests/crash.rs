//! A process killed in the middle of writing loses nothing it acknowledged.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use relay_ledger::{Verdict, verify};

mod support;
use support::{intent, noon, open, outcome};

const CHILD: &str = "RELAY_LEDGER_TEST_CRASH_DIR";
const KILLS: usize = 6;

/// Not a test by itself: what the killed process runs. It acknowledges requests on stdout, forever.
#[test]
fn killed_child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("builds");
    runtime.block_on(async {
        let ledger = open(dir.as_ref());
        let run = std::process::id();
        let tasks: Vec<_> = (0..16)
            .map(|task| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    for request in 0_u64.. {
                        let id = format!("{run}-{task}-{request}");
                        let ticket = ledger.intent(intent(&id, noon())).await.expect("is taken");
                        ticket.committed().await.expect("is committed");
                        // Past the captured stdout, in one write: the line is whole or not there.
                        let line = format!("ack {id}\n");
                        std::io::stdout().lock().write_all(line.as_bytes()).expect("acknowledges");
                        if request % 5 != 4 {
                            ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon()));
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("goes on until it is killed");
        }
    });
}

#[test]
fn every_acknowledged_request_survives_sigkill() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("is known"))
            .args(["--exact", "killed_child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
        let mut acks = 0;
        while acks < 300 * (kill + 1) {
            let line = lines.next().expect("goes on").expect("is read");
            if let Some((_, id)) = line.split_once("ack ") {
                acknowledged.push(id.to_owned());
                acks += 1;
            }
        }
        child.kill().expect("is killed");
        // What it had acknowledged before it died is in the pipe.
        for line in lines.map_while(Result::ok) {
            if let Some((_, id)) = line.split_once("ack ") {
                acknowledged.push(id.to_owned());
            }
        }
        child.wait().expect("is reaped");

        let report = verify(&dir.path().join("log")).expect("verifies");
        assert!(report.is_clean(), "after kill {kill}: {:?}", report.faults);
        assert!(report.rows >= acknowledged.len() as u64, "{} of {}", report.rows, acknowledged.len());
        assert!(report.interrupted_count > 0 && report.open == 0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
    runtime.block_on(async {
        let ledger = open(dir.path());
        let reader = ledger.reader();
        for id in &acknowledged {
            let decision = reader.get(id).expect("reads").unwrap_or_else(|| panic!("{id} is lost"));
            assert!(["complete", "interrupted"].contains(&decision.verdict.as_str()));
        }
        ledger.close().await;
    });
    let report = verify(&dir.path().join("log")).expect("verifies");
    assert!(report.is_clean(), "{:?}", report.faults);
    assert_eq!(report.segments[0].rows, report.segments[0].outcomes);
}

#[test]
fn a_damaged_journal_is_set_aside_and_told_of() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let mut child = Command::new(std::env::current_exe().expect("is known"))
        .args(["--exact", "killed_child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("is piped")).lines();
    assert_eq!(lines.map_while(Result::ok).filter(|line| line.contains("ack ")).take(500).count(), 500);
    child.kill().expect("is killed");
    child.wait().expect("is reaped");
    let log = dir.path().join("log");
    // Without its segment all of the journal is still to be filed.
    for suffix in ["db", "db-wal", "db-shm"] {
        let _ = std::fs::remove_file(log.join(format!("decisions-2026-11-23.{suffix}")));
    }
    let journal = log.join("decisions-2026-11-23.000001.journal");
    let mut bytes = std::fs::read(&journal).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).expect("writes");
    assert!(!verify(&log).expect("verifies").is_clean());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
    runtime.block_on(async { open(dir.path()).close().await });
    let report = verify(&log).expect("verifies");
    assert!(report.faults.iter().any(|fault| fault.what.contains("damaged journal")), "{:?}", report.faults);
}
