//! When another host is tried, when not, and what a client is told when none is
//! left (spec §5, the table).

use std::time::Duration;

use relay_domain::Route;
use relay_ledger::Decision;
use relay_testkit::errors::{self, HostError};
use relay_testkit::{Cut, FakeHost, Reply};
use serde_json::json;

use crate::client::Answer;
use crate::rig::{MODEL, Rig, Setup, host_at, host_key, request, route};

/// (route, end, class, status) of each attempt.
fn attempts(decision: &Decision) -> Vec<(&str, &str, Option<&str>, Option<u16>)> {
    assert!(decision.attempts.iter().all(|each| each.us > 0), "{decision:?}");
    let attempts = decision.attempts.iter();
    attempts.map(|each| (each.route_id.as_str(), each.end.as_str(), each.class.as_deref(), each.status)).collect()
}

/// The first host gives `reply`; the second serves the request, and nobody notices but the log.
async fn check_moves(rig: &Rig, prompt: &str, reply: Reply, expected: (&str, &str, Option<u16>)) {
    let (end, class, status) = expected;
    for stream in [false, true] {
        let prompt = format!("{prompt} {stream}");
        let before = rig.calls();
        rig.clear_cooldowns();
        rig.hosts[0].script(reply.clone());
        let mut answer = rig.chat(request(&prompt, stream)).send().await;
        let text = answer.text().await;
        assert_eq!(answer.status, 200, "{prompt}: {text}");
        assert!(
            text.contains("host-2") && !text.contains("host-1") && !text.contains("\"error\":"),
            "{prompt}: {text}"
        );
        assert_eq!(rig.calls(), [before[0] + 1, before[1] + 1], "{prompt}");
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!(
            attempts(&decision),
            [("route-1", end, Some(class), status), ("route-2", "answered", None, Some(200))],
            "{prompt}"
        );
        assert_eq!(decision.possible_double_bill, end == "maybe_executed", "{prompt}");
        assert_eq!((decision.verdict.as_str(), decision.error_class), ("complete", None), "{prompt}");
        assert_eq!(
            (decision.planned_route_id.as_deref(), decision.route_id.as_deref()),
            (Some("route-1"), Some("route-2"))
        );
    }
}

