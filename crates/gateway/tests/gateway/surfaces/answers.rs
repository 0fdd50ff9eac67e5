//! What the host wrote is what the client got, byte for byte, on every surface,
//! with the model's public name; and what is recorded of it.

use relay_testkit::{Reply, Usage};

use super::{ALL, CHAT, COUNT_TOKENS, EMBEDDINGS, GEMINI, IMAGES, MESSAGES, RESPONSES, SHADOW, STREAMED, Surface};
use crate::rig::{MODEL, Setup};

const TEXT: &str = "héllo \u{1f600} {prompt} shadow-5 there";

fn reply() -> Reply {
    Reply::chat(TEXT).tool_call("f", r#"{"a": 1e2, "shadow": "x"}"#).usage_unasked()
}

async fn check(surface: Surface, stream: bool) {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    rig.hosts[0].script(reply());
    let mut answer = surface.call(&rig, "hi", stream).send().await;
    let expected = surface.as_written(reply(), "hi", stream).await;
    assert_eq!(answer.text().await, expected.replace("\"shadow-5\"", "\"gpt-5\""), "{surface:?}");
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!((&*decision.surface, &*decision.verdict, decision.stream), (surface.name, "complete", stream));
    assert_eq!((&*decision.public_model, decision.shadow_model.as_deref()), (MODEL, Some(SHADOW)));
}

#[tokio::test]
async fn a_whole_answer_is_the_hosts_bytes_with_the_public_model_name() {
    for surface in ALL {
        check(surface, false).await;
    }
}

#[tokio::test]
async fn a_stream_is_the_hosts_bytes_with_the_public_model_name() {
    for surface in STREAMED {
        check(surface, true).await;
    }
}

#[tokio::test]
async fn a_list_of_google_has_the_public_name_in_every_element() {
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    let list = |model: &str| format!(r#"[{{"candidates":[],"modelVersion":"{model}"}}, {{"modelVersion":"{model}"}}]"#);
    rig.hosts[0].script(Reply::raw("application/json", list(SHADOW)));
    let target = format!("/v1beta/models/{MODEL}:streamGenerateContent");
    let mut answer = rig.call("POST", &target).body(GEMINI.body(MODEL, "hi", false)).send().await;
    assert_eq!((answer.status, answer.text().await), (200, list(MODEL)));
}

#[tokio::test]
async fn usage_is_recorded_from_every_surface_and_from_streams_too() {
    let counts = Usage { input: 90, cached: 60, output: 40, reasoning: 30 };
    // (surface, what it tells of cached input and of reasoning)
    for (surface, cached, reasoning) in [
        (CHAT, Some(60), Some(30)),
        (RESPONSES, Some(60), Some(30)),
        (MESSAGES, Some(60), None),
        (GEMINI, Some(60), None),
        (EMBEDDINGS, None, None),
        (IMAGES, None, None),
    ] {
        let modes: &[bool] =
            if STREAMED.iter().any(|streamed| streamed.name == surface.name) { &[false, true] } else { &[false] };
        for stream in modes {
            let rig = Setup::hosts(1).start().await;
            rig.hosts[0].script(Reply::chat("x").usage(counts));
            let mut answer = surface.call(&rig, "hi", *stream).send().await;
            answer.text().await;
            let usage = rig.decision(&answer.request_id()).await.usage;
            let output = (surface.name != EMBEDDINGS.name).then_some(40);
            assert_eq!((usage.input, usage.output), (Some(90), output), "{surface:?} {stream}");
            assert_eq!((usage.cached_input, usage.reasoning), (cached, reasoning), "{surface:?} {stream}");
            assert_eq!(usage.provenance.as_deref(), Some("host"));
        }
    }
}

#[tokio::test]
async fn counting_tokens_uses_none() {
    let rig = Setup::hosts(1).start().await;
    let mut answer = COUNT_TOKENS.call(&rig, "hi there", false).send().await;
    assert_eq!(answer.json().await["input_tokens"], 3);
    let usage = rig.decision(&answer.request_id()).await.usage;
    assert_eq!((usage.input, usage.provenance), (None, None));
}
