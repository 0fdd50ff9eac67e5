//! The API dialects a request can speak, and which hosts speak them (spec §6).

use relay_domain::HostKind;

/// What a request asks for; it is passed through unconverted to a host that speaks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `POST /v1/chat/completions`
    ChatCompletions,
    /// `POST /v1/responses` and its sub-paths.
    Responses,
    /// `POST /v1/messages`
    Messages,
    /// `POST /v1/messages/count_tokens`
    CountTokens,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `POST /v1/images/generations` and `/edits`.
    Images,
    /// `POST /v1beta/models/{model}:{action}`
    Gemini,
}

impl Surface {
    /// Every surface, each at the place of its number.
    pub const ALL: [Self; 7] = [
        Self::ChatCompletions,
        Self::Responses,
        Self::Messages,
        Self::CountTokens,
        Self::Embeddings,
        Self::Images,
        Self::Gemini,
    ];

    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat_completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::CountTokens => "count_tokens",
            Self::Embeddings => "embeddings",
            Self::Images => "images",
            Self::Gemini => "gemini",
        }
    }

    /// Whether a host of this kind speaks it. A sub2api host speaks all of them
    /// (sub2api-host-api.md §4.1: what its groups lack it answers with an error of
    /// its own); an OpenAI-compatible server has neither Anthropic's nor Google's paths.
    pub fn spoken_by(self, kind: HostKind) -> bool {
        match kind {
            HostKind::Sub2api => true,
            HostKind::OpenAi => !matches!(self, Self::Messages | Self::CountTokens | Self::Gemini),
        }
    }
}
