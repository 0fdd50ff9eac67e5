//! Serves what is on the admin listener: connections bounded in number, heads
//! bounded in size and time (spec §10).

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use tower_service::Service as _;

/// Connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 1024;

/// Time for the head of a request (spec §10).
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// Largest head of a request, in bytes (spec §10).
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Pause after a failed accept: out of file descriptors is not over at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// For how long a change waits for a processor that nobody else wants.
const PATIENCE: Duration = Duration::from_millis(50);

/// For how long the first third of an apply may wait for one: then the rest is carried out at once, to be in force
/// within a second.
const SLOW: Duration = Duration::from_millis(250);

/// Posted and answered with what an upstream says: they are clients' requests, and change nothing.
const ACTIONS: [&str; 3] =
    ["/api/v1/resolve-route", "/api/v1/proxy-route-chat-completions", "/api/v1/route-chat-completions"];

/// Where changes are carried out: a replay of the log or an apply takes a processor for as long as hundreds of looks.
#[derive(Clone, Debug)]
pub struct Changes {
    /// On threads that get what others leave of the processors.
    pub leisurely: Handle,
    /// On others, where that is nothing: an operator may have to change something for that very reason.
    pub at_once: Handle,
}

/// A change that is being carried out.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    at_once: Handle,
    since: Instant,
}

impl Begun {
    /// Carries out what is left of it: here, or where it is faster, when it has been slow so far.
    pub(crate) async fn go_on<T: Send + 'static>(self, rest: impl Future<Output = T> + Send + 'static) -> T {
        if self.since.elapsed() < SLOW {
            return rest.await;
        }
        match carried_out(&self.at_once, rest).await {
            Some(done) => done,
            // The server ends, and this request with it.
            None => std::future::pending().await,
        }
    }
}

impl Changes {
    /// Where a change that comes now is carried out.
    async fn place(&self) -> &Handle {
        let answered = tokio::time::timeout(PATIENCE, self.leisurely.spawn(std::future::ready(())));
        if answered.await.is_ok() { &self.leisurely } else { &self.at_once }
    }
}

/// Serves until `shutdown` is over, then lets requests in flight end. Each request is told
/// its peer's address, as [`ConnectInfo`]. What changes something or weighs a change is carried out on `changes`, so that
/// it does not stand in the way of whoever looks.
///
/// Dropping the future stops accepting; requests in flight go on.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    changes: Changes,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
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
        let ((stream, peer), place) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let (router, changes) = (router.clone(), changes.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            answer(router.clone(), changes.clone(), request)
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the admin API broke");
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn answer(mut router: Router, changes: Changes, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    if matches!(*request.method(), Method::GET | Method::HEAD) || ACTIONS.contains(&request.uri().path()) {
        return router.call(request).await;
    }
    request.extensions_mut().insert(Begun { at_once: changes.at_once.clone(), since: Instant::now() });
    // Ends with its connection, as it would here.
    let answer = carried_out(changes.place().await, async move { router.call(request).await }).await;
    answer.unwrap_or_else(|| Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()))
}

/// Has `work` done on the threads of `place`; `None` when those have ended. Dropping the future ends the work, and what
/// panics there panics here.
async fn carried_out<T: Send + 'static>(place: &Handle, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    match AbortOnDropHandle::new(place.spawn(work)).await {
        Ok(done) => Some(done),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "the admin API cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_slow_so_far_goes_on_where_it_is_faster() {
        let named = |name| tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name(name).build();
        let (leisurely, at_once) = (named("leisurely").expect("a runtime"), named("at-once").expect("a runtime"));
        let long_ago = Instant::now().checked_sub(SLOW).expect("the machine has run for longer");
        for (since, expected) in [(Instant::now(), "leisurely"), (long_ago, "at-once")] {
            let begun = Begun { at_once: at_once.handle().clone(), since };
            let place = leisurely.spawn(begun.go_on(async { std::thread::current().name().map(str::to_owned) }));
            assert_eq!(leisurely.block_on(place).expect("ends").as_deref(), Some(expected));
        }
    }
}
