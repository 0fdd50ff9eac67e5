//! `/metrics` of the real binary: what it says after traffic, that it stays small however
//! large the fleet, and that everything in `deploy/` asks for what is there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use relay_testkit::{FakeHost, Reply, errors};
use support::PATIENCE;
use support::http::{chat, get};
use support::{CONSUMER_KEY, Server, fleet, stderr};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn scraped(server: &Server) -> String {
    let answer = get(server.admin, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await
}

/// The value of one series.
#[track_caller]
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{series} is not in {text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_counted_as_the_decision_log_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, osaka) =
        (FakeHost::builder().name("tokyo").start().await, FakeHost::builder().name("osaka").start().await);
    let server = Server::start(directory.path());
    let applied = server.apply(&fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())]));
    assert!(applied.status.success(), "{}", stderr(&applied));
    chat(server.gateway, "c-1", true).await.text().await;
    chat(server.gateway, "c-1", false).await.text().await;
    tokyo.script(Reply::error(errors::UPSTREAM_UNAVAILABLE));
    chat(server.gateway, "c-1", false).await.text().await;
    assert_eq!(get(server.gateway, "/v1/models").await.status, 401);

    // The last bytes of an answer are out a moment before it is settled.
    let settled = async {
        loop {
            let text = scraped(&server).await;
            if text.contains("relay_overhead_seconds_count 3") && text.contains("relay_requests_in_flight 0") {
                return text;
            }
        }
    };
    let text = tokio::time::timeout(PATIENCE, settled).await.expect("three requests are counted");
    let expected = [
        (r#"relay_requests_total{surface="chat_completions",verdict="complete",class="none"}"#, 3.0),
        (r#"relay_attempts_total{host="tokyo",end="answered",class="none"}"#, 2.0),
        (r#"relay_attempts_total{host="tokyo",end="refused",class="gateway_5xx"}"#, 1.0),
        (r#"relay_attempts_total{host="osaka",end="answered",class="none"}"#, 1.0),
        (r#"relay_sticky_total{action="bind"}"#, 1.0),
        (r#"relay_sticky_total{action="hit"}"#, 1.0),
        (r#"relay_sticky_total{action="rebind"}"#, 1.0),
        (r#"relay_request_duration_seconds_count{surface="chat_completions"}"#, 3.0),
        (r#"relay_time_to_first_output_seconds_count{surface="chat_completions"}"#, 3.0),
        ("relay_overhead_seconds_count", 3.0),
        (r#"relay_attempt_duration_seconds_count{host="tokyo"}"#, 3.0),
        (r#"relay_refusals_total{code="invalid_api_key"}"#, 1.0),
        ("relay_requests_in_flight", 0.0),
        ("relay_bindings", 1.0),
        (r#"relay_host_up{host="tokyo"}"#, 1.0),
        (r#"relay_host_breaker{host="tokyo",state="closed"}"#, 1.0),
        (r#"relay_route_breakers{host="osaka",state="closed"}"#, 1.0),
        ("relay_generation", 1.0),
        (r#"relay_fleet{noun="routes"}"#, 2.0),
        (r#"relay_keys{state="valid"}"#, 1.0),
        ("relay_log_queue", 0.0),
        ("relay_log_rows_lost_total", 0.0),
        ("relay_log_rows_written_total", value(&text, "relay_log_rows_accepted_total")),
        ("relay_store_up", 1.0),
    ];
    for (series, expected) in expected {
        assert!((value(&text, series) - expected).abs() < f64::EPSILON, "{series} is not {expected} in {text}");
    }
    for positive in [
        r#"relay_tokens_total{group="gpt",kind="input"}"#,
        r#"relay_tokens_total{group="gpt",kind="output"}"#,
        r#"relay_price_total{group="gpt"}"#,
        r#"relay_cost_total{host="tokyo"}"#,
        "relay_request_body_bytes_total",
        "process_resident_memory_bytes",
    ] {
        assert!(value(&text, positive) > 0.0, "{positive} in {text}");
    }
    assert!(text.contains("relay_build_info{version="), "{text}");
    assert!(!text.contains(CONSUMER_KEY) && !text.contains("team-a"), "a consumer is named in {text}");
    accepted_by_promtool(&text);
}

/// Prometheus' own reader, and its lint. `scripts/test` sees to it that it is there.
fn accepted_by_promtool(text: &str) {
    let Ok(mut promtool) = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    else {
        assert!(std::env::var_os("CI").is_none(), "promtool is to be there");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}", support::stdout(&output), stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_of_ten_thousand_keys_and_routes_adds_no_series_of_its_own() {
    const HOSTS: usize = 300;
    const MANY: usize = 10_000;
    let directory = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for host in 0..HOSTS {
        write!(text, "[[host]]\nhost_id = \"h{host}\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9/h{host}\"\nallow_private = true\n").unwrap();
        write!(text, "gateway_key = \"sk-{host}\"\n[[group]]\nlogical_group_id = \"g{host}\"\n").unwrap();
    }
    for number in 0..MANY {
        let host = number % HOSTS;
        write!(
            text,
            "[[route]]\nroute_id = \"r{number}\"\nlogical_group_id = \"g{host}\"\npublic_model = \"m{number}\"\n\
             shadow_host_id = \"h{host}\"\nweight = 1\ncredential = \"host_key\"\n\
             [[key]]\nkey_id = \"k{number}\"\nsecret = \"sk-relay-many-{number:032}\"\nlogical_groups = [\"g{host}\"]\n"
        )
        .unwrap();
    }
    std::fs::write(directory.path().join("fleet.toml"), text).unwrap();
    let server = Server::start_with(directory.path(), |command| command.args(["--fleet", "fleet.toml"]));
    let text = scraped(&server).await;
    assert!((value(&text, r#"relay_fleet{noun="keys"}"#) - MANY as f64).abs() < f64::EPSILON);
    assert!((value(&text, r#"relay_fleet{noun="routes"}"#) - MANY as f64).abs() < f64::EPSILON);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    // 201 hosts with a histogram, breakers and cost; 201 groups with tokens and price; and a constant part.
    assert!(series < 201 * 40, "{series} series");
    for named in ["\"m1\"", "\"r1\"", "\"k1\"", "h299", "g299"] {
        assert!(!text.contains(named), "{named} is in {text}");
    }
    assert!(text.contains("host=\"(others)\"") && text.contains("group=\"(others)\""));
}

/// Names of metrics in a text of any form.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| ["relay_", "process_"].iter().any(|prefix| word.starts_with(prefix)));
    let family = |word: &str| {
        let suffix = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
        suffix.unwrap_or(word).to_owned()
    };
    metrics.map(family).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_rules_and_documents_ask_for_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let text = scraped(&server).await;
    let families: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned)).collect();
    for asking in [
        "deploy/grafana/relay-manager.json",
        "deploy/prometheus/alerts.yml",
        "deploy/prometheus/alerts.test.yml",
        "docs/metrics.md",
        "docs/alerts.md",
    ] {
        let asked = metrics_in(&std::fs::read_to_string(repository().join(asking)).unwrap());
        let missing: Vec<_> = asked.difference(&families).collect();
        assert!(missing.is_empty(), "{asking} asks for {missing:?}");
        if asking.contains("grafana") {
            let unseen: Vec<_> = families.difference(&asked).filter(|name| name.starts_with("relay_")).collect();
            assert!(unseen.is_empty(), "the dashboard does not show {unseen:?}");
        }
    }
}

#[test]
fn every_alert_has_its_runbook_and_its_test() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let (rules, tests, runbook) =
        (read("deploy/prometheus/alerts.yml"), read("deploy/prometheus/alerts.test.yml"), read("docs/alerts.md"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    let sections: Vec<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(sections, alerts, "in the order of the rules");
    for alert in alerts {
        let link = format!("runbook: docs/alerts.md#{}", alert.to_lowercase());
        assert!(rules.contains(&link), "{alert} does not link its runbook");
        assert!(tests.contains(&format!("name: {alert}\n")), "{alert} is not tested");
        assert!(tests.contains(&format!("name: {alert} stays silent\n")), "{alert} is not tested on calm series");
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_imports() {
    let text = std::fs::read_to_string(repository().join("deploy/grafana/relay-manager.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(panel["title"].is_string() && panel["gridPos"]["w"].as_u64().unwrap() <= 24, "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{panel}");
        }
    }
    assert!(panels.iter().filter(|panel| panel["type"] != "row").count() > 30);
}
