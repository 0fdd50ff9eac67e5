//! Sending a chat: the answer is handed to the page's script as the gateway gives it, or, without the script, waited
//! for and shown.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use relay_control::access::Role;
use serde_json::{Value, json};

use super::asked::{Asked, Turn};
use super::chat::{ChatPage, ChatWords, Reply, unprocessable};
use super::told::Told;
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::process::{ChatBody, ChatRequest};
use crate::shell::page;
use crate::state::Console;
use crate::visit::Visit;

/// Of an answer that is shown without the script, at most so much is read.
const MAX_SHOWN: usize = 1024 * 1024;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `POST /playground/send`
pub(crate) async fn send(
    State(console): State<Console>,
    visit: Visit,
    headers: HeaderMap,
    Form(form): Form,
) -> PageResult {
    let actor = visit.acting(Role::Operator)?.to_owned();
    let asked = Asked::read(|name| form.text(name));
    let is_page =
        headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().windows(9).any(|part| part == b"text/html"));
    // A page without the script cannot show an answer before it is whole.
    let asked = Asked { is_streamed: asked.is_streamed && !is_page, ..asked };
    let t = ChatWords(visit.preferences.language);
    let request = match checked(&console, t, &asked, &visit) {
        Ok(request) => request,
        Err(faults) if is_page => {
            return Ok(unprocessable(&ChatPage { faults, ..ChatPage::new(&console, &visit, asked) }));
        }
        Err(faults) => return Ok(refused(&faults)),
    };
    let id = request.request_id.clone();
    let answer = ask(&console, request, &asked.model, &actor).await?;
    if is_page { shown(&console, &visit, asked, answer).await } else { Ok(passed_on(answer, &id)) }
}

/// Sends a chat through the gateway, with an entry in the audit trail.
pub(crate) async fn ask(
    console: &Console,
    request: ChatRequest,
    model: &str,
    actor: &str,
) -> Result<http::Response<ChatBody>, Fault> {
    console.control.record_chat(request.key_id.as_str(), model, &request.request_id, actor).await?;
    (console.process.chat)(request).await.map_err(|error| {
        tracing::error!(%error, "the gateway cannot be spoken to");
        Fault::Unavailable(error.to_string())
    })
}

/// `GET /playground/told/{request id}`: the plan and how it went so far, for the page's script.
pub(crate) async fn told(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let decision = console.control.decision(&id).await?.ok_or(Fault::NotFound)?;
    let told = Told::of_decision(&visit, &decision);
    let shown = ChatPage { told: Some(told), ..ChatPage::bare(&visit, Asked::default()) };
    Ok(page(&shown.as_told()))
}

fn checked(console: &Console, t: ChatWords, asked: &Asked, visit: &Visit) -> Result<ChatRequest, Vec<String>> {
    let request = asked.request(t, new_id(visit));
    let request = request.map_err(|faults| faults.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    match console.control.snapshot().key_by_id(request.key_id.as_str()) {
        Some(_) => Ok(request),
        None => Err(vec![t.no_key(&asked.key)]),
    }
}

/// An id for a page that made none: no two alike in this process, and none that another one makes.
pub(crate) fn new_id(visit: &Visit) -> String {
    static SENT: AtomicU64 = AtomicU64::new(0);
    let number = SENT.fetch_add(1, Ordering::Relaxed);
    let seed = format!("{} {} {number}", visit.form_token, visit.now);
    blake3::hash(seed.as_bytes()).to_hex()[..32].to_owned()
}

/// In the shape that the script knows from the gateway.
fn refused(faults: &[String]) -> Response {
    let error =
        json!({ "error": { "message": faults.join(" "), "type": "invalid_request_error", "code": "invalid_form" } });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response()
}

fn passed_on(answer: http::Response<ChatBody>, id: &str) -> Response {
    let (head, body) = answer.into_parts();
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = head.status;
    let headers = response.headers_mut();
    for name in [CONTENT_TYPE, HeaderName::from_static("retry-after")] {
        if let Some(value) = head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    // Proxies in front would hold a stream back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Without the script: waits for the answer and shows it with its plan.
async fn shown(console: &Console, visit: &Visit, mut asked: Asked, answer: http::Response<ChatBody>) -> PageResult {
    let t = ChatWords(visit.preferences.language);
    let (head, body) = answer.into_parts();
    let id = head.headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let reply = reply(t, head.status, &read(body).await);
    if reply.error.is_none() {
        let message = std::mem::take(&mut asked.message);
        asked.history.push(Turn { role: "user".into(), content: message });
        asked.history.push(Turn { role: "assistant".into(), content: reply.text.clone() });
    }
    let told = console.control.decision(&id).await?.map(|decision| Told::of_decision(visit, &decision));
    let reply = Some(reply).filter(|reply| reply.error.is_some());
    Ok(page(&ChatPage { reply, told, ..ChatPage::new(console, visit, Asked { is_streamed: true, ..asked }) }))
}

/// An answer, as much of it as is shown.
pub(crate) async fn read(mut body: ChatBody) -> BytesMut {
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            read.extend_from_slice(&data);
        }
        if read.len() > MAX_SHOWN {
            break;
        }
    }
    read
}

fn reply(t: ChatWords, status: StatusCode, body: &[u8]) -> Reply {
    let Ok(json) = serde_json::from_slice::<Value>(body) else {
        return Reply { text: t.cut().to_owned(), error: Some(status.as_u16().to_string()) };
    };
    if status.is_success() {
        let text = json["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        return Reply { text: text.to_owned(), error: None };
    }
    let code = json["error"]["code"].as_str().unwrap_or_default();
    let message = json["error"]["message"].as_str().unwrap_or_default();
    Reply { text: message.to_owned(), error: Some(format!("{} {code}", status.as_u16())) }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    super::chat::samples(language)
}
