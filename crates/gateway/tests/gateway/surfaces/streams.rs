//! Commit and end of streams on every surface: what is no output yet, what ends
//! an answer, and how one that broke off is told (spec §5).

use std::time::Duration;

use relay_testkit::{Cut, Gate, Reply, errors};

use super::{ALL, GEMINI, IMAGES, RESPONSES, STREAMED, Shape};
use crate::client::events;
use crate::rig::Setup;

/// Long enough to be broken off in the middle on every surface.
const WORDS: &str = "one two three four five six seven eight nine ten";

/// The word of the last event, which is an error in the surface's shape.
fn last_error(shape: Shape, stream: &str) -> String {
    let last = events(stream).pop().expect("has events");
    shape.check(&serde_json::from_str(&last).expect("is JSON"))
}

#[tokio::test]
async fn before_the_first_output_another_host_is_tried_and_nobody_sees_it() {
    for surface in STREAMED {
        // What a host does while it queues, what opens an answer, and then its error.
        let frames = match surface.name {
            "chat_completions" => 1,
            "responses" => 4,
            "messages" => 3,
            _ => 0,
        };
        let opening = Reply::stream().text("never").pings(2, Duration::ZERO).truncate_after(frames, Cut::Clean);
        let failing = Reply::stream().pings(2, Duration::ZERO).error_in_band(errors::UPSTREAM_FAILED);
        for reply in [opening, failing, Reply::error(errors::UPSTREAM_FAILED)] {
            let rig = Setup::hosts(2).start().await;
            rig.hosts[0].script(reply);
            let mut answer = surface.call(&rig, "hi", true).send().await;
            let text = answer.text().await;
            let decision = rig.decision(&answer.request_id()).await;
            assert!(text.contains("host-2") && !text.contains("never"), "{surface:?}: {text}");
            assert_eq!((decision.attempts.len(), &*decision.verdict), (2, "complete"), "{surface:?}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_with_an_error_in_the_surfaces_shape() {
    for surface in STREAMED {
        for cut in [Cut::Clean, Cut::Eof, Cut::Reset] {
            let rig = Setup::hosts(2).start().await;
            // Enough of every surface's frames for some of the words.
            rig.hosts[0].script(Reply::chat(WORDS).truncate_after(7, cut));
            let mut answer = surface.call(&rig, "hi", true).send().await;
            let text = answer.text().await;
            assert_eq!(last_error(surface.errors, &text), "stream_interrupted", "{surface:?} {cut:?}: {text}");
            assert!(!text.contains("[DONE]") && !text.contains("message_stop") && !text.contains("response.completed"));
            assert!(text.contains("one"), "{text}");
            assert_eq!(rig.decision(&answer.request_id()).await.verdict, "truncated", "{surface:?}");
            assert_eq!(rig.calls(), [1, 0]);
        }
    }
}

#[tokio::test]
async fn an_error_that_the_host_tells_in_the_middle_is_told_in_our_words() {
    for surface in STREAMED {
        let rig = Setup::hosts(1).start().await;
        rig.hosts[0].script(Reply::chat(WORDS).error_after(7, errors::STREAM_READ_ERROR));
        let mut answer = surface.call(&rig, "hi", true).send().await;
        let text = answer.text().await;
        assert_eq!(last_error(surface.errors, &text), "stream_interrupted", "{surface:?}: {text}");
        assert!(!text.contains("unexpected EOF"), "{text}");
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "error_in_stream", "{surface:?}");
    }
}

#[tokio::test]
async fn silence_is_bridged_in_a_way_that_the_surfaces_clients_bear() {
    for surface in STREAMED {
        let rig = Setup::hosts(1).options(|options| options.keep_alive = Duration::from_millis(20)).start().await;
        let gate = Gate::new();
        rig.hosts[0].script(Reply::chat(WORDS).hold_after(6, &gate));
        let mut answer = surface.call(&rig, "hi", true).send().await;
        let sign = if surface.name == GEMINI.name { "\n\n\n" } else { ": keep-alive\n\n" };
        let text = answer.until(sign).await;
        assert_eq!(text.contains("keep-alive"), surface.name != GEMINI.name, "{text}");
        gate.open();
        answer.text().await;
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "complete", "{surface:?}");
    }
}

#[tokio::test]
async fn a_client_that_has_its_status_early_is_told_the_failure_as_an_event() {
    for surface in STREAMED {
        let rig = Setup::hosts(1).options(|options| options.status_commit = Duration::from_millis(20)).start().await;
        let gate = Gate::new();
        rig.hosts[0].script(Reply::error(errors::UPSTREAM_FAILED).hold(&gate));
        let mut answer = surface.call(&rig, "hi", true).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        gate.open();
        let text = answer.text().await;
        let expected = if surface.errors == Shape::Anthropic { "api_error" } else { "upstream_error" };
        assert_eq!(last_error(surface.errors, &text), expected, "{surface:?}: {text}");
        let names_it = text.contains("event: error\n");
        assert_eq!(names_it, matches!(surface.name, "messages" | "responses"), "{text}");
    }
}

#[tokio::test]
async fn a_silent_stream_is_given_up_with_the_surfaces_error() {
    for surface in STREAMED {
        let rig = Setup::hosts(1).options(|options| options.idle = Duration::from_millis(50)).start().await;
        rig.hosts[0].script(Reply::chat(WORDS).stall_after(6));
        let mut answer = surface.call(&rig, "hi", true).send().await;
        let text = answer.text().await;
        assert_eq!(last_error(surface.errors, &text), "stream_timeout", "{surface:?}: {text}");
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "idle_cut", "{surface:?}");
    }
}

