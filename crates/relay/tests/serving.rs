//! The life of a server: first start, listening, a fleet before listening, and
//! both ways to end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use relay_testkit::{FakeHost, Gate, Reply};
use support::http::{admin_get, chat, get};
use support::{CONSUMER_KEY, Process, Server, TOKEN, command, fleet, run, stderr, stdout, with_status_page};

#[test]
fn the_first_start_shows_a_token_once_and_it_works() {
    let directory = tempfile::tempdir().unwrap();
    let start = || Server::start_with(directory.path(), |command| command.env_remove("RELAY_MANAGER_ADMIN_TOKEN"));
    let mut first = start();
    let line = first.process.wait_for_line("admin token");
    let token = line.split_whitespace().last().unwrap().to_owned();
    assert!(token.starts_with("rma-"), "{line}");
    let listed = first.cli_with(&["host", "list"], |command| command.env("RELAY_MANAGER_ADMIN_TOKEN", &token));
    assert!(listed.status.success(), "{}", stderr(&listed));
    let refused = first.cli(&["host", "list"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("RELAY_MANAGER_ADMIN_TOKEN"), "{}", stderr(&refused));
    let (status, log) = first.stop();
    assert!(status.success());
    assert!(!log.contains(&token), "the token is in the log");

    let mut second = start();
    assert!(!second.process.stdout().contains("admin token"));
    let listed = second.cli_with(&["host", "list"], |command| command.env("RELAY_MANAGER_ADMIN_TOKEN", &token));
    assert!(listed.status.success());
}

#[test]
fn a_given_token_is_registered_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path());
    assert!(server.cli(&["host", "list"]).status.success());
    assert!(!server.process.stdout().contains("admin token"));
    let (status, log) = server.stop();
    assert!(status.success());
    assert!(!log.contains(TOKEN));
    // A later start with another value adds that one.
    let other = Server::start_with(directory.path(), |command| {
        command.env("RELAY_MANAGER_ADMIN_TOKEN", "rma-another-0123456789abcdef0123456789abcdef")
    });
    assert!(other.cli(&["host", "list"]).status.success(), "the first one still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_listens_and_that_it_is_well() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let listening = std::fs::read_to_string(directory.path().join("data/listening.json")).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&listening).unwrap();
    assert_eq!(listening["gateway"], server.gateway.to_string());
    assert_eq!(listening["admin"], server.admin.to_string());
    assert_eq!(listening["pid"], server.process.id());
    assert_eq!(get(server.gateway, "/healthz").await.status, 200);
    assert_eq!(get(server.admin, "/healthz").await.status, 200);
    assert_eq!(get(server.admin, "/readyz").await.status, 200);
    assert_eq!(get(server.admin, "/api/v1/hosts").await.status, 401);
    assert!(server.stop().0.success());
    assert!(!directory.path().join("data/listening.json").exists());
}

#[test]
fn a_data_directory_serves_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::start(directory.path());
    let args = ["serve", "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let second = run(directory.path(), &args);
    assert_eq!(second.status.code(), Some(1));
    let told = stderr(&second);
    assert!(told.contains(&format!("in use by another relay-manager (process {})", first.process.id())), "{told}");
}

#[test]
fn an_address_in_use_is_told_with_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let output = run(directory.path(), &["serve", "--gateway-listen", &taken, "--admin-listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--gateway-listen"), "{}", stderr(&output));
    drop(holder);
}

