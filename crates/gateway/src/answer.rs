//! What the client gets, and when: the head of the answer, its body whole or
//! handed to the stream, and the one settlement of the decision.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use relay_health::Permit;
use relay_http1::{Fields, ResponseHeadWriter};
use relay_ledger::Ticket;
use relay_limits::Standing;
use tokio::time::Instant;

use crate::Gateway;
use crate::admit::Admitted;
use crate::client::{Client, Gone, Watched};
use crate::coding::Coding;
use crate::commit::Committed;
use crate::error::{GatewayError, Interrupted, shutting_down};
use crate::exchange::{Ending, Exchange};
use crate::headers;
use crate::limit_fields;
use crate::reply::{self, Reply};
use crate::request_id::RequestId;
use crate::stream;
use crate::surface::Dialect;

/// The end of a job.
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) kind: AnswerKind,
}

/// What the answer's head says.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// The host's fields, all of them.
    pub(crate) fields: Fields,
    pub(crate) route_id: Option<Arc<str>>,
    pub(crate) host_id: Option<Arc<str>>,
    pub(crate) sticky_action: &'static str,
    pub(crate) attempts: u32,
}

/// What a body is when nobody says anything else.
const JSON: &[u8] = b"application/json";

impl Head {
    /// What the host says that its body is.
    fn content_type(&self) -> &[u8] {
        self.fields.get("content-type").unwrap_or(JSON)
    }

    /// Of an answer that no host gave.
    pub(crate) fn none() -> Self {
        Self {
            status: StatusCode::OK,
            fields: Fields::default(),
            route_id: None,
            host_id: None,
            sticky_action: "none",
            attempts: 0,
        }
    }
}

/// What the answer's body is.
pub(crate) enum AnswerKind {
    Committed {
        answer: Committed,
        /// Of the attempt, while its end is still to come.
        permit: Option<Permit>,
    },
    /// A host's error that the client is to see.
    Relayed {
        body: Bytes,
        /// The body is the host's own, so its fields describe it.
        as_told: bool,
        class: Option<&'static str>,
    },
    /// An error of ours.
    Refused { error: GatewayError, class: Option<&'static str> },
}

impl Answer {
    pub(crate) fn refused(error: GatewayError, class: Option<&'static str>) -> Self {
        Self { head: Head::none(), kind: AnswerKind::Refused { error, class } }
    }
}

fn tell_coding(lines: &mut ResponseHeadWriter, coding: Coding) {
    if coding != Coding::Identity {
        lines.field("content-encoding", coding.as_str());
    }
}

/// The answer being given to one request.
struct Answering<'a> {
    gateway: &'a Gateway,
    client: &'a mut Client,
    id: &'a RequestId,
    dialect: &'static Dialect,
    expose_routing: bool,
    drain: Option<Duration>,
    standing: Standing,
    /// The client of a stream has its 200 already.
    begun: bool,
}

impl Gateway {
    /// Runs an admitted request, and answers it. A streaming client gets its
    /// status after `status_commit` at the latest, and keep-alive comments while
    /// the route is still open (spec §5).
    ///
    /// # Errors
    /// The client went away; whatever was done for it has stopped.
    pub(crate) async fn respond(&self, client: &mut Client, admitted: Admitted, id: &RequestId) -> Result<(), Gone> {
        let Admitted { job, mut intake, mut exchange, in_flight: _in_flight, stream, expose_routing, drain, standing } =
            admitted;
        let dialect = job.outgoing.dialect;
        let mut answering =
            Answering { gateway: self, client, id, dialect, expose_routing, drain, standing, begun: false };
        let ticket = exchange.ticket();
        let worked = {
            let mut work = Box::pin(job.run(&mut exchange));
            let early = match &mut intake {
                Some(intake) => answering.client.watch_upload(intake, work.as_mut()).await,
                None => Ok(None),
            };
            match early {
                Ok(Some(answer)) => Ok(answer),
                Ok(None) => {
                    let stream = intake.as_ref().map_or(stream, |intake| intake.asks_stream());
                    answering.wait(work, stream, &ticket).await.map_err(Interrupted::from)
                }
                Err(interrupted) => Err(interrupted),
            }
        };
        if let Some(intake) = intake {
            exchange.uploaded(intake.received(), intake.asks_stream());
            answering.client.close_over_unread();
        }
        let answer = match worked {
            Ok(answer) => answer,
            Err(Interrupted::Gone) => return Err(Gone),
            Err(Interrupted::Refused(error)) => {
                let class = error.code;
                let error = exchange.committed().await.map_or_else(|stalled| stalled, |()| error);
                Answer::refused(error, Some(class))
            }
        };
        answering.deliver(answer, exchange).await
    }
}

