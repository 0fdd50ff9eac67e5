//! The commands' side of the admin API: one request, one JSON answer. Reuses the
//! HTTP stack of the gateway; no second one for a handful of calls.

mod events;
mod next_step;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use relay_domain::Secret;
use serde_json::Value;

pub(crate) use self::events::{Event, Events};

/// Longest wait for an answer; `apply` of a large fleet is the slowest call.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The same for work at the pace of a host: 200,000 rows of a bill are 2,000 calls at 180 a minute.
const LONG_WORK: Duration = Duration::from_hours(1);

/// Largest answer read, in bytes: an export of 100,000 routes fits.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Why a call gave no usable answer. Each message ends with the next step.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// `--server` is not a URL of a server.
    #[error("--server {0:?} is not an http:// or https:// URL; write it as http://127.0.0.1:8788")]
    Server(String),
    /// The token cannot be put into a header.
    #[error("the token has a character that no token has; pass the one that `relay-manager serve` printed")]
    Token,
    /// Nobody answered.
    #[error(
        "cannot reach {server}: {reason}\nis `relay-manager serve` running there? name another server with --server"
    )]
    Unreachable {
        /// Who was asked.
        server: String,
        /// The innermost cause.
        reason: String,
    },
    /// It took too long.
    #[error("{server} gave no answer within {} s; look at its log", limit.as_secs())]
    Timeout {
        /// Who was asked.
        server: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// 401.
    #[error(
        "{message}\npass --token or set RELAY_MANAGER_ADMIN_TOKEN; the first start of `relay-manager serve` printed it"
    )]
    Refused {
        /// The server's own words.
        message: String,
    },
    /// Any other answer that is not a success.
    #[error(transparent)]
    Failed(Box<Failed>),
    /// Something answered that is not Relay Manager.
    #[error("{server} answered {status}, and not as an admin API does; is it the admin address, not the gateway's?")]
    NotOurs {
        /// Who was asked.
        server: String,
        /// Status of the answer.
        status: StatusCode,
    },
}

/// The server's own account of a failure.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.in_words())]
pub(crate) struct Failed {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// `error.message`.
    pub(crate) message: String,
    /// What to do about it, where the message does not say.
    pub(crate) next_step: Option<String>,
    /// All faults, a line each.
    pub(crate) details: Vec<String>,
    /// The whole answer as it came.
    pub(crate) body: Value,
}

impl Failed {
    fn in_words(&self) -> String {
        let next_step = self.next_step.iter().map(|step| format!("; {step}"));
        let details = self.details.iter().map(|line| format!("\n  {line}"));
        next_step.chain(details).fold(self.message.clone(), |told, more| told + &more)
    }
}

impl ClientError {
    /// Whether the server says that the thing does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Failed(failed) if failed.status == StatusCode::NOT_FOUND)
    }
}

