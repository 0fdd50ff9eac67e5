//! The form of a chat: what was entered, and what becomes of it.

use bytes::Bytes;
use relay_control::explain::Question;
use relay_domain::{KeyId, Scope};
use serde_json::{Value, json};

use super::chat::ChatWords;
use crate::process::ChatRequest;

/// What was entered. Everything is kept as it came, to be shown again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) key: String,
    pub(crate) group: String,
    pub(crate) model: String,
    /// Empty: as the group has it.
    pub(crate) scope: String,
    pub(crate) subject: String,
    pub(crate) system: String,
    pub(crate) message: String,
    /// The turns before.
    pub(crate) history: Vec<Turn>,
    pub(crate) temperature: String,
    pub(crate) max_tokens: String,
    pub(crate) is_streamed: bool,
    /// The id that the page has chosen, to find the request by even if no answer comes.
    pub(super) request_id: String,
}

/// A turn of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) role: String,
    pub(crate) content: String,
}

impl Asked {
    /// Reads fields by name.
    pub(crate) fn read(text: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| text(name).unwrap_or_default();
        Self {
            key: text("key"),
            group: text("group"),
            model: text("model"),
            scope: text("scope"),
            subject: text("subject"),
            system: text("system"),
            message: text("message"),
            history: turns(&text("history")),
            temperature: text("temperature"),
            max_tokens: text("max_tokens"),
            is_streamed: !text("stream").is_empty(),
            request_id: text("request_id"),
        }
    }

    /// The turns before, for the form's hidden field.
    pub(crate) fn history_json(&self) -> String {
        let turns = self.history.iter().map(|turn| json!({ "role": turn.role, "content": turn.content }));
        Value::Array(turns.collect()).to_string()
    }

    /// Where such a request would go.
    pub(crate) fn question(&self) -> Question {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Question {
            logical_group_id: given(&self.group),
            public_model: self.model.clone(),
            scope: self.scope(),
            subject_id: given(&self.subject),
            key_id: given(&self.key),
            surface: None,
        }
    }

    /// What cannot be resolved yet.
    pub(crate) fn unresolvable(&self, t: ChatWords) -> Vec<&'static str> {
        let missing = [
            (self.model.is_empty(), t.needs_model()),
            (self.key.is_empty() && self.group.is_empty(), t.needs_key_or_group()),
        ];
        missing.into_iter().filter_map(|(is_missing, told)| is_missing.then_some(told)).collect()
    }

    /// The request, or what is missing or wrong. `fallback_id` names it when the page has not.
    pub(crate) fn request(&self, t: ChatWords, fallback_id: String) -> Result<ChatRequest, Vec<&'static str>> {
        let mut faults = Vec::new();
        let key_id = KeyId::new(&self.key);
        let temperature = number(&self.temperature, |number| (0.0..=2.0).contains(number));
        let max_tokens = number(&self.max_tokens, |number| number.fract() == 0.0 && (1.0..=1e9).contains(number));
        for (is_wrong, told) in [
            (key_id.is_err(), t.needs_key()),
            (self.model.is_empty(), t.needs_model()),
            (self.message.is_empty(), t.needs_message()),
            (temperature.is_err(), t.bad_temperature()),
            (max_tokens.is_err(), t.bad_max_tokens()),
        ] {
            if is_wrong {
                faults.push(told);
            }
        }
        let (Ok(key_id), Ok(temperature), Ok(max_tokens), true) = (key_id, temperature, max_tokens, faults.is_empty())
        else {
            return Err(faults);
        };
        Ok(ChatRequest {
            key_id,
            scope: self.scope(),
            conversation: Some(self.subject.clone()).filter(|subject| is_header(subject)),
            request_id: if is_id(&self.request_id) { self.request_id.clone() } else { fallback_id },
            body: self.body(temperature, max_tokens),
        })
    }

    fn scope(&self) -> Option<Scope> {
        self.scope.parse().ok()
    }

    fn body(&self, temperature: Option<f64>, max_tokens: Option<f64>) -> Bytes {
        let system = (!self.system.is_empty()).then_some(("system", self.system.as_str()));
        let before = self.history.iter().map(|turn| (turn.role.as_str(), turn.content.as_str()));
        let turns = system.into_iter().chain(before).chain([("user", self.message.as_str())]);
        let messages: Vec<Value> = turns.map(|(role, content)| json!({ "role": role, "content": content })).collect();
        let model = match self.group.as_str() {
            "" => self.model.clone(),
            group => format!("{group}/{}", self.model),
        };
        let mut body = json!({ "model": model, "messages": messages });
        if let Some(temperature) = temperature {
            body["temperature"] = json!(temperature);
        }
        if let Some(max_tokens) = max_tokens {
            body["max_tokens"] = json!(max_tokens as u64);
        }
        if self.is_streamed {
            body["stream"] = json!(true);
            body["stream_options"] = json!({ "include_usage": true });
        }
        Bytes::from(body.to_string())
    }
}

