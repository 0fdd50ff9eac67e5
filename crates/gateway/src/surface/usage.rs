//! What an answer tells of its usage: the members of every surface's usage object, in one place and one pass.
//! What they mean differs, and is said with each surface.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The members, by their names there; `null` is as good as none.
#[derive(Deserialize)]
pub(super) struct Usage {
    /// Chat completions and embeddings.
    pub(super) prompt_tokens: Option<u64>,
    pub(super) prompt_tokens_details: Option<Details>,
    /// The same as the details' cached tokens, as DeepSeek and Moonshot tell it.
    pub(super) prompt_cache_hit_tokens: Option<u64>,
    pub(super) cached_tokens: Option<u64>,
    pub(super) completion_tokens: Option<u64>,
    pub(super) completion_tokens_details: Option<Details>,
    /// Responses, images and messages.
    pub(super) input_tokens: Option<u64>,
    pub(super) input_tokens_details: Option<Details>,
    pub(super) output_tokens: Option<u64>,
    pub(super) output_tokens_details: Option<Details>,
    /// Messages.
    pub(super) cache_read_input_tokens: Option<u64>,
    pub(super) cache_creation_input_tokens: Option<u64>,
    /// Google.
    #[serde(rename = "promptTokenCount")]
    pub(super) prompt_token_count: Option<u64>,
    #[serde(rename = "toolUsePromptTokenCount")]
    pub(super) tool_use_prompt_token_count: Option<u64>,
    #[serde(rename = "cachedContentTokenCount")]
    pub(super) cached_content_token_count: Option<u64>,
    #[serde(rename = "candidatesTokenCount")]
    pub(super) candidates_token_count: Option<u64>,
    #[serde(rename = "thoughtsTokenCount")]
    pub(super) thoughts_token_count: Option<u64>,
}

/// What some of the tokens are.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "they are the names on the wire")]
pub(super) struct Details {
    pub(super) cached_tokens: Option<u64>,
    pub(super) cache_write_tokens: Option<u64>,
    pub(super) reasoning_tokens: Option<u64>,
    pub(super) thinking_tokens: Option<u64>,
}

impl Usage {
    /// Reads a usage object. One of another shape is as good as none: an answer must not fail for it.
    pub(super) fn read(usage: &RawValue) -> Option<Self> {
        serde_json::from_str::<Option<Self>>(usage.get()).unwrap_or_else(|_| Self::of_what_counts(usage))
    }

    /// The same without the members that are no counts: the others are what the host told.
    #[cold]
    fn of_what_counts(usage: &RawValue) -> Option<Self> {
        let mut usage: Value = serde_json::from_str(usage.get()).ok()?;
        keep_counts(&mut usage);
        serde_json::from_value(usage).ok()?
    }
}

fn keep_counts(usage: &mut Value) {
    for (name, value) in usage.as_object_mut().into_iter().flatten() {
        match value {
            Value::Object(_) if name.ends_with("_details") => keep_counts(value),
            // Some languages have one kind of number, and write it so.
            Value::Number(number) if !name.ends_with("_details") => {
                let whole = number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
                *value = number.as_u64().or(whole.map(|number| number as u64)).into();
            }
            _ => *value = Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_count_is_left_out_and_the_others_stay() {
        let usage: &RawValue = serde_json::from_str(
            r#"{"prompt_tokens":9000.0,"completion_tokens":500,"output_tokens":"7","input_tokens":{},"thoughtsTokenCount":1.5,
                "prompt_tokens_details":5,"completion_tokens_details":{"reasoning_tokens":-1,"cached_tokens":3},"iterations":[]}"#,
        )
        .unwrap();
        let usage = Usage::read(usage).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Some(9000), Some(500)));
        assert_eq!((usage.output_tokens, usage.input_tokens, usage.thoughts_token_count), (None, None, None));
        let details = usage.completion_tokens_details.unwrap();
        assert_eq!((details.reasoning_tokens, details.cached_tokens), (None, Some(3)));
        assert!(usage.prompt_tokens_details.is_none());
        assert!(Usage::read(serde_json::from_str("[1]").unwrap()).is_none());
    }
}
