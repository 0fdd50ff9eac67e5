//! Reads the actions' requests (spec §3): every string trimmed, unknown and
//! wrongly typed fields named, all faults at once.
//!
//! Values are kept as the text that came, so that what is passed on (message
//! content, the temperature) reaches the host byte for byte.

use std::fmt;

use relay_domain::{Scope, Secret};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::suggest::nearest;

/// Longest `request_id` accepted, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// `max_tokens` when none, or nothing positive, is asked for (spec §3).
const DEFAULT_MAX_TOKENS: i64 = 8;

/// One field that cannot be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// The field: `messages[0].role`.
    pub field: String,
    /// What is wrong with it, to be read after its name.
    pub message: String,
}

/// The request is refused; every fault is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRequest(pub Vec<FieldFault>);

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, fault) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            write!(f, "{separator}{} {}", fault.field, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidRequest {}

/// `POST /api/v1/resolve-route`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveRequest {
    /// The request's id: the caller's, or the one made for the call.
    pub request_id: String,
    /// The group asked for.
    pub logical_group_id: String,
    /// The model asked for.
    pub public_model: String,
    /// What stickiness is keyed by.
    pub scope: Scope,
    /// Its id; may be empty when the scope is `none`.
    pub subject_id: String,
    /// For the record: given, or the subject when the scope is `user`.
    pub user_key: Option<String>,
    /// For the record: given, or the subject when the scope is `conversation`.
    pub conversation_key: Option<String>,
    /// Return only when the decision is on disk.
    pub sync: bool,
}

/// Whose gateway key a forward sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestedKey {
    /// `gateway_api_key`: it wins over a managed one.
    Given(Secret),
    /// `subscription_user_id`: a managed key of that host user.
    SubscriptionUser(String),
}

/// One message of the probe.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its role, never empty.
    pub role: String,
    /// JSON: a trimmed string, or an array exactly as it came.
    pub content: Box<RawValue>,
}

/// `POST /api/v1/proxy-route-chat-completions` and `/route-chat-completions`.
#[derive(Clone, Debug)]
pub struct ForwardRequest {
    /// What to resolve.
    pub resolve: ResolveRequest,
    /// Whose key to send.
    pub key: RequestedKey,
    /// The messages; never empty.
    pub messages: Vec<Message>,
    /// Positive.
    pub max_tokens: i64,
    /// A JSON number as it came.
    pub temperature: Box<RawValue>,
    /// Try the next candidates when one fails (spec §5).
    pub failover: bool,
}

impl ResolveRequest {
    /// Reads a request body. `request_id` is used when the body names none.
    ///
    /// # Errors
    /// All faults.
    pub fn parse(body: &[u8], request_id: &str) -> Result<Self, InvalidRequest> {
        let mut faults = Vec::new();
        let mut fields = Fields::of_body(body, &mut faults)?;
        let request = fields.resolve("public_model", request_id);
        fields.refuse_unknown();
        request.filter(|_| faults.is_empty()).ok_or(InvalidRequest(faults))
    }
}

impl ForwardRequest {
    /// Reads a request body; `model_field` is `public_model` or `model`.
    ///
    /// # Errors
    /// All faults.
    pub fn parse(body: &[u8], model_field: &'static str, request_id: &str) -> Result<Self, InvalidRequest> {
        let mut faults = Vec::new();
        let mut fields = Fields::of_body(body, &mut faults)?;
        let request = Self::read(&mut fields, model_field, request_id);
        fields.refuse_unknown();
        request.filter(|_| faults.is_empty()).ok_or(InvalidRequest(faults))
    }

    fn read(fields: &mut Fields<'_, '_>, model_field: &'static str, request_id: &str) -> Option<Self> {
        let resolve = fields.resolve(model_field, request_id);
        let given = fields.text("gateway_api_key").filter(|key| !key.is_empty());
        let user = fields.text("subscription_user_id").filter(|user| !user.is_empty());
        let messages = fields.messages();
        let max_tokens = fields.whole_number("max_tokens").filter(|tokens| *tokens > 0).unwrap_or(DEFAULT_MAX_TOKENS);
        let temperature = fields.number("temperature").map_or_else(|| raw(&0), ToOwned::to_owned);
        let failover = fields.flag("failover");
        let key = match (given, user) {
            (Some(key), _) => Some(RequestedKey::Given(Secret::new(&key))),
            (None, Some(user)) => Some(RequestedKey::SubscriptionUser(user)),
            (None, None) => {
                fields.fault("gateway_api_key", "or subscription_user_id is required");
                None
            }
        };
        Some(Self { resolve: resolve?, key: key?, messages, max_tokens, temperature, failover })
    }
}

/// JSON text of a value that cannot fail to serialize.
pub(super) fn raw<T: Serialize>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// An object's fields in their order, repeated ones included.
struct RawFields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Collect).map(RawFields)
    }
}

/// One object being read.
struct Fields<'a, 'f> {
    faults: &'f mut Vec<FieldFault>,
    prefix: String,
    members: Vec<(String, &'a RawValue)>,
    known: Vec<&'static str>,
}

impl<'a, 'f> Fields<'a, 'f> {
    fn of_body(body: &'a [u8], faults: &'f mut Vec<FieldFault>) -> Result<Self, InvalidRequest> {
        match serde_json::from_slice::<RawFields<'_>>(body) {
            Ok(RawFields(fields)) => Ok(Self::new(String::new(), fields, faults)),
            Err(error) => {
                let message = format!("is not a JSON object ({error})");
                Err(InvalidRequest(vec![FieldFault { field: "body".to_owned(), message }]))
            }
        }
    }

