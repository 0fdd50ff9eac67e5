//! What a streaming client sees: events as they come, byte for byte, and an end
//! that tells a whole answer from a broken one (spec §5, §6).

use std::time::Duration;

use relay_testkit::{Cut, Gate, Reply, errors};
use serde_json::Value;

use crate::client::{Answer, check_error, events, said};
use crate::rig::{MODEL, Rig, Setup, as_written, counted, request};

/// Too short to wait for, and long enough to be told from nothing.
const SHORT: Duration = Duration::from_millis(60);

/// Reads a stream that broke to its end: what came before the error event, and that event's code.
async fn broken(mut answer: Answer) -> (String, String) {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let stream = answer.text().await;
    assert!(!stream.contains("[DONE]"), "a broken stream looks whole: {stream}");
    let last = events(&stream).pop().expect("has an event");
    let code = check_error(&serde_json::from_str::<Value>(&last).expect("is JSON"));
    let before = stream.strip_suffix(&format!("data: {last}\n\n")).expect("ends with the error event").to_owned();
    // A client that does not look at events at all sees the connection end.
    answer.closed().await;
    (before, code)
}

#[tokio::test]
async fn an_event_is_there_before_the_host_sends_the_next() {
    let rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::chat("one two three").hold_after(2, &gate));
    let mut answer = rig.stream("hi").send().await;
    for (name, value) in
        [("content-type", "text/event-stream"), ("x-accel-buffering", "no"), ("cache-control", "no-cache")]
    {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_eq!(said(answer.until("\"one\"").await), "one");
    assert!(!gate.is_open());
    gate.open();
    let stream = answer.text().await;
    assert_eq!(said(&stream), "one two three");
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
}

/// A way to write a reply.
type Shape = fn(Reply) -> Reply;

#[tokio::test]
async fn every_way_to_write_events_arrives_as_it_was_written() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    let body = counted("shadow");
    let shapes: [(&str, Shape); 14] = [
        ("plain", |reply| reply),
        ("bytes", |reply| reply.chunk_bytes(1)),
        ("three bytes, crlf", |reply| reply.chunk_bytes(3).crlf()),
        ("crlf", Reply::crlf),
        ("comments", Reply::comments),
        ("comments, crlf, bytes", |reply| reply.comments().crlf().chunk_bytes(1)),
        ("split characters", Reply::split_utf8),
        ("lines", Reply::multi_line_data),
        ("lines, crlf, bytes", |reply| reply.multi_line_data().crlf().chunk_bytes(1)),
        ("no space", Reply::data_without_space),
        ("no space, lines", |reply| reply.data_without_space().multi_line_data()),
        ("no final blank line", Reply::no_final_blank_line),
        ("byte order mark", Reply::byte_order_mark),
        ("one write", Reply::in_one_write),
    ];
    for (number, (name, shape)) in shapes.into_iter().enumerate() {
        let reply =
            || shape(Reply::chat("日本 \u{1f600} {prompt} é").tool_call("f", "{\"a\":\"\\u0041\"}").usage_unasked());
        rig.hosts[0].script(reply());
        let mut answer = rig.chat(body.clone()).send().await;
        let written = as_written(reply(), &body.replace(MODEL, "shadow-5")).await;
        assert!(written.contains("\"shadow-5\""), "the host names its own model");
        // The host numbers its answers, and the one read directly is its first.
        let expected = written.replace("\"shadow-5\"", "\"gpt-5\"").replace("host-1-0", &format!("host-1-{number}"));
        assert_eq!(answer.text().await, expected, "{name}");
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "complete", "{name}");
    }
}

#[tokio::test]
async fn pings_and_opening_frames_come_with_the_first_output() {
    let rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    let reply = || Reply::stream().pings(3, Duration::ZERO).comment("working").text("hi");
    rig.hosts[0].script(reply().hold_after(1, &gate));
    let answering = rig.chat(counted("x")).spawn();
    gate.reached().await;
    assert!(!answering.is_finished(), "an opening frame is no output");
    gate.open();
    let stream = answering.await.expect("answers").text().await;
    assert_eq!(stream, as_written(reply(), &counted("x")).await);
}

