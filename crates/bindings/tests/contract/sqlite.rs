//! What only the SQLite engine promises: the file behind the memory.

use std::fs;
use std::path::Path;

use relay_bindings::{BindingEntry, BindingFilter, BindingStore, MemoryBindings, OpenError, SqliteBindings};
use relay_routing::Binding;
use rusqlite::Connection;

use crate::engine::open_sqlite;
use crate::fixture::{TTL, at, binding, consumer, entry, key};
use crate::responses::owner;

fn rows(directory: &Path, query: &str) -> i64 {
    let connection = Connection::open(directory.join("data/bindings.db")).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    let mut moved = entry(1, "b", 3);
    moved.binding.moved = true;
    moved.model = "gpt-5 \"quoted\"".into();
    moved.scope = relay_domain::Scope::User;
    store.put(moved.clone()).await;
    let by_hand = BindingEntry { consumer: None, ..entry(2, "a", 4) };
    store.bind_if_absent(by_hand.clone(), at(4)).await;
    store.put(entry(3, "a", 0)).await;
    store.purge(&BindingFilter { sticky_key: Some(key(3)), ..BindingFilter::default() }).await;
    store.record_response_owner(&consumer("team-a"), "resp_1", owner("tokyo-1", 0)).await;
    store.close().await.unwrap();

    let store = open_sqlite(directory.path(), 100, 10);
    let mut listed = store.list(&BindingFilter::default(), None, 10, at(10)).await.items;
    listed.sort_by_key(|entry| entry.binding.bound_at);
    assert_eq!(listed, [moved, by_hand]);
    assert_eq!(store.response_owner(&consumer("team-a"), "resp_1", at(10)).await, Some(owner("tokyo-1", 0)));
}

/// A copy of the files while the store is open is what a crash leaves.
#[tokio::test]
async fn what_was_flushed_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    for n in 0..50 {
        store.put(entry(n, "a", 0)).await;
    }
    store.flush().await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    fs::create_dir(crashed.path().join("data")).unwrap();
    for file in ["bindings.db", "bindings.db-wal"] {
        fs::copy(directory.path().join("data").join(file), crashed.path().join("data").join(file)).unwrap();
    }
    let store = open_sqlite(crashed.path(), 100, 0);
    assert_eq!(store.count().await, 50);
    assert_eq!(store.lookup(&key(49), at(0)).await, Some(binding("a", 0)));
}

#[tokio::test]
async fn what_expired_while_it_was_down_is_not_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.put(entry(1, "a", 0)).await;
    store.put(entry(2, "a", 10)).await;
    store.close().await.unwrap();
    let store = open_sqlite(directory.path(), 100, TTL);
    assert_eq!(store.count().await, 1);
    assert_eq!(rows(directory.path(), "SELECT COUNT(*) FROM bindings"), 1);
}

#[tokio::test]
async fn a_smaller_table_loads_the_most_recently_used() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    for n in 0..20 {
        store.put(entry(n, "a", (n as i64 * 7) % 20)).await;
    }
    store.close().await.unwrap();
    let store = open_sqlite(directory.path(), 5, 20);
    let mut used: Vec<_> = store.list(&BindingFilter::default(), None, 10, at(20)).await.items;
    used.sort_by_key(|entry| entry.binding.last_used_at);
    let used: Vec<_> = used.iter().map(|entry| entry.binding.last_used_at).collect();
    assert_eq!(used, [15, 16, 17, 18, 19].map(at));
    store.put(entry(100, "a", 20)).await;
    assert_eq!(store.list(&BindingFilter::default(), None, 10, at(20)).await.items.len(), 5);
    store.flush().await.unwrap();
    assert_eq!(rows(directory.path(), "SELECT COUNT(*) FROM bindings"), 5, "the disk is bounded with the memory");
}