#[tokio::test]
async fn a_host_that_fails_is_left_for_the_next() {
    let rig = Setup::hosts(2).forgiving().start().await;
    let refused = |class, status| ("refused", class, Some(status));
    let unclear = |class, status| ("maybe_executed", class, status);
    check_moves(&rig, "500", Reply::empty(500), refused("gateway_500", 500)).await;
    check_moves(&rig, "502", Reply::error(errors::UPSTREAM_UNAVAILABLE), refused("gateway_5xx", 502)).await;
    check_moves(&rig, "503", Reply::error(errors::SERVICE_UNAVAILABLE), refused("gateway_5xx", 503)).await;
    check_moves(&rig, "504", Reply::empty(504), unclear("gateway_5xx", Some(504))).await;
    check_moves(&rig, "529", Reply::html().status(529), refused("gateway_5xx", 529)).await;
    check_moves(&rig, "429", Reply::rate_limited(Some("17")), refused("gateway_rate_limited", 429)).await;
    check_moves(&rig, "429 alone", Reply::rate_limited(None), refused("gateway_rate_limited", 429)).await;
    check_moves(&rig, "queue", Reply::error(errors::QUEUE_FULL), refused("gateway_busy", 429)).await;
    check_moves(&rig, "quota", Reply::error(errors::DAILY_LIMIT_EXCEEDED), refused("gateway_quota_exhausted", 429))
        .await;
    check_moves(&rig, "401", Reply::error(errors::INVALID_API_KEY), refused("gateway_auth_error", 401)).await;
    check_moves(&rig, "403", Reply::error(errors::SUBSCRIPTION_NOT_FOUND), refused("gateway_auth_error", 403)).await;
    check_moves(&rig, "404 model", Reply::error(errors::MODEL_NOT_FOUND), refused("gateway_404", 404)).await;
    check_moves(
        &rig,
        "404 path",
        Reply::raw("text/plain", "404 page not found").status(404),
        refused("gateway_404", 404),
    )
    .await;
    check_moves(&rig, "408", Reply::empty(408), refused("gateway_busy", 408)).await;
    check_moves(&rig, "html", Reply::html(), unclear("gateway_bad_response", Some(200))).await;
    check_moves(
        &rig,
        "html as json",
        Reply::raw("application/json", "<html>no</html>"),
        unclear("gateway_bad_response", Some(200)),
    )
    .await;
    check_moves(&rig, "empty", Reply::empty(200), unclear("gateway_bad_response", Some(200))).await;
    check_moves(
        &rig,
        "junk",
        Reply::raw("application/json", "{\"choices\":"),
        unclear("gateway_bad_response", Some(200)),
    )
    .await;
    check_moves(&rig, "cut", Reply::chat("x").truncate_bytes(20, Cut::Eof), unclear("transport_error", None)).await;
    check_moves(&rig, "reset", Reply::chat("x").truncate_bytes(20, Cut::Reset), unclear("transport_error", None)).await;
    check_moves(&rig, "no head", Reply::reset_before_head(), unclear("transport_error", None)).await;
    check_moves(&rig, "no answer", Reply::close_before_head(), unclear("transport_error", None)).await;
    check_moves(
        &rig,
        "no http",
        Reply::wire("SSH-2.0-OpenSSH_9.6\r\n", Cut::Eof),
        unclear("gateway_bad_response", None),
    )
    .await;
    let told = json!({"error": {"message": "host-1 broke", "type": "server_error"}});
    check_moves(&rig, "error as 200", Reply::json(&told), ("refused", "error_in_stream", Some(200))).await;
}

#[tokio::test]
async fn a_stream_that_begins_with_its_failure_is_left_for_the_next() {
    let rig = Setup::hosts(2).forgiving().start().await;
    let pings = || Reply::stream().pings(2, Duration::ZERO);
    let opening = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n";
    let in_stream = |end| (end, "error_in_stream", Some(200));
    check_moves(&rig, "error", Reply::stream().error_in_band(errors::UPSTREAM_FAILED), in_stream("refused")).await;
    check_moves(&rig, "queued", pings().error_in_band(errors::USER_CONCURRENCY), in_stream("refused")).await;
    check_moves(
        &rig,
        "opened",
        Reply::stream().raw_text(opening).error_in_band(errors::UPSTREAM_FAILED),
        in_stream("refused"),
    )
    .await;
    check_moves(
        &rig,
        "no blank line",
        Reply::stream().error_in_band(errors::UPSTREAM_FAILED).no_final_blank_line(),
        in_stream("refused"),
    )
    .await;
    check_moves(&rig, "nothing", pings(), in_stream("maybe_executed")).await;
    check_moves(&rig, "only opened", Reply::stream().raw_text(opening), in_stream("maybe_executed")).await;
    check_moves(&rig, "only done", Reply::stream().data("[DONE]"), in_stream("maybe_executed")).await;
    check_moves(&rig, "half", Reply::stream().raw_text("data: {\"choices\":[{\"delta\""), in_stream("maybe_executed"))
        .await;
    let junk = ("maybe_executed", "gateway_bad_response", Some(200));
    check_moves(&rig, "junk", Reply::stream().data("<html>"), junk).await;
}

#[tokio::test]
async fn a_host_that_is_down_costs_nothing_but_an_attempt() {
    let rig = Setup::hosts(2).start().await;
    rig.hosts[0].kill().await;
    let mut answer = rig.stream("x").send().await;
    assert!(answer.text().await.contains("host-2"));
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(
        attempts(&decision),
        [("route-1", "not_sent", Some("transport_error"), None), ("route-2", "answered", None, Some(200))]
    );
    assert!(!decision.possible_double_bill);
}

