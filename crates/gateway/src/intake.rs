//! A request's body on its way in, and how much of it is waited for before a host is asked.
//!
//! JSON is read whole: its facts may stand anywhere. A form is read until its model is known, and then passed on while
//! it comes (ADR 0020): the client's side pushes into an [`Upload`], which keeps everything, so that each attempt sends
//! it from the start. Each piece is looked at before it is passed on.

use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use relay_http1::{RequestHead, Rest, Upload};
use tokio::time::{Instant, timeout_at};

use crate::Gateway;
use crate::buffers::Held;
use crate::client::{Client, may_take};
use crate::error::{GatewayError, Interrupted, overloaded};
use crate::estimate;
use crate::lanes::reading;
use crate::surface::{Call, Envelope, EnvelopeError, Form, Request};

/// A body of which enough is there.
pub(crate) struct Received {
    pub(crate) envelope: Envelope,
    /// All of it, or its beginning.
    pub(crate) body: Bytes,
    /// Tokens to be reserved for it until its host has counted.
    pub(crate) estimate: u64,
    /// What it takes of the memory for bodies; nothing when `intake` counts that.
    pub(crate) held: Held,
    /// What is still coming.
    pub(crate) intake: Option<Box<Intake>>,
}

/// The rest of a form, seen from the client that sends it.
pub(crate) struct Intake {
    form: Form,
    arriving: Arriving,
    /// Bytes of the whole body that have come, and how many may.
    received: u64,
    limit: u64,
    held: Held,
    /// What was read, and not taken yet.
    piece: BytesMut,
    since: Instant,
}

/// The same, seen from the attempts that pass it on.
#[derive(Clone)]
pub(crate) struct Arriving {
    upload: Upload,
    /// How long it is, if the client has said so.
    length: Option<u64>,
    whole_since: Arc<OnceLock<Instant>>,
}

impl Gateway {
    /// Reads as much of the body as routing needs.
    pub(crate) async fn receive(
        &self,
        client: &mut Client,
        head: &RequestHead,
        call: &Call,
    ) -> Result<Received, Interrupted> {
        if self.buffers.are_full() {
            return Err(overloaded().closing().into());
        }
        let (limit, mut held) = (self.options.max_body, self.buffers.nothing());
        let content_type = head.fields.text("content-type").unwrap_or_default();
        let Some(form) = call.form(content_type) else {
            let body = client.body(limit, &mut held).await?;
            let request = Request { call, path: head.path(), body: &body };
            let read = || Ok((request.read()?, if call.only_counts { 0 } else { estimate::tokens(&body) }));
            let (envelope, estimate) =
                reading(body.len(), read).map_err(|error: EnvelopeError| GatewayError::from(error))?;
            return Ok(Received { envelope, body, estimate, held, intake: None });
        };
        let mut form = form.map_err(unfinished)?;
        client.refuse_announced(limit)?;
        let mut body = BytesMut::new();
        loop {
            let before = body.len();
            let is_whole = client.more_body(&mut body).await?;
            may_take(body.len() as u64, limit, &mut held)?;
            form.push(&body[before..]).map_err(unfinished)?;
            if is_whole {
                form.end().map_err(GatewayError::from)?;
            }
            let Some(envelope) = form.envelope() else { continue };
            let body = body.freeze();
            let estimate = estimate::tokens_of_form(&body);
            if is_whole {
                return Ok(Received { envelope, body, estimate, held, intake: None });
            }
            let arriving =
                Arriving { upload: Upload::default(), length: client.announced_rest(), whole_since: Arc::default() };
            let (received, answers) = (body.len() as u64, held.nothing_yet());
            let (piece, since) = (BytesMut::new(), Instant::now());
            let intake = Intake { form, arriving, received, limit, held, piece, since };
            return Ok(Received { envelope, body, estimate, held: answers, intake: Some(Box::new(intake)) });
        }
    }
}

impl Intake {
    /// Where the next piece goes, and since when it is waited for.
    pub(crate) fn waits(&mut self) -> (&mut BytesMut, Instant) {
        (&mut self.piece, self.since)
    }

    /// Passes the piece on that was read; whether it was the last one.
    ///
    /// # Errors
    /// 413, 503 as for any body, 400 for a form that would have been refused before. Nothing of such a piece is passed on.
    pub(crate) fn take(&mut self, is_last: bool) -> Result<(), GatewayError> {
        self.received += self.piece.len() as u64;
        may_take(self.received, self.limit, &mut self.held)?;
        self.form.push(&self.piece).map_err(unfinished)?;
        if is_last {
            self.form.end().map_err(GatewayError::from)?;
        }
        self.since = Instant::now();
        self.arriving.upload.push(&self.piece);
        self.piece.clear();
        if is_last {
            let _ = self.arriving.whole_since.set(self.since);
            self.arriving.upload.finish();
        }
        Ok(())
    }

    pub(crate) fn arriving(&self) -> Arriving {
        self.arriving.clone()
    }

    /// Bytes of the whole body that have come.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Whether the answer is to be streamed, as far as is known.
    pub(crate) fn asks_stream(&self) -> bool {
        self.form.asks_stream()
    }
}

impl Arriving {
    /// What follows the beginning of the body.
    pub(crate) fn rest(&self) -> Rest {
        Rest { upload: self.upload.clone(), is_chunked: self.length.is_none() }
    }

    /// How long that is, if the client has said so.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// What of a time that ends now was a host's: until the form is whole, the client is waited for.
    pub(crate) fn time_of_host(&self, took: Duration) -> Duration {
        self.whole_since.get().map_or(Duration::ZERO, |since| took.min(since.elapsed()))
    }

    /// Gives `work` so long once the form is whole; `None` when it was not done then.
    pub(crate) async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, begun) = (pin!(work), Instant::now());
        let mut due = begun + limit;
        loop {
            if let Ok(done) = timeout_at(due, work.as_mut()).await {
                return Some(done);
            }
            let now = Instant::now();
            due = self.whole_since.get().map_or(now, |since| begun.max(*since)) + limit;
            if due <= now {
                return None;
            }
        }
    }
}

/// What is told of a body that nobody reads to its end.
fn unfinished(error: EnvelopeError) -> GatewayError {
    GatewayError::from(error).closing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hosts_time_begins_when_the_form_is_whole() {
        let limit = Duration::from_secs(10);
        for (whole_after, expected) in [(Some(0), 10), (Some(7), 17), (Some(25), 35), (None, 60)] {
            let arriving = Arriving { upload: Upload::default(), length: None, whole_since: Arc::default() };
            let since = Instant::now();
            let work = async {
                if let Some(after) = whole_after {
                    tokio::time::sleep(Duration::from_secs(after)).await;
                    let _ = arriving.whole_since.set(Instant::now());
                }
                tokio::time::sleep_until(since + Duration::from_mins(1)).await;
            };
            let done = arriving.within(limit, work).await;
            assert_eq!((done.is_some(), since.elapsed().as_secs()), (expected == 60, expected));
            let of_host = arriving.time_of_host(since.elapsed());
            assert_eq!(of_host, whole_after.map_or(Duration::ZERO, |_| limit));
            // Another attempt begins after that, and has the same time.
            let again = arriving.within(limit, std::future::pending::<()>());
            if whole_after.is_some() {
                assert!(again.await.is_none());
                assert_eq!(since.elapsed().as_secs(), expected + 10);
            }
        }
    }
}
