//! The gateway's paths, and what is answered without a host.

use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::Gateway;
use crate::body::RelayBody;
use crate::connection::{ConnectionHandle, RequestGuard};
use crate::error::GatewayError;
use crate::models;
use crate::percent;
use crate::request_id::{RequestId, X_REQUEST_ID};

impl Gateway {
    /// Answers one request of a connection.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: ConnectionHandle,
    ) -> Response<RelayBody> {
        let guard = RequestGuard::new(connection);
        let id = RequestId::of(request.headers(), self.clock.now());
        match self.dispatch(request, &id, guard).await {
            Ok(response) => response,
            Err(error) => error.response(&id),
        }
    }

    async fn dispatch(
        self: &Arc<Self>,
        request: Request<Incoming>,
        id: &RequestId,
        guard: RequestGuard,
    ) -> Result<Response<RelayBody>, GatewayError> {
        if request.headers().contains_key(UPGRADE) {
            return Err(GatewayError::bad_request("This endpoint does not upgrade connections.", None).closing());
        }
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::POST, "/v1/chat/completions") => self.chat(request, id, guard).await,
            (&Method::GET, "/v1/models") => {
                let caller = self.authenticate(&self.serving.load(), request.headers())?;
                Ok(json(id, models::list(&self.serving.load().snapshot, &caller.key)))
            }
            (&Method::GET, _) if path.starts_with("/v1/models/") => {
                let caller = self.authenticate(&self.serving.load(), request.headers())?;
                let asked = percent::decode(&path["/v1/models/".len()..]);
                models::one(&self.serving.load().snapshot, &caller.key, &asked).map(|body| json(id, body))
            }
            (&Method::GET, "/healthz") => Ok(json(id, br#"{"status":"ok"}"#.to_vec())),
            (_, "/v1/chat/completions") => Ok(wrong_method(id, "POST")),
            (_, "/v1/models" | "/healthz") => Ok(wrong_method(id, "GET")),
            (method, _) => {
                let message = format!("Unknown request URL: {method} {path}.");
                Err(GatewayError::new(StatusCode::NOT_FOUND, "unknown_url", message))
            }
        }
    }
}

fn json(id: &RequestId, body: Vec<u8>) -> Response<RelayBody> {
    let mut response = Response::new(RelayBody::full(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(X_REQUEST_ID, id.value());
    response
}

fn wrong_method(id: &RequestId, allowed: &'static str) -> Response<RelayBody> {
    let message = format!("Not allowed here; use {allowed}.");
    let mut response = GatewayError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).response(id);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