#[tokio::test]
async fn a_cut_stream_is_told_from_a_whole_one() {
    for cut in [Cut::Clean, Cut::Eof, Cut::Reset] {
        let rig = Setup::hosts(2).start().await;
        rig.hosts[0].script(Reply::chat("one two three four").truncate_after(3, cut));
        let answer = rig.stream("x").send().await;
        let id = answer.request_id();
        let (before, code) = broken(answer).await;
        assert_eq!((said(&before).as_str(), code.as_str()), ("one two", "stream_interrupted"), "{cut:?}");
        let decision = rig.decision(&id).await;
        assert_eq!(decision.verdict, "truncated", "{cut:?}");
        assert_eq!(decision.error_class.as_deref(), Some("stream_truncated"));
        assert_eq!((decision.client_status, decision.route_id.as_deref()), (Some(200), Some("route-1")));
        assert_eq!(rig.calls(), [1, 0], "output was sent: no other host may go on");
    }
}

#[tokio::test]
async fn half_an_event_is_dropped_wherever_the_cut_falls() {
    let rig = Setup::hosts(1).forgiving().start().await;
    let whole = as_written(Reply::chat("日本 \u{1f600} two three"), &counted("x")).await;
    let first_output = whole.match_indices("\n\n").nth(1).expect("has two events").0 + 2;
    let end = whole.find("data: [DONE]").expect("ends") + "data: [DONE]".len() - 1;
    for at in (first_output..=end).step_by(37).chain([end]) {
        rig.hosts[0].script(Reply::chat("日本 \u{1f600} two three").truncate_bytes(at, Cut::Eof));
        let answer = rig.chat(counted("x")).send().await;
        let (before, code) = broken(answer).await;
        let kept = whole.as_bytes()[..at].windows(2).rposition(|two| two == b"\n\n").expect("has an event") + 2;
        let number = rig.calls()[0] - 1;
        let expected = whole[..kept].replace("host-1-0", &format!("host-1-{number}"));
        let extra = before.strip_prefix(&expected).unwrap_or_else(|| panic!("{at}: {before}"));
        // An event that is whole but for its blank line is kept, with one.
        let rest =
            String::from_utf8_lossy(&whole.as_bytes()[kept..at]).replace("host-1-0", &format!("host-1-{number}"));
        assert!(extra.is_empty() || extra.trim_end() == rest.trim_end(), "{at}: {before}");
        assert_eq!(
            events(&before).iter().filter(|data| serde_json::from_str::<Value>(data).is_err()).count(),
            0,
            "{before}"
        );
        assert_eq!(code, "stream_interrupted");
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_its_end_is_not_whole() {
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].script(Reply::chat("all of it").without_terminal());
    let (before, code) = broken(rig.stream("x").send().await).await;
    assert_eq!((said(&before).as_str(), code.as_str()), ("all of it", "stream_interrupted"));
}

#[tokio::test]
async fn an_error_after_output_is_told_in_our_words() {
    let rig = Setup::hosts(2).start().await;
    let error = errors::UPSTREAM_UNAVAILABLE.with_message("account 17 at secret-host.internal is broke");
    rig.hosts[0].script(Reply::chat("one two three").error_after(3, error));
    let answer = rig.stream("x").send().await;
    let id = answer.request_id();
    let (before, code) = broken(answer).await;
    assert_eq!((said(&before).as_str(), code.as_str()), ("one two", "stream_interrupted"));
    let decision = rig.decision(&id).await;
    assert_eq!(
        (decision.verdict.as_str(), decision.error_class.as_deref()),
        ("error_in_stream", Some("error_in_stream"))
    );
    assert_eq!(rig.calls(), [1, 0]);
}

#[tokio::test]
async fn a_host_that_falls_silent_is_cut_and_let_go() {
    let rig = Setup::hosts(1).options(|options| options.idle = SHORT).start().await;
    rig.hosts[0].script(Reply::chat("one two three").stall_after(3));
    let answer = rig.stream("x").send().await;
    let id = answer.request_id();
    let (_, code) = broken(answer).await;
    assert_eq!(code, "stream_timeout");
    rig.hosts[0].wait_disconnected(0).await;
    let decision = rig.decision(&id).await;
    assert_eq!((decision.verdict.as_str(), decision.error_class.as_deref()), ("idle_cut", Some("stream_idle")));
}

#[tokio::test]
async fn silence_is_filled_with_comments_between_events() {
    let rig = Setup::hosts(1).options(|options| options.keep_alive = SHORT).start().await;
    let (between, inside) = (Gate::new(), Gate::new());
    let chunk = |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let (first, second) = (chunk("one"), chunk("two"));
    let (head, tail) = second.split_at(20);
    rig.hosts[0].script(
        Reply::stream().raw_text(&*first).gate(&between).raw_text(head).gate(&inside).raw_text(tail).data("[DONE]"),
    );
    let mut answer = rig.stream("x").send().await;
    answer.until(": keep-alive\n\n").await;
    between.open();
    inside.reached().await;
    answer.until(": keep-alive\n\n: keep-alive\n\n").await;
    inside.open();
    let stream = answer.text().await;
    assert_eq!(stream.replace(": keep-alive\n\n", ""), format!("{first}{second}data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_200_that_was_given_early_leaves_the_route_open() {
    let rig = Setup::hosts(2).options(early_status).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::error(errors::UPSTREAM_UNAVAILABLE).hold(&gate));
    let mut answer = rig.stream("x").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    answer.until(": keep-alive\n\n").await;
    assert_eq!(rig.calls(), [1, 0]);
    gate.open();
    let stream = answer.text().await;
    assert_eq!(said(&stream), "host-2 says: x");
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.verdict.as_str(), decision.route_id.as_deref()), ("complete", Some("route-2")));
    assert_eq!(decision.attempts.len(), 2);
}

