//! The body of a streamed answer, from the status commit to the last byte
//! (spec §5, §6). Whatever ends it, the decision is settled once.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use hyper::body::Incoming;
use relay_ledger::Verdict;
use tokio::time::{Instant, Sleep};

use crate::answer::{Answer, AnswerKind};
use crate::body::BrokenOff;
use crate::chat::Meaning;
use crate::commit::CommittedStream;
use crate::connection::{self, RequestGuard};
use crate::error::GatewayError;
use crate::events::Events;
use crate::exchange::{Ending, Exchange};

/// Sent where proxies would otherwise cut a silent connection.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// How long a host may hold a stream open after its terminal event, so that
/// its connection can be used again.
const AFTER_TERMINAL: Duration = Duration::from_secs(1);

/// The clocks of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamClocks {
    pub(crate) keep_alive: Duration,
    pub(crate) idle: Duration,
}

/// A stream towards the client.
pub(crate) struct StreamBody {
    phase: Phase,
    clocks: StreamClocks,
    alarm: Pin<Box<Sleep>>,
    last_sent: Instant,
    /// The connection is busy while this lives.
    guard: RequestGuard,
}

enum Phase {
    /// The client has a 200; which host will answer is still open.
    Open(Pin<Box<dyn Future<Output = Answer> + Send>>),
    /// Events of the committed host.
    Relaying(Box<Relaying>),
    /// A large answer that is no event stream, passed on as it comes.
    Raw(Box<Raw>),
    /// The last bytes the client gets.
    Words(Bytes),
    /// The terminal event was sent; the host's end is awaited for its connection's sake.
    Closing(Incoming),
    Ended,
}

/// A committed event stream.
pub(crate) struct Relaying {
    upstream: Incoming,
    events: Events,
    /// Events read before the commit, and those of the current chunk.
    ready: VecDeque<Bytes>,
    then: Then,
    exchange: Exchange,
    last_received: Instant,
}

/// A committed answer that is passed on unread.
pub(crate) struct Raw {
    pub(crate) ready: Option<Bytes>,
    pub(crate) upstream: Incoming,
    pub(crate) exchange: Exchange,
    pub(crate) last_received: Instant,
}

type Part = Option<Result<Bytes, BrokenOff>>;

impl StreamBody {
    /// A stream whose host is not known yet.
    pub(crate) fn open(
        answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
        clocks: StreamClocks,
        guard: RequestGuard,
    ) -> Self {
        Self::new(Phase::Open(answer), clocks, guard)
    }

    pub(crate) fn relaying(relaying: Relaying, clocks: StreamClocks, guard: RequestGuard) -> Self {
        Self::new(Phase::Relaying(Box::new(relaying)), clocks, guard)
    }

    pub(crate) fn raw(raw: Raw, clocks: StreamClocks, guard: RequestGuard) -> Self {
        Self::new(Phase::Raw(Box::new(raw)), clocks, guard)
    }

    fn new(phase: Phase, clocks: StreamClocks, guard: RequestGuard) -> Self {
        let alarm = Box::pin(tokio::time::sleep(clocks.keep_alive.min(clocks.idle)));
        Self { phase, clocks, alarm, last_sent: Instant::now(), guard }
    }

