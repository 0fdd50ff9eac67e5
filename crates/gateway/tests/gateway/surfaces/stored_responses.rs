//! Stored responses (spec §4): only the host and key that made one can go on
//! from it, and it is never moved silently.

use jiff::SignedDuration;
use relay_domain::ModelPattern;
use relay_testkit::Reply;
use serde_json::Value;

use super::{RESPONSES, SHADOW};
use crate::client::{Answer, Call};
use crate::rig::{MODEL, OTHER_KEY, Rig, Setup};

fn previous(rig: &Rig, id: &str) -> Call {
    let body = format!(r#"{{"model":"{MODEL}","input":"go on","previous_response_id":"{id}"}}"#);
    RESPONSES.call(rig, "", false).body(body)
}

/// Makes a response on `host-2`, whole or streamed, while `host-1` fails; its id.
async fn made_on_the_second(rig: &Rig, stream: bool) -> String {
    rig.hosts[0].script(Reply::raw("text/plain", "down").status(503));
    let text = RESPONSES.call(rig, "hi", stream).send().await.text().await;
    let start = text.find("resp_").expect("names the response");
    text[start..].split('"').next().expect("has an end").to_owned()
}

async fn code(mut answer: Answer) -> (u16, String) {
    (answer.status, answer.error_code().await)
}

#[tokio::test]
async fn a_response_is_continued_where_it_was_made_and_nowhere_else() {
    for stream in [false, true] {
        let rig = Setup::hosts(2).forgiving().start().await;
        let id = made_on_the_second(&rig, stream).await;
        rig.bindings_purge().await;
        let mut answer = previous(&rig, &id).send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().await.contains("host-2"));
        assert_eq!(rig.calls(), [1, 2], "the first host, which is preferred, is not asked");
        // Its failure is told, and nobody else is asked.
        rig.hosts[1].script(Reply::raw("text/plain", "down").status(503));
        assert_eq!(code(previous(&rig, &id).send().await).await, (502, "upstream_error".into()));
        assert_eq!(rig.calls(), [1, 3]);
    }
}

#[tokio::test]
async fn a_response_that_nobody_here_made_is_refused_and_no_host_is_asked() {
    let rig = Setup::hosts(2).start().await;
    let id = made_on_the_second(&rig, false).await;
    let gone = (400, "previous_response_not_found".to_owned());
    assert_eq!(code(previous(&rig, "resp_unknown").send().await).await, gone);
    assert_eq!(code(previous(&rig, &id).key(OTHER_KEY).send().await).await, gone, "another consumer's");
    let mut answer = previous(&rig, "resp_unknown").send().await;
    assert_eq!(answer.json().await["error"]["param"], "previous_response_id");
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((&*decision.verdict, decision.attempts.len()), ("failed", 0));
    // Hosts keep one for an hour.
    rig.clock.advance(SignedDuration::from_mins(61));
    assert_eq!(code(previous(&rig, &id).send().await).await, gone);
    assert_eq!(rig.calls(), [1, 1]);
}

#[tokio::test]
async fn a_response_whose_host_has_left_is_gone_and_one_whose_host_rests_is_not() {
    let mut rig = Setup::hosts(2).start().await;
    let id = made_on_the_second(&rig, false).await;
    rig.break_route("route-2");
    // With everything open one request goes through to see how it is.
    rig.hosts[1].script(Reply::raw("text/plain", "down").status(503));
    assert_eq!(previous(&rig, &id).send().await.status, 502);
    let answer = previous(&rig, &id).send().await;
    assert!(answer.header("retry-after").is_some());
    assert_eq!(code(answer).await, (503, "no_eligible_route".into()));
    rig.clear_cooldowns();
    rig.publish(|fleet| fleet.hosts[1].enabled = false);
    assert_eq!(code(previous(&rig, &id).send().await).await, (400, "previous_response_not_found".into()));
    assert_eq!(rig.calls(), [1, 2]);
}

