//! A plain HTTP client for tests: streams, and says what it saw.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{CONSUMER_KEY, PATIENCE, TOKEN};

/// An answer whose body is still coming.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    text: String,
    /// Closes the connection when it is dropped.
    connection: tokio::task::JoinHandle<()>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Answer {
    pub fn request_id(&self) -> String {
        self.header("x-request-id")
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// Reads on until the body holds `text`.
    pub async fn wait_for(&mut self, text: &str) {
        while !self.text.contains(text) {
            assert!(self.next().await, "the body ended without {text:?}: {}", self.text);
        }
    }

    /// Reads one frame; false at the end.
    pub async fn next(&mut self) -> bool {
        let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.expect("the body goes on");
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.text.push_str(&String::from_utf8_lossy(data));
                }
                true
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Reads to the end.
    pub async fn text(mut self) -> String {
        while self.next().await {}
        std::mem::take(&mut self.text)
    }

    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}"))
    }
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// When the server does not answer with a head.
pub async fn try_send(
    address: SocketAddr,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(async move {
        let _ = connection.await;
    });
    let mut request = Request::builder().method(method).uri(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
    let response = tokio::time::timeout(PATIENCE, sender.send_request(request)).await??;
    let (head, body) = response.into_parts();
    Ok(Answer { status: head.status, headers: head.headers, body, text: String::new(), connection })
}

/// The body of a chat completion of `conversation`.
pub fn chat_body(conversation: &str, stream: bool) -> Value {
    json!({
        "model": "gpt-5",
        "stream": stream,
        "prompt_cache_key": conversation,
        "messages": [{"role": "user", "content": "hello"}],
    })
}

/// `POST /v1/chat/completions` with the tests' consumer key.
pub async fn chat(gateway: SocketAddr, conversation: &str, stream: bool) -> Answer {
    try_chat(gateway, conversation, stream).await.expect("the gateway answers")
}

/// As [`chat`], for a gateway that may be gone.
pub async fn try_chat(
    gateway: SocketAddr,
    conversation: &str,
    stream: bool,
) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
    let key = format!("Bearer {CONSUMER_KEY}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let body = chat_body(conversation, stream).to_string();
    try_send(gateway, Method::POST, "/v1/chat/completions", &headers, &body).await
}

/// `GET` without a credential.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    try_send(address, Method::GET, path, &[], "").await.expect("the server answers")
}

/// `GET` of the admin API.
pub async fn admin_get(address: SocketAddr, path: &str) -> Answer {
    let token = format!("Bearer {TOKEN}");
    try_send(address, Method::GET, path, &[("authorization", &token)], "").await.expect("the server answers")
}
