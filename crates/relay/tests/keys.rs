//! Keys and budgets on the real binary: what only a running server, its
//! commands and a kill can show.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use relay_testkit::{FakeHost, Reply, Usage};
use support::http::{chat_body, try_send};
use support::{Server, fleet, stderr, stdout};

/// Tokens that each answer of the host tells.
const TOKENS: u64 = 30;

async fn host() -> FakeHost {
    let usage = Usage { input: 20, cached: 5, output: 10, reasoning: 0 };
    FakeHost::builder().name("tokyo").default_reply(Reply::chat("hello").usage(usage)).start().await
}

async fn status(server: &Server, secret: &str) -> StatusCode {
    ask(server, secret, false).await
}

/// Asks, and reads the answer to its end.
async fn ask(server: &Server, secret: &str, stream: bool) -> StatusCode {
    let key = format!("Bearer {secret}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let body = chat_body("c", stream).to_string();
    let answer = try_send(server.gateway, Method::POST, "/v1/chat/completions", &headers, &body).await.unwrap();
    let status = answer.status;
    let text = answer.text().await;
    assert!(!stream || text.ends_with("data: [DONE]\n\n"), "{text}");
    status
}

#[tokio::test]
async fn a_disabled_key_stops_within_a_second_on_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let host = host().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    let made = server.json(&["key", "create", "team-b", "--group", "gpt", "--limit", "rpm=100"]);
    let secret = made["key"].as_str().unwrap().to_owned();
    assert_eq!(status(&server, &secret).await, StatusCode::OK);

    assert!(server.cli(&["key", "disable", "team-b"]).status.success());
    let disabled = Instant::now();
    assert_eq!(status(&server, &secret).await, StatusCode::UNAUTHORIZED);
    assert!(disabled.elapsed() < Duration::from_secs(1), "{:?}", disabled.elapsed());

    assert!(server.cli(&["key", "enable", "team-b"]).status.success());
    assert_eq!(status(&server, &secret).await, StatusCode::OK);
    let rotated = server.json(&["key", "rotate", "team-b"]);
    for secret in [&secret, rotated["key"].as_str().unwrap()] {
        assert_eq!(status(&server, secret).await, StatusCode::OK);
    }
    let updated = server.json(&["key", "update", "team-b", "--no-limits", "--label", "Team B"]);
    assert_eq!((&updated["limits"], &updated["label"]), (&serde_json::json!({}), &"Team B".into()));
    assert!(server.cli(&["key", "delete", "team-b"]).status.success());
    assert_eq!(status(&server, &secret).await, StatusCode::UNAUTHORIZED);
    // A delete that was done by somebody else says what to look at.
    let gone = server.cli(&["key", "show", "team-b"]);
    assert_eq!(gone.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_a_budget_differs_by_no_answered_request() {
    const BUDGET: u64 = 40;
    const ROUNDS: u64 = 4;
    let directory = tempfile::tempdir().unwrap();
    let host = host().await;
    let mut answered = 0;
    let mut secret = String::new();
    for round in 0..ROUNDS {
        let mut server = Server::start(directory.path());
        if round == 0 {
            assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
            let budget = format!("tokens={}/month", BUDGET * TOKENS);
            let made = server.json(&["key", "create", "spender", "--group", "gpt", "--budget", &budget]);
            made["key"].as_str().unwrap().clone_into(&mut secret);
        }
        // Beside each other, whole and streamed, and no pause between the last answer and the kill.
        let client = async || {
            assert_eq!(ask(&server, &secret, false).await, StatusCode::OK);
            assert_eq!(ask(&server, &secret, true).await, StatusCode::OK);
        };
        tokio::join!(client(), client(), client(), client());
        answered += 8;
        server.process.signal("KILL");
        server.process.wait();
    }
    let server = Server::start(directory.path());
    let usage = server.json(&["usage", "--by", "consumer", "--consumer", "spender"]);
    let told = &usage["items"][0];
    assert_eq!(told["input_tokens"].as_u64().unwrap() + told["output_tokens"].as_u64().unwrap(), answered * TOKENS);
    // What is left of the budget is exactly what was not answered.
    let mut left = 0;
    while status(&server, &secret).await == StatusCode::OK {
        left += 1;
    }
    assert_eq!(answered + left, BUDGET);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_told_of_when_requests_have_nearly_and_when_they_have_wholly_used_it() {
    let directory = tempfile::tempdir().unwrap();
    let (host, hook) = (host().await, FakeHost::start().await);
    hook.default_reply(Reply::empty(204));
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &host.base_url())])).status.success());
    let url = format!("url={}/hook", hook.base_url());
    let channel =
        ["type=webhook", &url, "secret=s", "allow_private=true", "events=budget_reached", "min_severity=info"];
    let added = server.cli(&[&["notify", "channel", "add", "ops"][..], &channel].concat());
    assert!(added.status.success(), "{}", stderr(&added));
    let made = server.json(&["key", "create", "team-b", "--group", "gpt", "--budget", "tokens=100/day"]);
    let secret = made["key"].as_str().unwrap();
    for (requests, severity, used) in [(3, "info", "90 tokens"), (1, "warning", "120 tokens")] {
        for _ in 0..requests {
            assert_eq!(status(&server, secret).await, StatusCode::OK);
        }
        let told = hook.next_request().await.json();
        assert_eq!(told["subject"], "key team-b, 100 tokens a day", "{told}");
        assert_eq!((&told["kind"], &told["severity"]), (&"budget_reached".into(), &severity.into()), "{told}");
        assert_eq!(told["facts"]["used"], used, "{told}");
    }
    assert_eq!(status(&server, secret).await, StatusCode::TOO_MANY_REQUESTS, "what was told is so");
}