/// A caller of one server's admin API.
#[derive(Debug)]
pub(crate) struct Client {
    base: String,
    token: Option<Secret>,
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    /// # Errors
    /// When `server` is not the URL of a server, or no TLS can be had.
    pub(crate) fn new(server: &str, token: Option<Secret>) -> Result<Self, ClientError> {
        let bad = || ClientError::Server(server.to_owned());
        let base = server.trim().trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
            return Err(bad());
        }
        Ok(Self { base, token, http: HyperClient::builder(TokioExecutor::new()).build(connector()) })
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.json(Method::GET, path, None).await
    }

    /// `POST path` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// `POST path` for work that takes as long as a host takes; whoever waits is shown how far it is.
    pub(crate) async fn post_patiently(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.read(&self.send_within(LONG_WORK, Method::POST, path, Some(body), "application/json").await?)
    }

    /// `PATCH path` with a JSON body.
    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.json(Method::PATCH, path, Some(body)).await
    }

    /// `PUT path` with a JSON body.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        self.json(Method::PUT, path, Some(body)).await
    }

    /// `DELETE path`.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        self.json(Method::DELETE, path, None).await
    }

    /// A change of the fleet, and the generation that it came with.
    pub(crate) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Value, Option<u64>), ClientError> {
        let answer = self.send(method, path, body, "application/json").await?;
        let generation = answer.headers().get("x-relay-generation").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok((self.read(&answer)?, generation))
    }

    /// `GET path` as text, for what is not JSON.
    pub(crate) async fn get_text(&self, path: &str, accept: &str) -> Result<String, ClientError> {
        let answer = self.send(Method::GET, path, None, accept).await?;
        if answer.status().is_success() {
            return Ok(String::from_utf8_lossy(answer.body()).into_owned());
        }
        Err(self.failure(answer.status(), answer.body()))
    }

    /// `POST path` with a JSON body, to what takes long: `on_progress` is told how much of how much is done.
    pub(crate) async fn post_watched(
        &self,
        path: &str,
        body: &Value,
        on_progress: impl Fn(u64, u64),
    ) -> Result<Value, ClientError> {
        let request = self.request(Method::POST, path, Some(body), "application/x-ndjson")?;
        let response =
            tokio::time::timeout(TIME_LIMIT, self.http.request(request)).await.map_err(|_| self.timeout(TIME_LIMIT))?;
        let response = response.map_err(|error| self.unreachable(innermost(&error)))?;
        let status = response.status();
        let mut body = Limited::new(response.into_body(), MAX_ANSWER_BYTES);
        let (mut rest, mut last) = (Vec::new(), Value::Null);
        // Each line comes in time; all of them together may take longer.
        while let Some(frame) =
            tokio::time::timeout(TIME_LIMIT, body.frame()).await.map_err(|_| self.timeout(TIME_LIMIT))?
        {
            let frame = frame.map_err(|error| self.unreachable(innermost(error.as_ref())))?;
            rest.extend_from_slice(&frame.into_data().unwrap_or_default());
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                last = serde_json::from_slice(&rest[..end]).unwrap_or_default();
                rest.drain(..=end);
                let told = |name: &str| last["progress"][name].as_u64();
                if let (Some(done), Some(total)) = (told("done"), told("total")) {
                    on_progress(done, total);
                }
            }
        }
        if !status.is_success() {
            return Err(self.failure(status, &rest));
        }
        if last.get("error").is_some() {
            // The status had been sent before there was an error.
            return Err(self.failure(StatusCode::INTERNAL_SERVER_ERROR, last.to_string().as_bytes()));
        }
        let result = last.get_mut("result").map(Value::take);
        result.ok_or_else(|| ClientError::NotOurs { server: self.base.clone(), status })
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ClientError> {
        self.read(&self.send(method, path, body, "application/json").await?)
    }

    fn read(&self, answer: &Response<Bytes>) -> Result<Value, ClientError> {
        let (status, body) = (answer.status(), answer.body());
        if !status.is_success() {
            return Err(self.failure(status, body));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|_| ClientError::NotOurs { server: self.base.clone(), status })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
    ) -> Result<Response<Bytes>, ClientError> {
        self.send_within(TIME_LIMIT, method, path, body, accept).await
    }

    async fn send_within(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
    ) -> Result<Response<Bytes>, ClientError> {
        let request = self.request(method, path, body, accept)?;
        tokio::time::timeout(limit, self.exchange(request)).await.map_err(|_| self.timeout(limit))?
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base)).header(ACCEPT, accept);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        // The path is ours and percent-encoded; what is left to be wrong is the token.
        request.body(Full::new(Bytes::from(body))).map_err(|_| ClientError::Token)
    }

    /// `GET path` as server-sent events, from the one after `last` on.
    pub(crate) async fn events(&self, path: &str, last: Option<&str>) -> Result<Events, ClientError> {
        let mut request = Request::get(format!("{}{path}", self.base)).header(ACCEPT, "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Full::default()).map_err(|_| ClientError::Token)?;
        let answer = tokio::time::timeout(TIME_LIMIT, self.http.request(request)).await;
        let answer = answer.map_err(|_| self.timeout(TIME_LIMIT))?;
        let response = answer.map_err(|error| self.unreachable(innermost(&error)))?;
        if response.status().is_success() {
            return Ok(Events::of(response.into_body()));
        }
        let answer = self.whole(response).await?;
        Err(self.failure(answer.status(), answer.body()))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, ClientError> {
        let response = self.http.request(request).await.map_err(|error| self.unreachable(innermost(&error)))?;
        self.whole(response).await
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Response<Bytes>, ClientError> {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| self.unreachable(innermost(error.as_ref())))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    fn timeout(&self, limit: Duration) -> ClientError {
        ClientError::Timeout { server: self.base.clone(), limit }
    }

    fn unreachable(&self, reason: String) -> ClientError {
        ClientError::Unreachable { server: self.base.clone(), reason }
    }

    fn failure(&self, status: StatusCode, body: &[u8]) -> ClientError {
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return ClientError::NotOurs { server: self.base.clone(), status };
        };
        // The gateway has errors of its own shape, for clients of models.
        if body["error"]["type"].is_string() {
            return ClientError::NotOurs { server: self.base.clone(), status };
        }
        let text = |name: &str| body["error"][name].as_str().unwrap_or_default().to_owned();
        let message = match text("message") {
            message if message.is_empty() => format!("the server answered {status}"),
            message => message,
        };
        if status == StatusCode::UNAUTHORIZED {
            return ClientError::Refused { message };
        }
        let details = detail_lines(&body["error"]["details"]);
        let next_step = next_step::of(&text("code"), &message);
        ClientError::Failed(Box::new(Failed { status, message, next_step, details, body }))
    }
}

/// `details` is a list of faults, or whatever else helps.
fn detail_lines(details: &Value) -> Vec<String> {
    let line = |fault: &Value| match fault {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            let part = |name: &str| fault[name].as_str().unwrap_or_default();
            let place = [part("entry"), part("path"), part("field")].into_iter().find(|text| !text.is_empty());
            let remedy = Some(part("remedy")).filter(|text| !text.is_empty());
            match (place, part("message")) {
                (_, "") => fault.to_string(),
                (place, message) => {
                    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
                    format!("{place}{message}{}", remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default())
                }
            }
        }
        other => other.to_string(),
    };
    match details {
        Value::Null => Vec::new(),
        Value::Array(faults) => faults.iter().map(line).collect(),
        // Facts for programs; the message has them in words.
        Value::Object(facts) if !facts.contains_key("message") => Vec::new(),
        one => vec![line(one)],
    }
}

fn connector() -> HttpsConnector<HttpConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build()
}

/// The cause at the bottom: "connection refused" says more than "client error".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Percent-encodes one segment of a path, or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// `path?name=value&…` of the values that are there.
pub(crate) fn with_query(path: &str, query: &[(&str, Option<String>)]) -> String {
    let pairs: Vec<_> = query
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", encode(value))))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_holds_only_what_was_given() {
        let query = [("limit", Some("5".to_owned())), ("host", None), ("cursor", Some("a b/c".to_owned()))];
        assert_eq!(with_query("/x", &query), "/x?limit=5&cursor=a%20b%2Fc");
        assert_eq!(with_query("/x", &[("a", None)]), "/x");
    }

    #[test]
    fn each_fault_is_a_line_with_its_entry_and_remedy() {
        let details = serde_json::json!([
            {"entry": "route \"a\"", "path": "route[0].weight", "message": "is negative", "remedy": "use 0"},
            "plain",
        ]);
        assert_eq!(detail_lines(&details), ["route \"a\": is negative; use 0", "plain"]);
    }

    #[test]
    fn a_server_is_a_url() {
        assert!(Client::new("127.0.0.1:8788", None).is_err());
        assert!(Client::new("ftp://a", None).is_err());
    }
}
