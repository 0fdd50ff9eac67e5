//! Accepting clients, and letting them go: the connection limit, slow clients,
//! and the two steps of an orderly shutdown (spec §5, last bullet; §10).

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Gateway;
use crate::connection::{ConnectionHandle, Phase, TICK, WatchedSocket};
use crate::error::GatewayError;

/// A request's head may be this long (spec §10); body data is read in pieces of at most this size.
const MAX_HEAD: usize = 64 * 1024;

/// How long clients have, once everything is to end, to take their last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The two steps of a shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// No new connections or requests; what is in flight goes on.
    pub stop_accepting: CancellationToken,
    /// What is still in flight is told and ended.
    pub end_now: CancellationToken,
}

impl Gateway {
    /// Serves clients until `stop_accepting` is cancelled, then waits until
    /// every connection has ended. Dropping the future drops all of them.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        let connections = TaskTracker::new();
        let open = Arc::new(OpenConnections::default());
        let places = Arc::new(Semaphore::new(self.options().max_connections));
        let stop = self.shutdown().stop_accepting.clone();
        loop {
            let socket = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => socket,
                    Err(error) => {
                        // Usually a full descriptor table: the next one may be closed soon.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    connections.spawn(drive(Arc::clone(&self), socket, open.enter(), place));
                }
                Err(_) => {
                    connections.spawn(turn_away(socket));
                }
            }
        }
        drop(listener);
        connections.close();
        open.advance_to(Phase::Closing);
        tokio::select! {
            () = connections.wait() => return,
            () = self.shutdown().end_now.cancelled() => {}
        }
        open.advance_to(Phase::Ending);
        if tokio::time::timeout(LAST_WORDS, connections.wait()).await.is_err() {
            open.advance_to(Phase::Over);
            connections.wait().await;
        }
    }
}

/// The connections that a shutdown has to tell.
#[derive(Default)]
struct OpenConnections(Mutex<HashMap<u64, ConnectionHandle>>);

/// One of them, for as long as it lives.
struct Member {
    all: Arc<OpenConnections>,
    number: u64,
    handle: ConnectionHandle,
}

impl OpenConnections {
    fn enter(self: &Arc<Self>) -> Member {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let handle = ConnectionHandle::new();
        self.lock().insert(number, handle.clone());
        Member { all: Arc::clone(self), number, handle }
    }

    fn advance_to(&self, phase: Phase) {
        self.lock().values().for_each(|handle| handle.advance_to(phase));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, ConnectionHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
}

/// Tells a client beyond the connection limit to come back.
async fn turn_away(mut socket: TcpStream) {
    // A client that does not take even this has no claim to an explanation.
    let told = tokio::time::timeout(TICK, explain(&mut socket)).await;
    tracing::debug!(told = told.is_ok(), "turned a connection away at the limit");
}

async fn explain(socket: &mut TcpStream) -> io::Result<()> {
    let message = "Too many connections; try again.";
    let body = GatewayError::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message).body();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(&[head.as_bytes(), &body].concat()).await?;
    socket.shutdown().await?;
    // A socket closed over unread bytes is reset, and a reset can overtake the answer.
    let mut unread = [0; 1024];
    while socket.read(&mut unread).await? > 0 {}
    Ok(())
}

async fn drive(gateway: Arc<Gateway>, socket: TcpStream, member: Member, _place: OwnedSemaphorePermit) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let handle = &member.handle;
    let (head_limit, write_limit) = (gateway.options().head_limit, gateway.options().client_stall);
    let requests = handle.clone();
    let service = service_fn(move |request| {
        let (gateway, handle) = (Arc::clone(&gateway), requests.clone());
        async move { Ok::<_, Infallible>(gateway.answer(request, handle).await) }
    });
    let socket = WatchedSocket { socket, handle: handle.clone() };
    let connection = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_header_size(MAX_HEAD)
        .serve_connection(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut clock = tokio::time::interval(TICK);
    let mut closing = false;
    poll_fn(|cx| {
        handle.register(cx);
        if !closing && handle.has_come_to(Phase::Closing) {
            closing = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a client connection ended early");
            }
            return Poll::Ready(());
        }
        if handle.has_come_to(Phase::Over) {
            return Poll::Ready(());
        }
        while clock.poll_tick(cx).is_ready() {
            if handle.is_stalled(head_limit, write_limit) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}
