//! The server behind a fake host: accepts, reads requests whole, plays replies step by step, and can die in the middle of anything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, KeyOwner, Panel};
use crate::errors;
use crate::gateway::{Personality, Place, Surface, auth, fixed_reply, headers, place};
use crate::received::{Arrival, Ending, Journal, Ticket};
use crate::reply::{Cut, Facts, Pause, Rendered, Reply, Step};
use crate::wire::{HeadTap, Wire, parse_headers};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What a host is; shared by all its connections.
pub(crate) struct HostState {
    pub(crate) personality: Personality,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) keys: Vec<String>,
    pub(crate) models: Vec<String>,
    pub(crate) pace: Option<Duration>,
    pub(crate) panel: Panel,
    pub(crate) journal: Journal,
    pub(crate) scripts: Mutex<Scripts>,
}

/// How a host fails a connection before it has read anything of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// It is reset at once.
    Reset,
    /// It is reset when something has come, which is not read.
    ResetUnread,
    /// It stays open, and nothing is read or said.
    Hang,
}

/// The replies a test has laid out.
pub(crate) struct Scripts {
    pub(crate) queue: VecDeque<Reply>,
    pub(crate) default: Reply,
    /// For the next connections, before anything else.
    pub(crate) accepts: VecDeque<Accept>,
    /// By path without query: these come before everything else, also for paths that are no relay calls.
    pub(crate) by_path: Vec<(String, Reply)>,
}

impl HostState {
    fn next_reply(&self) -> Reply {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.queue.pop_front().unwrap_or_else(|| scripts.default.clone())
    }

    fn next_accept(&self) -> Option<Accept> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner).accepts.pop_front()
    }

    fn reply_for_path(&self, path: &str) -> Option<Reply> {
        let mut scripts = self.scripts.lock().unwrap_or_else(PoisonError::into_inner);
        let at = scripts.by_path.iter().position(|(candidate, _)| candidate == path)?;
        Some(scripts.by_path.remove(at).1)
    }
}

/// A running listener and its connections.
pub(crate) struct Running {
    token: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(listener: TcpListener, host: Arc<HostState>) -> Self {
        let token = CancellationToken::new();
        let task = tokio::spawn(accept(listener, host, token.clone()));
        Self { token, task }
    }

    /// Closes the listener and resets every connection; returns when all is gone.
    pub(crate) async fn kill(self) {
        self.token.cancel();
        // A task that panicked has shown its panic; the host is dead either way.
        let _ = self.task.await;
    }

    pub(crate) fn cancel(&self) {
        self.token.cancel();
    }
}

/// Binds, so that the port is known and connections are taken from this moment on.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // With the usual 128, hundreds of clients at once find the queue full and try again after a second.
    socket.listen(4096)
}

async fn accept(listener: TcpListener, host: Arc<HostState>, token: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // Out of descriptors or a peer that left while queued: neither ends the host.
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&host), token.clone()));
            }
            Some(_) = connections.join_next() => {}
            () = token.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// What a reply may do to the connection it is on.
enum Seizure {
    Reset,
    Play(VecDeque<Step>, Ticket),
}

#[derive(Clone)]
struct Connection {
    number: u64,
    tap: HeadTap,
    seize: mpsc::UnboundedSender<Seizure>,
}

struct Connected(Journal);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.disconnected();
    }
}

