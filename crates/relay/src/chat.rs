//! Chats that operators send as a consumer, from the console: in process, through everything that a request
//! of that consumer passes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use relay_console::{Chat, ChatBody, ChatRequest};
use relay_gateway::{Gateway, InsideCaller};
use tokio_util::task::AbortOnDropHandle;

/// Sends chats over `gateway`.
pub(crate) fn as_consumer(gateway: Arc<Gateway>) -> Chat {
    Arc::new(move |request| {
        let gateway = Arc::clone(&gateway);
        Box::pin(async move { send(&gateway, request).await })
    })
}

/// Dropping the future, or the body of the answer, is the client going away.
async fn send(gateway: &Gateway, chat: ChatRequest) -> io::Result<Response<ChatBody>> {
    let socket = gateway.connect(InsideCaller { key_id: chat.key_id, scope: chat.scope }).await?;
    let (mut sender, connection) = handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a chat of the console broke off");
        }
    }));
    let mut request = Request::post("/v1/chat/completions")
        .header(HOST, "relay-manager")
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("relay-manager/", env!("CARGO_PKG_VERSION"), " (console)"))
        .header("x-request-id", &chat.request_id);
    if let Some(conversation) = &chat.conversation {
        request = request.header("x-relay-conversation", conversation.as_bytes());
    }
    let request = request.body(Full::<Bytes>::new(chat.body)).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    Ok(answer.map(|body| {
        // The connection lives as long as the body.
        let kept = (driver, sender);
        let body = body.map_frame(move |frame| {
            let _ = &kept;
            frame
        });
        body.map_err(io::Error::other).boxed_unsync()
    }))
}