fn early_status(options: &mut relay_gateway::GatewayOptions) {
    options.status_commit = SHORT;
    options.keep_alive = SHORT;
}

/// The only host answers with `reply` after the client has its 200.
async fn late_failure(reply: Reply) -> (Rig, String, String, Value) {
    let rig = Setup::hosts(1).shadow_model("shadow-5").options(early_status).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(reply.hold(&gate));
    let mut answer = rig.stream("x").send().await;
    assert_eq!(answer.status, 200);
    gate.open();
    let stream = answer.text().await;
    assert!(!stream.contains("[DONE]"), "{stream}");
    let id = answer.request_id();
    answer.closed().await;
    let last: Value = serde_json::from_str(&events(&stream).pop().expect("has an event")).expect("is JSON");
    let code = last["error"]["code"].as_str().unwrap_or_default().to_owned();
    (rig, id, code, last)
}

#[tokio::test]
async fn a_failure_after_an_early_200_is_an_error_event() {
    let (rig, id, code, _) = late_failure(Reply::error(errors::UPSTREAM_UNAVAILABLE)).await;
    assert_eq!(code, "upstream_error");
    let decision = rig.decision(&id).await;
    assert_eq!((decision.verdict.as_str(), decision.client_status), ("failed", Some(200)));
    assert_eq!(decision.upstream_status, Some(502));

    let (_, _, code, _) = late_failure(Reply::html()).await;
    assert_eq!(code, "upstream_bad_response");
    let (_, _, code, _) = late_failure(Reply::error(errors::INVALID_API_KEY)).await;
    assert_eq!(code, "upstream_auth");
    let policy = errors::CONTENT_POLICY.with_message("not for shadow-5");
    let (_, _, code, event) = late_failure(Reply::error(policy)).await;
    assert_eq!((code.as_str(), &event["error"]["message"]), ("content_policy_violation", &"not for gpt-5".into()));
    // Laid out over lines, it must still be one event.
    let (_, _, code, event) =
        late_failure(Reply::raw("application/json", "{\n \"detail\":\r\n \"no\"\n}\n").status(422)).await;
    assert_eq!((code.as_str(), &event["error"]["message"]), ("upstream_refused", &"no".into()));
}

