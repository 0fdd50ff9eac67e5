//! What a client sent is what the host got, byte for byte, on every surface: only
//! the model's name and the credential are others.

use super::{ALL, CHAT, GEMINI, SHADOW, STREAMED, Surface};
use crate::client::Call;
use crate::rig::{KEY, MODEL, Setup, host_key};

/// Members that no surface knows: numbers that no double holds, signs of zero,
/// members named twice, lone surrogates, spaced and escaped texts, look-alikes.
const ODD: &str = "{ \"x\" : {\"model\":\"gpt-5\"},\r\n\t\"big\":1e400,\"neg\":-0.0 ,\"zero\":-0,\"seed\":9007199254740993,\
    \"twice\":1,\"twice\":2,\"s\":\"\\ud83d 日本 \\u00e9 \\\"model\\\" \",\"\\ud83d\":[null,1.50],";

fn odd(surface: Surface, model: &str, stream: bool) -> String {
    format!("{ODD}{} \n", &surface.body(model, "hi", stream)[1..])
}

/// Every surface, and whether it is asked for a stream.
fn whole_and_streamed() -> impl Iterator<Item = (Surface, bool)> {
    ALL.map(|surface| (surface, false)).into_iter().chain(STREAMED.map(|surface| (surface, true)))
}

#[tokio::test]
async fn a_body_reaches_the_host_as_it_was_written_except_for_the_model() {
    for (surface, stream) in whole_and_streamed() {
        let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
        surface.call(&rig, "", stream).body(odd(surface, MODEL, stream)).send().await;
        let received = rig.hosts[0].next_request().await;
        assert_eq!(std::str::from_utf8(&received.body), Ok(odd(surface, SHADOW, stream).as_str()));
        assert_eq!(received.target, surface.target(SHADOW, stream));
    }
}

#[tokio::test]
async fn a_body_is_untouched_where_the_names_are_the_same() {
    for (surface, stream) in whole_and_streamed() {
        let rig = Setup::hosts(1).start().await;
        surface.call(&rig, "", stream).body(odd(surface, MODEL, stream)).send().await;
        let received = rig.hosts[0].next_request().await;
        assert_eq!(std::str::from_utf8(&received.body), Ok(odd(surface, MODEL, stream).as_str()));
        assert_eq!(received.target, surface.target(MODEL, stream));
    }
}

#[tokio::test]
async fn a_data_url_of_five_megabytes_passes() {
    let url = format!("data:image/png;base64,{}", "iVBORw0K".repeat(5 * 1024 * 1024 / 8));
    for surface in ALL {
        let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
        let answer = surface.call(&rig, &url, false).send().await;
        assert_eq!(answer.status, 200, "{surface:?}");
        assert!(rig.hosts[0].next_request().await.body == surface.body(SHADOW, &url, false), "{surface:?}");
    }
}