async fn serve(stream: TcpStream, host: Arc<HostState>, token: CancellationToken) {
    // Each write of a reply is a segment of its own, as a flush of the real host is.
    let _ = stream.set_nodelay(true);
    let number = host.journal.connected();
    let _connected = Connected(host.journal.clone());
    if let Some(accept) = host.next_accept() {
        let refusing = fail_accepted(stream, accept);
        tokio::select! { () = token.cancelled() => {}, () = refusing => {} }
        return;
    }
    let (seize, mut seizures) = mpsc::unbounded_channel();
    let tap = HeadTap::default();
    let connection = Connection { number, tap: tap.clone(), seize };
    let service = service_fn(move |request| {
        let answering = answer(Arc::clone(&host), connection.clone(), request);
        Box::pin(answering) as Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>
    });
    let mut http =
        http1::Builder::new().title_case_headers(true).serve_connection(TokioIo::new(Wire::new(stream, tap)), service);
    let seizure = tokio::select! {
        biased;
        () = token.cancelled() => Seizure::Reset,
        Some(seizure) = seizures.recv() => seizure,
        // Broken requests and peers that left are what tests are made of: not an error of the host.
        _ = Pin::new(&mut http) => return,
    };
    let wire = http.into_parts().io.into_inner();
    match seizure {
        Seizure::Reset => wire.reset(),
        Seizure::Play(steps, ticket) => {
            let mut stream = wire.into_stream();
            tokio::select! {
                () = token.cancelled() => {
                    let _ = stream.set_zero_linger();
                }
                // A peer that has gone ends it too, without a word to anybody.
                _ = play_raw(&mut stream, steps, ticket) => {}
            }
        }
    }
}

async fn fail_accepted(mut stream: TcpStream, accept: Accept) {
    match accept {
        Accept::Reset => {}
        Accept::ResetUnread => {
            let _ = stream.readable().await;
        }
        Accept::Hang => return gone(&mut stream).await,
    }
    let _ = stream.set_zero_linger();
}

/// Waits until the peer has left. What it sends is not looked at.
async fn gone(stream: &mut TcpStream) {
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await.is_ok_and(|read| read > 0) {}
}

/// Plays steps on a socket. Dropping the ticket says that the peer left first.
async fn play_raw(stream: &mut TcpStream, steps: VecDeque<Step>, ticket: Ticket) -> io::Result<()> {
    for step in steps {
        match step {
            Step::Write(bytes) => stream.write_all(&bytes).await?,
            Step::Wait(time) => tokio::select! { () = tokio::time::sleep(time) => {}, () = gone(stream) => break },
            Step::Gate(gate) => tokio::select! { () = gate.pass() => {}, () = gone(stream) => break },
            Step::Stall | Step::Cut(Cut::Hang) => gone(stream).await,
            Step::Forever { bytes, every } => loop {
                tokio::time::sleep(every).await;
                stream.write_all(&bytes).await?;
            },
            Step::Cut(Cut::Reset) => {
                ticket.end(Ending::Cut);
                stream.set_zero_linger()?;
            }
            Step::Cut(Cut::Clean | Cut::Eof) => {
                ticket.end(Ending::Cut);
                stream.shutdown().await?;
            }
        }
    }
    Ok(())
}

async fn answer(
    host: Arc<HostState>,
    connection: Connection,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let head = connection.tap.take();
    let ticket = host.journal.arrive(Arrival {
        connection: connection.number,
        method: parts.method.clone(),
        target: parts.uri.path_and_query().map_or_else(|| parts.uri.to_string(), ToString::to_string),
        headers: if head.is_empty() { folded_headers(&parts.headers) } else { parse_headers(&head) },
        head,
    });
    let chosen = choose(&host, &parts, body, &ticket, &connection.tap).await;
    let Ok(Chosen { reply, facts, owner }) = chosen else {
        // The peer left inside its own request.
        ticket.end(Ending::HungUp);
        return seize(&connection, Seizure::Play([Step::Cut(Cut::Eof)].into(), ticket)).await;
    };
    let mut rendered = reply.render(&facts, host.pace);
    let place = place(host.personality, &parts.method, parts.uri.path());
    rendered.client_request_id = headers::client_request_id(host.personality, place);
    if let (Place::Relay(_), Some(owner)) = (place, owner) {
        bill(&host, owner, &facts, &rendered);
    }
    Ok(play(&host, &parts.headers, place, rendered, ticket, connection).await)
}

struct BodyBroken;

