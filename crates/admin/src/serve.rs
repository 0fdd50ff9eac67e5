//! Serves the admin API on a listener: connections bounded in number, heads
//! bounded in size and time (spec §10).

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use relay_control::Control;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{Process, router};

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// Time for the head of a request (spec §10).
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes (spec §10).
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after a failed accept: out of file descriptors is not over at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is over, then lets requests in flight end, and ends streams.
///
/// Dropping the future stops accepting; requests in flight go on.
pub async fn serve(
    listener: TcpListener,
    control: Arc<Control>,
    process: Process,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let ending = CancellationToken::new();
    let service = TowerToHyperService::new(router(control, process, ending.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(MAX_HEAD_BYTES);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (accept(&listener).await, place)
        };
        let (stream, place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service.clone()));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the admin API broke");
            }
            drop(place);
        });
    }
    drop(listener);
    ending.cancel();
    graceful.shutdown().await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "the admin API cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
