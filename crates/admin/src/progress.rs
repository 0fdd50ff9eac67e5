//! Answers that take seconds: who accepts `application/x-ndjson` is told now and then how far it is.
//!
//! Each line is `{"progress":{"done","total"}}`; the last one is `{"result": …}`, or `{"error": …}` as any other
//! answer would have it. A reader that is slow gets the newest progress, not all of it. The work is part of the
//! body: when the client goes away it ends.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Parts;
use relay_control::blast_radius::{OnProgress, Progress};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::caller::CallId;
use crate::error::{ApiError, ApiResult};
use crate::state::AdminState;

/// The media type of lines of JSON.
const NDJSON: &str = "application/x-ndjson";

/// How an answer that takes long is wanted.
pub(crate) struct Wanted {
    lines: bool,
    call: String,
}

impl FromRequestParts<AdminState> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let CallId(call) = CallId::from_request_parts(parts, state).await?;
        let accept = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self { lines: accept.to_ascii_lowercase().contains(NDJSON), call })
    }
}

impl Wanted {
    /// Runs `work` and answers its result, with the lines before it if they are wanted.
    pub(crate) async fn answer<T, F>(self, work: impl FnOnce(OnProgress) -> F) -> ApiResult<Response>
    where
        T: Serialize,
        F: Future<Output = ApiResult<T>> + Send + 'static,
    {
        if !self.lines {
            return Ok(Json(work(Arc::new(|_| {})).await?).into_response());
        }
        let (sender, receiver) = watch::channel(Progress { done: 0, total: 0 });
        let work = work(Arc::new(move |progress| {
            sender.send_replace(progress);
        }));
        let call = self.call;
        let work = async move {
            match work.await.map(|result| serde_json::to_value(result)) {
                Ok(Ok(result)) => json!({ "result": result }),
                Ok(Err(_)) => ApiError::internal().body(&call),
                Err(error) => error.body(&call),
            }
        };
        let lines = unfold(Lines { work: Some(Box::pin(work)), progress: receiver }, |mut lines| async move {
            let line = lines.next().await?;
            Some((Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))), lines))
        });
        Ok(([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response())
    }
}

struct Lines {
    /// Gone when it has told its result.
    work: Option<Pin<Box<dyn Future<Output = Value> + Send>>>,
    progress: watch::Receiver<Progress>,
}

impl Lines {
    async fn next(&mut self) -> Option<Value> {
        let work = self.work.as_mut()?;
        let last = tokio::select! {
            biased;
            last = work => last,
            Ok(()) = self.progress.changed() => {
                return Some(json!({ "progress": *self.progress.borrow_and_update() }));
            }
        };
        self.work = None;
        Some(last)
    }
}