#[tokio::test]
async fn frequent_touches_cost_few_writes() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.put(entry(1, "a", 0)).await;
    store.flush().await.unwrap();
    let mut writes = 0;
    let mut written = at(0).as_microsecond();
    for second in 1..=600 {
        let later = Binding { expires_at: at(second + TTL), last_used_at: at(second), ..binding("a", 0) };
        store.touch(&key(1), &later).await;
        store.flush().await.unwrap();
        let on_disk = rows(directory.path(), "SELECT last_used_at FROM bindings");
        if on_disk != written {
            (writes, written) = (writes + 1, on_disk);
        }
    }
    assert_eq!(writes, 10, "one a minute");
    assert_eq!(store.lookup(&key(1), at(600)).await.unwrap().last_used_at, at(600));
}

#[tokio::test]
async fn a_failing_disk_costs_no_binding_in_memory_and_is_caught_up_with() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.flush().await.unwrap();
    let meddle = Connection::open(directory.path().join("data/bindings.db")).unwrap();
    meddle
        .execute_batch("CREATE TRIGGER broken BEFORE INSERT ON bindings BEGIN SELECT RAISE(ABORT, 'disk gone'); END")
        .unwrap();
    store.put(entry(1, "a", 0)).await;
    let error = store.flush().await.unwrap_err();
    assert!(error.to_string().contains("disk gone"), "{error}");
    assert_eq!(store.lookup(&key(1), at(0)).await, Some(binding("a", 0)));
    meddle.execute_batch("DROP TRIGGER broken").unwrap();
    store.flush().await.unwrap();
    assert_eq!(rows(directory.path(), "SELECT COUNT(*) FROM bindings"), 1);
}

#[tokio::test]
async fn after_closing_memory_still_answers_and_a_flush_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.close().await.unwrap();
    store.put(entry(1, "a", 0)).await;
    assert!(store.lookup(&key(1), at(0)).await.is_some());
    assert!(store.flush().await.is_err());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.put(entry(1, "a", 0)).await;
    store.put(entry(2, "a", 0)).await;
    store.close().await.unwrap();
    let meddle = Connection::open(directory.path().join("data/bindings.db")).unwrap();
    meddle.execute("UPDATE bindings SET scope = 'galaxy' WHERE sticky_key = ?1", [key(1).to_bytes()]).unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    assert_eq!(store.lookup(&key(1), at(0)).await, None);
    assert!(store.lookup(&key(2), at(0)).await.is_some());
}

#[test]
fn junk_and_newer_files_are_refused_with_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bindings.db");
    fs::write(&path, "this is not a database, and long enough to look like none at all").unwrap();
    let open = || SqliteBindings::open(&path, 100, at(0)).map(drop).unwrap_err();
    let error = open();
    assert!(matches!(error, OpenError::Unusable { .. }) && error.to_string().contains("move the file away"), "{error}");
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 9; CREATE TABLE later (x)").unwrap();
    assert!(matches!(open(), OpenError::NewerFormat { found: 9, known: 1, .. }));
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = open_sqlite(directory.path(), 100, 0);
    store.put(entry(1, "a", 0)).await;
    store.flush().await.unwrap();
    for file in fs::read_dir(directory.path().join("data")).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn bindings_in_memory_are_handed_on_in_a_file_that_goes_once_it_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("handover.db");
    // Left by a process that did not come that far.
    fs::write(&path, "junk").unwrap();
    let before = MemoryBindings::new(100);
    before.put(entry(1, "a", 0)).await;
    before.put(entry(2, "b", 1)).await;
    before.record_response_owner(&consumer("team-a"), "resp-1", owner("a", 0)).await;
    before.save(&path).unwrap();
    let after = MemoryBindings::new(100);
    // By then the first has expired.
    after.load(&path, at(TTL)).unwrap();
    assert_eq!(after.lookup(&key(1), at(TTL)).await, None);
    assert_eq!(after.lookup(&key(2), at(TTL)).await, Some(binding("b", 1)));
    assert_eq!(after.response_owner(&consumer("team-a"), "resp-1", at(TTL)).await, None);
    before.save(&path).unwrap();
    let at_once = MemoryBindings::new(100);
    at_once.load(&path, at(2)).unwrap();
    assert_eq!(at_once.response_owner(&consumer("team-a"), "resp-1", at(2)).await, Some(owner("a", 0)));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left of the file");
}
