//! The gateway's paths, and what is answered without a host.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use relay_http1::RequestHead;

use crate::Gateway;
use crate::client::Client;
use crate::error::{GatewayError, Interrupted};
use crate::models;
use crate::percent;
use crate::reply::Reply;
use crate::request_id::RequestId;

const CHAT: &str = "/v1/chat/completions";
const MODELS: &str = "/v1/models";
const HEALTH: &str = "/healthz";

impl Gateway {
    /// Answers one request of a connection.
    ///
    /// # Errors
    /// What is still to be told to the client, if it is there.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        client: &mut Client,
        head: RequestHead,
        id: &RequestId,
    ) -> Result<(), Interrupted> {
        if head.fields.contains("upgrade") {
            return Err(GatewayError::bad_request("This endpoint does not upgrade connections.", None)
                .closing()
                .into());
        }
        if head.path() == CHAT && head.method() == "POST" {
            let admitted = self.admit(client, head, id).await?;
            return Ok(self.respond(client, admitted, id).await?);
        }
        let body = self.lookup(&head)?;
        Ok(client.reply(Reply::json(StatusCode::OK, id, self.clock.now(), body)).await?)
    }

    /// What is answered from memory.
    fn lookup(&self, head: &RequestHead) -> Result<Bytes, GatewayError> {
        let (method, path) = (head.method(), head.path());
        let reads = matches!(method, "GET" | "HEAD");
        let serving = self.serving.load();
        match path {
            MODELS if reads => {
                let caller = self.authenticate(&serving, &head.fields)?;
                Ok(models::list(&serving.snapshot, &caller.key))
            }
            HEALTH if reads => Ok(Bytes::from_static(br#"{"status":"ok"}"#)),
            CHAT => Err(wrong_method("POST")),
            MODELS | HEALTH => Err(wrong_method("GET")),
            _ => match path.strip_prefix(MODELS).and_then(|rest| rest.strip_prefix('/')) {
                Some(asked) if reads => {
                    let caller = self.authenticate(&serving, &head.fields)?;
                    models::one(&serving.snapshot, &caller.key, &percent::decode(asked))
                }
                _ => {
                    let message = format!("Unknown request URL: {method} {path}.");
                    Err(GatewayError::new(StatusCode::NOT_FOUND, "unknown_url", message))
                }
            },
        }
    }
}

fn wrong_method(allowed: &'static str) -> GatewayError {
    let message = format!("Not allowed here; use {allowed}.");
    let error = GatewayError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    GatewayError { allow: Some(allowed), ..error }
}
