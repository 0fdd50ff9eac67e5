//! A restart under load (zero downtime): a new process follows on the same sockets while the old one finishes what
//! it has in flight. Nothing is refused, nothing is cut, and the log has every request once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use relay_testkit::{FakeHost, Gate, Reply, Usage, errors};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use serde_json::Value;
use support::http::{chat, chat_body, get};
use support::{CONSUMER_KEY, PATIENCE, Server, fleet, run, stderr, stdout};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// A client that keeps its connection, as long as the server does.
struct KeptConnection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl KeptConnection {
    fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    async fn connected(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, String> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await.map_err(|error| format!("refused: {error}"))?;
            let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
            let (sender, connection) = handshake.map_err(|error| format!("handshake: {error}"))?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        Ok(self.sender.as_mut().unwrap())
    }

    /// The id of an answered request; whatever a client would see as a failure is an error.
    async fn ask(&mut self, conversation: &str) -> Result<String, String> {
        let body = chat_body(conversation, false).to_string();
        let request = Request::builder().method(Method::POST).uri("/v1/chat/completions").header("host", "relay");
        let request = request.header("authorization", format!("Bearer {CONSUMER_KEY}"));
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body))).unwrap();
        let sender = self.connected().await?;
        let answer = sender.send_request(request).await.map_err(|error| format!("no answer: {error}"))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("cut: {error}"))?.to_bytes();
        if head.status != 200 || serde_json::from_slice::<Value>(&body).is_err() {
            return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)));
        }
        if head.headers.get("connection").is_some_and(|value| value == "close") {
            self.sender = None;
        }
        Ok(head.headers["x-request-id"].to_str().unwrap().to_owned())
    }
}

/// What clients saw.
#[derive(Default)]
struct Seen {
    answered: Mutex<Vec<String>>,
    /// How many those are.
    count: watch::Sender<usize>,
    failures: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// Asks until told to stop; every `fresh`th request on a new connection.
async fn load(address: SocketAddr, client: usize, fresh: usize, seen: Arc<Seen>) {
    let mut connection = KeptConnection::new(address);
    for turn in 0_usize.. {
        if seen.stop.load(Ordering::SeqCst) {
            return;
        }
        if turn.is_multiple_of(fresh) {
            connection = KeptConnection::new(address);
        }
        match connection.ask(&format!("c-{client}-{}", turn % 5)).await {
            Ok(id) => {
                seen.answered.lock().unwrap().push(id);
                seen.count.send_modify(|count| *count += 1);
            }
            Err(failure) => {
                connection = KeptConnection::new(address);
                seen.failures.lock().unwrap().push(failure);
            }
        }
    }
}

impl Seen {
    /// Waits until so many more requests have been answered.
    async fn more(&self, count: usize) {
        let mut answered = self.count.subscribe();
        let wanted = *answered.borrow() + count;
        let answers = answered.wait_for(|count| *count >= wanted);
        tokio::time::timeout(PATIENCE, answers).await.expect("answers come").unwrap();
    }
}

fn restart(server: &Server) -> Value {
    let restarted = run(&server.directory, &["restart", "--data-dir", "data", "--json"]);
    assert_eq!(restarted.status.code(), Some(0), "{}{}", stdout(&restarted), stderr(&restarted));
    serde_json::from_slice(&restarted.stdout).unwrap()
}

/// Waits until the processes before the present one have ended and all their rows are in the log.
async fn others_have_ended(directory: &Path) {
    let log = directory.join("data/log");
    tokio::task::spawn_blocking(move || {
        let changes = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&changes, &log, inotify::WatchFlags::DELETE).unwrap();
        let is_beside = || {
            let mut names = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().file_name());
            names.any(|name| name.to_string_lossy().starts_with("aside-"))
        };
        let patience = Timespec::try_from(PATIENCE).unwrap();
        while is_beside() {
            let heard = poll(&mut [PollFd::new(&changes, PollFlags::IN)], Some(&patience)).unwrap();
            assert_eq!(heard, 1, "an old process ends");
            rustix::io::read(&changes, &mut [0; 4096]).unwrap();
        }
    })
    .await
    .unwrap();
}

/// Ends the process that serves by now, which is not a child of the test, and reads all of the log.
fn stop(mut server: Server) -> String {
    let listening: Value =
        serde_json::from_slice(&std::fs::read(server.directory.join("data/listening.json")).unwrap()).unwrap();
    let killed = std::process::Command::new("kill").arg("-TERM").arg(listening["pid"].to_string()).status();
    assert!(killed.unwrap().success());
    // Its end closes stderr, which it shares with the first process.
    server.process.wait().1
}

/// Verdicts by request id, once lists show every end: they lag by a second.
fn settled_decisions(server: &Server) -> BTreeMap<String, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let verdicts = decisions(server);
        if verdicts.values().all(|verdict| verdict != "open") {
            return verdicts;
        }
        assert!(Instant::now() < deadline, "requests stay open: {verdicts:?}");
    }
}