#[tokio::test]
async fn usage_is_shown_as_table_csv_and_json() {
    let directory = tempfile::tempdir().unwrap();
    let host = host().await;
    let own = "[[price]]\nmodel = \"gpt-5\"\ninput = \"1000000\"\ncached_input = \"800000\"\noutput = \"2000000\"\n";
    std::fs::write(directory.path().join("prices.toml"), own).unwrap();
    let server = Server::start_with(directory.path(), |command| command.env("RELAY_MANAGER_PRICES", "prices.toml"));
    let fleet = fleet(&[("tokyo", &host.base_url())])
        .replace("credential = \"host_key\"", "cost = { multiplier = \"0.5\", recharge_ratio = \"0.1\" }");
    assert!(server.apply(&fleet).status.success());
    assert_eq!(status(&server, support::CONSUMER_KEY).await, StatusCode::OK);

    let usage = server.json(&["usage", "--by", "host,model"]);
    let line = &usage["items"][0];
    assert_eq!((&line["host_id"], &line["public_model"]), (&"tokyo".into(), &"gpt-5".into()));
    // 15 in at 1, 5 from the cache at 0.8 and 10 out at 2 each; the host takes a twentieth.
    assert_eq!(line["price_nanos"], 39_000_000_000_i64);
    assert_eq!(line["cost_nanos"], 1_950_000_000_i64);
    assert_eq!(line["margin_nanos"], 37_050_000_000_i64);
    let group = &server.json(&["usage", "--by", "group"])["items"][0];
    assert_eq!((&group["logical_group_id"], &group["cache_hit_permille"]), (&"gpt".into(), &250.into()));
    assert_eq!(group["cache_saved_nanos"], 50_000_000_i64, "five times 0.2, at a twentieth");
    let table = stdout(&server.cli(&["usage"]));
    assert!(table.contains("team-a") && table.contains("25.0 %"), "{table}");
    let csv = stdout(&server.cli(&["usage", "--by", "consumer", "--format", "csv"]));
    assert!(csv.starts_with("consumer,requests,") && csv.contains("team-a,1,1,0,1,20,5,0,10,0,1,39000000000"), "{csv}");
    assert!(csv.ends_with(",250\r\n") || csv.ends_with(",250\n"), "{csv}");
    let refused = server.cli(&["usage", "--from", "2026-10-02T00:00:00Z", "--to", "2026-10-01T00:00:00Z"]);
    assert!(
        !refused.status.success() && stderr(&refused).contains("from must be an hour before to"),
        "{}",
        stderr(&refused)
    );
    let prices = server.json(&["prices", "gpt-5"]);
    assert_eq!((&prices["items"][0]["table"], &prices["items"][0]["input"]), (&"own".into(), &"1000000".into()));
}
