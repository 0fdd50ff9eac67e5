//! The clients of the tests: plain HTTP/1.1 without a pool, and a bare socket
//! where the bytes themselves matter.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::rig::patiently;

/// A request to be sent.
#[derive(Clone, Debug)]
#[must_use]
pub(crate) struct Call {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self { address, method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a query, without the question mark.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.target = format!("{}?{query}", self.target);
        self
    }

    /// One more header line.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(candidate, _)| !candidate.eq_ignore_ascii_case(name));
        self
    }

    /// Presents this key instead of any other.
    pub(crate) fn key(self, secret: &str) -> Self {
        self.without("authorization").header("authorization", &format!("Bearer {secret}"))
    }

    /// Names the request, to find its decision by.
    pub(crate) fn id(self, request_id: &str) -> Self {
        self.header("x-request-id", request_id)
    }

    /// Names the conversation.
    pub(crate) fn conversation(self, id: &str) -> Self {
        self.header("x-relay-conversation", id)
    }

    /// Sends it over a connection of its own. Dropping the future, or the answer, closes that.
    pub(crate) async fn send(self) -> Answer {
        let mut connection = Connection::open(self.address).await;
        let mut answer = connection.call(self).await;
        answer.connection = Some(connection);
        answer
    }

    /// Sends it in the background; aborting the task is the client going away.
    pub(crate) fn spawn(self) -> JoinHandle<Answer> {
        tokio::spawn(self.send())
    }
}

/// A client connection.
pub(crate) struct Connection {
    address: SocketAddr,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.expect("connects"), address).await
    }

    /// Over a socket that stands already.
    pub(crate) async fn over(socket: TcpStream, address: SocketAddr) -> Self {
        let (sender, connection) = handshake(TokioIo::new(socket)).await.expect("shakes hands");
        let driver = tokio::spawn(async move {
            // How it ended shows in the answer.
            let _ = connection.await;
        });
        Self { address, sender, driver }
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn call(&mut self, call: Call) -> Answer {
        let mut request =
            Request::builder().method(call.method.as_str()).uri(&call.target).header("host", self.address.to_string());
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(call.body)).expect("is a request");
        let answer = patiently("an answer", self.sender.send_request(request)).await.expect("gets an answer");
        let (head, body) = answer.into_parts();
        Answer { status: head.status.as_u16(), headers: head.headers, body, read: String::new(), connection: None }
    }

    /// Waits until the other side has closed it.
    pub(crate) async fn closed(mut self) {
        let _ = patiently("the connection to close", &mut self.driver).await;
    }
}

/// An answer whose body is still to be read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    read: String,
    connection: Option<Connection>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("is text"))
    }

    pub(crate) fn request_id(&self) -> String {
        self.header("x-request-id").expect("has a request id").to_owned()
    }

    /// The next bytes of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match patiently("more of the answer", self.body.frame()).await? {
                Ok(frame) => {
                    let Ok(data) = frame.into_data() else { continue };
                    return Some(Ok(data));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Reads on until `text` has come; everything read so far.
    pub(crate) async fn until(&mut self, text: &str) -> &str {
        while !self.read.contains(text) {
            let Some(part) = self.next().await else { panic!("no {text:?} in {:?}", self.read) };
            self.read.push_str(std::str::from_utf8(&part.expect("is whole")).expect("is UTF-8"));
        }
        &self.read
    }

    /// The whole body, or how it broke off.
    pub(crate) async fn bytes(&mut self) -> Result<Vec<u8>, hyper::Error> {
        let mut bytes = std::mem::take(&mut self.read).into_bytes();
        while let Some(part) = self.next().await {
            bytes.extend_from_slice(&part?);
        }
        Ok(bytes)
    }

    /// The whole body as text.
    pub(crate) async fn text(&mut self) -> String {
        String::from_utf8(self.bytes().await.expect("is whole")).expect("is UTF-8")
    }

    pub(crate) async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The `code` of an error in OpenAI's shape, which is checked.
    pub(crate) async fn error_code(&mut self) -> String {
        let body = self.json().await;
        assert!(self.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{self:?}");
        check_error(&body)
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn closed(self) {
        let connection = self.connection.expect("has a connection of its own");
        connection.closed().await;
    }
}

/// Checks `{"error":{"message","type","param","code"}}` and gives the code.
pub(crate) fn check_error(body: &Value) -> String {
    let error = body["error"].as_object().unwrap_or_else(|| panic!("is no error: {body}"));
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert!(error["type"].is_string() && error.contains_key("param"), "{body}");
    error["code"].as_str().unwrap_or_else(|| panic!("has no code: {body}")).to_owned()
}

/// The data of each event of a stream, comments left out. Every event must be whole.
pub(crate) fn events(stream: &str) -> Vec<String> {
    let stream = stream.replace("\r\n", "\n");
    assert!(stream.is_empty() || stream.ends_with("\n\n"), "ends inside an event: {stream:?}");
    let data = |event: &str| {
        let lines: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    };
    stream.split("\n\n").filter_map(data).collect()
}

/// The text that a stream's deltas say.
pub(crate) fn said(stream: &str) -> String {
    let chunks = events(stream);
    let chunks = chunks.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
    chunks.filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned())).collect()
}

/// A socket.
pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("connects"))
    }

    /// A socket that stands already.
    pub(crate) fn over(socket: TcpStream) -> Self {
        Self(socket)
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("writes");
    }

    /// Reads until the peer closes; a reset after the last byte is an end too.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = patiently("the end of the connection", self.0.read_to_end(&mut bytes)).await;
        String::from_utf8(bytes).expect("is UTF-8")
    }

    /// Reads until `text` has come.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        let reading = async {
            while !String::from_utf8_lossy(&bytes).contains(text) {
                let read = self.0.read_buf(&mut bytes).await.expect("reads");
                assert!(read > 0, "no {text:?} in {:?}", String::from_utf8_lossy(&bytes));
            }
        };
        patiently(text, reading).await;
        String::from_utf8(bytes).expect("is UTF-8")
    }
}
