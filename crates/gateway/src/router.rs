//! The gateway's paths, and what is answered without a host.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::StatusCode;
use relay_http1::RequestHead;

use crate::Gateway;
use crate::client::{Client, Peer};
use crate::error::{GatewayError, Interrupted, broken};
use crate::models::Catalog;
use crate::percent;
use crate::reply::Reply;
use crate::request_id::RequestId;
use crate::surface::{Call, ErrorShape, RequestLine, WrongMethod};

const MODELS: &str = "/v1/models";
const GOOGLE_MODELS: &str = "/v1beta/models";
const HEALTH: &str = "/healthz";
const RESPONSES: &str = "/v1/responses";

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
        let called = Call::recognize(line_of(&head));
        let shape = match &called {
            Some(Ok(call)) => call.dialect.errors,
            Some(Err(_)) | None => shape_beside(&head),
        };
        // Whatever a request holds is its own and is dropped with it; what is shared holds no half-made state.
        let routed = AssertUnwindSafe(self.route(client, head, id, called)).catch_unwind().await;
        let routed = routed.unwrap_or_else(|_| Err(panicked(client, id)));
        routed.map_err(|interrupted| interrupted.in_shape(shape))
    }

    async fn route(
        self: &Arc<Self>,
        client: &mut Client,
        head: RequestHead,
        id: &RequestId,
        called: Option<Result<Call, WrongMethod>>,
    ) -> Result<(), Interrupted> {
        if head.path() == RESPONSES && head.method() == "GET" {
            return Err(no_socket().into());
        }
        if head.fields.contains("upgrade") {
            return Err(GatewayError::bad_request("This endpoint does not upgrade connections.", None)
                .closing()
                .into());
        }
        match called {
            Some(Ok(call)) => {
                let admitted = self.admit(client, head, id, call).await?;
                Ok(self.respond(client, admitted, id).await?)
            }
            Some(Err(WrongMethod(allowed))) => Err(wrong_method(allowed).into()),
            None => {
                let body = self.lookup(&head, client.peer())?;
                Ok(client.reply(Reply::json(StatusCode::OK, id, self.clock.now(), body)).await?)
            }
        }
    }

    /// What is answered from memory.
    fn lookup(&self, head: &RequestHead, peer: &Peer) -> Result<Bytes, GatewayError> {
        let (method, path) = (head.method(), head.path());
        let reads = matches!(method, "GET" | "HEAD");
        if path == HEALTH && reads {
            return Ok(Bytes::from_static(br#"{"status":"ok"}"#));
        }
        let below = [MODELS, GOOGLE_MODELS].into_iter().find_map(|models| path.strip_prefix(models));
        let asked = match below {
            Some("") => None,
            Some(below) if below.starts_with('/') => Some(percent::decode(&below[1..])),
            _ if path == HEALTH => return Err(wrong_method("GET")),
            _ => return Err(unknown_path(method, path)),
        };
        if !reads {
            return Err(wrong_method("GET"));
        }
        let serving = self.serving.load();
        let caller = self.authenticate(&serving, head, peer)?;
        let catalog =
            Catalog { snapshot: &serving.snapshot, key: serving.snapshot.key(caller.key), shape: shape_beside(head) };
        match asked {
            None => Ok(catalog.list()),
            Some(asked) => catalog.one(&asked),
        }
    }
}

/// What a client is still told of a request that met a fault of ours. The panic has told where it was; this tells whose.
fn panicked(client: &Client, id: &RequestId) -> Interrupted {
    tracing::error!(request_id = id.as_str(), "a panic ended a request: this is a bug, please report it");
    // An answer that has begun cannot become another: its client sees that it breaks off.
    if client.is_answering() { Interrupted::Gone } else { broken().into() }
}

/// The first line of a request.
pub(crate) fn line_of(head: &RequestHead) -> RequestLine<'_> {
    RequestLine { method: head.method(), path: head.path(), query: head.query() }
}

/// The shape that clients read on paths which are no surface's. Those of models are
/// shared, and packages are told by their marks: Anthropic's name their version, Google's themselves.
fn shape_beside(head: &RequestHead) -> ErrorShape {
    let path = head.path();
    let is_google = || head.fields.contains("x-goog-api-client") || head.fields.contains("x-goog-api-key");
    if path.starts_with("/v1beta/") || (path.starts_with(MODELS) && is_google()) {
        ErrorShape::Google
    } else if path.starts_with("/v1/messages")
        || (path.starts_with(MODELS) && head.fields.contains("anthropic-version"))
    {
        ErrorShape::Anthropic
    } else {
        ErrorShape::OpenAi
    }
}

fn unknown_path(method: &str, path: &str) -> GatewayError {
    GatewayError::new(StatusCode::NOT_FOUND, "unknown_url", format!("Unknown request URL: {method} {path}."))
}

fn wrong_method(allowed: &'static str) -> GatewayError {
    let message = format!("Not allowed here; use {allowed}.");
    let error = GatewayError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    GatewayError { allow: Some(allowed), ..error }
}

/// Codex asks for a socket first, and goes on over HTTP when it is told so.
fn no_socket() -> GatewayError {
    let message = "Responses are not served over a WebSocket; use POST, with \"stream\": true for events.";
    GatewayError::new(StatusCode::UPGRADE_REQUIRED, "websocket_unsupported", message).closing()
}
