//! Sends spans to a collector, in batches, beside whatever requests do (OTLP/HTTP).
//!
//! A collector that cannot be reached costs spans and never requests: a batch is tried a few times, then
//! dropped and counted, while the queue behind it fills and overflows.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Collected, Limited};
use prost::Message as _;
use relay_hosts::{HostClient, RequestBody};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::otlp::{self, ExportAnswer};
use crate::tracer::Counts;
use crate::{Settings, Span};

/// Spans in a batch, about; those of one request stay together.
const BATCH: usize = 512;

/// A batch that is not full is sent after so long.
const GATHER: Duration = Duration::from_secs(2);

/// Tries at one batch.
const TRIES: u32 = 4;

/// Before the second try; doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// However long a collector asks us to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the last spans get when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a batch is.
const PROTOBUF: &str = "application/x-protobuf";

/// As much of an answer as is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Sends the spans that a [`crate::Tracer`] takes.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    http: HostClient,
    spans: mpsc::Receiver<Vec<Span>>,
    counts: Arc<Counts>,
    is_failing: bool,
}

/// Why a batch was not taken.
struct Refused {
    reason: String,
    /// When to try it again; `None`: the collector does not want it.
    again: Option<Duration>,
}

impl Exporter {
    pub(crate) fn new(
        settings: Settings,
        http: HostClient,
        spans: mpsc::Receiver<Vec<Span>>,
        counts: Arc<Counts>,
    ) -> Self {
        Self { settings, http, spans, counts, is_failing: false }
    }

    /// Sends until `stopped` is over, and then what is there, as far as it goes in two seconds.
    /// Dropping the future drops what has not been sent.
    pub async fn run(mut self, stopped: impl Future<Output = ()>) {
        // Outside of what is cancelled: a batch under way is tried once more.
        let mut batch = Vec::new();
        tokio::select! {
            () = self.forward(&mut batch) => {}
            () = stopped => {}
        }
        while let Ok(spans) = self.spans.try_recv() {
            batch.extend(spans);
        }
        if batch.is_empty() {
            return;
        }
        let sent = timeout(LAST_WORDS, self.post(&batch)).await;
        if !matches!(sent, Ok(Ok(()))) {
            self.counts.dropped.add(batch.len() as u64);
        }
    }

    /// Sends batch after batch, until there is no tracer any more.
    async fn forward(&mut self, batch: &mut Vec<Span>) {
        while self.gather(batch).await {
            self.deliver(batch).await;
            batch.clear();
        }
    }

    /// Waits for a batch; false when there will be none.
    async fn gather(&mut self, batch: &mut Vec<Span>) -> bool {
        let Some(first) = self.spans.recv().await else { return false };
        batch.extend(first);
        let due = Instant::now() + GATHER;
        while batch.len() < BATCH {
            let Ok(Some(more)) = timeout_at(due, self.spans.recv()).await else { break };
            batch.extend(more);
        }
        true
    }

    /// Sends a batch, a few times if need be.
    async fn deliver(&mut self, batch: &[Span]) {
        let mut pause = FIRST_PAUSE;
        for last in (0..TRIES).map(|tried| tried + 1 == TRIES) {
            let Refused { reason, again } = match self.post(batch).await {
                Ok(()) => return self.recovered(),
                Err(refused) => refused,
            };
            match again {
                Some(asked) if !last => tokio::time::sleep(asked.max(pause).min(LONGEST_PAUSE)).await,
                _ => return self.failed(&reason, batch.len()),
            }
            pause *= 2;
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("traces are taken again");
        }
    }

    /// Told once, and not for every batch.
    fn failed(&mut self, reason: &str, spans: usize) {
        self.counts.dropped.add(spans as u64);
        if !std::mem::replace(&mut self.is_failing, true) {
            let endpoint = self.settings.endpoint.authority().map(ToString::to_string);
            tracing::warn!(reason, endpoint, spans, "traces are dropped: their collector does not take them");
        }
    }

    /// Posts a batch once.
    async fn post(&self, batch: &[Span]) -> Result<(), Refused> {
        let limit = self.settings.time_limit;
        match timeout(limit, self.exchange(batch)).await {
            Ok(answered) => answered,
            Err(_) => Err(Refused::later(format!("no answer within {} ms", limit.as_millis()))),
        }
    }

    async fn exchange(&self, batch: &[Span]) -> Result<(), Refused> {
        let body = otlp::request(&self.settings.resource, batch).encode_to_vec();
        let mut request = Request::post(self.settings.endpoint.clone())
            .header(CONTENT_TYPE, PROTOBUF)
            .header(USER_AGENT, "relay-manager")
            .body(RequestBody::from(Bytes::from(body)))
            .map_err(|error| Refused { reason: error.to_string(), again: None })?;
        request.headers_mut().extend(self.settings.headers.clone());
        // A collector is mostly beside us, and named by whoever runs this process.
        let answer = self.http.send(true, request).await.map_err(|error| Refused::later(error.to_string()))?;
        let (head, body) = answer.into_parts();
        if !head.status.is_success() {
            return Err(Refused::by(head.status, &head.headers));
        }
        let body = Limited::new(body, MAX_ANSWER).collect().await.map(Collected::to_bytes).unwrap_or_default();
        let partial = ExportAnswer::decode(body).ok().and_then(|answer| answer.partial_success);
        let rejected = partial.map_or(0, |partial| {
            let rejected = u64::try_from(partial.rejected_spans).unwrap_or_default().min(batch.len() as u64);
            if rejected > 0 {
                tracing::warn!(rejected, reason = partial.error_message, "a collector would not have some spans");
            }
            rejected
        });
        self.counts.exported.add(batch.len() as u64 - rejected);
        self.counts.dropped.add(rejected);
        Ok(())
    }
}

impl Refused {
    fn later(reason: String) -> Self {
        Self { reason, again: Some(Duration::ZERO) }
    }

    /// The standard names the four that are worth another try.
    fn by(status: StatusCode, headers: &HeaderMap) -> Self {
        let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let may_pass = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        let again = may_pass.then(|| asked.map(Duration::from_secs).unwrap_or_default());
        Self { reason: format!("it answered {status}"), again }
    }
}
