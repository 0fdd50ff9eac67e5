//! Verification finds every change, whatever row it touches.

use std::path::Path;

use jiff::ToSpan as _;
use proptest::prelude::*;
use relay_ledger::{Verdict, VerifyReport, verify};
use rusqlite::Connection;

mod support;
use support::{intent, noon, open, outcome, write};

fn check(dir: &Path) -> VerifyReport {
    verify(&dir.join("log")).expect("verifies")
}

fn segment(dir: &Path, day: &str) -> Connection {
    Connection::open(dir.join(format!("log/decisions-{day}.db"))).expect("opens")
}

/// A log of two days: `requests` on the first, one on the second.
async fn two_days(dir: &Path, requests: u64) {
    let ledger = open(dir);
    let mut open = Vec::new();
    for request in 0..requests {
        let at = noon() + i64::try_from(request).expect("is small").seconds();
        let ticket = ledger.intent(intent(&format!("r-{request}"), at)).await.expect("is taken");
        open.push(ticket);
        // Outcomes come late and out of order.
        if request % 3 == 2 {
            for ticket in open.drain(..).rev() {
                ledger.outcome(ticket.reference(), outcome(Verdict::Complete, at));
            }
        }
    }
    for ticket in open {
        ledger.outcome(ticket.reference(), outcome(Verdict::Failed, noon()));
    }
    write(&ledger, "next-day", noon() + 24.hours(), Verdict::Complete).await;
    ledger.close().await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds")
}

#[tokio::test]
async fn an_untouched_log_is_clean() {
    let dir = tempfile::tempdir().expect("makes a directory");
    two_days(dir.path(), 20).await;
    let report = check(dir.path());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.open, report.interrupted_count), (21, 0, 0));
    assert_eq!(report.segments.len(), 2);
}

#[tokio::test]
async fn a_running_server_may_be_verified_and_its_requests_are_open() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    write(&ledger, "done", noon(), Verdict::Complete).await;
    let ticket = ledger.intent(intent("in-flight", noon())).await.expect("is taken");
    ticket.committed().await.expect("is committed");
    let report = check(dir.path());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.interrupted_count), (2, 0));
    ledger.close().await;
    let report = check(dir.path());
    assert_eq!((report.rows, report.open, report.interrupted_count), (2, 0, 1));
    assert_eq!(report.interrupted[0].request_id, "in-flight");
}

#[tokio::test]
async fn a_request_interrupted_gets_its_outcome_at_the_next_start() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    ledger.intent(intent("cut", noon())).await.expect("is taken");
    ledger.close().await;
    let ledger = open(dir.path());
    assert_eq!(ledger.recovered().1, 1);
    let decision = ledger.reader().get("cut").expect("reads").expect("is there");
    assert_eq!(decision.verdict, "interrupted");
    assert_eq!(decision.route_id.as_deref(), Some("gpt-tokyo"));
    assert_eq!(decision.shadow_model.as_deref(), Some("gpt-5-2025-08-07"));
    assert!(decision.sticky_hit);
    ledger.close().await;
    let report = check(dir.path());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.interrupted_count, report.segments[0].outcomes), (1, 1, 1));
    assert_eq!(report.interrupted[0].request_id, "cut");
}

#[tokio::test]
async fn a_changed_row_is_named() {
    let dir = tempfile::tempdir().expect("makes a directory");
    two_days(dir.path(), 5).await;
    let changed = segment(dir.path(), "2026-11-23")
        .execute("UPDATE outcomes SET cost_nanos = 1 WHERE seq = 3", [])
        .expect("changes");
    assert_eq!(changed, 1);
    let report = check(dir.path());
    assert_eq!(report.fault_count, 1, "{report:?}");
    assert!(report.faults[0].what.contains("outcome of request 3 (r-2"), "{report:?}");
    assert_eq!(report.faults[0].segment, "decisions-2026-11-23");
}

