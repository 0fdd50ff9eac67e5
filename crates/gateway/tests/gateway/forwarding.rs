//! What crosses the relay, in which form, and what does not: bodies, model names,
//! headers, credentials, queries, ids (spec §6).

use std::io::Read as _;

use jiff::SignedDuration;
use relay_domain::{CredentialMode, ModelPattern};
use relay_hosts::endpoint::fingerprint;
use relay_testkit::Reply;
use serde_json::json;

use crate::client::check_error;
use crate::rig::{KEY, MODEL, OTHER_KEY, Setup, as_written, counted, host_key, request, route};

const EXPOSED: [&str; 5] =
    ["x-relay-route", "x-relay-host", "x-relay-sticky", "x-relay-attempts", "x-relay-overhead-us"];

/// Sends `body` to a host that calls the model `shadow-5`, and expects `reaches` there.
async fn check_body(body: &str, reaches: &str) {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    rig.chat(body.to_owned()).send().await;
    let received = rig.hosts[0].next_request().await;
    assert_eq!(std::str::from_utf8(&received.body), Ok(reaches));
}

#[tokio::test]
async fn a_body_reaches_the_host_as_it_was_written_except_for_the_model() {
    check_body(
        r#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"shadow-5","messages":[{"role":"user","content":"hi"}]}"#,
    )
    .await;
    // Spaces, order, unknown fields, numbers that no double holds, lone surrogates, Unicode, nested and look-alike members.
    check_body(
        "{ \"x\" : {\"model\":\"gpt-5\"},\r\n\t\"seed\":9007199254740993, \"big\":1e400,\"neg\":-0.0 , \"model\"  :\t\"gpt-5\" ,\
         \"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d 日本 \\u00e9 \\\" model \"}],\"unknown\":[null,1.50] }\n",
        "{ \"x\" : {\"model\":\"gpt-5\"},\r\n\t\"seed\":9007199254740993, \"big\":1e400,\"neg\":-0.0 , \"model\"  :\t\"shadow-5\" ,\
         \"messages\":[{\"role\":\"user\",\"content\":\"\\ud83d 日本 \\u00e9 \\\" model \"}],\"unknown\":[null,1.50] }\n",
    )
    .await;
    check_body(
        "{\"mod\\u0065l\":\"gpt\\u002d5\",\"messages\":[],\"messages\":[]}",
        "{\"mod\\u0065l\":\"shadow-5\",\"messages\":[],\"messages\":[]}",
    )
    .await;
}

#[tokio::test]
async fn a_body_of_a_few_mebibytes_that_comes_in_pieces_is_still_the_same() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    let filler = "日本 ".repeat(600_000);
    let body = |model: &str| format!(r#"{{"messages":[{{"role":"user","content":"{filler}"}}],"model":"{model}"}}"#);
    let answer = rig.chat(body(MODEL)).send().await;
    assert_eq!(answer.status, 200);
    assert!(rig.hosts[0].next_request().await.body == body("shadow-5"));
}

#[tokio::test]
async fn a_model_named_twice_is_refused_before_any_host_sees_it() {
    let rig = Setup::hosts(1).start().await;
    for body in [r#"{"model":"gpt-5","model":"gpt-5"}"#, "{\"model\":\"gpt-5\",\"mod\\u0065l\":\"other\"}"] {
        let mut answer = rig.chat(body).send().await;
        assert_eq!((answer.status, answer.error_code().await.as_str()), (400, "invalid_request"));
    }
    assert_eq!(rig.calls(), [0]);
}

#[tokio::test]
async fn a_model_may_be_addressed_with_its_group() {
    let rig = Setup::hosts(1).start().await;
    let answer = rig.chat(request("hi", false).replace(MODEL, "gpt/gpt-5")).send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(rig.hosts[0].next_request().await.json()["model"], MODEL);
    let mut answer = rig.chat(request("hi", false).replace(MODEL, "other/gpt-5")).send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (404, "model_not_found"));
    assert_eq!(rig.calls(), [1]);
}

