//! Our log beside a host's bill.

use relay_testkit::{FakeUsageRow, Personality, Reply};
use serde_json::{Value, json};

use crate::hosts::{probe_over, server};
use crate::support::Server;

async fn reconcile(server: &Server) -> Value {
    let since = crate::support::start_of_time();
    server.clock.advance(jiff::SignedDuration::from_mins(5));
    server.post("/api/v1/hosts/a/reconcile", &json!({ "since": since.to_string() })).await.ok()
}

fn counts(found: &Value) -> [Value; 5] {
    ["matched", "missing_on_host", "missing_here", "double", "differing"].map(|name| found[name].clone())
}

/// What an older host bills under: the id that its upstream gave the answer, or none.
async fn billed_by_older_host(ids: &[Option<&str>]) -> Value {
    let (host, server) = server(Personality::S).await;
    for (index, id) in ids.iter().enumerate() {
        // It has no chat completions, and the action has nothing else.
        let answer = json!({ "usage": { "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 } });
        let reply = Reply::json(&answer);
        let reply = if let Some(id) = id { reply.header("X-Request-Id", id) } else { reply };
        host.script_path("/v1/chat/completions", reply);
        probe_over(&server, &format!("r-{index}")).await;
        host.panel(|panel| {
            let (user_id, created_at) = (panel.users[1].id, panel.now());
            panel.usage.push(FakeUsageRow {
                id: index as i64 + 1,
                request_id: id.unwrap_or_default().to_owned(),
                user_id,
                api_key_id: panel.keys[0].id,
                group_id: Some(7),
                subscription_id: Some(1),
                model: "shadow-a".to_owned(),
                stream: false,
                input_tokens: 7,
                output_tokens: 3,
                created_at,
            });
        });
    }
    host.panel(|panel| {
        if let Some(last) = panel.usage.last_mut().filter(|row| !row.request_id.is_empty()) {
            last.output_tokens += 1;
        }
    });
    reconcile(&server).await
}

#[tokio::test]
async fn an_older_hosts_rows_are_joined_by_the_id_of_its_upstream() {
    let found = billed_by_older_host(&[Some("req_1"), None, Some("req_2")]).await;
    assert_eq!(counts(&found), [1, 0, 0, 0, 1].map(|count| json!(count)), "{found}");
    assert_eq!((&found["joined_by"], &found["can_be_joined"]), (&json!("upstream_request_id"), &json!(true)));
    let unjoined = ["ours", "theirs"].map(|side| found["unjoined"][side]["requests"].clone());
    assert_eq!(unjoined, [1, 1].map(|count| json!(count)), "what has no name is compared by sums");
}

#[tokio::test]
async fn where_nothing_has_a_name_only_the_sums_are_told() {
    let found = billed_by_older_host(&[None, None]).await;
    assert_eq!(counts(&found), [0; 5].map(|count| json!(count)), "{found}");
    assert_eq!((&found["joined_by"], &found["can_be_joined"]), (&json!("nothing"), &json!(false)));
    for side in ["ours", "theirs"] {
        let sums = &found["unjoined"][side];
        assert_eq!(
            (&sums["requests"], &sums["input_tokens"], &sums["output_tokens"]),
            (&json!(2), &json!(14), &json!(6))
        );
    }
}

#[tokio::test]
async fn our_log_is_joined_with_the_hosts_bill() {
    let (host, server) = server(Personality::N).await;
    for id in ["r-1", "r-2", "r-3", "r-4"] {
        probe_over(&server, id).await;
    }
    host.script(Reply::empty(503));
    probe_over(&server, "r-5").await;
    host.panel(|panel| {
        let rows = &mut panel.usage;
        assert_eq!(rows.len(), 4, "one for each answer");
        rows.remove(0);
        rows[0].output_tokens += 5;
        let mut double = rows[1].clone();
        double.id = 99;
        rows.push(double);
        let mut stranger = rows[1].clone();
        (stranger.id, stranger.request_id) = (100, "client:nobody-knows".into());
        rows.push(stranger);
    });
    let found = reconcile(&server).await;
    assert_eq!(counts(&found), [1, 1, 1, 1, 1].map(|count| json!(count)), "{found}");
    assert_eq!((&found["ours"]["requests"], &found["theirs"]["requests"]), (&json!(4), &json!(5)));
    assert_eq!((&found["can_be_joined"], &found["joined_by"]), (&json!(true), &json!("client_request_id")));
    let bad = server.post("/api/v1/hosts/a/reconcile", &json!({ "since": "yesterday" })).await;
    assert_eq!(bad.status, 400);
}
