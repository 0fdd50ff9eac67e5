//! `GET /v1/models`, `/v1/models/{id}` and `/v1beta/models`: what the caller's
//! key may call, from the fleet, in the shape of whoever asks (spec §6).

use bytes::Bytes;
use http::StatusCode;
use relay_domain::ConsumerKey;
use relay_routing::Snapshot;
use serde::Serialize;

use crate::error::GatewayError;
use crate::surface::ErrorShape;

/// The models of a key.
pub(crate) struct Catalog<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) key: &'a ConsumerKey,
    /// Whose shapes the client reads.
    pub(crate) shape: ErrorShape,
}

impl Catalog<'_> {
    /// All models of the key's groups, by name.
    pub(crate) fn list(&self) -> Bytes {
        let mut models = self.snapshot.models_of(&self.key.groups);
        models.retain(|model| self.key.may_call(model));
        match self.shape {
            ErrorShape::OpenAi => json(&OpenAiList { object: "list", data: models.into_iter().map(openai).collect() }),
            ErrorShape::Anthropic => json(&AnthropicList {
                first_id: models.first().copied(),
                last_id: models.last().copied(),
                has_more: false,
                data: models.iter().copied().map(anthropic).collect(),
            }),
            ErrorShape::Google => json(&GoogleList { models: models.into_iter().map(google).collect() }),
        }
    }

    /// One model, by any name that a request could ask for.
    ///
    /// # Errors
    /// 404 when the key may call no such model.
    pub(crate) fn one(&self, asked: &str) -> Result<Bytes, GatewayError> {
        let located = self.snapshot.locate(asked, &self.key.groups);
        if !located.is_ok_and(|pool| self.key.may_call(pool.public_model)) {
            return Err(unknown_model(asked));
        }
        Ok(match self.shape {
            ErrorShape::OpenAi => json(&openai(asked)),
            ErrorShape::Anthropic => json(&anthropic(asked)),
            ErrorShape::Google => json(&google(asked)),
        })
    }
}

/// 404 as clients know it. Which part is unknown is not told: a key must
/// not learn what exists beyond it.
pub(crate) fn unknown_model(asked: &str) -> GatewayError {
    let message = format!("The model `{asked}` does not exist or you do not have access to it.");
    GatewayError { param: Some("model"), ..GatewayError::new(StatusCode::NOT_FOUND, "model_not_found", message) }
}

fn json(value: &impl Serialize) -> Bytes {
    // Texts, numbers and lists of them always serialize.
    serde_json::to_vec(value).unwrap_or_default().into()
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAi<'a>>,
}

#[derive(Serialize)]
struct OpenAi<'a> {
    id: &'a str,
    object: &'static str,
    /// Clients want one, and a fleet does not know when a model was made.
    created: u64,
    owned_by: &'static str,
}

fn openai(id: &str) -> OpenAi<'_> {
    OpenAi { id, object: "model", created: 0, owned_by: "relay-manager" }
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<Anthropic<'a>>,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
    has_more: bool,
}

#[derive(Serialize)]
struct Anthropic<'a> {
    r#type: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

fn anthropic(id: &str) -> Anthropic<'_> {
    Anthropic { r#type: "model", id, display_name: id, created_at: "1970-01-01T00:00:00Z" }
}

#[derive(Serialize)]
struct GoogleList<'a> {
    models: Vec<Google<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Google<'a> {
    name: String,
    version: &'static str,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 4],
}

fn google(id: &str) -> Google<'_> {
    Google {
        name: format!("models/{id}"),
        version: "",
        display_name: id,
        // A fleet does not know what a model can do; its hosts say so when they are asked.
        supported_generation_methods: ["generateContent", "streamGenerateContent", "countTokens", "embedContent"],
    }
}