impl Answering<'_> {
    /// Waits for the answer as long as the client is there, and keeps one that wants a stream waiting.
    async fn wait(
        &mut self,
        mut work: Pin<Box<impl Future<Output = Answer>>>,
        stream: bool,
        ticket: &Ticket,
    ) -> Result<Answer, Gone> {
        let options = &self.gateway.options;
        let mut due = stream.then(|| Instant::now() + options.status_commit);
        loop {
            match self.client.watch(due, work.as_mut()).await {
                Watched::Done(answer) => return Ok(answer),
                Watched::Gone => return Err(Gone),
                Watched::Ending => return Ok(Answer::refused(shutting_down(), Some("server_shutdown"))),
                Watched::Due if self.begun => self.client.send([self.dialect.keep_alive.clone()]),
                Watched::Due if ticket.committed().await.is_ok() => self.begin_early(),
                Watched::Due => {}
            }
            self.client.flush().await?;
            due = Some(Instant::now() + options.keep_alive);
        }
    }

    async fn deliver(self, answer: Answer, mut exchange: Exchange) -> Result<(), Gone> {
        let Answer { head, kind } = answer;
        match kind {
            AnswerKind::Committed { answer: Committed::Stream(relaying), permit } => {
                if !self.begun {
                    let mut lines = self.head(&head, head.content_type(), &exchange);
                    lines.field("x-accel-buffering", "no");
                    self.client.start(lines);
                }
                // A stream lasts, and its head need not.
                drop(head);
                exchange.answered_with(StatusCode::OK);
                let clocks = self.gateway.stream_clocks(self.drain);
                Box::pin(stream::relay(self.client, relaying, exchange, permit, clocks)).await
            }
            AnswerKind::Refused { error, class } if self.begun => self.last_error(&error, class, exchange).await,
            AnswerKind::Refused { error, class } => {
                let (status, error) = (error.status, error.in_shape(self.dialect.errors));
                let mut reply = error.reply(self.id, self.gateway.clock.now());
                limit_fields::tell(&self.standing, &mut reply.head);
                self.tell_routing(&mut reply.head, &head, &exchange);
                self.reply(reply, Ending::failed(class, status), exchange).await
            }
            AnswerKind::Relayed { body, class, .. } if self.begun => {
                let event = (self.dialect.error_event)(&body, 0);
                self.last_event(event, class, exchange).await
            }
            AnswerKind::Relayed { body, as_told, class } => {
                let content_type = if as_told { head.content_type() } else { JSON };
                let lines = self.head(&head, content_type, &exchange);
                self.reply(Reply { head: lines, body, closes: false }, Ending::failed(class, head.status), exchange)
                    .await
            }
            AnswerKind::Committed { .. } if self.begun => {
                let message = "The upstream did not answer with a stream.";
                let error = GatewayError::new(StatusCode::BAD_GATEWAY, "upstream_bad_response", message);
                self.last_error(&error, Some("gateway_bad_response"), exchange).await
            }
            AnswerKind::Committed { answer: Committed::Whole { body, coding, .. }, .. } => {
                let mut lines = self.head(&head, head.content_type(), &exchange);
                tell_coding(&mut lines, coding);
                self.reply(Reply { head: lines, body, closes: false }, Ending::complete(head.status), exchange).await
            }
            AnswerKind::Committed { answer: Committed::Raw { head: beginning, upstream, tail }, permit } => {
                let mut lines = self.head(&head, head.content_type(), &exchange);
                tell_coding(&mut lines, upstream.shown_coding());
                self.client.start(lines);
                exchange.answered_with(head.status);
                let clocks = self.gateway.stream_clocks(None);
                Box::pin(stream::pass(self.client, beginning, upstream, tail, exchange, permit, clocks)).await
            }
        }
    }

    /// A whole answer. It is settled when the client has it.
    async fn reply(self, reply: Reply, ending: Ending, mut exchange: Exchange) -> Result<(), Gone> {
        exchange.count_sent(reply.body.len());
        exchange.settle_before_end(ending).await;
        self.client.reply(reply).await?;
        exchange.settle(ending);
        Ok(())
    }

    /// The same with an error of ours.
    async fn last_error(
        self,
        error: &GatewayError,
        class: Option<&'static str>,
        exchange: Exchange,
    ) -> Result<(), Gone> {
        let body = error.clone().in_shape(self.dialect.errors).body();
        let event = (self.dialect.error_event)(&body, 0);
        self.last_event(event, class, exchange).await
    }

    /// An error for a client that has its 200: the last event, and the end of the connection.
    async fn last_event(self, event: Bytes, class: Option<&'static str>, mut exchange: Exchange) -> Result<(), Gone> {
        exchange.count_sent(event.len());
        self.client.close_soon();
        self.client.send([event]);
        self.client.finish();
        self.client.flush().await?;
        exchange.settle(Ending::failed(class, StatusCode::OK));
        Ok(())
    }

    /// The 200 of a stream whose host is not known yet.
    fn begin_early(&mut self) {
        let mut lines = reply::head(StatusCode::OK, self.id, self.gateway.clock.now());
        lines.field("content-type", "text/event-stream");
        lines.field("cache-control", "no-cache");
        lines.field("x-accel-buffering", "no");
        limit_fields::tell(&self.standing, &mut lines);
        self.client.start(lines);
        self.begun = true;
    }

    fn head(&self, head: &Head, content_type: &[u8], exchange: &Exchange) -> ResponseHeadWriter {
        let mut lines = reply::head(head.status, self.id, self.gateway.clock.now());
        lines.field("content-type", content_type);
        let ours = limit_fields::is_told(&self.standing).then_some(limit_fields::PREFIX);
        headers::to_client(&head.fields, ours, &mut lines);
        limit_fields::tell(&self.standing, &mut lines);
        self.tell_routing(&mut lines, head, exchange);
        lines
    }

    /// `X-Relay-*`, for keys with `expose_routing = true` (spec §6).
    fn tell_routing(&self, lines: &mut ResponseHeadWriter, head: &Head, exchange: &Exchange) {
        if !self.expose_routing {
            return;
        }
        if let Some(route_id) = &head.route_id {
            lines.field("x-relay-route", route_id.as_bytes());
        }
        if let Some(host_id) = &head.host_id {
            lines.field("x-relay-host", host_id.as_bytes());
        }
        lines.field("x-relay-sticky", head.sticky_action);
        lines.number("x-relay-attempts", head.attempts.into());
        lines.number("x-relay-overhead-us", exchange.overhead_us());
    }
}
