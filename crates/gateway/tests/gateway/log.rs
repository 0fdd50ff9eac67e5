//! What the decision log holds of a request, when, and what it must never hold
//! (spec §7; field note 48).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use relay_domain::CredentialMode;
use relay_hosts::endpoint::fingerprint;
use relay_ledger::{DiskFault, OnStall, verify};
use relay_testkit::{Cut, Gate, PATIENCE, Reply, errors};
use serde_json::json;

use crate::client::Call;
use crate::diagnostics::listen;
use crate::rig::{KEY, MODEL, OTHER_KEY, Rig, Setup, host_key, patiently, request};

/// A rig whose disk is full, and the room that is left on it.
async fn full_disk(on_stall: OnStall, stall_limit: Duration) -> (Rig, Arc<AtomicU64>) {
    let room = Arc::new(AtomicU64::new(0));
    let capacity = Arc::clone(&room);
    let setup = Setup::hosts(1).ledger(move |options| {
        options.on_stall = on_stall;
        options.stall_limit = stall_limit;
        options.disk_fault = Some(DiskFault::full_after(capacity));
    });
    (setup.start().await, room)
}

#[tokio::test]
async fn no_answer_passes_before_its_row_is_on_disk() {
    let calls: [fn(&Rig) -> Call; 4] =
        [|rig| rig.say("x"), |rig| rig.stream("x"), |rig| rig.say("refused"), |rig| rig.chat(r#"{"model":"gpt-6"}"#)];
    for (number, call) in calls.into_iter().enumerate() {
        let (rig, room) = full_disk(OnStall::Refuse, PATIENCE).await;
        if number == 2 {
            rig.hosts[0].script(Reply::error(errors::CONTEXT_LENGTH_EXCEEDED));
        }
        let answering = call(&rig).id("r-1").spawn();
        if number < 3 {
            // The host works meanwhile: waiting for the disk costs no time.
            rig.hosts[0].wait_ended(0).await;
        } else {
            while rig.ledger.stats().last_error.is_none() {
                tokio::task::yield_now().await;
            }
        }
        assert!(!answering.is_finished(), "an answer without its row");
        room.store(u64::MAX, Ordering::SeqCst);
        let mut answer = answering.await.expect("answers");
        assert_eq!(answer.status, [200, 200, 400, 404][number]);
        answer.text().await;
        assert_ne!(rig.decision("r-1").await.verdict, "open");
    }
}

#[tokio::test]
async fn with_a_full_disk_requests_are_refused_and_no_byte_of_an_answer_passes() {
    let (rig, room) = full_disk(OnStall::Refuse, Duration::from_millis(100)).await;
    for (id, call) in
        [("whole", rig.say("x")), ("stream", rig.stream("x")), ("unknown", rig.chat(r#"{"model":"gpt-6"}"#))]
    {
        let mut answer = call.id(id).send().await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{id}");
        assert_eq!(answer.error_code().await, "log_unavailable");
    }
    room.store(u64::MAX, Ordering::SeqCst);
    // The writer tries again at times of its own.
    let served = async { while rig.say("x").id("after").send().await.status != 200 {} };
    patiently("the disk to be noticed", served).await;
    assert_eq!(rig.decision("after").await.verdict, "complete");
    for id in ["whole", "stream"] {
        let decision = rig.decision(id).await;
        assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(503)));
        assert_eq!(decision.error_class.as_deref(), Some("log_unavailable"));
    }
}

#[tokio::test]
async fn an_operator_may_let_requests_go_on_without_a_log() {
    let (rig, room) = full_disk(OnStall::Continue, Duration::from_millis(100)).await;
    for stream in [false, true] {
        let mut answer = rig.chat(request("x", stream)).send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().await.contains("host-1"));
    }
    assert_eq!(rig.ledger.stats().continued, 2);
    room.store(u64::MAX, Ordering::SeqCst);
}

#[tokio::test]
async fn a_decision_says_what_was_decided() {
    let rig = Setup::hosts(2).shadow_model("shadow-5").start().await;
    let body = request("x", true);
    let mut answer = rig.chat(body.clone()).conversation("c").id("r-1").send().await;
    let text = answer.text().await;
    let decision = rig.decision("r-1").await;
    let texts = [
        (Some("team-a"), &decision.consumer),
        (Some("route-1"), &decision.route_id),
        (Some("route-1"), &decision.planned_route_id),
        (Some("host-1"), &decision.host_id),
        (Some("7"), &decision.shadow_group_id),
        (Some("shadow-5"), &decision.shadow_model),
        (Some("conversation"), &decision.sticky_type),
        (Some("header:x-relay-conversation"), &decision.sticky_source),
        (Some("host_key"), &decision.key_source),
        (Some(&*fingerprint(&relay_domain::Secret::new(&host_key(0)))), &decision.key_fingerprint),
        (None, &decision.error_class),
        (None, &decision.client_request_id),
    ];
    for (expected, told) in texts {
        assert_eq!(told.as_deref(), expected, "{decision:?}");
    }
    assert_eq!((decision.surface.as_str(), decision.stream, decision.generation), ("chat_completions", true, 1));
    assert_eq!((decision.logical_group_id.as_str(), decision.public_model.as_str()), ("gpt", MODEL));
    assert_eq!((decision.scope.as_str(), decision.sticky_action.as_str()), ("conversation", "bind"));
    assert_eq!((decision.client_status, decision.upstream_status), (Some(200), Some(200)));
    assert_eq!(decision.request_bytes, Some(body.len() as u64));
    assert_eq!(decision.response_bytes, Some(text.len() as u64));
    let (latency, first, overhead) = (decision.latency_us, decision.first_output_us, decision.overhead_us);
    assert!(latency >= first && first >= overhead && overhead.is_some(), "{latency:?} {first:?} {overhead:?}");
    let candidates = decision.candidates.iter().map(|each| (each.route_id.as_str(), each.verdict.as_str(), each.tier));
    assert_eq!(candidates.collect::<Vec<_>>(), [("route-1", "first", 1), ("route-2", "next", 2)]);
    assert!(!decision.fallback_used && !decision.possible_double_bill && !decision.panic);
}

#[tokio::test]
async fn what_cannot_be_routed_is_a_decision_too() {
    let rig = Setup::hosts(1).fleet(|fleet| fleet.routes[0].enabled = false).start().await;
    let unknown = rig.chat(r#"{"model":"gpt-6","stream":true}"#).id("unknown").send().await;
    let refused = rig.say("x").id("refused").send().await;
    assert_eq!((unknown.status, refused.status), (404, 503));

    let decision = rig.decision("unknown").await;
    assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(404)));
    assert_eq!(decision.error_class.as_deref(), Some("model_not_found"));
    assert_eq!((decision.public_model.as_str(), decision.consumer.as_deref()), ("gpt-6", Some("team-a")));
    assert_eq!((decision.route_id, decision.attempts.len()), (None, 0));

    let decision = rig.decision("refused").await;
    assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(503)));
    assert_eq!(decision.error_class.as_deref(), Some("no_eligible_route"));
    assert_eq!(decision.candidates[0].verdict, "excluded");
    assert!(decision.candidates[0].reason.is_some() && decision.attempts.is_empty());
}