#[tokio::test]
async fn a_private_address_is_reached_only_when_that_is_allowed() {
    let rig = Setup::hosts(2).fleet(|fleet| fleet.hosts[0].allow_private = false).start().await;
    assert!(rig.say("x").send().await.text().await.contains("host-2"));
    assert_eq!(rig.calls(), [0, 1]);
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let elsewhere = FakeHost::start().await;
    let rig = Setup::hosts(2).start().await;
    for status in [301, 302, 307, 308] {
        let location = format!("{}/v1/chat/completions", elsewhere.base_url());
        rig.hosts[0].script(Reply::redirect(status, &location));
        let mut answer = rig.say(&format!("{status}")).send().await;
        assert!(answer.text().await.contains("host-2"));
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!(attempts(&decision)[0], ("route-1", "maybe_executed", Some("gateway_bad_response"), Some(status)));
    }
    assert_eq!(elsewhere.received().len(), 0);
}

#[tokio::test]
async fn every_host_gets_its_own_model_and_key_and_the_same_rest() {
    let rig = Setup::hosts(2)
        .fleet(|fleet| {
            for (route, name) in fleet.routes.iter_mut().zip(["shadow-a", "shadow-b"]) {
                name.clone_into(&mut route.shadow_model);
            }
        })
        .start()
        .await;
    rig.hosts[0].script(Reply::empty(500));
    let mut answer = rig.say("x").id("r-1").header("idempotency-key", "i-1").query("beta=true").send().await;
    assert_eq!(answer.json().await["model"], MODEL);
    for (index, model) in ["shadow-a", "shadow-b"].into_iter().enumerate() {
        let received = rig.hosts[index].next_request().await;
        assert_eq!(received.body, request("x", false).replace(MODEL, model));
        assert_eq!((received.bearer(), received.query()), (Some(&*host_key(index)), Some("beta=true")));
        assert_eq!((received.header("x-request-id"), received.header("idempotency-key")), (Some("r-1"), Some("i-1")));
    }
}

/// The one host gives `reply`, and the client an error of ours.
async fn check_told(reply: Reply, status: u16, code: &str, retry_after: Option<&str>) {
    for stream in [false, true] {
        let rig = Setup::hosts(1).start().await;
        rig.hosts[0].script(reply.clone());
        let mut answer = rig.chat(request("x", stream)).send().await;
        assert_eq!(answer.header("retry-after"), retry_after, "{code}");
        let body = answer.json().await;
        assert_eq!((answer.status, crate::client::check_error(&body).as_str()), (status, code));
        let shown = format!("{body} {:?}", answer.headers);
        let address = rig.hosts[0].address().to_string();
        for leak in ["host-1", "account", "127.0.0.1", &*address, "API key", "subscription"] {
            assert!(!shown.contains(leak), "{leak} in {shown}");
        }
        let decision = rig.decision(&answer.request_id()).await;
        assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(status)));
        assert!(decision.error_class.is_some() && decision.attempts.len() == 1, "{decision:?}");
    }
}

