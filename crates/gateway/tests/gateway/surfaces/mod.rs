//! What every surface has to do, asked of each in turn: one module for each
//! promise, and the surfaces as a table here.

mod answers;
mod errors;
mod models;
mod stored_responses;
mod streams;
mod transparency;
mod wire;

use relay_testkit::{FakeHost, Reply};

use crate::client::Call;
use crate::rig::{KEY, MODEL, Rig};

/// The name that hosts have for the model in these tests.
pub(crate) const SHADOW: &str = "shadow-5";

/// A surface as its clients call it. `$model` and `$prompt` stand for what a test asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface {
    /// Its name in the log.
    pub(crate) name: &'static str,
    whole: &'static str,
    streamed: Option<&'static str>,
    body: &'static str,
    /// What a body has in addition that asks for a stream.
    asks_stream: &'static str,
    /// Whose shape its errors have.
    pub(crate) errors: Shape,
}

/// A shape of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    OpenAi,
    Anthropic,
    Google,
}

pub(crate) const CHAT: Surface = Surface {
    name: "chat_completions",
    whole: "/v1/chat/completions",
    streamed: Some("/v1/chat/completions"),
    body: r#"{"model":"$model","messages":[{"role":"user","content":"$prompt"}]}"#,
    asks_stream: r#","stream":true,"stream_options":{"include_usage":true}"#,
    errors: Shape::OpenAi,
};

pub(crate) const RESPONSES: Surface = Surface {
    name: "responses",
    whole: "/v1/responses",
    streamed: Some("/v1/responses"),
    body: r#"{"model":"$model","input":[{"role":"user","content":"$prompt"}]}"#,
    asks_stream: r#","stream":true"#,
    errors: Shape::OpenAi,
};

pub(crate) const MESSAGES: Surface = Surface {
    name: "messages",
    whole: "/v1/messages?beta=true",
    streamed: Some("/v1/messages?beta=true"),
    body: r#"{"model":"$model","max_tokens":9,"messages":[{"role":"user","content":"$prompt"}]}"#,
    asks_stream: r#","stream":true"#,
    errors: Shape::Anthropic,
};

pub(crate) const COUNT_TOKENS: Surface = Surface {
    name: "count_tokens",
    whole: "/v1/messages/count_tokens",
    streamed: None,
    errors: Shape::Anthropic,
    ..MESSAGES
};

pub(crate) const EMBEDDINGS: Surface = Surface {
    name: "embeddings",
    whole: "/v1/embeddings",
    streamed: None,
    body: r#"{"model":"$model","input":"$prompt"}"#,
    asks_stream: "",
    errors: Shape::OpenAi,
};

pub(crate) const IMAGES: Surface = Surface {
    name: "images",
    whole: "/v1/images/generations",
    streamed: None,
    body: r#"{"model":"$model","prompt":"$prompt"}"#,
    asks_stream: "",
    errors: Shape::OpenAi,
};

pub(crate) const GEMINI: Surface = Surface {
    name: "gemini",
    whole: "/v1beta/models/$model:generateContent",
    streamed: Some("/v1beta/models/$model:streamGenerateContent?alt=sse"),
    body: r#"{"contents":[{"role":"user","parts":[{"text":"$prompt"}]}]}"#,
    asks_stream: "",
    errors: Shape::Google,
};

pub(crate) const ALL: [Surface; 7] = [CHAT, RESPONSES, MESSAGES, COUNT_TOKENS, EMBEDDINGS, IMAGES, GEMINI];
pub(crate) const STREAMED: [Surface; 4] = [CHAT, RESPONSES, MESSAGES, GEMINI];

impl Surface {
    /// Path and query.
    pub(crate) fn target(self, model: &str, stream: bool) -> String {
        let target = if stream { self.streamed.expect("is streamed") } else { self.whole };
        target.replace("$model", model)
    }

    pub(crate) fn body(self, model: &str, prompt: &str, stream: bool) -> String {
        let body = self.body.replace("$model", model).replace("$prompt", prompt);
        if stream { format!("{}{}}}", &body[..body.len() - 1], self.asks_stream) } else { body }
    }

    /// A call by `team-a`.
    pub(crate) fn call(self, rig: &Rig, prompt: &str, stream: bool) -> Call {
        let call = Call::new(rig.address, "POST", &self.target(MODEL, stream)).key(KEY);
        call.header("content-type", "application/json").body(self.body(MODEL, prompt, stream))
    }

    /// What `host-1` writes for this, read without a gateway in between.
    pub(crate) async fn as_written(self, reply: Reply, prompt: &str, stream: bool) -> String {
        let twin = FakeHost::builder().name("host-1").default_reply(reply).start().await;
        let call = Call::new(twin.address(), "POST", &self.target(SHADOW, stream)).key("any");
        call.body(self.body(SHADOW, prompt, stream)).send().await.text().await
    }
}

impl Shape {
    /// Checks that a body is an error in this shape, and gives the word that tells which.
    pub(crate) fn check(self, body: &serde_json::Value) -> String {
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
        let word = match self {
            Self::OpenAi => {
                crate::client::check_error(body);
                &error["code"]
            }
            Self::Anthropic => {
                assert_eq!(body["type"], "error", "{body}");
                &error["type"]
            }
            Self::Google => {
                assert!(error["code"].is_u64() && error["status"].is_string(), "{body}");
                &error["details"][0]["reason"]
            }
        };
        word.as_str().unwrap_or_else(|| panic!("does not say which error: {body}")).to_owned()
    }
}