#[tokio::test]
async fn every_answered_request_has_one_row_and_the_log_proves_it() {
    let rig = Setup::hosts(2).forgiving().start().await;
    let mut expected = BTreeMap::new();
    for round in 0..5 {
        for (kind, reply, verdict) in [
            ("whole", Reply::echo(), "complete"),
            ("stream", Reply::echo(), "complete"),
            ("stream-cut", Reply::chat("one two three").truncate_after(3, Cut::Eof), "truncated"),
            ("stream-error", Reply::chat("one two three").error_after(3, errors::STREAM_READ_ERROR), "error_in_stream"),
            ("refused", Reply::error(errors::CONTEXT_LENGTH_EXCEEDED), "failed"),
            ("moved", Reply::empty(500), "complete"),
        ] {
            let id = format!("{kind}-{round}");
            rig.hosts[0].script(reply);
            let call = if kind.starts_with("stream") { rig.stream(&id) } else { rig.say(&id) };
            call.id(&id).send().await.text().await;
            expected.insert(id, verdict.to_owned());
        }
        let id = format!("unknown-{round}");
        rig.chat(r#"{"model":"gpt-6"}"#).id(&id).send().await;
        expected.insert(id, "failed".to_owned());
        // Refused before anything was decided: no rows.
        rig.say("x").key("wrong").send().await;
        rig.chat("{").send().await;
    }
    rig.decision("unknown-4").await;
    let rows = rig.decisions().await;
    assert_eq!(rows.len(), expected.len());
    let told: BTreeMap<_, _> = rows.into_iter().map(|row| (row.request_id, row.verdict)).collect();
    assert_eq!(told, expected);
    rig.ledger.close().await;
    let report = verify(&rig.log_dir()).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.rows, report.interrupted_count), (expected.len() as u64, 0));
}

#[tokio::test]
async fn an_id_that_a_client_repeats_has_a_row_for_each_request() {
    let rig = Setup::hosts(1).start().await;
    for _ in 0..3 {
        rig.say("x").id("again").send().await.text().await;
    }
    rig.decision("again").await;
    assert_eq!(rig.decisions().await.len(), 3);
}

