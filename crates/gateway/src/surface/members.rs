//! The members of a JSON request that matter, found in one pass without
//! building a tree; everything else stays bytes (spec §6).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::EnvelopeError;

/// The members of the top level that any surface asks for, as they stand in the body.
#[derive(Default)]
pub(super) struct Members<'a> {
    pub(super) model: Option<&'a RawValue>,
    pub(super) stream: Option<&'a RawValue>,
    pub(super) stream_options: Option<&'a RawValue>,
    pub(super) prompt_cache_key: Option<&'a RawValue>,
    pub(super) metadata: Option<&'a RawValue>,
    pub(super) messages: Option<&'a RawValue>,
    pub(super) tools: Option<&'a RawValue>,
    pub(super) system: Option<&'a RawValue>,
    pub(super) instructions: Option<&'a RawValue>,
    pub(super) input: Option<&'a RawValue>,
    pub(super) previous_response_id: Option<&'a RawValue>,
    pub(super) conversation: Option<&'a RawValue>,
    pub(super) background: Option<&'a RawValue>,
    pub(super) store: Option<&'a RawValue>,
    pub(super) contents: Option<&'a RawValue>,
    pub(super) system_instruction: Option<&'a RawValue>,
    pub(super) requests: Option<&'a RawValue>,
    pub(super) generate_content_request: Option<&'a RawValue>,
    duplicate: Option<&'static str>,
    /// There is a `Model`, or another spelling.
    is_named_otherwise: bool,
}

impl<'a> Members<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// It is no JSON object, names `model` twice, or gives a member two values that
    /// decides where it goes or how it is answered: which one a host believes is not known.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        let members: Self = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() { EnvelopeError::NotAnObject } else { EnvelopeError::Json(error.to_string()) }
        })?;
        match members.duplicate {
            Some(name) => Err(EnvelopeError::Duplicate(name)),
            None if members.is_named_otherwise && members.model.is_some() => Err(EnvelopeError::Duplicate("model")),
            None => Ok(members),
        }
    }

    /// Whether one of the members is there in which Google's bodies name a model.
    pub(super) fn may_name_a_model(&self) -> bool {
        self.model.is_some() || self.requests.is_some() || self.generate_content_request.is_some()
    }
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
                    let (slot, decides) = match &*name {
                        b"model" => (&mut members.model, Some("model")),
                        b"stream" => (&mut members.stream, Some("stream")),
                        b"stream_options" => (&mut members.stream_options, Some("stream_options")),
                        b"prompt_cache_key" => (&mut members.prompt_cache_key, None),
                        b"metadata" => (&mut members.metadata, None),
                        b"messages" => (&mut members.messages, None),
                        b"tools" => (&mut members.tools, None),
                        b"system" => (&mut members.system, None),
                        b"instructions" => (&mut members.instructions, None),
                        b"input" => (&mut members.input, None),
                        b"previous_response_id" => (&mut members.previous_response_id, Some("previous_response_id")),
                        b"conversation" => (&mut members.conversation, None),
                        b"background" => (&mut members.background, None),
                        b"store" => (&mut members.store, None),
                        b"contents" => (&mut members.contents, None),
                        // Google reads both spellings of its members.
                        b"systemInstruction" | b"system_instruction" => (&mut members.system_instruction, None),
                        b"requests" => (&mut members.requests, Some("requests")),
                        b"generateContentRequest" | b"generate_content_request" => {
                            (&mut members.generate_content_request, Some("generateContentRequest"))
                        }
                        // Hosts written in Go may take it for the other one.
                        name if name.eq_ignore_ascii_case(b"model") => {
                            map.next_value::<IgnoredAny>()?;
                            members.is_named_otherwise = true;
                            continue;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    let value: &RawValue = map.next_value()?;
                    let before = slot.replace(value);
                    let differs = before.is_some_and(|before| decides == Some("model") || before.get() != value.get());
                    members.duplicate = decides.filter(|_| differs).or(members.duplicate);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Top)
    }
}

/// A member name as bytes, so that an escaped one (`"mod\u0065l"`) is
/// recognized and a lone surrogate in one is no error.
pub(super) struct Name<'a>(pub(super) Cow<'a, [u8]>);

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
