//! What the gateway needs to know of a request to route it; everything else
//! stays bytes (spec §6).

use http::StatusCode;
use serde_json::value::RawValue;

use super::Framing;
use super::members::Members;
use super::naming::{Mention, Spelling};
use super::reading::place;
use crate::error::GatewayError;
use crate::splice::Edit;

/// Longest name of a model: it is logged and counted by, whatever a client may call.
pub(super) const MAX_MODEL: usize = 256;

/// The facts of a request.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// The model the client asked for. Empty when it names none, as only a
    /// request about a stored response may: its owner knows.
    pub(crate) model: String,
    /// Where the body names the model.
    pub(crate) mentions: Vec<Mention>,
    /// How the answer is to come.
    pub(crate) framing: Framing,
    /// What makes a host tell the usage of the stream; nothing when the client asks for it itself.
    pub(crate) ask_usage: Option<Edit>,
    /// `prompt_cache_key`, when it is a text.
    pub(crate) prompt_cache_key: Option<String>,
    /// The session part of Anthropic's `metadata.user_id`.
    pub(crate) metadata_session: Option<String>,
    /// Hash of what stays the same over a conversation's turns.
    pub(crate) stable_prefix: Option<[u8; 16]>,
    /// The stored response that it goes on from, or is about: a hard binding (spec §4).
    pub(crate) response_id: Option<StoredResponse>,
    /// The answer comes before the work is done (`background`).
    pub(crate) background: bool,
    /// Not to be tried again once a host may have worked (spec §5).
    pub(crate) stateful: bool,
}

/// A response that a host keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoredResponse {
    /// The input goes on from it.
    Previous(String),
    /// The path is about it.
    Named(String),
}

impl StoredResponse {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Previous(id) | Self::Named(id) => id,
        }
    }

    /// What is told when nobody here can serve it. Codex and OpenAI's packages
    /// know the first, and send the whole input again.
    pub(crate) fn gone(&self) -> GatewayError {
        match self {
            Self::Previous(id) => {
                let message = format!(
                    "Previous response with id '{id}' not found: no host here keeps it any more. Send the whole input instead."
                );
                let code = "previous_response_not_found";
                let error = GatewayError::new(StatusCode::BAD_REQUEST, code, message);
                GatewayError { param: Some("previous_response_id"), ..error }
            }
            Self::Named(id) => {
                let message = format!("Response with id '{id}' not found: no host here keeps it any more.");
                GatewayError::new(StatusCode::NOT_FOUND, "response_not_found", message)
            }
        }
    }
}

/// Why a body cannot be routed; the message is for the client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("The request body is not valid JSON: {0}")]
    Json(String),
    #[error("The request body must be a JSON object.")]
    NotAnObject,
    #[error("The request body is not the form that its Content-Type says.")]
    NoForm,
    #[error("The request body names `{0}` twice; send it once.")]
    Duplicate(&'static str),
    #[error("You must provide a model parameter.")]
    NoModel,
    #[error("`model` must be a non-empty string.")]
    ModelType,
    #[error("`model` must have {MAX_MODEL} bytes at most; see GET /v1/models for the names.")]
    ModelTooLong,
    #[error("`stream` must be true or false.")]
    StreamType,
}

impl EnvelopeError {
    /// The parameter at fault, for the error body.
    pub(crate) fn param(&self) -> Option<&'static str> {
        match self {
            Self::NoModel | Self::ModelType | Self::ModelTooLong => Some("model"),
            Self::StreamType => Some("stream"),
            Self::Duplicate(name) => Some(name),
            Self::Json(_) | Self::NotAnObject | Self::NoForm => None,
        }
    }
}

impl From<EnvelopeError> for GatewayError {
    fn from(error: EnvelopeError) -> Self {
        Self::bad_request(error.to_string(), error.param())
    }
}

