//! The commands against a running server: what they print, and how they exit.

mod support;

use relay_testkit::{FakeHost, Reply, errors};
use support::http::chat;
use support::{Process, Server, fleet, stderr, stdout};

async fn two_hosts() -> (FakeHost, FakeHost) {
    (FakeHost::builder().name("tokyo").start().await, FakeHost::builder().name("osaka").start().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_says_what_apply_would_do_and_exits_with_3() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    let path = directory.path().join("fleet.toml");
    std::fs::write(&path, fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())])).unwrap();
    let plan = server.cli(&["plan", "-f", "fleet.toml"]);
    assert_eq!(plan.status.code(), Some(3), "{}", stderr(&plan));
    assert!(stdout(&plan).contains("tokyo"), "{}", stdout(&plan));
    assert_eq!(server.json(&["host", "list"])["items"].as_array().unwrap().len(), 0, "plan changes nothing");

    let apply = server.cli(&["apply", "-f", "fleet.toml"]);
    assert_eq!(apply.status.code(), Some(0), "{}", stderr(&apply));
    assert!(stdout(&apply).contains("generation 1"), "{}", stdout(&apply));
    assert_eq!(server.cli(&["plan", "-f", "fleet.toml"]).status.code(), Some(0), "nothing is pending");

    std::fs::write(&path, fleet(&[("tokyo", &tokyo.base_url())])).unwrap();
    let plan = server.cli(&["plan", "-f", "fleet.toml"]);
    assert_eq!(plan.status.code(), Some(3));
    assert!(stdout(&plan).contains("osaka"), "{}", stdout(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_fleet_file_is_refused_whole_with_all_its_faults() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let faulty = fleet(&[("tokyo", "ftp://tokyo")])
        .replace("weight = 100", "weight = -1\ncolour = \"blue\"")
        .replace("shadow_host_id = \"tokyo\"", "shadow_host_id = \"tokio\"");
    let refused = server.apply(&faulty);
    assert_eq!(refused.status.code(), Some(1));
    let told = stderr(&refused);
    for part in ["base_url", "weight", "colour", "tokio"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert_eq!(server.json(&["generations", "list"])["items"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_where_apply_runs_and_exported_as_references() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    std::fs::create_dir(directory.path().join("fleet")).unwrap();
    std::fs::write(directory.path().join("fleet/team-a.key"), format!("{}\n", support::CONSUMER_KEY)).unwrap();
    let text = fleet(&[("tokyo", &tokyo.base_url())])
        .replace("gateway_key = \"sk-host-tokyo\"", "gateway_key = { env = \"TOKYO_KEY\" }")
        .replace(&format!("secret = \"{}\"", support::CONSUMER_KEY), "secret = { file = \"team-a.key\" }");
    std::fs::write(directory.path().join("fleet/fleet.toml"), text).unwrap();
    let apply = ["apply", "-f", "fleet/fleet.toml"];
    let without = server.cli(&apply);
    assert_eq!(without.status.code(), Some(1));
    assert!(stderr(&without).contains("TOKYO_KEY"), "{}", stderr(&without));
    let applied = server.cli_with(&apply, |command| command.env("TOKYO_KEY", "sk-host-tokyo"));
    assert!(applied.status.success(), "{}", stderr(&applied));
    assert_eq!(chat(server.gateway, "c-1", false).await.status, 200);
    assert_eq!(tokyo.received()[0].bearer(), Some("sk-host-tokyo"));

    let exported = stdout(&server.cli(&["export"]));
    assert!(exported.contains("TOKYO_KEY") && exported.contains("team-a.key"), "{exported}");
    assert!(!exported.contains("sk-host-tokyo") && !exported.contains(support::CONSUMER_KEY), "{exported}");
    // What was exported can be applied as it is, and changes nothing.
    std::fs::write(directory.path().join("fleet/exported.toml"), exported).unwrap();
    let plan =
        server.cli_with(&["plan", "-f", "fleet/exported.toml"], |command| command.env("TOKYO_KEY", "sk-host-tokyo"));
    assert_eq!(plan.status.code(), Some(0), "{}{}", stdout(&plan), stderr(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_key_is_shown_by_apply_this_once() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    let text = fleet(&[("tokyo", &tokyo.base_url())]).replace(&format!("secret = \"{}\"\n", support::CONSUMER_KEY), "");
    let applied = server.apply(&text);
    let shown = stdout(&applied);
    assert!(shown.contains("sk-relay-") && shown.contains("team-a"), "{shown}{}", stderr(&applied));
    let again = stdout(&server.apply(&text));
    assert!(!again.contains("sk-relay-"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_followed_as_they_end() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.success());
    let mut command = support::command(directory.path());
    command.args(["decisions", "--follow", "--verdict", "complete"]);
    command.env("RELAY_MANAGER_SERVER", format!("http://{}", server.admin));
    command.env("RELAY_MANAGER_ADMIN_TOKEN", support::TOKEN);
    let mut following = Process::spawn(command);
    let gateway = server.gateway;
    // What ended before it followed is not told, so requests go on until one is.
    let requests = tokio::spawn(async move {
        loop {
            chat(gateway, "c-1", false).await.text().await;
        }
    });
    let told = tokio::task::spawn_blocking(move || following.wait_for_line("gpt-tokyo")).await.unwrap();
    assert!(told.contains("complete") && told.contains("200"), "{told}");
    requests.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_listed_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())])).status.success());
    tokyo.script(Reply::error(errors::UPSTREAM_UNAVAILABLE));
    let answer = chat(server.gateway, "c-1", false).await;
    let request_id = answer.request_id();
    assert_eq!((answer.status.as_u16(), answer.header("x-relay-host").as_str()), (200, "osaka"));

    answer.text().await;

    // Waits for what has just ended; lists lag by milliseconds.
    let explained = stdout(&server.cli(&["explain", &request_id]));
    for part in ["gpt-tokyo", "gpt-osaka", "502", "generation", "prompt_cache_key"] {
        assert!(explained.contains(part), "{part} is not in:\n{explained}");
    }

    let listed = server.json(&["decisions", "--group", "gpt", "--host", "osaka"]);
    assert_eq!(listed["items"][0]["request_id"], request_id, "{listed}");
    assert_eq!(server.json(&["decisions", "--host", "tokyo"])["items"].as_array().unwrap().len(), 0);
    let table = stdout(&server.cli(&["decisions"]));
    assert!(table.contains("REQUEST") && table.contains(&request_id), "{table}");

    let unknown = server.cli(&["explain", "no-such-request"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("no-such-request"), "{}", stderr(&unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_and_a_simulation_tell_what_recent_traffic_would_do() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    let both = fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())]);
    assert!(server.apply(&both).status.success());
    for conversation in ["c-1", "c-2", "c-3", "c-1"] {
        chat(server.gateway, conversation, false).await.text().await;
    }
    let drained = both.replacen("weight = 100", "weight = 0", 1);
    assert_ne!(drained, both);
    std::fs::write(directory.path().join("drained.toml"), drained).unwrap();
    let plan = server.cli(&["plan", "-f", "drained.toml"]);
    assert_eq!(plan.status.code(), Some(3), "{}", stderr(&plan));
    for part in [
        "replayed 4 decisions",
        "100.0 % of traffic would go elsewhere or nowhere",
        "conversations: 3 are bound, 3 would stay, 0 would break",
    ] {
        assert!(stdout(&plan).contains(part), "{part} is not in:\n{}", stdout(&plan));
    }
    assert_eq!(stderr(&plan), "", "no progress where nobody looks");
    let without = stdout(&server.cli(&["plan", "-f", "drained.toml", "--no-replay"]));
    assert!(!without.contains("replayed"), "{without}");

    let down = server.json(&["simulate", "--down", "tokyo"]);
    assert_eq!(down["blast_radius"]["traffic"]["moved"], 4, "{down:#}");
    assert_eq!(down["blast_radius"]["conversations"]["hosts"][0]["reasons"][0]["reason"], "host_down");
    let slow = stdout(&server.cli(&["simulate", "--slow", "tokyo=2s", "--since", "1h"]));
    assert!(slow.contains("4 requests would be later"), "{slow}");
    let nobody = server.cli(&["simulate", "--down", "nara"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(stderr(&nobody).contains("there is no host \"nara\""), "{}", stderr(&nobody));
    assert_eq!(server.cli(&["simulate"]).status.code(), Some(2));

    let key = ["--key", "team-a", "--model", "gpt-5", "--conversation", "c-1"];
    let bound = stdout(&server.cli(&[&["explain"][..], &key].concat()));
    assert!(bound.contains("It would go to gpt-tokyo on tokyo. The conversation is bound there until"), "{bound}");
    let told = stdout(&server.cli(&[&["explain", "--audience", "customer"][..], &key].concat()));
    assert_eq!(
        told.trim_end(),
        "A request for model gpt-5 would be served. It would go on where its conversation is, with its prompt cache."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_are_listed_looked_up_and_purged() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.success());
    chat(server.gateway, "c-1", false).await.text().await;
    let listed = server.json(&["bindings", "list"]);
    let sticky_key = listed["items"][0]["sticky_key"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned();
    assert_eq!(server.json(&["bindings", "get", &sticky_key])["route_id"], "gpt-tokyo");
    let purged = server.cli(&["bindings", "purge", "--route", "gpt-tokyo"]);
    assert!(purged.status.success(), "{}", stderr(&purged));
    assert_eq!(server.json(&["bindings", "list"])["items"].as_array().unwrap().len(), 0);
    assert_eq!(server.cli(&["bindings", "get", &sticky_key]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn resolve_asks_and_binds() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.success());
    let args = ["resolve", "--group", "gpt", "--model", "gpt-5", "--scope", "user", "--subject", "alice"];
    assert_eq!(server.json(&args)["sticky_action"], "bind");
    let again = server.json(&args);
    assert_eq!((again["sticky_action"].as_str(), again["route_id"].as_str()), (Some("hit"), Some("gpt-tokyo")));
    assert!(stdout(&server.cli(&args)).contains("gpt-tokyo"));
    let unknown = server.cli(&["resolve", "--group", "nope", "--model", "gpt-5"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nouns_are_listed_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.success());
    for (noun, id) in [("host", "tokyo"), ("group", "gpt"), ("route", "gpt-tokyo"), ("key", "team-a")] {
        assert!(stdout(&server.cli(&[noun, "list"])).contains(id), "{noun}");
        assert!(stdout(&server.cli(&[noun, "show", id])).contains(id), "{noun}");
        let missing = server.cli(&[noun, "show", "nope"]);
        assert_eq!(missing.status.code(), Some(1));
        assert!(stderr(&missing).contains(&format!("relay-manager {noun} list")), "{}", stderr(&missing));
    }
    assert!(stdout(&server.cli(&["generations", "list"])).contains('1'));
}

#[test]
fn a_server_that_is_not_there_is_told_with_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let output = support::run(directory.path(), &["host", "list", "--server", "http://127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("relay-manager serve"), "{}", stderr(&output));
    let output = support::run(directory.path(), &["host", "list", "--server", "127.0.0.1:1"]);
    assert!(stderr(&output).contains("--server"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_log_names_what_was_tampered_with() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    assert!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.success());
    for turn in 0..3 {
        chat(server.gateway, &format!("c-{turn}"), false).await.text().await;
    }
    assert!(server.stop().0.success());
    let verify = || support::run(directory.path(), &["verify-log", "--data-dir", "data"]);
    let clean = verify();
    assert_eq!(clean.status.code(), Some(0), "{}", stdout(&clean));
    assert!(stdout(&clean).contains("nothing is missing: 3 requests"), "{}", stdout(&clean));

    // In the write-ahead log too, which stays beside the file when a reader was the last to close it.
    let files = std::fs::read_dir(directory.path().join("data/log")).unwrap().map(|entry| entry.unwrap().path());
    let mut altered = 0;
    for path in files.filter(|path| path.to_str().unwrap().contains(".db")) {
        let mut bytes = std::fs::read(&path).unwrap();
        let named: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"gpt-tokyo")).collect();
        for at in &named {
            bytes[*at..*at + 9].copy_from_slice(b"gpt-osaka");
        }
        std::fs::write(&path, bytes).unwrap();
        altered += named.len();
    }
    assert!(altered > 0, "a row names its route");
    let damaged = verify();
    assert_eq!(damaged.status.code(), Some(1), "{}", stdout(&damaged));
    assert!(stdout(&damaged).contains("fault in"), "{}", stdout(&damaged));
}

#[test]
fn verify_log_needs_a_log_and_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let missing = support::run(directory.path(), &["verify-log", "--data-dir", "nowhere"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("nowhere"), "{}", stderr(&missing));
    assert!(!directory.path().join("nowhere").exists(), "verify-log makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_added_tried_and_told_of_a_dead_host_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let service = FakeHost::start().await;
    let well = Reply::json(&serde_json::json!({"errcode": 0, "errmsg": "ok"}));
    let (tokyo, _osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    std::fs::write(directory.path().join("url"), format!("{}/robot/send?access_token=canary", service.base_url()))
        .unwrap();
    let add =
        ["notify", "channel", "add", "ops", "type=dingtalk", "url=@url", "secret=SEC-canary", "allow_private=true"];
    let added = server.cli(&add);
    assert_eq!(added.status.code(), Some(0), "{}", stderr(&added));
    assert!(!stdout(&added).contains("canary"), "{}", stdout(&added));
    assert_eq!(server.cli(&add).status.code(), Some(1), "the id is taken");

    service
        .script_path("/robot/send", Reply::json(&serde_json::json!({"errcode": 310_000, "errmsg": "sign not match"})));
    let refused = server.cli(&["notify", "channel", "test", "ops"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("code 310000: sign not match"), "{}", stdout(&refused));
    service.script_path("/robot/send", well.clone());
    assert_eq!(server.cli(&["notify", "channel", "test", "ops"]).status.code(), Some(0));

    let changed = server.json(&["notify", "channel", "set", "ops", "events=host_down", "language=zh-CN"]);
    assert_eq!(changed["events"], serde_json::json!(["host_down"]));
    assert_eq!(server.apply(&fleet(&[("tokyo", &tokyo.base_url())])).status.code(), Some(0));
    service.script_path("/robot/send", well);
    tokyo.kill().await;
    // As many as open the breaker of a host (breaker.consecutive_failures).
    for _ in 0..5 {
        chat(server.gateway, "c-1", false).await;
    }
    service.wait_received(3).await;
    let told = service.received()[2].json()["text"]["content"].as_str().unwrap().to_owned();
    assert!(told.starts_with("【严重】主机不可用：tokyo\n"), "{told}");

    let list = server.json(&["notify", "deliveries", "--kind", "host_down"]);
    assert_eq!(list["items"][0]["phase"], "firing", "{list}");
    let table = stdout(&server.cli(&["notify", "deliveries"]));
    assert!(table.contains("host_down") && table.contains("sign not match"), "{table}");
    assert_eq!(server.cli(&["notify", "channel", "delete", "ops"]).status.code(), Some(0));
    assert_eq!(server.cli(&["notify", "channel", "delete", "ops"]).status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_is_shown_compared_and_gone_back_to() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, osaka) = two_hosts().await;
    let server = Server::start(directory.path());
    server.apply(&fleet(&[("tokyo", &tokyo.base_url())]));
    server.apply(&fleet(&[("tokyo", &tokyo.base_url()), ("osaka", &osaka.base_url())]));
    let shown = stdout(&server.cli(&["generations", "show", "2"]));
    assert!(shown.starts_with("generation 2, published ") && shown.contains("osaka"), "{shown}");
    assert!(stdout(&server.cli(&["generations", "diff", "1"])).contains("osaka"));
    let back = server.cli(&["generations", "rollback", "1"]);
    assert!(back.status.success(), "{}", stderr(&back));
    assert!(stdout(&back).ends_with("published as generation 3\n"), "{}", stdout(&back));
    assert_eq!(server.json(&["host", "list"])["items"].as_array().unwrap().len(), 1);
    assert!(stderr(&server.cli(&["generations", "rollback", "7"])).contains("there is no generation \"7\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_is_built_and_changed_one_entry_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (tokyo, _) = two_hosts().await;
    let server = Server::start(directory.path());
    let run = |args: &[&str], code: i32| {
        let output = server.cli_with(args, |command| command.env("TOKYO_KEY", "sk-canary-tokyo"));
        let told = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(!told.contains("canary"), "{args:?} shows a secret");
        told
    };
    let url = tokyo.base_url();
    let add = ["host", "add", "tokyo", "--kind", "openai", "--base-url", &url, "--allow-private", "--gateway-key-env"];
    let add = [&add[..], &["TOKYO_KEY"]].concat();
    assert!(run(&[&add[..], &["--dry-run"]].concat(), 3).contains("nothing was changed"));
    assert!(run(&add, 0).contains("+ host tokyo"));
    assert!(run(&["group", "create", "gpt", "sticky.ttl=30m"], 0).contains("generation 2 is in force"));
    let route = ["route", "create", "gpt-tokyo", "--group", "gpt", "--model", "gpt-5", "--host", "tokyo"];
    run(&route, 0);
    assert!(
        run(&["route", "create", "r", "--group", "gtp", "--model", "m", "--host", "tokyo"], 1)
            .contains("did you mean \"gpt\"?")
    );
    let made = server.json(&["key", "create", "team-a", "--group", "gpt"]);
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let body = support::http::chat_body("c-1", false).to_string();
    let ask = async || {
        let path = "/v1/chat/completions";
        support::http::try_send(server.gateway, http::Method::POST, path, &headers, &body)
            .await
            .unwrap()
            .status
            .as_u16()
    };
    assert_eq!(ask().await, 200, "what was made serves");
    assert_eq!(tokyo.received_on("/v1/chat/completions").len(), 1);

    assert!(run(&["route", "disable", "gpt-tokyo"], 0).contains("enabled: yes -> no"));
    assert_eq!(ask().await, 503);
    run(&["route", "enable", "gpt-tokyo"], 0);
    assert!(run(&["route", "enable", "gpt-tokyo"], 0).contains("nothing to change"));
    let drained = run(&["host", "drain", "tokyo"], 0);
    assert!(drained.contains("weight: 100 -> 0") && drained.contains("warning:"), "{drained}");
    assert!(run(&["host", "set", "tokyo", "colour=blue"], 1).contains("unknown field"));
    run(&["host", "set", "tokyo", "ask_usage=false"], 0);
    assert_eq!(server.json(&["host", "show", "tokyo"])["gateway_key"], serde_json::json!({"env": "TOKYO_KEY"}));

    let refused = run(&["host", "remove", "tokyo"], 1);
    assert!(refused.contains("route gpt-tokyo") && refused.contains("--cascade"), "{refused}");
    let gone = run(&["host", "remove", "tokyo", "--cascade"], 0);
    assert!(gone.contains("- host tokyo") && gone.contains("- route gpt-tokyo"), "{gone}");
    assert!(run(&["host", "remove", "tokyo"], 1).contains("host list"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_used_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let made = server.json(&["token", "create", "wall", "--role", "viewer"]);
    let token = made["token"].as_str().unwrap();
    let with = |args: &[&str]| server.cli_with(args, |command| command.env("RELAY_MANAGER_ADMIN_TOKEN", token));
    assert_eq!(stdout(&with(&["token", "whoami"])), "wall (viewer)\n");
    assert!(with(&["host", "list"]).status.success());
    let refused = with(&["group", "create", "gpt"]);
    assert!(stderr(&refused).contains("needs the role admin"), "{}", stderr(&refused));
    let listed = server.cli(&["token", "list"]);
    assert!(stdout(&listed).contains("wall") && !stdout(&listed).contains(token));
    let id = made["token_id"].to_string();
    assert!(server.cli(&["token", "delete", &id]).status.success());
    assert_eq!(with(&["host", "list"]).status.code(), Some(1));
    assert!(stderr(&server.cli(&["token", "delete", &id])).contains("token list"));
    assert!(stderr(&server.cli(&["token", "delete", "1"])).contains("the last one of an admin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_shows_all_hosts_and_routes_over_the_pages_of_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let names: Vec<String> = (0..300).map(|number| format!("h-{number}")).collect();
    let hosts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "http://127.0.0.1:9")).collect();
    let applied = server.apply(&fleet(&hosts));
    assert!(applied.status.success(), "{}", stderr(&applied));
    let health = server.json(&["health"]);
    let ids = |list: &str, id: &str| -> std::collections::BTreeSet<String> {
        health[list].as_array().unwrap().iter().map(|one| one[id].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("hosts", "host_id"), names.iter().cloned().collect());
    assert_eq!(ids("routes", "route_id"), names.iter().map(|name| format!("gpt-{name}")).collect());
    assert_eq!(health["next_cursor"], serde_json::Value::Null);
}
