//! What an answer tells of its usage: the members of every surface's usage object, in one place and one pass.
//! What they mean differs, and is said with each surface.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members, by their names there; `null` is as good as none.
#[derive(Deserialize)]
pub(super) struct Usage {
    /// Chat completions and embeddings.
    pub(super) prompt_tokens: Option<u64>,
    pub(super) prompt_tokens_details: Option<Details>,
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
        serde_json::from_str::<Option<Self>>(usage.get()).ok()?
    }
}
