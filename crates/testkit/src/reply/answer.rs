//! What a model "says": a text or a tool call with its usage, and the request it answers. Each surface writes it in its own module.

use serde_json::Value;

use super::sse::Event;
use super::{chat, embeddings, gemini, messages, responses};
use crate::gateway::{Personality, Surface};
use crate::wire_query::query_value;

/// Constant, so that answers are the same on every run.
pub(crate) const CREATED: u64 = 1_755_000_000;

/// Token counts an answer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    pub input: u64,
    /// Prompt tokens that came from the cache.
    pub cached: u64,
    /// Completion tokens, reasoning included.
    pub output: u64,
    /// Tokens spent on reasoning.
    pub reasoning: u64,
}

/// What an answer says.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub(crate) text: String,
    pub(crate) tools: Vec<(String, String)>,
    pub(crate) usage: Option<Usage>,
    pub(crate) without_usage: bool,
    pub(crate) usage_unasked: bool,
    pub(crate) without_terminal: bool,
    pub(crate) finish_reason: Option<String>,
    pub(crate) model: Option<String>,
}

/// The request an answer answers, and by whom.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) personality: Personality,
    pub(crate) surface: Surface,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) model: String,
    /// Of a Gemini call, such as `countTokens`.
    pub(crate) action: String,
    pub(crate) prompt: String,
    pub(crate) host: String,
    /// Number of the request on the host.
    pub(crate) number: usize,
}

impl Facts {
    pub(crate) fn read(
        personality: Personality,
        surface: Surface,
        host: &str,
        number: usize,
        (path, query): (&str, &str),
        body: &Value,
    ) -> Self {
        let gemini_call = path.rsplit('/').next().and_then(|last| last.split_once(':'));
        let model = match (surface, gemini_call) {
            (Surface::Gemini, Some((model, _))) => model,
            _ => body["model"].as_str().unwrap_or_default(),
        };
        let stream = match (surface, gemini_call) {
            (Surface::Gemini, Some((_, action))) => {
                action == "streamGenerateContent" && query_value(query, "alt").as_deref() == Some("sse")
            }
            _ => body["stream"] == true,
        };
        Self {
            personality,
            surface,
            stream,
            include_usage: body["stream_options"]["include_usage"] == true,
            model: model.to_owned(),
            action: gemini_call.map(|(_, action)| action.to_owned()).unwrap_or_default(),
            prompt: prompt(body),
            host: host.to_owned(),
            number,
        }
    }

    pub(crate) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}-{}", self.host, self.number)
    }
}

/// The text the caller wants answered: the last one with the role `user`, whatever the surface.
fn prompt(body: &Value) -> String {
    let turns = ["messages", "input", "contents"].into_iter().find_map(|member| body.get(member));
    match turns {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(turns)) => {
            let last = turns.iter().rev().find(|turn| turn["role"] == "user").or_else(|| turns.last());
            last.map(turn_text).unwrap_or_default()
        }
        _ => body["prompt"].as_str().unwrap_or_default().to_owned(),
    }
}

fn turn_text(turn: &Value) -> String {
    if let Some(text) = turn.as_str() {
        return text.to_owned();
    }
    let content = turn.get("content").or_else(|| turn.get("parts"));
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

impl Answer {
    pub(crate) fn text(&self, facts: &Facts) -> String {
        self.text
            .replace("{host}", &facts.host)
            .replace("{model}", &facts.model)
            .replace("{number}", &facts.number.to_string())
            .replace("{prompt}", &facts.prompt)
    }

    /// The text in the pieces a stream sends: words with the space before them, so that they join to the whole.
    pub(crate) fn pieces(&self, facts: &Facts) -> Vec<String> {
        let text = self.text(facts);
        let mut pieces: Vec<String> = Vec::new();
        let mut in_space = true;
        for character in text.chars() {
            match pieces.last_mut() {
                Some(piece) if in_space || !character.is_whitespace() => piece.push(character),
                _ => pieces.push(character.to_string()),
            }
            in_space = character.is_whitespace();
        }
        pieces
    }

    pub(crate) fn model(&self, facts: &Facts) -> String {
        self.model.clone().unwrap_or_else(|| facts.model.clone())
    }

    /// The set usage, or one counted in words.
    pub(crate) fn counts(&self, facts: &Facts) -> Usage {
        self.usage.unwrap_or_else(|| Usage {
            input: facts.prompt.split_whitespace().count() as u64 + 1,
            cached: 0,
            output: self.text(facts).split_whitespace().count() as u64 + self.tools.len() as u64,
            reasoning: 0,
        })
    }

    pub(crate) fn json(&self, facts: &Facts) -> Value {
        match facts.surface {
            Surface::Chat => chat::json(self, facts),
            Surface::Responses => responses::json(self, facts),
            Surface::Messages => messages::json(self, facts),
            Surface::CountTokens => serde_json::json!({"input_tokens": self.counts(facts).input}),
            Surface::Embeddings => embeddings::json(self, facts),
            Surface::Images => embeddings::image(self, facts),
            Surface::Gemini => gemini::json(self, facts),
        }
    }

    pub(crate) fn events(&self, facts: &Facts) -> Vec<Event> {
        match facts.surface {
            Surface::Responses => responses::events(self, facts),
            Surface::Messages => messages::events(self, facts),
            Surface::Gemini => gemini::events(self, facts),
            Surface::Chat | Surface::CountTokens | Surface::Embeddings | Surface::Images => chat::events(self, facts),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn facts(body: &Value) -> Facts {
        Facts::read(Personality::N, Surface::Chat, "tokyo", 7, ("/v1/chat/completions", ""), body)
    }

    #[test]
    fn pieces_join_to_the_text() {
        for text in ["", " ", "a", "Hello  there,\n friend ", "  x", "日本 語"] {
            let answer = Answer { text: text.to_owned(), ..Answer::default() };
            assert_eq!(answer.pieces(&facts(&json!({}))).concat(), text);
        }
    }

    #[test]
    fn the_prompt_is_the_last_user_turn_in_any_form() {
        let of = |body: Value| facts(&body).prompt;
        assert_eq!(
            of(
                json!({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]})
            ),
            "b"
        );
        assert_eq!(
            of(
                json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}, {"text": "y"}]}]})
            ),
            "x y"
        );
        assert_eq!(of(json!({"input": "plain"})), "plain");
        assert_eq!(of(json!({"contents": [{"parts": [{"text": "g"}]}]})), "g");
        assert_eq!(of(json!({})), "");
    }

    #[test]
    fn the_prompt_is_put_in_last_so_that_it_cannot_name_a_placeholder() {
        let answer = Answer { text: "{host} {number}: {prompt}".to_owned(), ..Answer::default() };
        let facts = facts(&json!({"messages": [{"role": "user", "content": "{host}"}]}));
        assert_eq!(answer.text(&facts), "tokyo 7: {host}");
    }
}