/// What is answered, to what, and to whose key.
struct Chosen {
    reply: Reply,
    facts: Facts,
    owner: Option<KeyOwner>,
}

/// Writes down what an answer costs. The real host does it a moment later.
fn bill(host: &HostState, owner: KeyOwner, facts: &Facts, rendered: &Rendered) {
    let Some(tokens) = rendered.tokens.filter(|_| rendered.status == 200) else { return };
    let id = rendered.client_request_id.as_ref().or(rendered.upstream_request_id.as_ref());
    let id = id.map_or("", String::as_str);
    host.panel.lock().record_usage(owner, &facts.model, facts.stream, tokens, id);
}

fn folded_headers(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    headers.iter().map(|(name, value)| (name.to_string(), Bytes::copy_from_slice(value.as_bytes()))).collect()
}

/// Reads the body and finds the reply: scripted by path, refused by the key check, fixed by the place, or scripted in the queue.
async fn choose(
    host: &HostState,
    parts: &Parts,
    body: Incoming,
    ticket: &Ticket,
    tap: &HeadTap,
) -> Result<Chosen, BodyBroken> {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let place = place(host.personality, &parts.method, path);
    let surface = match place {
        Place::Relay(surface) | Place::Models(surface) => surface,
        _ if path.starts_with("/v1beta/") => Surface::Gemini,
        _ => Surface::Chat,
    };
    let facts = |body: &Value| Facts::read(host.personality, surface, &host.name, ticket.index(), (path, query), body);
    let wants_key = matches!(place, Place::Relay(_) | Place::Models(_) | Place::Usage | Place::Billing);
    let google = path.starts_with("/v1beta/");
    let admitted = if wants_key { auth::admit(host, place, google, &parts.headers, query) } else { Ok(None) };
    let (owner, refused) = match admitted {
        Ok(owner) => (owner, None),
        Err(error) => (None, Some(error)),
    };
    let mut early = host.reply_for_path(path);
    let by_path = early.is_some();
    if early.is_none() && refused.is_none() && matches!(place, Place::Relay(_)) {
        early = Some(host.next_reply());
    }
    if early.as_ref().is_some_and(|reply| reply.before_body)
        && let Some(reply) = early
    {
        return Ok(Chosen { reply, facts: facts(&Value::Null), owner });
    }
    let body = read_body(body, ticket).await?;
    tap.rearm();
    let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let facts = facts(&json);
    let fault = || match place {
        Place::Relay(surface) if !by_path => refuse_body(host, surface, &body, &json, &facts),
        _ => None,
    };
    let reply = match (refused, early) {
        (Some(error), None) => Reply::error(error),
        (_, Some(reply)) => fault().unwrap_or(reply),
        (None, None) if place == Place::Panel && host.personality != Personality::OpenAi => {
            admin::reply(host, parts, &body).await
        }
        (None, None) => fixed_reply(host, place, owner, (&parts.method, path)),
    };
    Ok(Chosen { reply, facts, owner })
}

/// The checks a host makes before it asks an upstream.
fn refuse_body(host: &HostState, surface: Surface, body: &[u8], json: &Value, facts: &Facts) -> Option<Reply> {
    let of_json = !matches!(surface, Surface::Images | Surface::Gemini);
    let error = match () {
        () if of_json && body.is_empty() => errors::EMPTY_BODY,
        () if of_json && json.is_null() => errors::UNPARSABLE_BODY,
        () if of_json && facts.model.is_empty() => errors::MODEL_REQUIRED,
        () if !host.models.is_empty() && !host.models.contains(&facts.model) && surface != Surface::Images => {
            match host.personality {
                Personality::N => errors::MODEL_NOT_FOUND,
                Personality::S if surface == Surface::Responses => errors::NO_ACCOUNTS_FOR_MODEL,
                Personality::S => errors::NO_ACCOUNTS_FOR_MODEL_ANTHROPIC,
                Personality::OpenAi => errors::OPENAI_MODEL_NOT_FOUND,
            }
        }
        () => return None,
    };
    Some(Reply::error(error))
}

