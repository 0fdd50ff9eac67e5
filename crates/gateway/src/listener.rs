//! Accepting clients, and letting them go: the connection limit, slow clients,
//! and the two steps of an orderly shutdown (spec §5, last bullet; §10).

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use relay_ledger::Ledger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::client::{Client, ClientClocks, ConnectionHandle, Gone, Peer, Phase};
use crate::error::{GatewayError, Interrupted};
use crate::lanes::Lanes;
use crate::request_id::RequestId;
use crate::{Gateway, access_log, inside};

/// How long a client beyond the limit has to take its refusal.
const TURNED_AWAY: Duration = Duration::from_secs(2);

/// How long clients have, once everything is to end, to take their last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The steps of a shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// No new connections, and each that is there ends with its next answer: another process accepts on the same socket.
    pub last_requests: CancellationToken,
    /// No new connections or requests; what is in flight goes on.
    pub stop_accepting: CancellationToken,
    /// What is still in flight is told and ended.
    pub end_now: CancellationToken,
}

impl Gateway {
    /// Serves clients until `last_requests` or `stop_accepting` is cancelled, then waits until
    /// every connection has ended. Each is driven by one of `lanes` all its life, or by the calling runtime if there are
    /// none. Dropping the future accepts no more; connections end with their runtime.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, lanes: Vec<Handle>) {
        let lanes = Lanes::of(lanes);
        let connections = TaskTracker::new();
        let open = Arc::new(OpenConnections::default());
        let Shutdown { last_requests, stop_accepting, end_now } = self.shutdown().clone();
        let mut entered = self.entrance.open();
        loop {
            let (socket, peer) = tokio::select! {
                biased;
                () = last_requests.cancelled() => break,
                () = stop_accepting.cancelled() => break,
                (socket, caller) = inside::next(entered.as_mut()) => (socket, Peer::Inside(caller)),
                accepted = accept(&listener) => match accepted {
                    Ok((socket, address)) => (socket, Peer::Address(address.ip())),
                    Err(error) => {
                        // Usually a full descriptor table: the next one may be closed soon.
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                let (runtime, load) = lanes.emptiest();
                let place = Place { _of_all: place, _of_lane: load };
                connections.spawn_on(drive(Arc::clone(&self), socket, peer, open.enter(), place), runtime);
            } else {
                self.meters.turned_away.increment();
                connections.spawn(turn_away(socket));
            }
        }
        drop((listener, entered));
        connections.close();
        for (phase, until) in [(Phase::LastRequest, &stop_accepting), (Phase::Closing, &end_now)] {
            open.advance_to(phase);
            tokio::select! {
                () = connections.wait() => return,
                () = until.cancelled() => {}
            }
        }
        open.advance_to(Phase::Ending);
        if tokio::time::timeout(LAST_WORDS, connections.wait()).await.is_err() {
            open.advance_to(Phase::Over);
            connections.wait().await;
        }
    }
}

/// A connection's socket belongs to no runtime yet.
async fn accept(listener: &TcpListener) -> io::Result<(StdTcpStream, SocketAddr)> {
    let (socket, address) = listener.accept().await?;
    Ok((socket.into_std()?, address))
}

/// What a connection takes of the gateway, and of its lane.
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_lane: Arc<()>,
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
        let handle = ConnectionHandle::default();
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
async fn turn_away(socket: StdTcpStream) {
    // A client that does not take even this has no claim to an explanation.
    let told = tokio::time::timeout(TURNED_AWAY, explain(socket)).await;
    tracing::debug!(told = told.is_ok(), "turned a connection away at the limit");
}

async fn explain(socket: StdTcpStream) -> io::Result<()> {
    let mut socket = TcpStream::from_std(socket)?;
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

/// Serves one client until its connection ends.
async fn drive(gateway: Arc<Gateway>, socket: StdTcpStream, peer: Peer, member: Member, _place: Place) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let socket = match TcpStream::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "cannot serve a connection");
            return;
        }
    };
    let options = gateway.options();
    let clocks = ClientClocks { head: options.head_limit, body: options.body_stall, stall: options.client_stall };
    let mut client = Client::new(socket, peer, member.handle.clone(), clocks);
    let mut is_first = true;
    let mut courtesy = Courtesy::default();
    loop {
        let served = match client.next_request(std::mem::take(&mut is_first)).await {
            Ok(Some(head)) => {
                let id = RequestId::of(&head.fields, gateway.clock.now());
                let answered = gateway.answer(&mut client, head, &id).await;
                answered.map_err(|interrupted| (interrupted, id))
            }
            Ok(None) => break,
            Err(error) => Err((error.into(), RequestId::new(gateway.clock.now()))),
        };
        let answered = match served {
            Err((Interrupted::Refused(error), id)) => {
                gateway.meters.refused(error.code);
                if options.access_log && !error.is_decision {
                    access_log::refused(&id, &error);
                }
                client.reply(error.reply(&id, gateway.clock.now())).await
            }
            Err((Interrupted::Gone, _)) => Err(Gone),
            Ok(()) => Ok(()),
        };
        courtesy.write_outcome(&gateway.ledger).await;
        if answered.is_err() {
            return;
        }
        if !client.may_go_on().await {
            break;
        }
    }
    client.close().await;
}

/// Letting others go before an outcome, which has queued, is written. On a busy thread their rows take it along, and a write
/// is saved; on another one to look for who is ready is a system call for nothing. So it is done while it pays.
#[derive(Default)]
struct Courtesy {
    /// After how many requests it is tried again: twice as many each time that it did not pay.
    pause: u8,
    skipped: u8,
}

impl Courtesy {
    /// Requests between two tries at most.
    const LONGEST: u8 = 15;

    async fn write_outcome(&mut self, ledger: &Ledger) {
        if ledger.has_queued() && self.is_due() {
            tokio::task::yield_now().await;
            self.learn(!ledger.has_queued());
        }
        ledger.flush();
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.skipped >= self.pause;
        self.skipped = if is_due { 0 } else { self.skipped + 1 };
        is_due
    }

    fn learn(&mut self, has_paid: bool) {
        self.pause = if has_paid { 0 } else { (2 * self.pause + 1).min(Self::LONGEST) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_let_go_first_for_as_long_as_that_pays() {
        let mut courtesy = Courtesy::default();
        let mut tried = |requests: usize, pays: bool| {
            let tries = (0..requests).filter(|_| {
                let is_due = courtesy.is_due();
                if is_due {
                    courtesy.learn(pays);
                }
                is_due
            });
            tries.count()
        };
        assert_eq!(tried(100, true), 100);
        assert_eq!(tried(1 + 2 + 4 + 8 + 16 * 10, false), 4 + 10, "ever seldomer, and never not at all");
        assert_eq!(tried(16 + 99, true), 100, "from the next try on");
    }
}
