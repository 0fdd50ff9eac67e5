//! The body of a streamed answer, from the route commit to the last byte
//! (spec §5, §6). Whatever ends it, the decision is settled once.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use relay_health::Permit;
use relay_ledger::Verdict;
use relay_routing::{self as routing, Outcome, Reply, classify};
use tokio::time::Instant;

use crate::Gateway;
use crate::buffers::Held;
use crate::client::{Client, Gone, Watched};
use crate::error::GatewayError;
use crate::exchange::{Ending, Exchange};
use crate::host_body::HostBody;
use crate::surface::{Events, Meaning, UsageTail, data_of_event};

/// The clocks of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamClocks {
    /// Silence towards the client before a sign of life: proxies cut silent connections.
    keep_alive: Duration,
    /// Silence of the host before it is left.
    idle: Duration,
    /// How long a stream is read on when its client has left.
    drain: Option<Duration>,
}

impl Gateway {
    pub(crate) fn stream_clocks(&self, drain: Option<Duration>) -> StreamClocks {
        StreamClocks { keep_alive: self.options.keep_alive, idle: self.options.idle, drain }
    }
}

/// A committed event stream.
pub(crate) struct Relaying {
    pub(crate) upstream: HostBody,
    pub(crate) events: Events,
    /// Events that the client does not have yet.
    pub(crate) ready: VecDeque<Bytes>,
    pub(crate) then: Then,
    /// What an event that is not whole yet takes of the memory for bodies.
    pub(crate) held: Held,
}

/// What follows the events that are ready. It may hold what a host said, which
/// no log may show, so it is not `Debug`.
pub(crate) enum Then {
    More,
    Done,
    /// The host has told that its answer failed, as the surface tells it; its data.
    Told(Bytes),
    Fail(Fault),
}

/// How a committed stream fails.
pub(crate) enum Fault {
    /// It ended without its terminal event.
    Cut,
    /// It fell silent.
    Idle,
    /// The host told of an error; its data.
    Told(Bytes),
}

impl Then {
    /// How the attempt ended, if it has.
    fn judge(&self) -> Option<Outcome> {
        match self {
            Self::More => None,
            Self::Done => Some(Outcome::ANSWERED),
            Self::Told(data) => Some(classify(&routing::Ending::StreamError(data))),
            Self::Fail(fault) => Some(fault.judge()),
        }
    }
}

impl Fault {
    fn verdict(&self) -> Verdict {
        match self {
            Self::Cut => Verdict::Truncated,
            Self::Idle => Verdict::IdleCut,
            Self::Told(_) => Verdict::ErrorInStream,
        }
    }

    fn judge(&self) -> Outcome {
        classify(&match self {
            Self::Cut => routing::Ending::StreamTruncated,
            Self::Idle => routing::Ending::StreamIdle,
            Self::Told(data) => routing::Ending::StreamError(data),
        })
    }
}

