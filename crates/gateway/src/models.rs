//! `GET /v1/models`: what the caller's key may call, from the fleet (spec §6).

use bytes::Bytes;
use http::StatusCode;
use relay_domain::ConsumerKey;
use relay_routing::Snapshot;
use serde::Serialize;

use crate::error::GatewayError;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    /// Clients want one, and a fleet does not know when a model was made.
    created: u64,
    owned_by: &'static str,
}

impl<'a> Model<'a> {
    fn new(id: &'a str) -> Self {
        Self { id, object: "model", created: 0, owned_by: "relay-manager" }
    }
}

/// All models of the key's groups, by name.
pub(crate) fn list(snapshot: &Snapshot, key: &ConsumerKey) -> Bytes {
    let data = snapshot.models_of(&key.groups).into_iter().map(Model::new).collect();
    serde_json::to_vec(&List { object: "list", data }).unwrap_or_default().into()
}

/// One model, by any name that a request could ask for.
///
/// # Errors
/// 404 when the key may call no such model.
pub(crate) fn one(snapshot: &Snapshot, key: &ConsumerKey, asked: &str) -> Result<Bytes, GatewayError> {
    match snapshot.locate(asked, &key.groups) {
        Ok(_) => Ok(serde_json::to_vec(&Model::new(asked)).unwrap_or_default().into()),
        Err(_) => Err(unknown_model(asked)),
    }
}

/// 404 as OpenAI clients know it. Which part is unknown is not told: a key must
/// not learn what exists beyond it.
pub(crate) fn unknown_model(asked: &str) -> GatewayError {
    let message = format!("The model `{asked}` does not exist or you do not have access to it.");
    GatewayError { param: Some("model"), ..GatewayError::new(StatusCode::NOT_FOUND, "model_not_found", message) }
}
