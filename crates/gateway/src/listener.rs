//! Accepting clients, and letting them go: the connection limit, slow clients,
//! and the two steps of an orderly shutdown (spec §5, last bullet; §10).

use std::convert::Infallible;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Gateway;
use crate::connection::{ConnectionHandle, TICK, WatchedSocket};

/// A request's head may be this long (spec §10); body data is read in pieces of at most this size.
const MAX_HEAD: usize = 64 * 1024;

/// Told to a client beyond the connection limit.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 125\r\n\r\n\
    {\"error\":{\"message\":\"Too many connections; try again.\",\"type\":\"service_unavailable_error\",\"param\":null,\"code\":\"overloaded\"}}\n";

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
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    connections.spawn(drive(Arc::clone(&self), socket, place));
                }
                Err(_) => {
                    connections.spawn(turn_away(socket));
                }
            }
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    }
}

async fn turn_away(mut socket: TcpStream) {
    // A client that does not take even this has no claim to an explanation.
    let told = tokio::time::timeout(TICK, socket.write_all(TOO_MANY)).await;
    tracing::debug!(told = told.is_ok(), "turned a connection away at the limit");
}

async fn drive(gateway: Arc<Gateway>, socket: TcpStream, _place: OwnedSemaphorePermit) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let handle = ConnectionHandle::new();
    let shutdown = gateway.shutdown().clone();
    let (head_limit, write_limit) = (gateway.options().head_limit, gateway.options().client_stall);
    let requests = handle.clone();
    let service = service_fn(move |request| {
        let (gateway, handle) = (Arc::clone(&gateway), requests.clone());
        async move { Ok::<_, Infallible>(gateway.answer(request, handle).await) }
    });
    let socket = WatchedSocket { socket, handle: handle.clone() };
    let connection = http1::Builder::new().max_buf_size(MAX_HEAD).serve_connection(TokioIo::new(socket), service);
    let mut connection = std::pin::pin!(connection);
    let mut clock = tokio::time::interval(TICK);
    let mut closing = false;
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a client connection ended early");
                }
                return;
            }
            () = shutdown.stop_accepting.cancelled(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = handle.close_asked(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = clock.tick() => {
                if handle.is_stalled(head_limit, write_limit) {
                    return;
                }
            }
        }
    }
}
