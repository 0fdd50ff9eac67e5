//! Every stream shape, byte for byte: a golden file holds the head and one line a chunk.

mod support;

use std::fmt::Write as _;
use std::time::Duration;

use relay_testkit::{Cut, FakeHost, Gate, Personality, Reply, Usage, errors};
use serde_json::json;
use support::{Answer, Client, KEY, golden};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/gpt-5:streamGenerateContent?alt=sse";

async fn host(personality: Personality) -> FakeHost {
    FakeHost::builder().personality(personality).name("tokyo").start().await
}

async fn ask(host: &FakeHost, path: &str, stream: bool) -> Answer {
    let turns = json!([{"role": "user", "content": "hi"}]);
    let body = json!({"model": "gpt-5", "stream": stream, "messages": turns}).to_string();
    Client::connect(host).await.post(path, KEY, &body).await
}

/// A fresh host, one reply, and its golden file.
async fn check(name: &str, personality: Personality, path: &str, stream: bool, reply: Reply) {
    let host = host(personality).await;
    host.script(reply);
    golden(name, &ask(&host, path, stream).await.golden());
}

fn now() -> Duration {
    Duration::ZERO
}

#[tokio::test]
async fn an_answer_on_every_surface_streamed() {
    let reply = || Reply::chat("Grüße aus {host}.");
    check("stream_chat", Personality::N, CHAT, true, reply()).await;
    check("stream_responses", Personality::N, RESPONSES, true, reply()).await;
    check("stream_messages", Personality::N, MESSAGES, true, reply()).await;
    check("stream_gemini", Personality::N, GEMINI, false, reply()).await;
    check("stream_responses_s", Personality::S, RESPONSES, true, reply()).await;
    check("stream_chat_openai", Personality::OpenAi, CHAT, true, reply()).await;
}

#[tokio::test]
async fn an_answer_on_every_surface_whole() {
    let reply = || Reply::chat("Grüße aus {host}.");
    for (name, path) in [
        ("whole_chat", CHAT),
        ("whole_responses", RESPONSES),
        ("whole_messages", MESSAGES),
        ("whole_count_tokens", "/v1/messages/count_tokens"),
        ("whole_embeddings", "/v1/embeddings"),
        ("whole_images", "/v1/images/generations"),
        ("whole_gemini", "/v1beta/models/gpt-5:generateContent"),
    ] {
        check(name, Personality::N, path, false, reply()).await;
    }
}

#[tokio::test]
async fn tool_calls_are_streamed_in_pieces() {
    let reply = || Reply::chat("").tool_call("weather", "{\"city\":\"Zürich\"}").tool_call("clock", "{}");
    check("tools_chat", Personality::N, CHAT, true, reply()).await;
    check("tools_responses", Personality::N, RESPONSES, true, reply()).await;
    check("tools_messages", Personality::N, MESSAGES, true, reply()).await;
    check("tools_gemini", Personality::N, GEMINI, true, reply()).await;
    check("tools_chat_whole", Personality::N, CHAT, false, reply()).await;
    check("tools_chat_openai", Personality::OpenAi, CHAT, true, reply()).await;
}

#[tokio::test]
async fn pings_while_queueing_have_the_form_of_the_personality() {
    let reply = || Reply::chat("x").pings(2, now());
    check("pings_chat_n", Personality::N, CHAT, true, reply()).await;
    check("pings_responses_n", Personality::N, RESPONSES, true, reply()).await;
    check("pings_responses_s", Personality::S, RESPONSES, true, reply()).await;
    check("pings_messages_n", Personality::N, MESSAGES, true, reply()).await;
    check("pings_messages_s", Personality::S, MESSAGES, true, reply()).await;
    check("pings_gemini", Personality::N, GEMINI, true, reply()).await;
}

#[tokio::test]
async fn keep_alives_of_a_silent_upstream_have_their_own_form() {
    let reply = || Reply::chat("a b").keep_alives_after(2, 2, now());
    check("keep_alives_messages_n", Personality::N, MESSAGES, true, reply()).await;
    check("keep_alives_messages_s", Personality::S, MESSAGES, true, reply()).await;
    check("keep_alives_chat_n", Personality::N, CHAT, true, reply()).await;
}

