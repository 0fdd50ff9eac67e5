//! What routing needs to know of a request body, read in one pass without
//! building a tree; everything else stays bytes (spec §6).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use crate::splice::Edit;

/// The facts of a chat completion request.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// The model the client asked for.
    pub(crate) model: String,
    /// Where the `model` value stands in the body, quotes included.
    pub(crate) model_span: Range<usize>,
    /// Whether the answer is to be streamed.
    pub(crate) stream: bool,
    /// What makes a host tell the usage of the stream; nothing when the client asks for it itself.
    pub(crate) ask_usage: Option<Edit>,
    /// `prompt_cache_key`, when it is a text.
    pub(crate) prompt_cache_key: Option<String>,
    /// The session part of Anthropic's `metadata.user_id`.
    pub(crate) metadata_session: Option<String>,
    /// Hash of what stays the same over a conversation's turns.
    pub(crate) stable_prefix: Option<[u8; 16]>,
}

/// Why a body cannot be routed; the message is for the client.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvelopeError {
    #[error("The request body is not valid JSON: {0}")]
    Json(String),
    #[error("The request body must be a JSON object.")]
    NotAnObject,
    #[error("The request body names `{0}` twice; send it once.")]
    Duplicate(&'static str),
    #[error("You must provide a model parameter.")]
    NoModel,
    #[error("`model` must be a non-empty string.")]
    ModelType,
    #[error("`stream` must be true or false.")]
    StreamType,
}

impl EnvelopeError {
    /// The parameter at fault, for the error body.
    pub(crate) fn param(&self) -> Option<&'static str> {
        match self {
            Self::NoModel | Self::ModelType => Some("model"),
            Self::StreamType => Some("stream"),
            Self::Duplicate(name) => Some(name),
            Self::Json(_) | Self::NotAnObject => None,
        }
    }
}

/// The members of the top level that matter, as they stand in the body.
#[derive(Default)]
struct Members<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    prompt_cache_key: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    messages: Option<&'a RawValue>,
    tools: Option<&'a RawValue>,
    system: Option<&'a RawValue>,
    duplicate: Option<&'static str>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Top;
        impl<'de> Visitor<'de> for Top {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Members::default();
                while let Some(Name(name)) = map.next_key()? {
                    let (slot, label) = match &*name {
                        b"model" => (&mut members.model, "model"),
                        b"stream" => (&mut members.stream, "stream"),
                        b"stream_options" => (&mut members.stream_options, "stream_options"),
                        b"prompt_cache_key" => (&mut members.prompt_cache_key, "prompt_cache_key"),
                        b"metadata" => (&mut members.metadata, "metadata"),
                        b"messages" => (&mut members.messages, "messages"),
                        b"tools" => (&mut members.tools, "tools"),
                        b"system" => (&mut members.system, "system"),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let twice = slot.replace(map.next_value()?).is_some();
                    if twice && matches!(label, "model" | "stream" | "stream_options") {
                        members.duplicate = Some(label);
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Top)
    }
}

/// A member name as bytes, so that an escaped one (`"mod\u0065l"`) is
/// recognized and a lone surrogate in one is no error.
struct Name<'a>(Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_bytes<E: de::Error>(self, name: &'de [u8]) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_vec())))
            }
        }
        deserializer.deserialize_bytes(Text)
    }
}

impl Envelope {
    /// Reads the facts out of `body`.
    pub(crate) fn read(body: &Bytes) -> Result<Self, EnvelopeError> {
        let members: Members<'_> = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() { EnvelopeError::NotAnObject } else { EnvelopeError::Json(error.to_string()) }
        })?;
        if let Some(name) = members.duplicate {
            return Err(EnvelopeError::Duplicate(name));
        }
        let raw_model = members.model.ok_or(EnvelopeError::NoModel)?;
        let model = text(Some(raw_model)).ok_or(EnvelopeError::ModelType)?;
        if model.trim().is_empty() {
            return Err(EnvelopeError::ModelType);
        }
        let stream = match members.stream.map(RawValue::get) {
            Some("true") => true,
            None | Some("false" | "null") => false,
            Some(_) => return Err(EnvelopeError::StreamType),
        };
        Ok(Self {
            model_span: span(body, raw_model),
            stream,
            ask_usage: if stream { ask_usage(body, members.stream_options) } else { None },
            prompt_cache_key: text(members.prompt_cache_key).filter(|key| !key.trim().is_empty()),
            metadata_session: members.metadata.and_then(metadata_session),
            stable_prefix: stable_prefix(&model, &members),
            model,
        })
    }
}