/// A number that may be left out.
fn number(text: &str, is_good: impl Fn(&f64) -> bool) -> Result<Option<f64>, ()> {
    match text {
        "" => Ok(None),
        text => text.parse().ok().filter(is_good).map(Some).ok_or(()),
    }
}

/// What the page has put into its hidden field; anything else is no history.
fn turns(text: &str) -> Vec<Turn> {
    let Ok(Value::Array(turns)) = serde_json::from_str(text) else { return Vec::new() };
    let turn = |turn: &Value| {
        let role = turn["role"].as_str().filter(|role| matches!(*role, "user" | "assistant"))?;
        Some(Turn { role: role.to_owned(), content: turn["content"].as_str()?.to_owned() })
    };
    turns.iter().filter_map(turn).collect()
}

/// Whether it can stand in a header, in any script.
fn is_header(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Fields;
    use crate::words::Language;

    fn asked(form: &str) -> Asked {
        let fields = Fields::parse(form.as_bytes());
        Asked::read(|name| fields.text(name))
    }

    #[test]
    fn the_body_holds_what_was_entered_and_nothing_else() {
        let history =
            r#"[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"system","content":"x"}]"#;
        let history: String = url::form_urlencoded::byte_serialize(history.as_bytes()).collect();
        let form = format!("key=team-a&group=gpt&model=gpt-5&system=be+brief&message=c&history={history}&stream=1");
        let request = asked(&form).request(ChatWords(Language::English), "made".into()).unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let expected = json!({
            "model": "gpt/gpt-5",
            "messages": [
                { "role": "system", "content": "be brief" }, { "role": "user", "content": "a" },
                { "role": "assistant", "content": "b" }, { "role": "user", "content": "c" },
            ],
            "stream": true, "stream_options": { "include_usage": true },
        });
        assert_eq!((body, request.request_id.as_str()), (expected, "made"));
        let plain =
            asked("key=k&model=m&message=x&temperature=0.5&max_tokens=8&request_id=0123456789&subject=c-1&scope=user");
        let plain = plain.request(ChatWords(Language::English), "made".into()).unwrap();
        let body: Value = serde_json::from_slice(&plain.body).unwrap();
        assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0.5), &json!(8)));
        assert!(body.get("stream").is_none());
        let told = (plain.request_id.as_str(), plain.conversation.as_deref(), plain.scope);
        assert_eq!(told, ("0123456789", Some("c-1"), Some(Scope::User)));
    }

    #[test]
    fn all_that_is_missing_or_wrong_is_told_at_once() {
        let t = ChatWords(Language::English);
        let faults = asked("temperature=hot&max_tokens=0.5").request(t, String::new()).unwrap_err();
        let expected = [t.needs_key(), t.needs_model(), t.needs_message(), t.bad_temperature(), t.bad_max_tokens()];
        assert_eq!(faults, expected);
        assert_eq!(asked("").unresolvable(t), [t.needs_model(), t.needs_key_or_group()]);
    }
}
