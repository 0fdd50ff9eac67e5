//! SIGKILL under load, twenty times on one data directory (spec §7): every
//! request that was answered has its row, and the log proves it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use relay_testkit::{FakeHost, Reply};
use serde_json::Value;
use support::http::try_chat;
use support::{Server, fleet, run, stderr, stdout};

const KILLS: usize = 20;
const CLIENTS: usize = 16;

/// Answers seen before a kill: enough that rows are in every stage of being written.
const ANSWERS_PER_ROUND: usize = 60;

/// What the clients saw: ids of requests whose head came.
#[derive(Default)]
struct Answered {
    ids: Mutex<Vec<String>>,
    more: tokio::sync::Notify,
}

impl Answered {
    fn add(&self, id: String) {
        self.ids.lock().unwrap().push(id);
        self.more.notify_one();
    }

    async fn wait_for(&self, count: usize) {
        while self.ids.lock().unwrap().len() < count {
            tokio::time::timeout(Duration::from_secs(30), self.more.notified()).await.expect("answers come");
        }
    }
}

/// Sends requests until told to stop; half of them streamed.
async fn load(gateway: std::net::SocketAddr, client: usize, answered: Arc<Answered>, stop: Arc<AtomicBool>) {
    let mut turn = 0;
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let conversation = format!("c-{client}-{}", turn % 5);
        let Ok(mut answer) = try_chat(gateway, &conversation, turn % 2 == 0).await else { continue };
        if answer.status == 200 {
            answered.add(answer.request_id());
        }
        // A stream that the kill cuts ends here.
        while answer.next().await {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answered_request_is_without_its_row_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    // Streams long enough that a kill always finds some in the middle.
    let pace = Duration::from_millis(2);
    let words = "one two three four five six seven eight nine ten";
    let tokyo = FakeHost::builder().name("tokyo").pace(pace).default_reply(Reply::chat(words)).start().await;
    let osaka = FakeHost::builder().name("osaka").pace(pace).default_reply(Reply::chat(words)).start().await;
    let fleet = fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())]);
    std::fs::write(directory.path().join("fleet.toml"), fleet.replace("priority = 2", "priority = 1")).unwrap();

    let mut answered_ever = BTreeSet::new();
    for round in 0..KILLS {
        let mut server = Server::start_with(directory.path(), |command| command.args(["--fleet", "fleet.toml"]));
        let answered = Arc::new(Answered::default());
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| tokio::spawn(load(server.gateway, client, Arc::clone(&answered), Arc::clone(&stop))))
            .collect();
        answered.wait_for(ANSWERS_PER_ROUND + round * 3).await;
        server.process.signal("KILL");
        stop.store(true, Ordering::SeqCst);
        for client in clients {
            client.await.unwrap();
        }
        server.process.wait();

        let verified = run(directory.path(), &["verify-log", "--data-dir", "data", "--json"]);
        let report = format!("round {round}: {}{}", stdout(&verified), stderr(&verified));
        assert_eq!(verified.status.code(), Some(0), "{report}");
        answered_ever.extend(answered.ids.lock().unwrap().drain(..));
    }

    let server = Server::start(directory.path());
    let rows = all_decisions(&server);
    let missing: Vec<_> = answered_ever.iter().filter(|id| !rows.contains(*id)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} answered requests have no row: {missing:?}",
        missing.len(),
        answered_ever.len()
    );
    assert!(answered_ever.len() >= KILLS * ANSWERS_PER_ROUND);
    let interrupted = server.json(&["decisions", "--verdict", "interrupted", "--limit", "1"]);
    assert_eq!(interrupted["items"].as_array().map(Vec::len), Some(1), "a kill interrupts what was in flight");
}

/// The request ids of the whole log, page by page.
fn all_decisions(server: &Server) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut cursor = None;
    loop {
        let mut args = vec!["decisions".to_owned(), "--limit".to_owned(), "1000".to_owned()];
        if let Some(cursor) = cursor {
            args.extend(["--cursor".to_owned(), cursor]);
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let page = server.json(&args);
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["request_id"].as_str().unwrap().to_owned()));
        match &page["next_cursor"] {
            Value::String(next) => cursor = Some(next.clone()),
            _ => return ids,
        }
    }
}