    fn new(prefix: String, fields: Vec<(String, &'a RawValue)>, faults: &'f mut Vec<FieldFault>) -> Self {
        Self { faults, prefix, members: fields, known: Vec::new() }
    }

    fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.faults.push(FieldFault { field: format!("{}{field}", self.prefix), message: message.into() });
    }

    /// The value of a field; `null` is the same as absent.
    fn value(&mut self, field: &'static str) -> Option<&'a RawValue> {
        self.known.push(field);
        let mut found = self.members.iter().filter(|(name, _)| name == field).map(|(_, value)| *value);
        let value = found.next();
        if found.next().is_some() {
            self.fault(field, "is given twice");
        }
        value.filter(|value| value.get() != "null")
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        let value = self.value(field)?;
        let text = serde_json::from_str::<String>(value.get()).ok();
        if text.is_none() {
            self.fault(field, "must be a string");
        }
        text.map(|text| text.trim().to_owned())
    }

    fn required_text(&mut self, field: &'static str) -> Option<String> {
        let faults = self.faults.len();
        let text = self.text(field).filter(|text| !text.is_empty());
        if text.is_none() && self.faults.len() == faults {
            self.fault(field, "is required");
        }
        text
    }

    fn flag(&mut self, field: &'static str) -> bool {
        match self.value(field).map(RawValue::get) {
            Some("true") => true,
            Some("false") | None => false,
            Some(_) => {
                self.fault(field, "must be true or false");
                false
            }
        }
    }

    fn number(&mut self, field: &'static str) -> Option<&'a RawValue> {
        let value = self.value(field)?;
        if value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            return Some(value);
        }
        self.fault(field, "must be a number");
        None
    }

    fn whole_number(&mut self, field: &'static str) -> Option<i64> {
        let value = self.value(field)?;
        let number = value.get().parse().ok();
        if number.is_none() {
            self.fault(field, "must be a whole number");
        }
        number
    }

    fn resolve(&mut self, model_field: &'static str, request_id: &str) -> Option<ResolveRequest> {
        let given = self.text("request_id").filter(|id| !id.is_empty());
        if given.as_ref().is_some_and(|id| id.len() > MAX_REQUEST_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()))
        {
            self.fault("request_id", format!("must be at most {MAX_REQUEST_ID_BYTES} visible ASCII characters"));
        }
        let group = self.required_text("logical_group_id");
        let model = self.required_text(model_field);
        let scope = self.required_text("scope").and_then(|text| match text.parse::<Scope>() {
            Ok(scope) => Some(scope),
            Err(error) => {
                self.fault("scope", error.to_string());
                None
            }
        });
        // Without stickiness there is no subject to name.
        let subject_id = match scope {
            Some(Scope::None) => Some(self.text("subject_id").unwrap_or_default()),
            _ => self.required_text("subject_id"),
        };
        let user_key = self.text("user_key").filter(|key| !key.is_empty());
        let conversation_key = self.text("conversation_key").filter(|key| !key.is_empty());
        let sync = self.flag("sync");
        let (scope, subject_id) = (scope?, subject_id?);
        let subject_of = |wanted| (scope == wanted && !subject_id.is_empty()).then(|| subject_id.clone());
        Some(ResolveRequest {
            request_id: given.unwrap_or_else(|| request_id.to_owned()),
            logical_group_id: group?,
            public_model: model?,
            scope,
            user_key: user_key.or_else(|| subject_of(Scope::User)),
            conversation_key: conversation_key.or_else(|| subject_of(Scope::Conversation)),
            subject_id,
            sync,
        })
    }

    /// The messages; one user message `ping` when there are none (spec §3).
    fn messages(&mut self) -> Vec<Message> {
        let items = self.value("messages").map(|value| serde_json::from_str::<Vec<&RawValue>>(value.get()));
        let items = match items {
            Some(Ok(items)) => items,
            None => Vec::new(),
            Some(Err(_)) => {
                self.fault("messages", "must be an array");
                Vec::new()
            }
        };
        let read: Vec<_> = items.iter().enumerate().filter_map(|(index, item)| self.message(index, item)).collect();
        if items.is_empty() { vec![Message { role: "user".to_owned(), content: raw(&"ping") }] } else { read }
    }

    fn message(&mut self, index: usize, item: &RawValue) -> Option<Message> {
        let name = format!("messages[{index}]");
        let Ok(RawFields(fields)) = serde_json::from_str::<RawFields<'_>>(item.get()) else {
            self.fault(&name, "must be an object");
            return None;
        };
        let mut fields = Fields::new(format!("{name}."), fields, self.faults);
        let role = fields.text("role").filter(|role| !role.is_empty()).unwrap_or_else(|| "user".to_owned());
        let content = fields.content();
        fields.refuse_unknown();
        Some(Message { role, content: content? })
    }

    fn content(&mut self) -> Option<Box<RawValue>> {
        let Some(value) = self.value("content") else {
            self.fault("content", "is required");
            return None;
        };
        if value.get().starts_with('[') {
            return Some(value.to_owned());
        }
        let text = serde_json::from_str::<String>(value.get()).ok();
        if text.is_none() {
            self.fault("content", "must be a string or an array");
        }
        text.map(|text| raw(&text.trim()))
    }

    /// Names every field that nobody asked for. Call it last.
    fn refuse_unknown(&mut self) {
        for (name, _) in std::mem::take(&mut self.members) {
            if self.known.contains(&name.as_str()) {
                continue;
            }
            let suggestion = nearest(&name, self.known.iter().copied());
            let suggestion = suggestion.map(|word| format!(", did you mean {word}?")).unwrap_or_default();
            self.fault(&name, format!("is unknown{suggestion}"));
        }
    }
}

#[cfg(test)]
mod tests;