/// Verdicts by request id.
fn decisions(server: &Server) -> BTreeMap<String, String> {
    let mut verdicts = BTreeMap::new();
    let mut cursor = Value::Null;
    loop {
        let mut args = vec!["decisions", "--limit", "1000"];
        if let Some(cursor) = cursor.as_str() {
            args.extend(["--cursor", cursor]);
        }
        let page = server.json(&args);
        for item in page["items"].as_array().unwrap() {
            let id = item["request_id"].as_str().unwrap().to_owned();
            let before = verdicts.insert(id, item["verdict"].as_str().unwrap_or("none").to_owned());
            assert_eq!(before, None, "no request is in the log twice");
        }
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return verdicts;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_restarts_under_load_refuse_nothing_cut_nothing_and_lose_no_row() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Gate::new();
    let streaming = FakeHost::builder().name("tokyo").start().await;
    let whole = FakeHost::builder().name("osaka").start().await;
    // Streams wait in the middle at the gate; other requests are answered by the other host.
    let fleet = fleet(&[("osaka", &whole.base_url()), ("tokyo", &streaming.base_url())]).replace(
        "public_model = \"gpt-5\"\nshadow_host_id = \"tokyo\"",
        "public_model = \"held\"\nshadow_host_id = \"tokyo\"",
    );
    std::fs::write(directory.path().join("fleet.toml"), fleet).unwrap();
    streaming.default_reply(Reply::chat("one two three").hold_after(2, &gate));
    let mut server = Server::start_with(directory.path(), |command| command.args(["--fleet", "fleet.toml"]));
    let begin = |name: String| async move {
        let body = chat_body(&name, true).to_string().replace("gpt-5", "held");
        let key = format!("Bearer {CONSUMER_KEY}");
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        let sent = support::http::try_send(server.gateway, Method::POST, "/v1/chat/completions", &headers, &body).await;
        let mut stream = sent.expect("the gateway answers");
        stream.wait_for("one").await;
        stream
    };

    let seen = Arc::new(Seen::default());
    let clients: Vec<_> = (0..12)
        .map(|client| tokio::spawn(load(server.gateway, client, [1, 7, 1000][client % 3], Arc::clone(&seen))))
        .collect();
    let mut streams = Vec::new();
    let mut processes = vec![Value::from(server.process.id())];
    for round in 0..2 {
        for stream in 0..4 {
            streams.push(begin(format!("s-{round}-{stream}")).await);
        }
        seen.more(50).await;
        let restarted = restart(&server);
        assert_eq!(restarted["was"], *processes.last().unwrap());
        processes.push(restarted["pid"].clone());
        seen.more(50).await;
    }
    assert!(server.process.is_running(), "the first process has streams in flight: {:?}", server.process.wait());
    let verified = run(directory.path(), &["verify-log", "--data-dir", "data", "--json"]);
    assert_eq!(verified.status.code(), Some(0), "with three processes: {}", stdout(&verified));

    gate.open();
    let mut ids = Vec::new();
    for stream in streams {
        ids.push(stream.request_id());
        let text = stream.text().await;
        let is_whole = text.contains("three") && text.trim_end().ends_with("data: [DONE]");
        assert!(is_whole, "a stream was cut: {text}\n{}", stop(server));
    }
    seen.stop.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.unwrap();
    }
    let failures = std::mem::take(&mut *seen.failures.lock().unwrap());
    ids.append(&mut seen.answered.lock().unwrap());
    assert!(
        failures.is_empty(),
        "{} of {} requests failed: {:?}",
        failures.len(),
        ids.len(),
        &failures[..3.min(failures.len())]
    );
    others_have_ended(directory.path()).await;

    let verdicts = settled_decisions(&server);
    for id in &ids {
        assert_eq!(verdicts.get(id).map(String::as_str), Some("complete"), "{id}");
    }
    assert_eq!(verdicts.len(), ids.len(), "there is a row for each answer, and no other");
    let log = stop(server);
    let verified = run(directory.path(), &["verify-log", "--data-dir", "data", "--json"]);
    let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(0), "{report}\n{log}");
    assert_eq!(
        (&report["rows"], &report["interrupted_count"], &report["beside"]),
        (&ids.len().into(), &0.into(), &0.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_and_bindings_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    let mut connection = KeptConnection::new(server.gateway);
    connection.ask("c-1").await.unwrap();
    restart(&server);
    // The old process answers once more on a connection that was open.
    connection.ask("c-1").await.unwrap();
    assert!(connection.sender.is_none(), "and says that it closes it");
    // Bindings in memory came along.
    assert_eq!(chat(server.gateway, "c-1", false).await.header("x-relay-sticky"), "hit");
    assert!(!directory.path().join("data/bindings-handover.db").exists());
    others_have_ended(directory.path()).await;
    assert_eq!(get(server.admin, "/readyz").await.status, 200);
    stop(server);
}

/// A host that fails, another on which the key's money is used up, and a consumer that has used its rate.
#[tokio::test(flavor = "multi_thread")]
async fn breakers_cool_downs_and_rates_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let failing = FakeHost::builder().name("tokyo").default_reply(Reply::error(errors::UPSTREAM_FAILED)).start().await;
    let poor =
        FakeHost::builder().name("osaka").default_reply(Reply::error(errors::INSUFFICIENT_BALANCE)).start().await;
    // Longer than the test takes on any machine.
    let server = Server::start_with(directory.path(), |command| command.env("RELAY_MANAGER_BREAKER_FIRST_OPEN", "2m"));
    let fleet = fleet(&[("tokyo", &failing.base_url()), ("osaka", &poor.base_url())]);
    let limited = fleet.replace("key_id = \"team-a\"", "key_id = \"team-a\"\nlimits = { rpm = 6 }");
    assert!(server.apply(&limited).status.success());
    for request in 0..6 {
        let answer = chat(server.gateway, &format!("c-{request}"), false).await;
        assert!(answer.status.is_server_error(), "{}", answer.status);
    }
    assert_eq!(chat(server.gateway, "c-7", false).await.status, 429);
    let troubled = |server: &Server| {
        let health = server.json(&["health"]);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let route = |route: &Value| {
            let cooling = route["credentials"].as_array().unwrap().iter().map(|key| word(&key["quota"]));
            [word(&route["route_id"]), word(&route["state"]), word(&route["class"]), cooling.collect()].join(" ")
        };
        health["routes"].as_array().unwrap().iter().map(route).collect::<Vec<_>>()
    };
    let known = ["gpt-osaka closed  balance", "gpt-tokyo open gateway_5xx "];
    assert_eq!(troubled(&server), known);
    restart(&server);
    assert_eq!(troubled(&server), known);
    assert_eq!(chat(server.gateway, "c-8", false).await.status, 429, "the minute is not over");
    for file in ["health-handover.json", "limits-handover.json"] {
        assert!(!directory.path().join("data").join(file).exists(), "{file} was taken");
    }
    others_have_ended(directory.path()).await;
    stop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_old_process_still_spends_counts_in_the_budgets_of_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let gate = Gate::new();
    let usage = Usage { input: 20, cached: 0, output: 10, reasoning: 0 };
    let host = FakeHost::builder().name("tokyo").start().await;
    host.default_reply(Reply::chat("one two three").usage(usage).hold_after(2, &gate));
    let server = Server::start(directory.path());
    let limited = fleet(&[("tokyo", &host.base_url())])
        .replace("key_id = \"team-a\"", "key_id = \"team-a\"\nbudgets = [{ tokens = 30, period = \"month\" }]");
    assert!(server.apply(&limited).status.success());
    let mut stream = chat(server.gateway, "c-1", true).await;
    stream.wait_for("one").await;
    restart(&server);
    gate.open();
    assert!(stream.text().await.contains("three"));
    others_have_ended(directory.path()).await;
    assert_eq!(chat(server.gateway, "c-2", false).await.status, 429, "the budget is spent");
    stop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_status_page_outlives_a_restart_on_its_own_socket() {
    let directory = tempfile::tempdir().unwrap();
    let (server, page) = Server::start_with_status_page(directory.path(), "127.0.0.1:0");
    assert_eq!(get(page, "/status").await.status, 200);
    restart(&server);
    others_have_ended(directory.path()).await;
    assert_eq!(get(page, "/status").await.status, 200, "the port was any: only the same socket is there");
    stop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_process_that_cannot_start_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    std::fs::write(directory.path().join("relay-manager.toml"), "[gateway]\nmax_body = \"much\"\n").unwrap();
    // The command itself reads no configuration there.
    let elsewhere = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let failed = run(elsewhere.path(), &["restart", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1), "{}", stdout(&failed));
    assert!(stderr(&failed).contains("goes on serving"), "{}", stderr(&failed));
    assert_eq!(chat(server.gateway, "c-1", false).await.status, 200);
    // Once it is mended the same process can be followed.
    std::fs::remove_file(directory.path().join("relay-manager.toml")).unwrap();
    restart(&server);
    assert_eq!(chat(server.gateway, "c-1", false).await.header("x-relay-sticky"), "hit");
    stop(server);
}

#[test]
fn a_restart_of_no_server_says_how_to_start_one() {
    let directory = tempfile::tempdir().unwrap();
    let failed = run(directory.path(), &["restart", "--data-dir", "data"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(stderr(&failed).contains("relay-manager serve"), "{}", stderr(&failed));
}