    pub(crate) fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        let this = &mut *self;
        loop {
            let part = match &mut this.phase {
                Phase::Open(answer) => match answer.as_mut().poll(cx) {
                    Poll::Ready(answer) => {
                        this.commit(answer);
                        continue;
                    }
                    Poll::Pending => Poll::Pending,
                },
                Phase::Relaying(relaying) => match relaying.poll(cx) {
                    Poll::Ready(Step::Send(bytes)) => Poll::Ready(Some(Ok(bytes))),
                    Poll::Ready(Step::Done) => {
                        this.close_after_terminal();
                        continue;
                    }
                    Poll::Ready(Step::Failed(verdict)) => {
                        return Poll::Ready(Some(Ok(this.break_off(verdict))));
                    }
                    Poll::Pending => Poll::Pending,
                },
                Phase::Raw(raw) => match raw.poll(cx) {
                    Poll::Ready(Some(part)) => Poll::Ready(Some(part)),
                    Poll::Ready(None) => {
                        this.phase = Phase::Ended;
                        continue;
                    }
                    Poll::Pending => Poll::Pending,
                },
                Phase::Words(words) => {
                    let words = std::mem::take(words);
                    this.phase = Phase::Ended;
                    Poll::Ready(Some(Ok(words)))
                }
                Phase::Closing(upstream) => {
                    let ended = !matches!(Pin::new(upstream).poll_frame(cx), Poll::Pending);
                    if ended || this.alarm.as_mut().poll(cx).is_ready() {
                        this.phase = Phase::Ended;
                        continue;
                    }
                    return Poll::Pending;
                }
                Phase::Ended => return Poll::Ready(None),
            };
            if part.is_ready() {
                this.last_sent = Instant::now();
                return part;
            }
            return this.poll_clocks(cx);
        }
    }

    /// Nothing to send: look at the clocks.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Part> {
        // While the route is open its own work hears of a shutdown, and says so.
        if !matches!(self.phase, Phase::Open(_)) && self.guard.connection().has_come_to(connection::Phase::Ending) {
            return Poll::Ready(Some(self.shut_down()));
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if self.last_received().is_some_and(|at| now >= at + self.clocks.idle) {
                return Poll::Ready(Some(match self.phase {
                    Phase::Raw(_) => Err(self.break_raw(Ending::broken(Verdict::IdleCut, "stream_idle"))),
                    _ => Ok(self.break_off(Verdict::IdleCut)),
                }));
            }
            let may_comment = match &self.phase {
                Phase::Open(_) => true,
                Phase::Relaying(relaying) => !relaying.events.is_mid_event(),
                Phase::Raw(_) | Phase::Words(_) | Phase::Closing(_) | Phase::Ended => false,
            };
            let due = self.last_sent + self.clocks.keep_alive;
            let comment = may_comment && now >= due;
            if comment {
                self.last_sent = now;
            }
            let next = self.next_alarm(now);
            self.alarm.as_mut().reset(next);
            if comment {
                return Poll::Ready(Some(Ok(Bytes::from_static(KEEP_ALIVE))));
            }
        }
        Poll::Pending
    }

    fn next_alarm(&self, now: Instant) -> Instant {
        let keep_alive = self.last_sent + self.clocks.keep_alive;
        let next = match self.last_received() {
            Some(at) => keep_alive.min(at + self.clocks.idle),
            None => keep_alive,
        };
        // Mid-event no comment may be sent, so its alarm must not ring at once again.
        next.max(now + Duration::from_millis(100))
    }

    /// When the committed host last sent something.
    fn last_received(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Relaying(relaying) => Some(relaying.last_received),
            Phase::Raw(raw) => Some(raw.last_received),
            Phase::Open(_) | Phase::Words(_) | Phase::Closing(_) | Phase::Ended => None,
        }
    }

    /// The answer is known, and the client has its 200 already.
    fn commit(&mut self, answer: Answer) {
        let Answer { mut exchange, head, kind } = answer;
        exchange.answered_with(StatusCode::OK);
        let (words, class) = match kind {
            AnswerKind::Stream(committed) => {
                self.phase = Phase::Relaying(Box::new(Relaying::new(committed, exchange)));
                return self.rearm();
            }
            AnswerKind::Refused { error, class } => (error.event(), class),
            AnswerKind::Whole { body, class } if !head.status.is_success() => (event_of(&body), class),
            AnswerKind::Whole { .. } | AnswerKind::Raw { .. } => {
                let message = "The upstream did not answer with a stream.";
                let error = GatewayError::new(StatusCode::BAD_GATEWAY, "upstream_bad_response", message);
                (error.event(), Some("gateway_bad_response"))
            }
        };
        exchange.count_sent(words.len());
        exchange.settle(Ending::failed(class, StatusCode::OK));
        exchange.close_connection();
        self.phase = Phase::Words(words);
    }

    fn rearm(&mut self) {
        let next = self.next_alarm(Instant::now());
        self.alarm.as_mut().reset(next);
    }

    fn close_after_terminal(&mut self) {
        if let Phase::Relaying(mut relaying) = std::mem::replace(&mut self.phase, Phase::Ended) {
            relaying.exchange.settle(Ending::complete(StatusCode::OK));
            self.phase = Phase::Closing(relaying.upstream);
            self.alarm.as_mut().reset(Instant::now() + AFTER_TERMINAL);
        }
    }

    /// Ends a committed stream that failed: an error event, no `[DONE]`, then
    /// the end of the connection (spec §5).
    fn break_off(&mut self, verdict: Verdict) -> Bytes {
        let (class, code, message) = match verdict {
            Verdict::IdleCut => {
                ("stream_idle", "stream_timeout", "The upstream fell silent; the answer is incomplete.")
            }
            Verdict::ErrorInStream => {
                ("error_in_stream", "stream_interrupted", "The upstream failed; the answer is incomplete.")
            }
            _ => ("stream_truncated", "stream_interrupted", "The upstream broke off; the answer is incomplete."),
        };
        let error = GatewayError::new(StatusCode::BAD_GATEWAY, code, message);
        self.last_event(&error, Ending::broken(verdict, class))
    }

    fn shut_down(&mut self) -> Result<Bytes, BrokenOff> {
        if matches!(self.phase, Phase::Raw(_)) {
            return Err(self.break_raw(Ending::broken(Verdict::Truncated, "server_shutdown")));
        }
        let message = "The relay is shutting down; the answer is incomplete.";
        let error = GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "server_shutdown", message);
        Ok(self.last_event(&error, Ending::broken(Verdict::Truncated, "server_shutdown")))
    }

    /// No event can tell of it: the client sees the connection break.
    fn break_raw(&mut self, ending: Ending) -> BrokenOff {
        if let Phase::Raw(mut raw) = std::mem::replace(&mut self.phase, Phase::Ended) {
            raw.exchange.settle(ending);
        }
        BrokenOff
    }

    fn last_event(&mut self, error: &GatewayError, ending: Ending) -> Bytes {
        let event = error.event();
        let Phase::Relaying(mut relaying) = std::mem::replace(&mut self.phase, Phase::Ended) else {
            return event;
        };
        // An event too long to hold may be half sent: a blank line ends it first.
        let event = if relaying.events.is_mid_event() { [b"\n\n", &event[..]].concat().into() } else { event };
        relaying.exchange.count_sent(event.len());
        relaying.exchange.settle(ending);
        relaying.exchange.close_connection();
        event
    }
}