#[test]
fn the_address_of_another_installations_status_page_is_in_use_too() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (server, address) = Server::start_with_status_page(first.path(), "127.0.0.1:0");
    let mut command = command(second.path());
    command.args(["serve", "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    with_status_page(&mut command, &address.to_string());
    let refused = Process::spawn(command).wait();
    assert_eq!(refused.0.code(), Some(1));
    assert!(refused.1.contains("status_page.listen"), "{}", refused.1);
    assert!(server.stop().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_file_is_applied_before_it_listens() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    std::fs::write(directory.path().join("fleet.toml"), fleet(&[("tokyo", &host.base_url())])).unwrap();
    let server = Server::start_with(directory.path(), |command| command.args(["--fleet", "fleet.toml"]));
    let answer = chat(server.gateway, "c-1", false).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().await["model"], "gpt-5");
    assert!(server.stop().0.success());

    // The same file again publishes nothing.
    let server = Server::start_with(directory.path(), |command| command.args(["--fleet", "fleet.toml"]));
    let generations = server.json(&["generations", "list"]);
    assert_eq!(generations["items"].as_array().unwrap().len(), 1, "{generations}");
}

#[test]
fn a_fleet_file_with_faults_tells_them_all_and_nothing_listens() {
    let directory = tempfile::tempdir().unwrap();
    let faulty = fleet(&[("tokyo", "http://127.0.0.1:9")])
        .replace("weight = 100", "weight = -1")
        .replace("logical_groups = [\"gpt\"]", "logical_groups = [\"gtp\"]")
        .replace("gateway_key = \"sk-host-tokyo\"", "gateway_key = { env = \"NOT_SET_ANYWHERE\" }");
    std::fs::write(directory.path().join("fleet.toml"), faulty).unwrap();
    let args = ["serve", "--fleet", "fleet.toml", "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let output = run(directory.path(), &args);
    assert_eq!(output.status.code(), Some(1));
    let told = stderr(&output);
    for part in ["fleet.toml", "weight", "gtp", "NOT_SET_ANYWHERE"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!stdout(&output).contains("listens on"));
}

/// A server in front of one host whose answers wait at a gate after the first word.
async fn with_a_stream_in_flight(directory: &std::path::Path) -> (Server, FakeHost, Gate, support::http::Answer) {
    let gate = Gate::new();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start(directory);
    let applied = server.apply(&fleet(&[("tokyo", &host.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    host.script(Reply::chat("one two three").hold_after(2, &gate));
    let mut answer = chat(server.gateway, "c-1", true).await;
    answer.wait_for("one").await;
    (server, host, gate, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_finishes_a_stream_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let (mut server, _host, gate, answer) = with_a_stream_in_flight(directory.path()).await;
    let request_id = answer.request_id();
    server.process.signal("TERM");
    // Not ready at once, and still there for those who have not noticed.
    loop {
        if get(server.admin, "/readyz").await.status == 503 {
            break;
        }
    }
    assert_eq!(get(server.gateway, "/healthz").await.status, 200);
    gate.open();
    let text = answer.text().await;
    assert!(text.contains("three") && text.trim_end().ends_with("data: [DONE]"), "{text}");
    let (status, log) = server.process.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    // The outcome is on disk.
    let verified = run(directory.path(), &["verify-log", "--data-dir", "data", "--json"]);
    assert_eq!(verified.status.code(), Some(0), "{}{}", stdout(&verified), stderr(&verified));
    let server = Server::start(directory.path());
    let decision = server.json(&["explain", &request_id]);
    assert!(decision.to_string().contains("\"complete\""), "{decision}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_outlives_the_grace_is_told_and_ended() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("relay-manager.toml"), "[timeouts]\nshutdown_grace = \"1ms\"\n").unwrap();
    let (mut server, _host, _gate, answer) = with_a_stream_in_flight(directory.path()).await;
    server.process.signal("TERM");
    let text = answer.text().await;
    assert!(text.contains("server_shutdown") && !text.contains("[DONE]"), "{text}");
    assert_eq!(server.process.wait().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_now() {
    let directory = tempfile::tempdir().unwrap();
    let (mut server, _host, _gate, answer) = with_a_stream_in_flight(directory.path()).await;
    server.process.signal("TERM");
    while get(server.admin, "/readyz").await.status != 503 {}
    server.process.signal("INT");
    let (status, log) = server.process.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!answer.text().await.contains("[DONE]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_a_fleet_neither_drops_nor_reroutes_a_stream_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let (server, tokyo, gate, answer) = with_a_stream_in_flight(directory.path()).await;
    let osaka = FakeHost::builder().name("osaka").start().await;
    // Tokyo leaves the fleet altogether.
    let applied = server.apply(&fleet(&[("osaka", &osaka.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    let elsewhere = chat(server.gateway, "c-2", false).await;
    assert_eq!(elsewhere.header("x-relay-host"), "osaka");
    gate.open();
    let request_id = answer.request_id();
    assert_eq!(answer.header("x-relay-host"), "tokyo");
    let text = answer.text().await;
    assert!(text.contains("three") && text.contains("[DONE]"), "{text}");
    assert_eq!(tokyo.received_on("/v1/chat/completions").len(), 1);
    let decision = server.json(&["explain", &request_id]);
    assert!(decision.to_string().contains("gpt-tokyo"), "{decision}");
    // The conversation goes on where there is a route now.
    assert_eq!(chat(server.gateway, "c-1", false).await.header("x-relay-host"), "osaka");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_one_route_is_for_the_next_request_and_not_for_the_one_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let (server, tokyo, gate, answer) = with_a_stream_in_flight(directory.path()).await;
    let generation = |id: &str| server.json(&["explain", id])["generation"]["generation"].clone();
    let set = server.cli(&["route", "set", "gpt-tokyo", "shadow_model=gpt-5-next"]);
    assert!(
        set.status.success() && stdout(&set).contains("generation 2 is in force"),
        "{}{}",
        stdout(&set),
        stderr(&set)
    );
    // The very next request, with nothing waited for in between, even of the same conversation.
    let next = chat(server.gateway, "c-1", false).await;
    let next_id = next.request_id();
    assert_eq!(next.status, 200);
    next.text().await;
    assert_eq!(generation(&next_id), 2);
    gate.open();
    let request_id = answer.request_id();
    let text = answer.text().await;
    assert!(text.contains("three") && text.contains("[DONE]"), "{text}");
    assert_eq!(generation(&request_id), 1, "what is in flight does not change its mind");
    let asked: Vec<_> =
        tokyo.received_on("/v1/chat/completions").iter().map(|request| request.json()["model"].clone()).collect();
    assert_eq!(asked, ["gpt-5-tokyo", "gpt-5-next"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_the_log_or_the_database() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let server = Server::start_with(directory.path(), |command| command.env("RELAY_MANAGER_LOG", "trace,hyper=info"));
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    chat(server.gateway, "c-1", true).await.text().await;
    assert_eq!(admin_get(server.admin, "/api/v1/hosts").await.status, 200);
    let (_, log) = server.stop();
    let mut haystacks = vec![("the log".to_owned(), log.into_bytes())];
    collect(&directory.path().join("data"), &mut haystacks);
    for (place, bytes) in haystacks {
        for secret in [TOKEN, CONSUMER_KEY, "sk-host-tokyo"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in {place}");
        }
    }
}

fn collect(directory: &std::path::Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_sqlite_bindings_a_conversation_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let host = FakeHost::builder().name("tokyo").start().await;
    let start = || Server::start_with(directory.path(), |command| command.env("RELAY_MANAGER_BINDINGS", "sqlite"));
    let server = start();
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    chat(server.gateway, "c-1", false).await.text().await;
    assert!(server.stop().0.success());
    let server = start();
    let answer = chat(server.gateway, "c-1", false).await;
    assert_eq!(answer.header("x-relay-sticky"), "hit");
}

#[cfg(unix)]
#[test]
fn every_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    // The directory was there before, open to all.
    std::fs::create_dir(directory.path().join("data")).unwrap();
    std::fs::set_permissions(directory.path().join("data"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::start(directory.path());
    let mut files = Vec::new();
    collect(&directory.path().join("data"), &mut files);
    for (path, _) in files {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path} has mode {mode:o}");
    }
    drop(server);
}

#[test]
fn the_log_is_json_when_nobody_watches() {
    let directory = tempfile::tempdir().unwrap();
    let (_, log) = Server::start(directory.path()).stop();
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    assert!(!log.is_empty());
}

#[test]
fn a_fleet_file_may_also_be_named_in_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("fleet.toml"), fleet(&[("tokyo", "http://127.0.0.1:9")])).unwrap();
    let mut start = command(directory.path());
    start.args(["serve", "--gateway-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    start.env("RELAY_MANAGER_FLEET", "fleet.toml").env("RELAY_MANAGER_ADMIN_TOKEN", TOKEN);
    let server = Server::of(Process::spawn(start), directory.path());
    assert_eq!(server.json(&["host", "list"])["items"][0]["host_id"], "tokyo");
}