#[tokio::test]
async fn a_form_with_files_passes_with_another_model_in_its_field() {
    // It holds what looks like a delimiter and like a field.
    let file =
        b"\x89PNG\r\n\r\n--b-1x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nno\xff\0".repeat(40_000);
    let form = |model: &str| {
        let mut body = b"--b-1\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n".to_vec();
        body.extend_from_slice(&file);
        body.extend_from_slice(b"\r\n--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
        body.extend_from_slice(model.as_bytes());
        body.extend_from_slice(
            b"\r\n--b-1\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\xff\r\n--b-1--\r\n",
        );
        body
    };
    let rig = Setup::hosts(1).shadow_model(SHADOW).start().await;
    let content_type = "multipart/form-data; boundary=b-1";
    let call = Call::new(rig.address, "POST", "/v1/images/edits").key(KEY).header("content-type", content_type);
    assert_eq!(call.clone().body(form(MODEL)).send().await.status, 200);
    let received = rig.hosts[0].next_request().await;
    assert!(received.body == form(SHADOW) && received.path() == "/v1/images/edits");
    assert_eq!(received.header("content-type"), Some(content_type));
    let mut refused = call.body("--b-1\r\n").send().await;
    assert_eq!((refused.status, refused.error_code().await.as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_reaches_no_host() {
    for surface in ALL {
        for coding in ["gzip", "zstd"] {
            let rig = Setup::hosts(1).start().await;
            let mut answer = surface.call(&rig, "hi", false).header("content-encoding", coding).send().await;
            assert_eq!(answer.status, 415, "{surface:?}");
            surface.errors.check(&answer.json().await);
            assert_eq!(rig.calls(), [0]);
        }
    }
}

#[tokio::test]
async fn headers_pass_with_underscores_and_as_they_were_spelled() {
    let headers = [
        ("session_id", "s-1"),
        ("Anthropic-Beta", "a-2026,b"),
        ("anthropic-version", "2023-06-01"),
        ("x-goog-api-client", "genai/1"),
        ("X-Odd_Header", "  spaced, \"quoted\""),
        ("OpenAI-Beta", "x"),
    ];
    for surface in ALL {
        let rig = Setup::hosts(1).start().await;
        let call = headers.iter().fold(surface.call(&rig, "hi", false), |call, (name, value)| call.header(name, value));
        call.send().await;
        let received = rig.hosts[0].next_request().await;
        for (name, value) in headers {
            assert_eq!(received.header_all(name), [value.trim()], "{surface:?}");
        }
    }
}

#[tokio::test]
async fn whatever_way_the_consumer_key_comes_the_host_gets_its_own_and_no_other() {
    for surface in ALL {
        for (name, value) in
            [("authorization", format!("Bearer {KEY}")), ("x-api-key", KEY.into()), ("x-goog-api-key", KEY.into())]
        {
            let rig = Setup::hosts(1).start().await;
            let call = surface.call(&rig, "hi", false).without("authorization").header(name, &value);
            assert_eq!(call.send().await.status, 200, "{surface:?} {name}");
            let received = rig.hosts[0].next_request().await;
            assert_eq!(received.bearer(), Some(host_key(0).as_str()));
            assert!(!String::from_utf8_lossy(&received.head).contains(KEY));
        }
    }
}

#[tokio::test]
async fn a_key_in_the_query_opens_googles_paths_alone_and_ends_here() {
    let rig = Setup::hosts(1).start().await;
    let target = format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse&key={KEY}");
    let call = |target: &str| Call::new(rig.address, "POST", target).header("content-type", "application/json");
    assert_eq!(call(&target).body(GEMINI.body(MODEL, "hi", true)).send().await.status, 200);
    let received = rig.hosts[0].next_request().await;
    assert_eq!(received.target, format!("/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"));
    let refused = call(&format!("/v1/chat/completions?key={KEY}")).body(CHAT.body(MODEL, "hi", false)).send().await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn every_name_of_the_model_in_a_body_of_google_is_the_hosts() {
    let rig = Setup::hosts(1).shadow_model("vendor/shadow 5").start().await;
    let body = |model: &str| {
        format!(r#"{{"requests":[{{"model":"models/{model}","content":{{"parts":[{{"text":"models/gpt-5"}}]}}}}]}}"#)
    };
    let target = format!("/v1beta/models/gpt%2F{MODEL}:batchEmbedContents");
    let answer = rig.call("POST", &target).body(body(MODEL)).send().await;
    assert_eq!(answer.status, 200);
    let received = rig.hosts[0].next_request().await;
    assert_eq!(std::str::from_utf8(&received.body), Ok(body("vendor/shadow 5").as_str()));
    assert_eq!(received.target, "/v1beta/models/vendor%2Fshadow%205:batchEmbedContents");
    // What Google's newer packages call is the same path on hosts.
    rig.call("POST", &target.replace("v1beta", "v1")).body(body(MODEL)).send().await;
    assert_eq!(rig.hosts[0].next_request().await.target, received.target);
}