#[tokio::test]
async fn an_answer_is_the_hosts_bytes_with_the_public_model_name() {
    let reply =
        || Reply::chat("héllo \u{1f600} {prompt}").tool_call("f", r#"{"a": 1e2, "shadow": "x"}"#).usage_unasked();
    for stream in [false, true] {
        let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
        rig.hosts[0].script(reply());
        let body = if stream { counted("shadow") } else { request("shadow", false) };
        let mut answer = rig.chat(body.clone()).send().await;
        let expected = as_written(reply(), &body.replace(MODEL, "shadow-5")).await;
        assert!(expected.contains("\"shadow-5\""), "the host names its own model");
        assert_eq!(answer.text().await, expected.replace("\"shadow-5\"", "\"gpt-5\""));
    }
}

#[tokio::test]
async fn an_answer_is_untouched_where_the_names_are_the_same() {
    let body =
        "{ \"object\":\"chat.completion\", \"model\" : \"other\",\n \"n\":1e400, \"s\":\"\\ud83d\", \"choices\":[] } ";
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].script(Reply::raw("application/json", body));
    let mut answer = rig.say("hi").send().await;
    assert_eq!((answer.status, answer.text().await.as_str()), (200, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn an_encoded_answer_passes_as_it_is_to_a_client_that_takes_it_and_decoded_to_others() {
    let rig = Setup::hosts(1).start().await;
    let reply = || Reply::chat("{prompt} {prompt}").gzip();
    rig.hosts[0].script(reply());
    let mut encoded = rig.say("hi").header("accept-encoding", "br, gzip").send().await;
    assert_eq!((encoded.status, encoded.header("content-encoding")), (200, Some("gzip")));
    let mut plain = Vec::new();
    let bytes = encoded.bytes().await.expect("is whole");
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("is gzip");
    assert!(String::from_utf8(plain).expect("is UTF-8").contains("hi hi"));
    assert!(rig.decision(&encoded.request_id()).await.usage.output.is_some(), "it was read on the way");

    rig.hosts[0].script(reply());
    let mut decoded = rig.say("hi").send().await;
    assert_eq!((decoded.status, decoded.header("content-encoding")), (200, None));
    assert!(decoded.text().await.contains("hi hi"));
}

#[tokio::test]
async fn an_encoded_answer_in_which_the_model_is_renamed_is_decoded() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    rig.hosts[0].script(Reply::chat("hi").gzip());
    let mut answer = rig.say("hi").header("accept-encoding", "gzip").send().await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.json().await["model"], "gpt-5");
}

#[tokio::test]
async fn an_answer_whose_usage_is_odd_still_passes() {
    let odd = r#"{"model":"shadow-5","choices":[],"usage":{"prompt_tokens":1.5,"completion_tokens":"2","prompt_tokens_details":[]}}"#;
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    rig.hosts[0].script(Reply::raw("application/json", odd));
    let mut answer = rig.say("hi").send().await;
    assert_eq!((answer.status, answer.text().await), (200, odd.replace("shadow-5", "gpt-5")));

    let output = r#"data: {"model":"shadow-5","choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":-1}}"#;
    let stream = format!("{output}\n\ndata: [DONE]\n\n");
    rig.hosts[0].script(Reply::stream().raw_text(stream.clone()));
    assert_eq!(rig.stream("hi").send().await.text().await, stream.replace("shadow-5", "gpt-5"));
    let decisions = rig.decisions().await;
    assert!(decisions.iter().all(|decision| decision.usage.input.is_none()), "what cannot be read is absent");
}

#[tokio::test]
async fn the_query_is_kept_but_for_keys() {
    let rig = Setup::hosts(1).start().await;
    for (sent, reaches) in [
        ("beta=true&alt=sse", Some("beta=true&alt=sse")),
        ("beta=true&key=secret&x=%20%26&&keys=1&api_key=secret", Some("beta=true&x=%20%26&&keys=1")),
        ("%6bey=secret&api%5Fkey=secret", None),
        ("key", None),
    ] {
        assert_eq!(rig.say("hi").query(sent).send().await.status, 200, "{sent}");
        assert_eq!(rig.hosts[0].next_request().await.query(), reaches, "{sent}");
    }
}

#[tokio::test]
async fn one_credential_goes_out_whichever_way_the_callers_key_came() {
    let rig = Setup::hosts(1).start().await;
    let ways: [&[(&str, String)]; 5] = [
        &[("authorization", format!("Bearer {KEY}"))],
        &[("authorization", format!("bearer  {KEY}"))],
        &[("x-api-key", KEY.to_owned())],
        &[("x-goog-api-key", KEY.to_owned())],
        &[
            ("authorization", format!("Bearer {KEY}")),
            ("x-api-key", KEY.to_owned()),
            ("x-goog-api-key", KEY.to_owned()),
        ],
    ];
    for way in ways {
        let call = rig.say("hi").without("authorization").query(&format!("key={KEY}"));
        let call = way.iter().fold(call, |call, (name, value)| call.header(name, value));
        assert_eq!(call.send().await.status, 200, "{way:?}");
        let received = rig.hosts[0].next_request().await;
        assert_eq!(received.header_all("authorization"), [format!("Bearer {}", host_key(0))]);
        for name in ["x-api-key", "x-goog-api-key"] {
            assert_eq!(received.header(name), None);
        }
        assert!(!String::from_utf8_lossy(&received.head).contains(KEY), "the caller's key leaks: {received:?}");
    }
}

#[tokio::test]
async fn a_callers_route_sends_the_key_that_was_presented() {
    let rig = Setup::hosts(1).fleet(|fleet| fleet.routes[0].credential = CredentialMode::Caller);
    let mut rig = rig.start().await;
    // The host knows the consumer's own key only.
    rig.hosts[0] = relay_testkit::FakeHost::builder().name("host-1").key(KEY).start().await;
    let base_url = relay_domain::BaseUrl::parse(&rig.hosts[0].base_url()).unwrap();
    rig.publish(|fleet| fleet.hosts[0].base_url = base_url);
    let answer = rig.say("hi").without("authorization").header("x-api-key", KEY).send().await;
    assert_eq!(answer.status, 200);
    let received = rig.hosts[0].next_request().await;
    assert_eq!(received.header_all("authorization"), [format!("Bearer {KEY}")]);
    assert_eq!(received.header("x-api-key"), None);
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(decision.key_source.as_deref(), Some("caller"));
    assert_eq!(decision.key_fingerprint.as_deref(), Some(&*fingerprint(&relay_domain::Secret::new(KEY))));
    // Where a host quotes it, it is shown as little as any other key.
    let told = json!({"error": {"message": format!("{KEY} may not do this"), "type": "x"}});
    rig.hosts[0].script(Reply::json(&told).status(400));
    let mut refused = rig.say("hi").send().await;
    assert_eq!(refused.json().await["error"]["message"], "(key) may not do this");
}

#[tokio::test]
async fn request_headers_pass_unless_they_end_at_a_relay() {
    let pass = [
        ("User-Agent", "OpenAI/Python 1.2"),
        ("session_id", "s-1"),
        ("x_odd_name", "kept"),
        ("OpenAI-Organization", "org"),
        ("anthropic-beta", "a,b"),
        ("Idempotency-Key", "i-1"),
        ("Accept", "text/event-stream"),
        ("x-stainless-retry-count", "0"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ];
    let end = [
        ("Cookie", "secret=1"),
        ("Forwarded", "for=10.0.0.1"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-Host", "relay.internal"),
        ("X-Real-IP", "10.0.0.1"),
        ("CF-Connecting-IP", "10.0.0.1"),
        ("Via", "1.1 corporate"),
        ("Proxy-Authorization", "Basic eA=="),
        ("X-Relay-Conversation", "c-1"),
        ("X-Relay-Anything", "1"),
        ("X-Hop", "1"),
        ("TE", "trailers"),
        ("api-key", KEY),
    ];
    let rig = Setup::hosts(1).start().await;
    let call = rig.say("hi").header("Connection", "keep-alive, X-Hop").header("Accept-Encoding", "gzip, br");
    let call = pass.iter().chain(&end).fold(call, |call, (name, value)| call.header(name, value));
    assert_eq!(call.send().await.status, 200);
    let received = rig.hosts[0].next_request().await;
    for (name, value) in pass {
        assert_eq!(received.header_all(name), [value], "{name}");
    }
    for (name, _) in end {
        assert_eq!(received.header(name), None, "{name}");
    }
    assert_eq!(received.header_all("accept-encoding"), ["identity"]);
    assert_eq!(received.header_all("host"), [rig.hosts[0].address().to_string()]);
    assert_eq!(received.header_all("content-type"), ["application/json"]);
    assert_eq!(received.header_all("content-length").len(), 1);
}

#[tokio::test]
async fn nothing_of_the_hosts_headers_names_the_host() {
    let rig = Setup::hosts(1).start().await;
    for stream in [false, true] {
        let reply = Reply::chat("hi").leaky_headers().header("Retry-After-Ms", "20").header("X-Should-Retry", "false");
        rig.hosts[0].script(reply.header("X-RateLimit-Remaining-Requests", "9").header("OpenAI-Processing-Ms", "12"));
        let answer = rig.chat(request("hi", stream)).send().await;
        let shown = format!("{:?}", answer.headers);
        assert!(!shown.contains("secret-host") && !shown.contains("x-client-request-id"), "{shown}");
        for name in ["server", "set-cookie", "location", "via", "x-relay-host", "x-frame-options"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
        for (name, value) in [
            ("retry-after-ms", "20"),
            ("x-should-retry", "false"),
            ("x-ratelimit-remaining-requests", "9"),
            ("openai-processing-ms", "12"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
    }
}

#[tokio::test]
async fn a_safe_request_id_is_kept_and_any_other_replaced() {
    let rig = Setup::hosts(1).start().await;
    for (sent, kept) in [("trace-1.2:3_4", true), ("has space", false), ("", false), (&*"x".repeat(65), false)] {
        let answer = rig.say("hi").id(sent).send().await;
        let id = answer.request_id();
        assert_eq!(id == sent, kept, "{sent} -> {id}");
        assert!((1..=64).contains(&id.len()));
        assert_eq!(rig.hosts[0].next_request().await.header_all("x-request-id"), [&*id]);
        let decision = rig.decision(&id).await;
        assert!(decision.upstream_request_id.is_some_and(|upstream| upstream != id), "the host has an id of its own");
    }
    let mut answer = rig.say("hi").id("e-1").key("wrong").send().await;
    assert_eq!((answer.request_id().as_str(), answer.error_code().await.as_str()), ("e-1", "invalid_api_key"));
}

#[tokio::test]
async fn the_body_counts_whatever_its_content_type_says() {
    let rig = Setup::hosts(1).start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
        let answer = rig.say("hi").without("content-type").header("content-type", kind).send().await;
        assert_eq!(answer.status, 200, "{kind}");
        assert_eq!(rig.hosts[0].next_request().await.header_all("content-type"), [kind]);
    }
    assert_eq!(rig.say("hi").without("content-type").send().await.status, 200);
    assert_eq!(rig.hosts[0].next_request().await.header_all("content-type"), ["application/json"]);
    let mut answer = rig.chat("model=gpt-5&messages=hi").send().await;
    assert_eq!((answer.status, answer.error_code().await.as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn routing_is_shown_only_to_keys_that_may_see_it() {
    let rig = Setup::hosts(2).fleet(|fleet| fleet.keys[1].expose_routing = true).start().await;
    for stream in [false, true] {
        let call = rig.chat(request("hi", stream)).conversation("c");
        let hidden = call.clone().send().await;
        assert!(EXPOSED.iter().all(|name| hidden.header(name).is_none()), "{hidden:?}");
        rig.hosts[0].script(Reply::empty(500));
        let shown = call.key(OTHER_KEY).send().await;
        let values = EXPOSED[..4].iter().map(|name| shown.header(name).unwrap_or_default());
        let sticky = if stream { "rebind" } else { "bind" };
        assert_eq!(values.collect::<Vec<_>>(), ["route-2", "host-2", sticky, "2"], "{shown:?}");
        assert!(shown.header(EXPOSED[4]).is_some_and(|us| us.parse::<u64>().is_ok()));
        if !stream {
            // Back to the first host, so that the streamed request moves again.
            rig.bindings_purge().await;
            assert_eq!(
                rig.say("hi").conversation("c").key(OTHER_KEY).send().await.header("x-relay-host"),
                Some("host-1")
            );
        }
    }
    let mut refused = rig.chat(r#"{"model":"gpt-6"}"#).key(OTHER_KEY).send().await;
    assert_eq!((refused.status, refused.error_code().await.as_str()), (404, "model_not_found"));
}

#[tokio::test]
async fn models_are_those_that_the_key_may_call() {
    let rig = Setup::hosts(1)
        .fleet(|fleet| {
            let mut add = |model: &str, id: &str, enabled: bool| {
                let pattern = ModelPattern::parse(model).unwrap();
                let id = relay_domain::RouteId::new(id).unwrap();
                fleet.routes.push(relay_domain::Route { public_model: pattern, id, enabled, ..route(0) });
            };
            add("gpt-4", "r-a", true);
            add("org/model", "r-b", true);
            add("claude-*", "r-c", true);
            add("off", "r-d", false);
            fleet.keys[1].groups.clear();
        })
        .start()
        .await;
    let mut answer = rig.call("GET", "/v1/models").send().await;
    let list = answer.json().await;
    assert_eq!((answer.status, &list["object"]), (200, &"list".into()));
    let ids: Vec<&str> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["gpt-4", "gpt-5", "org/model"]);
    for model in list["data"].as_array().unwrap() {
        assert_eq!(
            (&model["object"], model["created"].is_u64(), model["owned_by"].is_string()),
            (&"model".into(), true, true)
        );
    }
    for (path, id) in
        [("gpt-5", "gpt-5"), ("gpt/gpt-5", "gpt/gpt-5"), ("org%2Fmodel", "org/model"), ("claude-x", "claude-x")]
    {
        let mut answer = rig.call("GET", &format!("/v1/models/{path}")).send().await;
        assert_eq!((answer.status, answer.json().await["id"].as_str()), (200, Some(id)), "{path}");
    }
    for path in ["gpt-6", "other/gpt-5", ""] {
        let mut answer = rig.call("GET", &format!("/v1/models/{path}")).send().await;
        assert_eq!((answer.status, check_error(&answer.json().await).as_str()), (404, "model_not_found"), "{path}");
    }
    let mut other = rig.call("GET", "/v1/models").key(OTHER_KEY).send().await;
    assert_eq!(other.json().await["data"].as_array().map(Vec::len), Some(0));
    assert_eq!(rig.call("GET", "/v1/models").key("wrong").send().await.status, 401);
    assert_eq!(rig.calls(), [0], "no host is asked");
}

#[tokio::test]
async fn disabled_and_expired_keys_are_refused_from_that_moment_on() {
    let mut rig = Setup::hosts(1).start().await;
    let expires_at = "2026-11-23T08:00:10Z".parse().unwrap();
    rig.publish(|fleet| {
        fleet.keys[0].expires_at = Some(expires_at);
        fleet.keys[1].enabled = false;
    });
    assert_eq!(rig.say("hi").send().await.status, 200);
    rig.clock.advance(SignedDuration::from_secs(10));
    for key in [KEY, OTHER_KEY] {
        let mut answer = rig.say("hi").key(key).send().await;
        assert_eq!((answer.status, answer.error_code().await.as_str()), (401, "invalid_api_key"));
        assert_eq!(rig.call("GET", "/v1/models").key(key).send().await.status, 401);
    }
    rig.publish(|fleet| fleet.keys[1].enabled = true);
    assert_eq!(rig.say("hi").key(OTHER_KEY).send().await.status, 200);
    assert_eq!(rig.calls(), [2]);
}

#[tokio::test]
async fn connections_are_used_again_on_both_sides() {
    let rig = Setup::hosts(1).start().await;
    let mut connection = rig.connect().await;
    for turn in 0..6 {
        let mut answer = connection.call(rig.chat(request(&format!("turn {turn}"), turn % 2 == 1))).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().await.contains("turn"));
    }
    for call in
        [rig.call("GET", "/v1/models"), rig.chat(r#"{"model":"gpt-6"}"#), rig.say("hi").key("wrong"), rig.say("last")]
    {
        connection.call(call).await.text().await;
    }
    assert_eq!(rig.calls(), [7]);
    assert_eq!(rig.hosts[0].connections_accepted(), 1);
}

#[tokio::test]
async fn several_threads_serve_clients_and_each_uses_its_connections_to_hosts_again() {
    let rig = Setup::hosts(1).threads(2).start().await;
    let mut connections = [rig.connect().await, rig.connect().await, rig.connect().await, rig.connect().await];
    for turn in 0..3 {
        for connection in &mut connections {
            let mut answer = connection.call(rig.chat(request(&format!("turn {turn}"), turn % 2 == 1))).await;
            assert!(answer.text().await.contains("turn"));
        }
    }
    assert_eq!((rig.calls(), rig.connections_of_threads()), (vec![12], vec![2, 2]));
    // One for each thread, unless the second found that the first had not used its own for a second.
    assert!(rig.hosts[0].connections_accepted() <= 2);
}

#[tokio::test]
async fn requests_sent_at_once_on_one_connection_are_answered_in_order() {
    let rig = Setup::hosts(1).start().await;
    let mut wire = rig.wire().await;
    let call = |prompt: &str| {
        let body = request(prompt, false);
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: r\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    wire.send(call("first") + &call("second") + "GET /healthz HTTP/1.1\r\nhost: r\r\nconnection: close\r\n\r\n").await;
    let answers = wire.rest().await;
    let places =
        ["says: first", "says: second", r#"{"status":"ok"}"#].map(|text| answers.find(text).expect("is answered"));
    assert!(places.is_sorted(), "{answers}");
}

#[tokio::test]
async fn a_base_url_with_a_prefix_keeps_it() {
    let mut rig = Setup::hosts(1).start().await;
    let base_url = relay_domain::BaseUrl::parse(&format!("{}/tenant/v1/", rig.hosts[0].base_url())).unwrap();
    rig.publish(|fleet| fleet.hosts[0].base_url = base_url);
    rig.hosts[0].script_path("/tenant/v1/chat/completions", Reply::chat("prefixed"));
    let mut answer = rig.say("hi").query("a=1").send().await;
    assert_eq!(answer.json().await["choices"][0]["message"]["content"], "prefixed");
    assert_eq!(rig.hosts[0].next_request().await.target, "/tenant/v1/chat/completions?a=1");
}