#[tokio::test]
async fn what_is_done_with_a_stored_response_is_done_where_it_is() {
    let rig = Setup::hosts(2).shadow_model(SHADOW).start().await;
    let id = made_on_the_second(&rig, false).await;
    let stored = format!(
        r#"{{"id":"{id}","object":"response","status":"failed","error":{{"message":"m"}},"model":"{SHADOW}"}}"#
    );
    for (method, path) in [
        ("POST", format!("/v1/responses/{id}/cancel")),
        ("GET", format!("/v1/responses/{id}")),
        ("DELETE", format!("/v1/responses/{id}")),
        ("GET", format!("/v1/responses/{id}/input_items")),
    ] {
        rig.hosts[1].script_path(&path, Reply::raw("application/json", stored.clone()));
        let mut answer = rig.call(method, &format!("{path}?limit=5")).send().await;
        let body: Value = answer.json().await;
        assert_eq!(
            (answer.status, &body["status"], &body["model"]),
            (200, &"failed".into(), &MODEL.into()),
            "{method} {path}"
        );
        let received = rig.hosts[1].received().pop().expect("came");
        assert_eq!((received.method.as_str(), received.target), (method, format!("{path}?limit=5")));
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!((&*decision.public_model, decision.route_id.as_deref()), (MODEL, Some("route-2")));
        assert_eq!(code(rig.call(method, &path).key(OTHER_KEY).send().await).await, (404, "response_not_found".into()));
    }
    assert_eq!(rig.calls()[0], 1);
    assert_eq!(rig.bound().await.len(), 1, "only the request that made it is bound");
}

#[tokio::test]
async fn compaction_and_counts_are_ordinary_requests() {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    for path in ["/v1/responses/compact", "/v1/responses/input_tokens"] {
        let answer = rig.call("POST", path).body(RESPONSES.body(MODEL, "hi", false)).send().await;
        assert_eq!(answer.status, 200);
        let received = rig.hosts[0].next_request().await;
        assert_eq!((received.path(), &received.json()["model"]), (path, &SHADOW.into()));
    }
}

/// What is read again was judged and paid for when it was made.
#[tokio::test]
async fn a_stored_response_that_is_streamed_again_is_as_it_was_and_costs_nothing() {
    let rig = Setup::hosts(2).start().await;
    let id = made_on_the_second(&rig, true).await;
    let event = |kind: &str, response: &str| {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"response\":{response}}}\n\n")
    };
    let head = format!(r#"{{"id":"{id}","object":"response","model":"{MODEL}","#);
    let failed = format!(r#"{head}"status":"failed","error":{{"code":"server_error","message":"no 127.0.0.1"}}}}"#);
    let completed =
        format!(r#"{head}"status":"completed","output":[{{}}],"usage":{{"input_tokens":9,"output_tokens":5}}}}"#);
    for (end, last) in [("response.failed", failed), ("response.completed", completed)] {
        let stream = event("response.created", &format!(r#"{head}"status":"in_progress"}}"#)) + &event(end, &last);
        let path = format!("/v1/responses/{id}");
        rig.hosts[1].script_path(&path, Reply::raw("text/event-stream", stream.clone()));
        let mut answer = rig.call("GET", &format!("{path}?stream=true")).send().await;
        assert_eq!((answer.status, answer.text().await), (200, stream.replace("no 127.0.0.1", "no upstream")), "{end}");
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!((&*decision.verdict, decision.price_nanos), ("complete", None), "{end}");
        assert_eq!((decision.usage.input, decision.usage.provenance), (None, None), "{end}");
    }
    assert_eq!(rig.route_health("route-2").failed, 0);
}

/// Its usage is told to whoever fetches it, so that no budget could count it.
#[tokio::test]
async fn a_response_in_the_background_is_not_for_keys_with_a_budget() {
    let rig = Setup::hosts(1).fleet(|fleet| fleet.keys[0].limits.tpd = Some(1_000_000)).start().await;
    let call =
        || RESPONSES.call(&rig, "", false).body(format!(r#"{{"model":"{MODEL}","input":"hi","background":true}}"#));
    let mut answer = call().send().await;
    assert_eq!((answer.status, &answer.json().await["error"]["param"]), (400, &"background".into()));
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((&*decision.verdict, &*decision.logical_group_id, decision.attempts.len()), ("failed", "gpt", 0));
    assert_eq!(call().key(OTHER_KEY).send().await.status, 200, "a key without one");
}

#[tokio::test]
async fn a_response_made_over_a_prefix_is_found_beside_an_exact_route_of_that_name() {
    let rig = Setup::hosts(2)
        .fleet(|fleet| {
            fleet.routes[0].public_model = ModelPattern::Exact("gpt-5".into());
            fleet.routes[1].public_model = ModelPattern::Prefix("gpt-5".into());
        })
        .start()
        .await;
    let body = r#"{"model":"gpt-5-mini","input":"hi"}"#;
    let id = RESPONSES.call(&rig, "", false).body(body).send().await.json().await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/responses/{id}");
    rig.hosts[1].script_path(&path, Reply::raw("application/json", r#"{"object":"response","status":"completed"}"#));
    assert_eq!(rig.call("GET", &path).send().await.status, 200);
    assert_eq!(rig.calls(), [0, 2]);
}