#[tokio::test]
async fn when_nothing_is_left_the_client_is_told_in_our_words() {
    check_told(Reply::empty(500), 502, "upstream_error", None).await;
    let leaky = errors::UPSTREAM_FAILED.with_message("account 17 of host-1 at 127.0.0.1 broke");
    check_told(Reply::error(leaky.clone()), 502, "upstream_error", None).await;
    check_told(Reply::error(leaky.with_retry_after("7").with_status(503)), 503, "upstream_unavailable", Some("7"))
        .await;
    check_told(Reply::html(), 502, "upstream_bad_response", None).await;
    check_told(Reply::empty(200), 502, "upstream_bad_response", None).await;
    check_told(Reply::redirect(302, "http://127.0.0.1/"), 502, "upstream_bad_response", None).await;
    check_told(Reply::reset_before_head(), 502, "upstream_bad_response", None).await;
    check_told(Reply::rate_limited(Some("17")), 429, "upstream_rate_limited", Some("17")).await;
    check_told(Reply::rate_limited(Some("99999999999")), 429, "upstream_rate_limited", None).await;
    check_told(Reply::error(errors::QUEUE_FULL), 429, "upstream_busy", None).await;
    check_told(Reply::error(errors::DAILY_LIMIT_EXCEEDED), 503, "upstream_quota", None).await;
    check_told(Reply::error(errors::INSUFFICIENT_BALANCE), 503, "upstream_quota", None).await;
    check_told(Reply::empty(408), 503, "upstream_overloaded", None).await;
    check_told(Reply::stream().error_in_band(errors::UPSTREAM_FAILED), 502, "upstream_error", None).await;
    check_told(Reply::stream(), 502, "upstream_error", None).await;
}

#[tokio::test]
async fn a_hosts_opinion_of_our_key_never_reaches_the_client() {
    let opinions: [HostError; 5] = [
        errors::INVALID_API_KEY,
        errors::API_KEY_DISABLED,
        errors::SUBSCRIPTION_NOT_FOUND,
        errors::SUBSCRIPTION_INVALID,
        errors::KEY_WITHOUT_GROUP,
    ];
    for opinion in opinions {
        check_told(Reply::error(opinion), 502, "upstream_auth", None).await;
    }
}

#[tokio::test]
async fn a_host_that_is_down_alone_is_unreachable() {
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].kill().await;
    let mut answer = rig.say("x").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (502, "upstream_unreachable"));
}

#[tokio::test]
async fn the_smallest_wait_of_all_hosts_is_told() {
    let rig = Setup::hosts(3).start().await;
    for (host, wait) in rig.hosts.iter().zip(["90", "5", "60"]) {
        host.script(Reply::rate_limited(Some(wait)));
    }
    let mut answer = rig.say("x").send().await;
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!((answer.status, answer.error_code().await.as_str()), (429, "upstream_rate_limited"));
}

/// What is the client's fault is relayed at once; no other host would say anything else.
async fn relayed(reply: Reply) -> (Rig, Answer) {
    let rig = Setup::hosts(2).shadow_model("shadow-5").start().await;
    rig.hosts[0].script(reply.leaky_headers());
    let answer = rig.say("x").send().await;
    assert_eq!(rig.calls(), [1, 0]);
    assert!(!format!("{:?}", answer.headers).contains("secret-host"));
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(answer.status)));
    assert_eq!(decision.error_class, Some(format!("gateway_{}", answer.status)));
    assert_eq!(attempts(&decision).len(), 1);
    (rig, answer)
}

#[tokio::test]
async fn a_refused_request_is_relayed_as_it_is() {
    let own = "{ \"error\" : {\"message\":\"bad \\ud83d value 1e400\", \"type\":\"t\",\"param\":\"p\",\"code\":null}, \"x\":1e400 }";
    for status in [400, 409, 413, 415, 422, 451] {
        let (_, mut answer) = relayed(Reply::raw("application/json; charset=utf-8", own).status(status)).await;
        assert_eq!((answer.status, answer.text().await.as_str()), (status, own));
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    }
    let (_, mut answer) =
        relayed(Reply::error(errors::CONTEXT_LENGTH_EXCEEDED).header("x-should-retry", "false")).await;
    assert_eq!((answer.status, answer.header("x-should-retry")), (400, Some("false")));
    assert_eq!(answer.error_code().await, "context_length_exceeded");
    let (_, mut answer) = relayed(Reply::error(errors::CONTENT_POLICY.with_status(403))).await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (403, "content_policy_violation"));
}