#[tokio::test]
async fn an_error_after_pings_is_told_in_band_and_nothing_follows() {
    let reply = || Reply::stream().pings(3, now()).error_in_band(errors::USER_CONCURRENCY);
    check("in_band_chat_n", Personality::N, CHAT, true, reply()).await;
    check("in_band_responses_n", Personality::N, RESPONSES, true, reply()).await;
    check("in_band_responses_s", Personality::S, RESPONSES, true, reply()).await;
    check("in_band_messages_n", Personality::N, MESSAGES, true, reply()).await;
    check("in_band_messages_s", Personality::S, MESSAGES, true, reply()).await;
}

#[tokio::test]
async fn an_error_in_the_middle_is_told_and_nothing_follows() {
    let reply = || Reply::chat("a b c").error_after(2, errors::STREAM_TIMEOUT);
    check("error_after_chat", Personality::N, CHAT, true, reply()).await;
    check("error_after_responses", Personality::N, RESPONSES, true, reply()).await;
    check("error_after_messages", Personality::N, MESSAGES, true, reply()).await;
}

#[tokio::test]
async fn a_broken_upstream_is_told_in_the_words_of_each_surface() {
    let reply = || Reply::chat("a b c").error_after(2, errors::STREAM_READ_ERROR);
    check("broken_upstream_chat", Personality::N, CHAT, true, reply()).await;
    check("broken_upstream_responses", Personality::N, RESPONSES, true, reply()).await;
    check("broken_upstream_messages", Personality::N, MESSAGES, true, reply()).await;
}

#[tokio::test]
async fn truncated_streams() {
    check("truncated_clean", Personality::N, CHAT, true, Reply::chat("a b c").truncate_after(2, Cut::Clean)).await;
    check("truncated_eof", Personality::N, CHAT, true, Reply::chat("a b c").truncate_after(2, Cut::Eof)).await;
    check("truncated_reset", Personality::N, CHAT, true, Reply::chat("a b c").truncate_after(2, Cut::Reset)).await;
    let inside_an_event = Reply::chat("a b c").truncate_bytes(300, Cut::Clean);
    check("truncated_inside_an_event", Personality::N, CHAT, true, inside_an_event).await;
    check("without_terminal", Personality::N, MESSAGES, true, Reply::chat("a").without_terminal()).await;
}

#[tokio::test]
async fn every_spelling_of_server_sent_events() {
    let reply = || Reply::chat("né");
    check("spelling_crlf", Personality::N, CHAT, true, reply().crlf()).await;
    check("spelling_no_space", Personality::N, CHAT, true, reply().data_without_space()).await;
    check("spelling_multi_line", Personality::N, CHAT, true, reply().multi_line_data()).await;
    check("spelling_no_event_lines", Personality::N, MESSAGES, true, reply().without_event_lines()).await;
    check("spelling_comments", Personality::N, CHAT, true, reply().comments()).await;
    check("spelling_no_final_blank_line", Personality::N, CHAT, true, reply().no_final_blank_line()).await;
    check("spelling_byte_order_mark", Personality::N, CHAT, true, reply().byte_order_mark()).await;
    check("spelling_split_utf8", Personality::N, CHAT, true, reply().split_utf8()).await;
    check("spelling_one_write", Personality::N, CHAT, true, reply().in_one_write()).await;
    check("spelling_chunks", Personality::N, CHAT, true, Reply::stream().data("né").chunk_bytes(2)).await;
    let parts =
        Reply::stream().comment("hello").event("custom", "a\nb").raw_text("id: 1\nretry: 5\ndata\n\n").data("[DONE]");
    check("parts", Personality::N, CHAT, true, parts).await;
}