#[tokio::test]
async fn usage_is_recorded_as_the_host_told_it() {
    let rig = Setup::hosts(1).start().await;
    let counts = r#""usage":{"prompt_tokens":90,"completion_tokens":0,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":0}}"#;
    let output = "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n";
    let streamed =
        || Reply::stream().raw_text(output).raw_text(format!("data: {{\"choices\":[],{counts}}}\n\n")).data("[DONE]");
    for stream in [false, true] {
        let whole = Reply::raw("application/json", format!("{{\"choices\":[],{counts}}}"));
        rig.hosts[0].script(if stream { streamed() } else { whole });
        let mut answer = rig.chat(request("x", stream)).send().await;
        answer.text().await;
        let told = rig.decision(&answer.request_id()).await.usage;
        assert_eq!(
            (told.input, told.cached_input, told.output, told.reasoning),
            (Some(90), Some(64), Some(0), Some(0))
        );
        assert_eq!((told.cache_write, told.provenance.as_deref()), (None, Some("host")));

        rig.hosts[0].script(Reply::chat("x").without_usage());
        let mut answer = rig.chat(request("x", stream)).send().await;
        answer.text().await;
        let untold = rig.decision(&answer.request_id()).await.usage;
        assert_eq!((untold.input, untold.output, untold.provenance), (None, None, None), "absent is not zero");
    }
    rig.hosts[0].script(streamed().truncate_after(2, Cut::Eof));
    let answer = rig.stream("x").send().await;
    let id = answer.request_id();
    broken(answer).await;
    let partial = rig.decision(&id).await.usage;
    assert_eq!((partial.input, partial.provenance.as_deref()), (Some(90), Some("partial")));
}

#[tokio::test]
async fn a_host_is_asked_for_the_usage_and_a_client_that_did_not_ask_does_not_see_it() {
    let rig = Setup::hosts(1).start().await;
    let mut answer = rig.stream("one two").send().await;
    let stream = answer.text().await;
    assert!(!stream.contains("\"choices\":[]") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let sent = String::from_utf8(rig.hosts[0].received()[0].body.to_vec()).expect("is UTF-8");
    let written = request("one two", true);
    let asked = format!("{},\"stream_options\":{{\"include_usage\":true}}}}", written.strip_suffix('}').expect("ends"));
    assert_eq!(sent, asked, "nothing else is changed");
    assert_eq!(rig.decision(&answer.request_id()).await.usage.provenance.as_deref(), Some("host"));

    let mut answer = rig.chat(counted("one two")).send().await;
    assert!(answer.text().await.contains("\"choices\":[],\"usage\":{"));
    assert_eq!(rig.hosts[0].received()[1].body, counted("one two"));
}

#[tokio::test]
async fn a_host_that_refuses_unknown_members_is_not_asked() {
    let rig = Setup::hosts(1).fleet(|fleet| fleet.hosts[0].ask_usage = false).start().await;
    let mut answer = rig.stream("x").send().await;
    answer.text().await;
    assert_eq!(rig.hosts[0].received()[0].body, request("x", true));
}

#[tokio::test]
async fn an_encoded_stream_is_read_and_arrives_decoded() {
    let rig = Setup::hosts(2).shadow_model("shadow-5").start().await;
    let reply = || Reply::chat("one two {prompt}").gzip();
    rig.hosts[0].script(reply());
    let mut answer = rig.chat(counted("x")).header("accept-encoding", "gzip").send().await;
    assert_eq!((answer.header("content-type"), answer.header("content-encoding")), (Some("text/event-stream"), None));
    let stream = answer.text().await;
    assert_eq!(said(&stream), "one two x");
    assert!(stream.contains("\"gpt-5\"") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
    assert_eq!(rig.decision(&answer.request_id()).await.verdict, "complete");

    rig.hosts[0].script(Reply::stream().error_in_band(errors::UPSTREAM_FAILED).gzip());
    assert!(rig.stream("x").send().await.text().await.contains("host-2"), "an error inside is seen all the same");
    rig.hosts[0].script(Reply::stream().raw_text("data: {}").header("content-encoding", "gzip"));
    assert!(rig.stream("x").send().await.text().await.contains("host-2"), "and what is not gzip is no answer");
}

#[tokio::test]
async fn an_event_of_two_mebibytes_passes_whole() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    let image = "iVBORw0KGgo".repeat(200_000);
    let event = |model: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{\"images\":[\"{image}\"]}}}}],\"model\":\"{model}\"}}\n\n")
    };
    rig.hosts[0].script(Reply::stream().raw_text(event("shadow-5")).data("[DONE]").chunk_bytes(10_000));
    let stream = rig.stream("x").send().await.text().await;
    assert!(stream == event(MODEL) + "data: [DONE]\n\n", "{} bytes", stream.len());
}

