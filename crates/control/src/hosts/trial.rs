//! Trying a host: is it reached, does it take our key, which models does it list? For who sets one up, also
//! before it is in the fleet. One `GET /v1/models` with the gateway key: it costs nothing, and changes nothing there.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt as _, Limited};
use relay_domain::Host;
use relay_hosts::{Endpoint, RequestBody, SendError};
use serde::{Deserialize, Serialize};

use super::HostError;
use crate::Control;
use crate::edit::{Edit, EditError};

/// Time for the answer: who sits before a form waits no longer.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// As much of an answer as is read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// As much of a host's own words as is told.
const MAX_WORDS: usize = 200;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KeptTrial", into = "KeptTrial")]
pub struct HostTrial {
    /// From the beginning to the end of the answer.
    pub took: Duration,
    /// The models that the key may use, sorted; or what is wrong.
    pub models: Result<Vec<String>, TrialFault>,
}

/// A trial as it is kept and told: its models, or what is wrong.
#[derive(Serialize, Deserialize)]
struct KeptTrial {
    took_ms: u64,
    models: Option<Vec<String>>,
    fault: Option<TrialFault>,
}

impl From<HostTrial> for KeptTrial {
    fn from(HostTrial { took, models }: HostTrial) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match models {
            Ok(models) => Self { took_ms, models: Some(models), fault: None },
            Err(fault) => Self { took_ms, models: None, fault: Some(fault) },
        }
    }
}

impl From<KeptTrial> for HostTrial {
    fn from(KeptTrial { took_ms, models, fault }: KeptTrial) -> Self {
        let models = fault.map_or_else(|| Ok(models.unwrap_or_default()), Err);
        Self { took: Duration::from_millis(took_ms), models }
    }
}

/// What is wrong with a host or its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialFault {
    /// Its address is not public, and that is not allowed.
    PrivateAddress,
    /// Nothing listens at its address and port.
    NothingListens,
    /// Its name cannot be looked up.
    UnknownName,
    /// Its port speaks something else than TLS, plain HTTP mostly.
    NotTls,
    /// Its certificate is not trusted: why.
    Certificate(String),
    /// No connection for another reason, in the words of the system.
    Unreachable(String),
    /// The connection broke, or what came is not HTTP.
    Broken(String),
    /// No answer in time.
    Late,
    /// There is no gateway key, or one that no header can carry.
    NoKey,
    /// The key was refused, with this status.
    KeyRefused(u16),
    /// It leads elsewhere, with this status: the base URL is not the API's.
    Redirected(u16),
    /// Another error, with what the host said.
    Refused(u16, String),
    /// An answer that is no list of models: another service.
    NoList,
    /// An empty list: the key may use nothing.
    NoModels,
}

#[derive(Deserialize)]
struct Listed {
    data: Vec<ListedModel>,
}

#[derive(Deserialize)]
struct ListedModel {
    id: String,
}

impl Control {
    /// Tries the host that an edit would make or change; nothing is changed.
    ///
    /// # Errors
    /// When the edit could not be made.
    pub async fn try_edited_host(&self, edit: &Edit) -> Result<HostTrial, EditError> {
        let edits = std::slice::from_ref(edit);
        let fleet = self.edited(&self.in_force.load_full(), edits)?.fleet;
        match fleet.hosts.iter().find(|host| host.id.as_str() == edit.id()) {
            Some(host) => Ok(self.try_host(host).await),
            None => Err(EditError::Unknown { noun: edit.noun(), id: edit.id().to_owned() }),
        }
    }

    /// Tries a host of the fleet.
    ///
    /// # Errors
    /// When there is no such host.
    pub async fn try_host_in_force(&self, id: &str, actor: &str) -> Result<HostTrial, HostError> {
        let trying = async {
            let snapshot = self.snapshot();
            let (_, host) = snapshot.host(id).ok_or_else(|| HostError::Unknown(id.to_owned()))?;
            Ok(self.try_host(host).await)
        };
        self.kept(id, "try", actor, trying).await
    }

    async fn try_host(&self, host: &Host) -> HostTrial {
        let begun = Instant::now();
        let asked = tokio::time::timeout(TIME_LIMIT, self.ask_for_models(host)).await;
        HostTrial { models: asked.unwrap_or(Err(TrialFault::Late)), took: begun.elapsed() }
    }