/// Sends secrets wherever a client or a host can put them.
async fn talk_of_secrets(rig: &Rig) {
    let spill = || errors::CONTEXT_LENGTH_EXCEEDED.with_message("you said: canary-prompt, to canary-answer");
    let messages = json!([
        {"role": "system", "content": "canary-system"},
        {"role": "user", "content": [{"type": "text", "text": "canary-prompt"}]},
    ]);
    for (stream, reply) in [
        (false, Reply::chat("canary-answer").tool_call("canary-tool", "{}")),
        (true, Reply::chat("canary-answer canary-answer").tool_call("canary-tool", "{}")),
        (false, Reply::error(spill())),
        (false, Reply::error(spill().with_status(500)).leaky_headers().header("Set-Cookie", "canary-cookie=1")),
        (false, Reply::raw("application/json", "{\"canary-answer")),
        (true, Reply::stream().error_in_band(spill().with_message("canary-answer"))),
        (true, Reply::chat("canary-answer one two").error_after(3, spill())),
        (true, Reply::chat("canary-answer one two").truncate_after(3, Cut::Reset)),
        (false, Reply::wire("HTTP/1.1 canary-answer\r\n\r\n", Cut::Eof)),
        (false, Reply::redirect(302, "http://canary-host.internal/canary-answer")),
    ] {
        rig.hosts[0].script(reply);
        let body = json!({
            "model": MODEL, "messages": messages, "stream": stream, "prompt_cache_key": "canary-subject",
            "metadata": {"user_id": "canary-user"}, "user": "canary-user",
        });
        let call = rig.chat(body.to_string()).query("key=canary-query&q=canary-query");
        let call = call.header("cookie", "canary-cookie").header("session_id", "canary-subject");
        // How each of them ends is told elsewhere.
        let _ = call.send().await.bytes().await;
    }
    for key in [OTHER_KEY, "canary-wrong-key"] {
        rig.say("canary-prompt").key(key).send().await.text().await;
    }
    rig.chat(r#"{"model":"gpt-5","canary-prompt":1,,}"#).send().await.text().await;
}

const CANARIES: &[&str] = &["canary-", KEY, OTHER_KEY, "secret-host"];

fn secrets_setup() -> Setup {
    Setup::hosts(2).fleet(|fleet| fleet.routes[1].credential = CredentialMode::Caller)
}

#[tokio::test]
async fn no_prompt_answer_or_key_is_in_the_logs_files() {
    let rig = secrets_setup().start().await;
    talk_of_secrets(&rig).await;
    rig.ledger.close().await;
    let files = rig.log_bytes();
    let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(size > 4096, "{size} bytes hold the decisions");
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} in {name}");
        }
    }
    assert_eq!(rig.decisions().await.len(), 11);
}

/// What the code logs, as text.
#[tokio::test]
async fn no_prompt_answer_or_key_is_in_the_diagnostics() {
    let (lines, _listening) = listen();
    let rig = secrets_setup().start().await;
    talk_of_secrets(&rig).await;
    let text = lines.text();
    assert!(text.contains("an attempt failed"), "the diagnostics are heard: {text}");
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}

#[tokio::test]
async fn an_open_request_is_seen_while_it_runs() {
    let rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::chat("one two").hold_after(2, &gate));
    let mut answer = rig.stream("x").id("r-1").send().await;
    answer.until("one").await;
    let open = rig.decisions().await;
    assert_eq!((open[0].verdict.as_str(), open[0].route_id.as_deref()), ("open", Some("route-1")));
    gate.open();
    answer.text().await;
    assert_eq!(rig.decision("r-1").await.verdict, "complete");
}

#[tokio::test]
async fn with_an_access_log_each_request_that_ends_is_one_line() {
    let (lines, _listening) = listen();
    let rig = Setup::hosts(1).options(|options| options.access_log = true).start().await;
    rig.say("canary-prompt").id("r-1").send().await.text().await;
    rig.say("x").key("rk-canary-unknown").id("r-2").send().await.text().await;
    rig.chat(r#"{"model": "unheard-of", "messages": []}"#).id("r-3").send().await.text().await;
    rig.decision("r-1").await;
    let text = lines.text();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("relay_access")).collect();
    assert_eq!(told.len(), 3, "{text}");
    for (line, words) in
        told.iter().zip([
            &[
                "request_id=\"r-1\"",
                "consumer=\"team-a\"",
                "route_id=\"route-1\"",
                "status=200",
                "verdict=\"complete\"",
            ][..],
            &["request_id=\"r-2\"", "status=401", "verdict=\"refused\""],
            &["request_id=\"r-3\"", "public_model=\"unheard-of\"", "status=404", "verdict=\"failed\""],
        ])
    {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
        assert!(!line.contains("canary"), "{line}");
    }
}