/// Relays events as they come, and ends the stream in one of the ways that a client can tell apart.
///
/// # Errors
/// The client went away. Dropping the future drops the upstream request.
pub(crate) async fn relay(
    client: &mut Client,
    mut relaying: Box<Relaying>,
    mut exchange: Exchange,
    mut permit: Option<Permit>,
    clocks: StreamClocks,
) -> Result<(), Gone> {
    let mut last_received = Instant::now();
    let mut last_sent = last_received;
    loop {
        // Noted as it comes: a client that leaves ends this without a word.
        exchange.usage(relaying.events.usage());
        exchange.output_events(relaying.events.outputs());
        let judged = relaying.then.judge();
        if let Some(outcome) = &judged
            && let Some(permit) = permit.take()
        {
            // The host has done its part, whatever becomes of the client.
            exchange.report(permit, outcome);
        }
        let class = judged.as_ref().and_then(|outcome| outcome.class).unwrap_or("error_in_stream");
        let ending = match &relaying.then {
            Then::Done => Some(Ending::complete(StatusCode::OK)),
            Then::Told(_) => Some(Ending::broken(Verdict::ErrorInStream, class)),
            Then::More | Then::Fail(_) => None,
        };
        if !relaying.ready.is_empty() || ending.is_some() {
            exchange.count_sent(relaying.ready.iter().map(Bytes::len).sum());
            if let Some(ending) = ending {
                exchange.settle_before_end(ending).await;
            }
            client.send(relaying.ready.iter().cloned());
            relaying.ready = VecDeque::new();
            if ending.is_some() {
                client.finish();
            }
            if client.flush().await.is_err() {
                return relaying.drain(client, exchange, permit, clocks).await;
            }
            last_sent = Instant::now();
        }
        if let Some(outcome) = judged {
            if let Then::Fail(fault) = &relaying.then {
                return break_off(client, &relaying, exchange, fault.verdict(), &outcome).await;
            }
            if let Some(ending) = ending {
                exchange.settle(ending);
            }
            // A host that does not end its body now loses its connection, and nobody waits for that.
            relaying.upstream.done();
            return Ok(());
        }
        let mid_event = relaying.events.is_mid_event();
        let idle_at = last_received + clocks.idle;
        let due = if mid_event { idle_at } else { idle_at.min(last_sent + clocks.keep_alive) };
        let watched = {
            let read = pin!(relaying.read());
            client.watch(Some(due), read).await
        };
        match watched {
            Watched::Done(()) => last_received = Instant::now(),
            Watched::Gone => return relaying.drain(client, exchange, permit, clocks).await,
            Watched::Ending => return shut_down(client, &relaying, exchange).await,
            Watched::Due if due == idle_at => relaying.then = end_of(&relaying.events, Fault::Idle),
            Watched::Due => relaying.ready.push_back(relaying.events.keep_alive()),
        }
    }
}

impl Relaying {
    /// Waits for the host's next bytes, and takes the events that they complete.
    async fn read(&mut self) {
        self.then = match self.upstream.next().await {
            Ok(Some(piece)) => {
                self.events.push(piece.read);
                let then = take_events(&mut self.events, &mut self.ready);
                // A stream that has begun goes on; what is full is told to those who come.
                self.held.fits(self.events.pending());
                then
            }
            Ok(None) => last_event(&mut self.events, &mut self.ready),
            Err(_) => end_of(&self.events, Fault::Cut),
        };
    }

    /// Reads on although the client has left, where its group wants the usage that comes at the end.
    async fn drain(
        mut self: Box<Self>,
        client: &mut Client,
        mut exchange: Exchange,
        permit: Option<Permit>,
        clocks: StreamClocks,
    ) -> Result<(), Gone> {
        let Some(limit) = clocks.drain else { return Err(Gone) };
        let due = Instant::now() + limit;
        while matches!(self.then, Then::More) {
            self.ready.clear();
            if client.work_on(due, pin!(self.read())).await.is_none() {
                return Err(Gone);
            }
            exchange.usage(self.events.usage());
            exchange.output_events(self.events.outputs());
        }
        if let (Some(permit), Some(outcome)) = (permit, self.then.judge()) {
            exchange.report(permit, &outcome);
        }
        if matches!(self.then, Then::Done) {
            exchange.usage_is_whole();
            self.upstream.done();
        }
        Err(Gone)
    }
}

/// Moves the whole events of the last piece to `ready`, up to the one that ends the stream.
pub(crate) fn take_events(events: &mut Events, ready: &mut VecDeque<Bytes>) -> Then {
    while let Some(event) = events.next_event() {
        match event.meaning {
            // The text of an in-band error is the host's own and stays here.
            Meaning::Error => return Then::Fail(Fault::Told(data_of_event(&event.bytes))),
            Meaning::Terminal | Meaning::TerminalOutput => {
                ready.push_back(event.bytes);
                return Then::Done;
            }
            Meaning::Failed => {
                let data = data_of_event(&event.bytes);
                ready.push_back(event.bytes);
                return Then::Told(data);
            }
            Meaning::Start | Meaning::Output | Meaning::Junk => ready.push_back(event.bytes),
        }
    }
    Then::More
}

/// The host ended its stream: its last event may lack the blank line.
fn last_event(events: &mut Events, ready: &mut VecDeque<Bytes>) -> Then {
    let Some(event) = events.take_last() else { return end_of(events, Fault::Cut) };
    match event.meaning {
        Meaning::Error => Then::Fail(Fault::Told(data_of_event(&event.bytes))),
        Meaning::Terminal | Meaning::TerminalOutput => {
            ready.push_back(event.bytes);
            Then::Done
        }
        Meaning::Failed => {
            let data = data_of_event(&event.bytes);
            ready.push_back(event.bytes);
            // The blank line that ends it.
            ready.push_back(Bytes::from_static(b"\n\n"));
            Then::Told(data)
        }
        Meaning::Start | Meaning::Output | Meaning::Junk => {
            ready.push_back(event.bytes);
            // What follows must begin a new event.
            ready.push_back(Bytes::from_static(b"\n\n"));
            end_of(events, Fault::Cut)
        }
    }
}