#[tokio::test]
async fn removed_last_rows_are_missed() {
    let dir = tempfile::tempdir().expect("makes a directory");
    two_days(dir.path(), 6).await;
    segment(dir.path(), "2026-11-23")
        .execute_batch("DELETE FROM outcomes WHERE seq >= 5; DELETE FROM intents WHERE seq >= 5;")
        .expect("deletes");
    let report = check(dir.path());
    assert!(report.faults.iter().any(|fault| fault.what.contains("missing")), "{report:?}");
    assert!(report.faults.iter().any(|fault| fault.what.contains("requests 5 to 6")), "{report:?}");
}

#[tokio::test]
async fn a_removed_segment_is_missed() {
    let dir = tempfile::tempdir().expect("makes a directory");
    two_days(dir.path(), 4).await;
    std::fs::remove_file(dir.path().join("log/decisions-2026-11-23.db")).expect("removes");
    let report = check(dir.path());
    assert_eq!(report.fault_count, 1, "{report:?}");
    assert!(report.faults[0].what.contains("requests 1 to 4 are missing"), "{report:?}");
}

#[tokio::test]
async fn a_row_of_another_chain_is_found() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let other = tempfile::tempdir().expect("makes a directory");
    two_days(dir.path(), 4).await;
    two_days(other.path(), 4).await;
    let connection = segment(dir.path(), "2026-11-23");
    connection
        .execute("ATTACH DATABASE ? AS other", [other.path().join("log/decisions-2026-11-23.db").to_string_lossy()])
        .expect("attaches");
    connection
        .execute_batch(
            "DELETE FROM outcomes WHERE seq = 2; INSERT INTO outcomes SELECT * FROM other.outcomes WHERE seq = 2;",
        )
        .expect("replaces");
    drop(connection);
    let report = check(dir.path());
    assert!(report.faults[0].what.contains("request 2"), "{report:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_change_of_any_row_is_found(
        requests in 1_u64..12,
        pick in any::<prop::sample::Index>(),
        outcomes in any::<bool>(),
        change in 0_u8..4,
        column in any::<prop::sample::Index>(),
    ) {
        let dir = tempfile::tempdir().expect("makes a directory");
        runtime().block_on(two_days(dir.path(), requests));
        prop_assert!(check(dir.path()).is_clean());
        let table = if outcomes { "outcomes" } else { "intents" };
        let seq = i64::try_from(pick.index(usize::try_from(requests).expect("is small")) + 1).expect("is small");
        let connection = segment(dir.path(), "2026-11-23");
        let columns: Vec<(String, String)> = connection
            .prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')")).expect("prepares")
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("queries")
            .collect::<Result<_, _>>().expect("reads");
        let (name, kind) = &columns[column.index(columns.len())];
        let statement = match change {
            0 => format!("DELETE FROM {table} WHERE seq = {seq}"),
            1 => format!("UPDATE {table} SET seq = seq + 1000 WHERE seq = {seq}"),
            _ => {
                let value = match kind.as_str() {
                    "INTEGER" => format!("coalesce({name}, 0) + 100000"),
                    "TEXT" => format!("coalesce({name}, '') || 'x'"),
                    _ => "zeroblob(32)".to_owned(),
                };
                format!("UPDATE {table} SET {name} = {value} WHERE seq = {seq}")
            }
        };
        prop_assert_eq!(connection.execute(&statement, []).expect("tampers"), 1);
        drop(connection);
        let report = check(dir.path());
        prop_assert!(!report.is_clean(), "{} was not found", statement);
    }
}

#[cfg(unix)]
#[test]
fn a_copy_may_lie_where_nothing_can_be_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("makes a directory");
    // Names that mean something in a URI are nothing but names here.
    let odd = dir.path().join("a 100% copy?#1");
    std::fs::create_dir(&odd).expect("makes a directory");
    runtime().block_on(two_days(&odd, 3));
    std::fs::set_permissions(odd.join("log"), std::fs::Permissions::from_mode(0o555)).expect("is made read-only");
    let report = check(&odd);
    std::fs::set_permissions(odd.join("log"), std::fs::Permissions::from_mode(0o755)).expect("is made writable");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.rows, 4);
}