/// A JSON text as one event, whatever lines it is laid out in.
fn event_of(json: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(json.len() + 16);
    for line in json.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event.into()
}

/// What a committed stream does next.
enum Step {
    Send(Bytes),
    /// The terminal event is sent.
    Done,
    Failed(Verdict),
}

impl Relaying {
    pub(crate) fn new(committed: CommittedStream, exchange: Exchange) -> Self {
        Self {
            upstream: committed.upstream,
            events: committed.events,
            ready: committed.ready,
            then: committed.then,
            exchange,
            last_received: Instant::now(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.exchange.count_sent(bytes.len());
                return Poll::Ready(Step::Send(bytes));
            }
            match self.then {
                Then::More => {}
                Then::Done => return Poll::Ready(Step::Done),
                Then::Fail(verdict) => return Poll::Ready(Step::Failed(verdict)),
            }
            match ready!(Pin::new(&mut self.upstream).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    self.last_received = Instant::now();
                    if let Ok(data) = frame.into_data() {
                        self.events.push(data);
                        self.then = take_events(&mut self.events, &mut self.ready);
                    }
                }
                Some(Err(_)) => self.then = Then::Fail(Verdict::Truncated),
                None => self.then = last_event(&mut self.events, &mut self.ready),
            }
            // Noted as it comes: a client that leaves drops this without a word.
            self.exchange.usage(self.events.usage());
        }
    }
}

/// What follows the events that are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    More,
    Done,
    Fail(Verdict),
}

/// Moves the whole events of the last chunk to `ready`, up to the one that ends the stream.
pub(crate) fn take_events(events: &mut Events, ready: &mut VecDeque<Bytes>) -> Then {
    while let Some(event) = events.next_event() {
        match event.meaning {
            // The text of an in-band error is the host's own and stays here.
            Meaning::Error => return Then::Fail(Verdict::ErrorInStream),
            Meaning::Terminal => {
                ready.push_back(event.bytes);
                return Then::Done;
            }
            Meaning::Start | Meaning::Output | Meaning::Junk => ready.push_back(event.bytes),
        }
    }
    Then::More
}

/// The host ended its stream: its last event may lack the blank line.
fn last_event(events: &mut Events, ready: &mut VecDeque<Bytes>) -> Then {
    let Some(event) = events.take_last() else { return Then::Fail(Verdict::Truncated) };
    match event.meaning {
        Meaning::Error => Then::Fail(Verdict::ErrorInStream),
        Meaning::Terminal => {
            ready.push_back(event.bytes);
            Then::Done
        }
        Meaning::Start | Meaning::Output | Meaning::Junk => {
            ready.push_back(event.bytes);
            // What follows must begin a new event.
            ready.push_back(Bytes::from_static(b"\n\n"));
            Then::Fail(Verdict::Truncated)
        }
    }
}

impl Raw {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Part> {
        let bytes = match self.ready.take() {
            Some(bytes) => bytes,
            None => match ready!(Pin::new(&mut self.upstream).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    self.last_received = Instant::now();
                    frame.into_data().unwrap_or_default()
                }
                Some(Err(_)) => {
                    self.exchange.settle(Ending::broken(Verdict::Truncated, "stream_truncated"));
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
                None => {
                    self.exchange.settle(Ending::complete(StatusCode::OK));
                    return Poll::Ready(None);
                }
            },
        };
        self.exchange.count_sent(bytes.len());
        Poll::Ready(Some(Ok(bytes)))
    }
}