async fn read_body(mut body: Incoming, ticket: &Ticket) -> Result<Bytes, BodyBroken> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            ticket.body(bytes.freeze(), false);
            return Err(BodyBroken);
        };
        bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    let bytes = bytes.freeze();
    ticket.body(bytes.clone(), true);
    Ok(bytes)
}

async fn play(
    host: &HostState,
    request: &HeaderMap,
    place: Place,
    rendered: Rendered,
    ticket: Ticket,
    connection: Connection,
) -> Response<Body> {
    for pause in &rendered.before_head {
        match pause {
            Pause::Gate(gate) => gate.pass().await,
            Pause::Time(time) => tokio::time::sleep(*time).await,
        }
    }
    if let Some(steps) = rendered.wire {
        return seize(&connection, Seizure::Play(steps, ticket)).await;
    }
    let mut response = Response::new(());
    let Ok(status) = http::StatusCode::from_u16(rendered.status) else {
        panic!("{} is not an HTTP status", rendered.status);
    };
    *response.status_mut() = status;
    headers::write(host.personality, request, place, &rendered, response.headers_mut());
    if rendered.steps.is_empty() {
        ticket.end(Ending::Answered);
    }
    let player = Player { steps: rendered.steps, ticket, connection, written: false };
    let frames = futures_util::stream::unfold(player, Player::next).map(|frame| frame.map(Frame::data));
    response.map(|()| BodyExt::boxed_unsync(StreamBody::new(frames)))
}

/// Plays the steps of one body.
struct Player {
    steps: VecDeque<Step>,
    ticket: Ticket,
    connection: Connection,
    written: bool,
}

impl Player {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        loop {
            if self.written {
                // The server flushes what it has whenever the body is not ready: every write is a flush of its own.
                tokio::task::yield_now().await;
                self.written = false;
            }
            match self.steps.pop_front() {
                Some(Step::Write(bytes)) => {
                    self.written = true;
                    if self.steps.is_empty() {
                        // A body of known length is not polled again.
                        self.ticket.end(Ending::Answered);
                    }
                    return Some((Ok(bytes), self));
                }
                Some(Step::Wait(time)) => tokio::time::sleep(time).await,
                Some(Step::Gate(gate)) => {
                    // Also after the head alone, so that a test at the gate knows it was sent.
                    tokio::task::yield_now().await;
                    gate.pass().await;
                }
                Some(Step::Stall | Step::Cut(Cut::Hang)) => std::future::pending::<()>().await,
                Some(Step::Forever { bytes, every }) => {
                    tokio::time::sleep(every).await;
                    self.steps.push_front(Step::Forever { bytes: bytes.clone(), every });
                    self.written = true;
                    return Some((Ok(bytes), self));
                }
                Some(Step::Cut(Cut::Clean)) => {
                    self.ticket.end(Ending::Cut);
                    return None;
                }
                Some(Step::Cut(Cut::Eof)) => {
                    // A turn for the head, which is flushed only when the body is not ready.
                    tokio::task::yield_now().await;
                    self.ticket.end(Ending::Cut);
                    return Some((Err(io::Error::other("the script ends the connection here")), self));
                }
                Some(Step::Cut(Cut::Reset)) => {
                    tokio::task::yield_now().await;
                    self.ticket.end(Ending::Cut);
                    return seize(&self.connection, Seizure::Reset).await;
                }
                None => {
                    self.ticket.end(Ending::Answered);
                    return None;
                }
            }
        }
    }
}

/// Takes the connection away from the HTTP server. The caller is dropped while it waits here.
async fn seize<T>(connection: &Connection, how: Seizure) -> T {
    // The receiver lives as long as the connection's task, of which this is a part.
    let _ = connection.seize.send(how);
    std::future::pending().await
}