/// What it means that nothing comes any more, and there was no terminal event.
fn end_of(events: &Events, fault: Fault) -> Then {
    if events.may_end() { Then::Done } else { Then::Fail(fault) }
}

/// Ends a committed stream that failed: an error event, no `[DONE]`, then the
/// end of the connection (spec §5).
async fn break_off(
    client: &mut Client,
    relaying: &Relaying,
    exchange: Exchange,
    verdict: Verdict,
    outcome: &Outcome,
) -> Result<(), Gone> {
    let (code, message) = match outcome.reply {
        Reply::InStream { code, message } => (code, message),
        // After the commit the classifier makes no other.
        _ => ("stream_interrupted", "The response was interrupted and is incomplete."),
    };
    let error = GatewayError::new(StatusCode::BAD_GATEWAY, code, message);
    let class = outcome.class.unwrap_or("stream_truncated");
    end_with(client, relaying, exchange, &error, Ending::broken(verdict, class)).await
}

async fn shut_down(client: &mut Client, relaying: &Relaying, exchange: Exchange) -> Result<(), Gone> {
    let message = "The relay is shutting down; the answer is incomplete.";
    let error = GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "server_shutdown", message);
    end_with(client, relaying, exchange, &error, Ending::broken(Verdict::Truncated, "server_shutdown")).await
}

async fn end_with(
    client: &mut Client,
    relaying: &Relaying,
    mut exchange: Exchange,
    error: &GatewayError,
    ending: Ending,
) -> Result<(), Gone> {
    let event = relaying.events.error_event(&error.clone().in_shape(relaying.events.shape()).body());
    // An event too long to hold may be half sent: a blank line ends it first.
    let event = if relaying.events.is_mid_event() { [b"\n\n", &event[..]].concat().into() } else { event };
    exchange.count_sent(event.len());
    exchange.settle(ending);
    client.close_soon();
    client.send([event]);
    client.finish();
    client.flush().await
}

/// Passes on a large answer that is no event stream. No event could tell that
/// it broke off, so it is then left without its end.
///
/// # Errors
/// The client went away, or has to see that the answer is cut.
pub(crate) async fn pass(
    client: &mut Client,
    beginning: Bytes,
    mut upstream: HostBody,
    mut tail: UsageTail,
    mut exchange: Exchange,
    mut permit: Option<Permit>,
    clocks: StreamClocks,
) -> Result<(), Gone> {
    let mut next = beginning;
    loop {
        exchange.count_sent(next.len());
        client.send([next]);
        client.flush().await?;
        let due = Instant::now() + clocks.idle;
        let read = client.watch(Some(due), pin!(upstream.next())).await;
        let fault = match read {
            Watched::Done(Ok(Some(piece))) => {
                tail.push(&piece.read);
                next = piece.sent;
                continue;
            }
            Watched::Done(Ok(None)) => {
                if let Some(permit) = permit.take() {
                    exchange.report(permit, &Outcome::ANSWERED);
                }
                upstream.done();
                exchange.usage(tail.usage());
                exchange.settle_before_end(Ending::complete(StatusCode::OK)).await;
                client.finish();
                client.flush().await?;
                exchange.settle(Ending::complete(StatusCode::OK));
                return Ok(());
            }
            Watched::Done(Err(_)) => Fault::Cut,
            Watched::Due => Fault::Idle,
            Watched::Ending => {
                exchange.settle(Ending::broken(Verdict::Truncated, "server_shutdown"));
                return Err(Gone);
            }
            Watched::Gone => return Err(Gone),
        };
        let outcome = fault.judge();
        if let Some(permit) = permit.take() {
            exchange.report(permit, &outcome);
        }
        exchange.settle(Ending::broken(fault.verdict(), outcome.class.unwrap_or("stream_truncated")));
        return Err(Gone);
    }
}