    async fn ask_for_models(&self, host: &Host) -> Result<Vec<String>, TrialFault> {
        let endpoint = Endpoint::new(host);
        if !endpoint.has_key() {
            return Err(TrialFault::NoKey);
        }
        let path = PathAndQuery::from_static("/v1/models");
        let uri = endpoint.uri(&path).map_err(|error| TrialFault::Unreachable(error.to_string()))?;
        let mut request = Request::new(RequestBody::from(Bytes::new()));
        *request.uri_mut() = uri;
        endpoint.authorize(request.headers_mut(), None);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let answer = self.parts.hosts.send(endpoint.allow_private(), request).await.map_err(|error| fault(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|error| TrialFault::Broken(error.to_string()))?.to_bytes();
        match head.status.as_u16() {
            200..=299 => models(&body),
            status @ 300..=399 => Err(TrialFault::Redirected(status)),
            status @ (401 | 403) => Err(TrialFault::KeyRefused(status)),
            status => Err(TrialFault::Refused(status, words(&body, endpoint.key()))),
        }
    }
}

fn fault(error: &SendError) -> TrialFault {
    match error {
        SendError::PrivateAddress => TrialFault::PrivateAddress,
        SendError::NotSent(_) => not_connected(&causes(error)),
        SendError::Broken(_) | SendError::Junk(_) => TrialFault::Broken(plainly(&causes(error))),
    }
}

/// Without what says no more than the fault does.
fn plainly(why: &str) -> String {
    const SAID: [&str; 5] = [
        "cannot connect to the host: ",
        "the connection broke before the host answered: ",
        "the host answered with something else than HTTP: ",
        "client error (Connect): ",
        "client error (SendRequest): ",
    ];
    SAID.iter().fold(why.to_owned(), |why, said| why.replace(said, ""))
}

/// Told apart by what the system and the TLS library say: the errors between them and us hide the types.
fn not_connected(why: &str) -> TrialFault {
    if why.contains("Connection refused") {
        return TrialFault::NothingListens;
    }
    if why.contains("dns error") {
        return TrialFault::UnknownName;
    }
    if why.contains("InvalidContentType") {
        return TrialFault::NotTls;
    }
    match why.split_once("invalid peer certificate: ") {
        Some((_, certificate)) => TrialFault::Certificate(certificate.to_owned()),
        None => TrialFault::Unreachable(plainly(why)),
    }
}

fn models(body: &[u8]) -> Result<Vec<String>, TrialFault> {
    let listed: Listed = serde_json::from_slice(body).map_err(|_| TrialFault::NoList)?;
    let mut models: Vec<String> = listed.data.into_iter().map(|model| model.id).collect();
    models.sort_unstable();
    models.dedup();
    if models.is_empty() { Err(TrialFault::NoModels) } else { Ok(models) }
}

/// What a host said of its error; without the key, should it repeat that.
fn words(body: &[u8], key: Option<&str>) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = parsed.as_ref().and_then(|body| {
        let places = [&body["error"]["message"], &body["message"], &body["error"]];
        places.into_iter().find_map(serde_json::Value::as_str)
    });
    let mut said = said.unwrap_or_default().to_owned();
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        said = said.replace(key, "[redacted]");
    }
    said.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

/// The error and what is behind it, each said once.
fn causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_models_is_told_from_everything_else() {
        let listed = br#"{"object":"list","data":[{"id":"gpt-5"},{"id":"a"},{"id":"gpt-5"}]}"#;
        assert_eq!(models(listed), Ok(vec!["a".to_owned(), "gpt-5".to_owned()]));
        assert_eq!(models(b"<html>"), Err(TrialFault::NoList));
        assert_eq!(models(br#"{"data":[]}"#), Err(TrialFault::NoModels));
    }

    #[test]
    fn a_hosts_words_are_told_without_the_key() {
        let said = |body: &str| words(body.as_bytes(), Some("sk-1"));
        assert_eq!(said(r#"{"error":{"message":"key sk-1 is\nunknown"}}"#), "key [redacted] isunknown");
        assert_eq!(said(r#"{"message":"no"}"#), "no");
        assert_eq!(said("<html>"), "");
        assert_eq!(said(&format!(r#"{{"message":"{}"}}"#, "x".repeat(1_000))).len(), MAX_WORDS);
    }
}