impl Envelope {
    /// The facts that every surface with a JSON body has in the same members.
    ///
    /// # Errors
    /// `model` or `stream` is missing or no such thing.
    pub(super) fn of_members(body: &[u8], members: &Members<'_>) -> Result<Self, EnvelopeError> {
        let raw_model = members.model.ok_or(EnvelopeError::NoModel)?;
        let model = text(Some(raw_model)).filter(|model| !model.trim().is_empty()).ok_or(EnvelopeError::ModelType)?;
        let framing = match members.stream.map(RawValue::get) {
            Some("true") => Framing::Events,
            None | Some("false" | "null") => Framing::Whole,
            Some(_) => return Err(EnvelopeError::StreamType),
        };
        Ok(Self {
            model,
            mentions: vec![Mention { place: place(body, raw_model), spelling: Spelling::Json }],
            framing,
            prompt_cache_key: text(members.prompt_cache_key).filter(|key| !key.trim().is_empty()),
            ..Self::default()
        })
    }

    /// The same, unless its model's name is longer than any.
    pub(super) fn checked(self) -> Result<Self, EnvelopeError> {
        if self.model.len() > MAX_MODEL { Err(EnvelopeError::ModelTooLong) } else { Ok(self) }
    }

    /// Whether the answer is to be streamed.
    pub(crate) fn is_stream(&self) -> bool {
        self.framing != Framing::Whole
    }
}

/// The text of a JSON string.
pub(super) fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;
    use crate::surface::chat_completions::CHAT_COMPLETIONS;

    fn read(body: &str) -> Result<Envelope, EnvelopeError> {
        testing::envelope(&CHAT_COMPLETIONS, body)
    }

    #[test]
    fn the_model_is_found_with_its_place() {
        for (body, model, written) in [
            (r#"{"model":"gpt-5"}"#, "gpt-5", r#""gpt-5""#),
            (r#"{ "x":[1,{"model":"no"}], "model" : "gpt-5" }"#, "gpt-5", r#""gpt-5""#),
            ("{\"mod\\u0065l\":\"gpt\\u002d5\"}", "gpt-5", "\"gpt\\u002d5\""),
        ] {
            let envelope = read(body).unwrap();
            assert_eq!(envelope.model, model);
            assert_eq!(&body[envelope.mentions[0].place.clone()], written, "{body}");
        }
    }

    #[test]
    fn what_cannot_be_routed_is_refused_by_name() {
        assert_eq!(read(r#"{"model":"a","model":"b"}"#).unwrap_err(), EnvelopeError::Duplicate("model"));
        assert_eq!(read("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}").unwrap_err(), EnvelopeError::Duplicate("model"));
        assert_eq!(
            read(r#"{"model":"a","stream":true,"stream":false}"#).unwrap_err(),
            EnvelopeError::Duplicate("stream")
        );
        assert_eq!(read(r#"{"model":"a","Model":"b"}"#).unwrap_err(), EnvelopeError::Duplicate("model"));
        assert!(read(r#"{"model":"a","stream":true,"stream":true,"n":1,"n":2}"#).unwrap().is_stream());
        assert_eq!(read(r#"{"messages":[]}"#).unwrap_err(), EnvelopeError::NoModel);
        assert_eq!(read(r#"{"model":5}"#).unwrap_err(), EnvelopeError::ModelType);
        assert_eq!(read(r#"{"model":" "}"#).unwrap_err(), EnvelopeError::ModelType);
        assert_eq!(read(r#"{"model":"a","stream":"yes"}"#).unwrap_err(), EnvelopeError::StreamType);
        assert_eq!(read("[1]").unwrap_err(), EnvelopeError::NotAnObject);
        assert!(matches!(read("{\"model\":").unwrap_err(), EnvelopeError::Json(_)));
        assert!(matches!(read("{\"model\":\"a\"} x").unwrap_err(), EnvelopeError::Json(_)));
    }

    #[test]
    fn legal_but_odd_json_is_accepted() {
        let odd = r#"{"model":"a","n":123456789012345678901234567890,"s":"\ud83d","f":1e400,"stream":null}"#;
        assert!(!read(odd).unwrap().is_stream());
    }
}