#[tokio::test]
async fn an_event_too_large_to_be_held_passes_all_the_same() {
    let rig = Setup::hosts(1).start().await;
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(5 << 20));
    rig.hosts[0].script(Reply::stream().raw_text(&*event).text("end"));
    let stream = rig.stream("x").send().await.text().await;
    assert!(stream.starts_with(&event) && stream.ends_with("data: [DONE]\n\n"), "{} bytes", stream.len());
    // Cut inside it, what was sent is ended before the error is told.
    rig.hosts[0].script(Reply::stream().raw_text(&*event).truncate_bytes(5 << 20, Cut::Eof));
    let mut answer = rig.stream("x").send().await;
    let stream = answer.text().await;
    assert!(
        stream.contains("\n\ndata: {\"error\":") && stream.contains("stream_interrupted"),
        "{} bytes",
        stream.len()
    );
}

/// An answer beyond what is read whole before it is passed on (32 MiB).
fn large(model: &str) -> String {
    let head = format!("{{\"id\":\"x\",\"model\":\"{model}\",\"choices\":[{{\"message\":{{\"content\":\"");
    head + &"0123456789abcdef".repeat(33 << 16) + "\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}"
}

#[tokio::test]
async fn a_large_answer_passes_with_the_public_model_name() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    rig.hosts[0].script(Reply::raw("application/json", large("shadow-5")));
    let mut answer = rig.say("x").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().await == large(MODEL), "the answer is not what the host sent");
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((decision.verdict.as_str(), decision.response_bytes), ("complete", Some(large(MODEL).len() as u64)));
    assert_eq!((decision.usage.input, decision.usage.output), (Some(7), Some(9)), "its end is read");
}

#[tokio::test]
async fn a_large_answer_that_is_cut_does_not_look_whole() {
    let rig = Setup::hosts(1).start().await;
    let length = large(MODEL).len();
    rig.hosts[0].script(Reply::raw("application/json", large(MODEL)).truncate_bytes(length - 9, Cut::Eof));
    let mut answer = rig.say("x").send().await;
    assert!(answer.bytes().await.is_err());
    assert_eq!(rig.decision(&answer.request_id()).await.verdict, "truncated");
}

#[tokio::test]
async fn a_large_answer_that_falls_silent_is_cut() {
    let rig = Setup::hosts(1).options(|options| options.idle = SHORT).start().await;
    let gate = Gate::new();
    let text = large(MODEL);
    let (most, rest) = text.split_at(text.len() - 9);
    rig.hosts[0]
        .script(Reply::stream().header("content-type", "application/json").raw_text(most).gate(&gate).raw_text(rest));
    let mut answer = rig.say("x").send().await;
    assert!(answer.bytes().await.is_err());
    rig.hosts[0].wait_disconnected(0).await;
    assert_eq!(rig.decision(&answer.request_id()).await.verdict, "idle_cut");
}

#[tokio::test]
async fn a_host_that_keeps_a_finished_stream_open_keeps_nobody_waiting() {
    let rig = Setup::hosts(1).start().await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::chat("done").gate(&gate).data("late"));
    let mut answer = rig.stream("x").send().await;
    assert!(answer.text().await.ends_with("data: [DONE]\n\n"));
    assert_eq!(rig.decision(&answer.request_id()).await.verdict, "complete");
    assert!(!gate.is_open());
}

#[tokio::test]
async fn nothing_follows_the_end() {
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].script(Reply::chat("done").data("{\"late\":1}").in_one_write());
    assert!(rig.stream("x").send().await.text().await.ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn many_streams_at_once_never_mix() {
    let rig = Setup::hosts(2).one_tier().start().await;
    let gate = Gate::new();
    for host in &rig.hosts {
        host.default_reply(Reply::echo().hold_after(3, &gate));
    }
    let streams: Vec<_> = (0..50).map(|number| rig.stream(&format!("prompt {number}")).spawn()).collect();
    let mut answers = Vec::new();
    for stream in streams {
        let mut answer = stream.await.expect("answers");
        answer.until("says:").await;
        answers.push(answer);
    }
    gate.open();
    for (number, mut answer) in answers.into_iter().enumerate() {
        let said = said(&answer.text().await);
        assert!(said.ends_with(&format!(" says: prompt {number}")), "{said}");
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "complete");
    }
}