/// Where a value borrowed from `body` stands in it.
fn span(body: &[u8], value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr() as usize - body.as_ptr() as usize;
    start..start + value.get().len()
}

/// The edit that adds `stream_options.include_usage` (spec §6). Options that are
/// not what a host expects are left for it to refuse.
fn ask_usage(body: &[u8], options: Option<&RawValue>) -> Option<Edit> {
    #[derive(Deserialize)]
    struct Options<'a> {
        #[serde(borrow)]
        include_usage: Option<&'a RawValue>,
    }
    let before_brace = |text: &[u8]| text.trim_ascii_end().len() - 1;
    let edit =
        |place: Range<usize>, text: &'static str| Some(Edit { place, text: Bytes::from_static(text.as_bytes()) });
    let Some(options) = options else {
        // There are members before it: the model and `stream`.
        let end = before_brace(body);
        return edit(end..end, r#","stream_options":{"include_usage":true}"#);
    };
    let place = span(body, options);
    if options.get() == "null" {
        return edit(place, r#"{"include_usage":true}"#);
    }
    let read: Options<'_> = serde_json::from_str(options.get()).ok()?;
    match read.include_usage.map(|value| (value.get(), span(body, value))) {
        Some(("false" | "null", value)) => edit(value, "true"),
        Some(_) => None,
        None => {
            let end = place.start + before_brace(options.get().as_bytes());
            let is_empty = body[place.start + 1..end].trim_ascii().is_empty();
            edit(end..end, if is_empty { r#""include_usage":true"# } else { r#","include_usage":true"# })
        }
    }
}

fn text(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

/// The session of `metadata.user_id`, in both forms that Claude Code has used:
/// `user_<hex>_account_<uuid>_session_<uuid>` and a JSON text with
/// `session_id` (sub2api-host-api.md §5.1). Other values name a user, not a
/// conversation.
fn metadata_session(metadata: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    #[derive(Deserialize)]
    struct UserId {
        session_id: Option<String>,
    }
    let user_id = serde_json::from_str::<Metadata>(metadata.get()).ok()?.user_id?;
    let session = match user_id.rsplit_once("_session_") {
        Some((_, session)) => Some(session.to_owned()),
        None => serde_json::from_str::<UserId>(&user_id).ok()?.session_id,
    };
    session.filter(|session| !session.trim().is_empty())
}

/// Hash of model, tools, system and the first user message: what a
/// conversation keeps from turn to turn (spec §4; field note 3). Nothing when
/// there is no user message, since all such requests would share one hash.
fn stable_prefix(model: &str, members: &Members<'_>) -> Option<[u8; 16]> {
    let opening: Opening<'_> = serde_json::from_str(members.messages?.get()).ok()?;
    let first_user = opening.first_user?;
    // It need not resist anyone: the sticky key made of it is keyed and per consumer.
    let mut hasher = Xxh3::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(model.as_bytes());
    for value in members.tools.into_iter().chain(members.system).chain(opening.system).chain([first_user]) {
        let is_array = value.get().starts_with('[');
        match is_array.then(|| serde_json::from_str::<Vec<Block<'_>>>(value.get())) {
            Some(Ok(blocks)) => blocks.iter().for_each(|block| block.parts(&mut part)),
            _ => part(value.get().as_bytes()),
        }
        part(b"");
    }
    Some(hasher.digest128().to_be_bytes())
}

/// One element of a content or of `tools`, without its `cache_control`: that
/// mark moves on with every turn and must not count (field note 3).
struct Block<'a>(Vec<(Cow<'a, [u8]>, &'a RawValue)>);

impl Block<'_> {
    fn parts(&self, part: &mut impl FnMut(&[u8])) {
        let member = |name: &[u8]| self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| value.get());
        // A text has to be a block to be marked, and may be written plainly otherwise.
        if let (Some("\"text\""), Some(text)) = (member(b"type"), member(b"text")) {
            return part(text.as_bytes());
        }
        for (name, value) in &self.0 {
            part(name);
            part(value.get().as_bytes());
        }
    }
}

impl<'de> Deserialize<'de> for Block<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Block<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Block<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    let value = map.next_value()?;
                    if *name != *b"cache_control" {
                        members.push((name, value));
                    }
                }
                Ok(Block(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// The contents of the leading system (or developer) messages and of the first
/// user message.
#[derive(Default)]
struct Opening<'a> {
    system: Vec<&'a RawValue>,
    first_user: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Opening<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            role: Option<Cow<'a, str>>,
            #[serde(borrow)]
            content: Option<&'a RawValue>,
        }
        struct Messages;
        impl<'de> Visitor<'de> for Messages {
            type Value = Opening<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of messages")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Opening<'de>, A::Error> {
                let mut opening = Opening::default();
                while opening.first_user.is_none() {
                    let Some(message) = seq.next_element::<Message<'de>>()? else { return Ok(opening) };
                    match message.role.as_deref() {
                        Some("system" | "developer") => opening.system.extend(message.content),
                        Some("user") => opening.first_user = message.content,
                        _ => {}
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(opening)
            }
        }
        deserializer.deserialize_seq(Messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::edited;

    fn read(body: &str) -> Result<Envelope, EnvelopeError> {
        Envelope::read(&Bytes::copy_from_slice(body.as_bytes()))
    }

    fn prefix_of(body: &str) -> Option<[u8; 16]> {
        read(body).unwrap().stable_prefix
    }

    #[test]
    fn the_model_is_found_with_its_place() {
        for (body, model, span) in [
            (r#"{"model":"gpt-5"}"#, "gpt-5", r#""gpt-5""#),
            (r#"{ "x":[1,{"model":"no"}], "model" : "gpt-5" }"#, "gpt-5", r#""gpt-5""#),
            ("{\"mod\\u0065l\":\"gpt\\u002d5\"}", "gpt-5", "\"gpt\\u002d5\""),
        ] {
            let envelope = read(body).unwrap();
            assert_eq!(envelope.model, model);
            assert_eq!(&body[envelope.model_span], span, "{body}");
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
        assert!(!read(odd).unwrap().stream);
    }

    #[test]
    fn a_stream_is_asked_for_its_usage_unless_the_client_does_or_cannot_be_understood() {
        let asked = |members: &str| {
            let body = Bytes::from(format!(r#"{{"model":"a","stream":true{members}}} "#));
            let edit = Envelope::read(&body).unwrap().ask_usage;
            edit.map(|edit| String::from_utf8(edited(&body, [Some(&edit), None]).concat()).unwrap())
        };
        let expected = |members: &str| Some(format!(r#"{{"model":"a","stream":true{members}}} "#));
        assert_eq!(asked(""), expected(r#","stream_options":{"include_usage":true}"#));
        assert_eq!(asked(r#","stream_options":null"#), expected(r#","stream_options":{"include_usage":true}"#));
        assert_eq!(asked(r#","stream_options":{ }"#), expected(r#","stream_options":{ "include_usage":true}"#));
        assert_eq!(
            asked(r#","stream_options":{"x":1}"#),
            expected(r#","stream_options":{"x":1,"include_usage":true}"#)
        );
        assert_eq!(
            asked(r#","stream_options":{"include_usage": false}"#),
            expected(r#","stream_options":{"include_usage": true}"#)
        );
        for left in [r#","stream_options":{"include_usage":true}"#, r#","stream_options":[]"#, r#","stream_options":5"#]
        {
            assert_eq!(asked(left), None, "{left}");
        }
        assert_eq!(read(r#"{"model":"a"}"#).unwrap().ask_usage, None);
    }

    #[test]
    fn adding_a_turn_keeps_the_stable_prefix() {
        let one = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#;
        let two = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"yes"},{"role":"user","content":"more"}]}"#;
        let other = r#"{"model":"a","messages":[{"role":"system","content":"s"},{"role":"user","content":"ho"}]}"#;
        assert_eq!(prefix_of(one), prefix_of(two));
        assert_ne!(prefix_of(one), prefix_of(other));
        assert_eq!(prefix_of(r#"{"model":"a","messages":[{"role":"system","content":"s"}]}"#), None);
        let marked = r#"{"model":"a","messages":[{"role":"system","content":"s"},
            {"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#;
        assert_eq!(prefix_of(one), prefix_of(marked));
    }

    #[test]
    fn the_session_is_read_from_both_forms_of_metadata() {
        let session = |user_id: &str| {
            let body = format!(r#"{{"model":"a","metadata":{{"user_id":{}}}}}"#, serde_json::json!(user_id));
            read(&body).unwrap().metadata_session
        };
        assert_eq!(session("user_ab_account__session_1234"), Some("1234".into()));
        assert_eq!(session(r#"{"device_id":"d","session_id":"s-1"}"#), Some("s-1".into()));
        assert_eq!(session("alice"), None);
    }
}