#[tokio::test]
async fn usage_is_sent_when_asked_for_and_as_scripted() {
    let host = host(Personality::OpenAi).await;
    let usage = Usage { input: 100, cached: 64, output: 20, reasoning: 12 };
    host.script(Reply::chat("x").usage(usage));
    let body = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}}).to_string();
    golden("usage_asked_for", &Client::connect(&host).await.post(CHAT, KEY, &body).await.golden());
    check("usage_unasked", Personality::OpenAi, CHAT, true, Reply::chat("x").usage(usage).usage_unasked()).await;
    check("usage_converted", Personality::N, CHAT, true, Reply::chat("x").usage(usage)).await;
    check("usage_messages", Personality::N, MESSAGES, true, Reply::chat("x").usage(usage)).await;
}

#[tokio::test]
async fn every_error_on_every_surface() {
    let host = host(Personality::N).await;
    for (file, path) in [("chat", CHAT), ("responses", RESPONSES), ("messages", MESSAGES), ("gemini", GEMINI)] {
        let mut lines = String::new();
        for (name, error) in errors::ALL {
            host.script(Reply::error(error.clone()));
            let answer = ask(&host, path, true).await;
            let wait = answer.header("retry-after").map(|wait| format!(" Retry-After: {wait}")).unwrap_or_default();
            writeln!(lines, "{name}: {}{wait} {}", answer.status(), answer.text()).expect("a string");
        }
        golden(&format!("errors_{file}"), &lines);
    }
}

#[tokio::test]
async fn a_held_stream_goes_on_when_the_gate_opens() {
    let host = host(Personality::N).await;
    let gate = Gate::new();
    host.script(Reply::chat("one two").hold_after(2, &gate));
    let mut client = Client::connect(&host).await;
    client.send(support::post(CHAT, KEY, &support::chat_body("x", true))).await;
    client.head().await.expect("a head");
    let mut before = Vec::new();
    for _ in 0..2 {
        before.extend(client.chunk().await.expect("a chunk"));
    }
    assert!(String::from_utf8(before).expect("text").contains("one"));
    gate.reached().await;
    assert!(!gate.is_open());
    gate.open();
    assert!(String::from_utf8(client.chunk().await.expect("a chunk")).expect("text").contains("two"));
}

#[tokio::test]
async fn one_byte_writes_join_to_the_same_stream() {
    let plain = host(Personality::N).await;
    plain.default_reply(Reply::chat("Grüße, {prompt} 日本"));
    let whole = ask(&plain, CHAT, true).await;
    let bytewise = host(Personality::N).await;
    bytewise.default_reply(Reply::chat("Grüße, {prompt} 日本").chunk_bytes(1));
    let pieces = ask(&bytewise, CHAT, true).await;
    assert!(pieces.chunks.iter().all(|chunk| chunk.len() == 1));
    assert_eq!(pieces.text(), whole.text());
}

#[tokio::test]
async fn a_label_can_lie_and_gzip_is_gzip() {
    let host = host(Personality::N).await;
    host.script(Reply::chat("plain").labelled("gzip"));
    let answer = ask(&host, CHAT, false).await;
    assert_eq!((answer.header("content-encoding"), answer.text().starts_with('{')), (Some("gzip"), true));
    check("gzip", Personality::N, CHAT, true, Reply::stream().data("hello").gzip()).await;
}

#[tokio::test]
async fn big_answers_come_whole() {
    let host = host(Personality::N).await;
    host.script(Reply::big(3_000_000));
    let answer = ask(&host, CHAT, false).await;
    assert!(answer.body().len() > 3_000_000);
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "stop");
    host.script(Reply::big(300_000).in_one_write());
    assert!(ask(&host, CHAT, true).await.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn a_stream_can_come_unasked_and_pages_instead_of_it() {
    let host = host(Personality::N).await;
    host.script(Reply::stream().text("surprise"));
    assert_eq!(ask(&host, CHAT, false).await.header("content-type"), Some("text/event-stream"));
    host.script(Reply::html());
    golden("html", &ask(&host, CHAT, true).await.golden());
    host.script(Reply::empty(200));
    golden("empty", &ask(&host, CHAT, true).await.golden());
    host.script(Reply::raw("application/json", "{\"choices\": [").status(200));
    assert_eq!(ask(&host, CHAT, false).await.text(), "{\"choices\": [");
}