#[tokio::test]
async fn a_refusal_in_another_shape_is_reshaped() {
    for (kind, body, message) in [
        ("application/json", r#"{"detail":"too long"}"#, "too long"),
        ("application/json", r#"{"code":"X","message":"too long"}"#, "too long"),
        ("application/json", r#"{"error":"too long"}"#, "too long"),
        ("text/html; charset=utf-8", "<html>too long</html>", "The upstream refused the request (422)."),
        ("text/plain", "too long", "The upstream refused the request (422)."),
        ("", "", "The upstream refused the request (422)."),
    ] {
        let (_, mut answer) = relayed(Reply::raw(kind, body).status(422)).await;
        assert_eq!((answer.status, answer.header("content-type")), (422, Some("application/json")), "{body}");
        let told = answer.json().await;
        assert_eq!(
            (crate::client::check_error(&told).as_str(), &told["error"]["message"]),
            ("upstream_refused", &message.into())
        );
    }
    // What was encoded is not any more.
    let (_, mut answer) = relayed(Reply::raw("application/json", r#"{"detail":"x"}"#).status(400).gzip()).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.error_code().await, "upstream_refused");
}

#[tokio::test]
async fn a_relayed_refusal_names_neither_host_nor_shadow_model_nor_key() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    let address = rig.hosts[0].address();
    let text = format!("shadow-5 at http://{address}/v1 wants more than {}, says {}", host_key(0), address.ip());
    for body in [json!({"error": {"message": text, "type": "invalid_request_error"}}), json!({"detail": text})] {
        rig.hosts[0].script(Reply::json(&body).status(400));
        let mut answer = rig.say("x").send().await;
        let told = answer.json().await;
        assert_eq!(told["error"]["message"], "gpt-5 at http://upstream/v1 wants more than (key), says upstream");
    }
}

#[tokio::test]
async fn an_in_band_refusal_of_the_request_is_relayed_once() {
    let rig = Setup::hosts(2).start().await;
    rig.hosts[0].script(Reply::stream().error_in_band(errors::UNPARSABLE_BODY));
    let mut answer = rig.stream("x").send().await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await["error"]["message"], "Failed to parse request body");
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn three_hosts_are_asked_and_each_once() {
    let rig = Setup::hosts(5).start().await;
    rig.hosts.iter().for_each(|host| host.default_reply(Reply::empty(500)));
    let mut answer = rig.say("x").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (502, "upstream_error"));
    assert_eq!(rig.calls(), [1, 1, 1, 0, 0]);
    let few = Setup::hosts(2).start().await;
    few.hosts.iter().for_each(|host| host.default_reply(Reply::empty(500)));
    assert_eq!(few.say("x").send().await.status, 502);
    assert_eq!(few.calls(), [1, 1]);
}

#[tokio::test]
async fn hosts_that_saw_nothing_of_the_request_count_less() {
    let rig = Setup::hosts(7).start().await;
    for host in &rig.hosts[..6] {
        host.kill().await;
    }
    let mut answer = rig.say("x").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (502, "upstream_unreachable"));
    assert_eq!(rig.decision(&answer.request_id()).await.attempts.len(), 5);

    rig.hosts[2].revive().await;
    rig.hosts[2].default_reply(Reply::empty(500));
    let answer = rig.say("x").send().await;
    let decision = rig.decision(&answer.request_id()).await;
    let ends: Vec<_> = attempts(&decision).into_iter().map(|attempt| attempt.1).collect();
    assert_eq!(ends, ["not_sent", "not_sent", "refused"], "the third was reached, and three is the limit then");
}

#[tokio::test]
async fn attempts_share_one_time_budget() {
    let rig = Setup::hosts(2).options(|options| options.attempts_budget = Duration::from_micros(1)).start().await;
    rig.hosts[0].script(Reply::empty(500));
    assert_eq!(rig.say("x").send().await.status, 502);
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn a_host_that_says_nothing_in_time_is_left_once() {
    let second = Duration::from_secs(1);
    let rig = Setup::hosts(3).options(|options| options.first_output = second).start().await;
    rig.hosts[0].script(Reply::silence());
    let mut answer = rig.stream("moves").send().await;
    assert!(answer.text().await.contains("host-2"));
    rig.hosts[0].wait_disconnected(0).await;
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(attempts(&decision)[0], ("route-1", "maybe_executed", Some("timeout"), None));
    assert!(decision.possible_double_bill);

    // Pings are no output, and a second host that says nothing is the last.
    rig.hosts[0].script(Reply::stream().pings(1, Duration::ZERO).stall_after(0));
    rig.hosts[1].script(Reply::silence());
    let mut answer = rig.stream("fails").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (504, "upstream_timeout"));
    assert_eq!(rig.calls(), [2, 2, 0]);
}

#[tokio::test]
async fn a_group_may_forbid_a_second_try_after_a_timeout() {
    let rig = Setup::hosts(2)
        .options(|options| options.first_output = Duration::from_millis(60))
        .fleet(|fleet| fleet.groups[0].retry_on_timeout = false)
        .start()
        .await;
    rig.hosts[0].script(Reply::silence());
    let mut answer = rig.say("x").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (504, "upstream_timeout"));
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn a_binding_moves_only_when_another_host_has_served() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("c");
    turn().send().await;
    assert_eq!(rig.bound_route().await, "route-1");
    for host in &rig.hosts {
        host.script(Reply::empty(500));
    }
    let failed = turn().send().await;
    assert_eq!(failed.status, 502);
    assert_eq!(rig.bound_route().await, "route-1", "nothing served, so nothing moves");

    rig.hosts[0].script(Reply::empty(500));
    let moved = turn().send().await;
    let decision = rig.decision(&moved.request_id()).await;
    assert_eq!((decision.sticky_action.as_str(), decision.route_id.as_deref()), ("rebind", Some("route-2")));
    assert_eq!(rig.bound_route().await, "route-2");
    let stays = turn().send().await;
    let decision = rig.decision(&stays.request_id()).await;
    assert_eq!(
        (decision.sticky_action.as_str(), decision.sticky_hit, decision.route_id.as_deref()),
        ("hit", true, Some("route-2"))
    );
}

#[tokio::test]
async fn a_busy_host_is_borrowed_around() {
    let rig = Setup::hosts(2).start().await;
    let turn = || rig.say("x").conversation("c");
    turn().send().await;
    for busy in [errors::QUEUE_FULL, errors::USER_CONCURRENCY] {
        rig.hosts[0].script(Reply::error(busy));
        let borrowed = turn().send().await;
        let decision = rig.decision(&borrowed.request_id()).await;
        assert_eq!((decision.sticky_action.as_str(), decision.route_id.as_deref()), ("borrow", Some("route-2")));
        assert_eq!(rig.bound_route().await, "route-1");
    }
    let back = turn().send().await;
    assert_eq!(rig.decision(&back.request_id()).await.route_id.as_deref(), Some("route-1"));
}

#[tokio::test]
async fn two_routes_to_one_host_are_two_candidates() {
    let rig = Setup::hosts(1)
        .fleet(|fleet| {
            let id = relay_domain::RouteId::new("route-1b").unwrap();
            fleet.routes.push(Route { id, priority: 2, ..route(0) });
        })
        .start()
        .await;
    rig.hosts[0].script(Reply::empty(500));
    let answer = rig.say("x").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(rig.decision(&answer.request_id()).await.route_id.as_deref(), Some("route-1b"));
}

#[tokio::test]
async fn a_host_without_a_name_that_resolves_is_unreachable() {
    let rig = Setup::hosts(2).fleet(|fleet| fleet.hosts[0] = host_at(0, "http://nowhere.invalid:1")).start().await;
    let mut answer = rig.say("x").send().await;
    assert!(answer.text().await.contains("host-2"));
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(attempts(&decision)[0], ("route-1", "not_sent", Some("transport_error"), None));
}