#[tokio::test]
async fn a_whole_stream_of_google_is_whole_however_its_host_ends_it() {
    for (reply, verdict) in [
        (Reply::chat("one").truncate_after(1, Cut::Eof), "complete"),
        (Reply::chat("one").stall_after(1), "complete"),
        (Reply::chat("one").without_terminal(), "truncated"),
    ] {
        let rig = Setup::hosts(1).options(|options| options.idle = Duration::from_millis(50)).start().await;
        rig.hosts[0].script(reply);
        let mut answer = GEMINI.call(&rig, "hi", true).send().await;
        let text = answer.text().await;
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, verdict, "{text}");
        assert_eq!(text.contains("stream_interrupted"), verdict == "truncated", "{text}");
    }
}

#[tokio::test]
async fn an_error_event_of_responses_goes_on_counting() {
    let rig = Setup::hosts(1).start().await;
    rig.hosts[0].script(Reply::chat("one two three").truncate_after(6, Cut::Eof));
    let text = RESPONSES.call(&rig, "hi", true).send().await.text().await;
    let numbers: Vec<u64> = events(&text)
        .iter()
        .map(|data| serde_json::from_str::<serde_json::Value>(data).expect("is JSON"))
        .map(|event| event["sequence_number"].as_u64().expect("is numbered"))
        .collect();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert!(text.contains(r#""type":"error","sequence_number""#), "{text}");
}

#[tokio::test]
async fn a_response_that_its_host_says_has_failed_is_passed_on_and_counts_against_the_route() {
    let rig = Setup::hosts(1).shadow_model("shadow-5").start().await;
    let failed = |model: &str, host: &str| {
        format!(
            r#"{{"type":"response.failed","response":{{"id":"r","status":"failed","model":"{model}","error":{{"code":"server_error","message":"cannot reach {host}:1"}}}}}}"#
        )
    };
    let reply = Reply::stream()
        .event("response.output_text.delta", r#"{"type":"response.output_text.delta","delta":"x"}"#)
        .event("response.failed", failed("shadow-5", "127.0.0.1"));
    rig.hosts[0].script(reply);
    let mut answer = RESPONSES.call(&rig, "hi", true).send().await;
    let text = answer.text().await;
    assert_eq!(events(&text).last(), Some(&failed("gpt-5", "upstream")));
    assert_eq!(rig.decision(&answer.request_id()).await.verdict, "error_in_stream");
}

#[tokio::test]
async fn a_streamed_image_is_whole_after_its_last_event_however_large_that_is() {
    let event = |kind: &str, image: &str| format!(r#"{{"type":"image_generation.{kind}","b64_json":"{image}"}}"#);
    let large = "iVBORw0K".repeat(700_000);
    for (image, verdict) in [("x", "complete"), (large.as_str(), "complete"), ("", "truncated")] {
        let rig = Setup::hosts(1).start().await;
        let reply = Reply::stream().event("image_generation.partial_image", event("partial_image", "y"));
        let last = || event("completed", image);
        rig.hosts[0].script(if image.is_empty() { reply } else { reply.event("image_generation.completed", last()) });
        let body = r#"{"model":"gpt-5","prompt":"a cat","stream":true,"partial_images":1}"#;
        let mut answer = IMAGES.call(&rig, "", false).body(body).send().await;
        let text = answer.text().await;
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, verdict, "{}", image.len());
        match verdict {
            "complete" => assert!(events(&text).last() == Some(&last()), "{}", image.len()),
            _ => assert_eq!(last_error(Shape::OpenAi, &text), "stream_interrupted"),
        }
    }
}

#[tokio::test]
async fn work_that_must_not_be_done_twice_is_not() {
    for surface in ALL {
        let rig = Setup::hosts(2).start().await;
        rig.hosts[0].script(Reply::reset_before_head());
        let answer = surface.call(&rig, "hi", false).send().await;
        let is_stateful = surface.name == "images";
        assert_eq!(answer.status, if is_stateful { 502 } else { 200 }, "{surface:?}");
        assert_eq!(rig.calls(), if is_stateful { [1, 0] } else { [1, 1] });
    }
    let rig = Setup::hosts(2).start().await;
    rig.hosts[0].script(Reply::reset_before_head());
    let body = RESPONSES.body("gpt-5", "hi", false).replace("{\"model\"", "{\"background\":true,\"model\"");
    assert_eq!(RESPONSES.call(&rig, "", false).body(body).send().await.status, 502);
}

/// Some hosts end whatever they send with chat completions' `[DONE]`.
#[tokio::test]
async fn another_surfaces_end_does_not_make_a_cut_stream_whole() {
    for (surface, output) in [
        (
            RESPONSES,
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"one\"}\n\n",
        ),
        (GEMINI, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"one\"}]}}]}\n\n"),
    ] {
        let rig = Setup::hosts(1).start().await;
        rig.hosts[0].script(Reply::raw("text/event-stream", format!("{output}data: [DONE]\n\n")));
        let mut answer = surface.call(&rig, "hi", true).send().await;
        assert_eq!(last_error(surface.errors, &answer.text().await), "stream_interrupted", "{surface:?}");
        assert_eq!(rig.decision(&answer.request_id()).await.verdict, "truncated", "{surface:?}");
    }
}
