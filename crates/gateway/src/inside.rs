//! Requests from inside the process: an operator tries a consumer's key without knowing its secret.
//!
//! Such a connection is a pair of sockets of this process, and is served like any other: body limits, the key's
//! and the group's limits, plan, attempts, log. Only who calls is not read from its headers. Nothing that
//! arrives on the listener can claim to be one.

use std::io;
use std::net::{Ipv4Addr, TcpStream as StdTcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use relay_domain::{KeyId, Scope, Secret};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::Gateway;
use crate::auth::{Caller, unknown};
use crate::error::GatewayError;
use crate::serving::Serving;

/// Connections that may wait to be taken in: operators try one request at a time.
const WAITING: usize = 16;

/// How long a connection waits to be taken in, which takes microseconds while the gateway is well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whose requests come over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsideCaller {
    /// The consumer key.
    pub key_id: KeyId,
    /// What stickiness is keyed by; left out: as the group has it.
    pub scope: Option<Scope>,
}

/// A connection to be served. Its socket belongs to no runtime yet: who connects is on another one than will drive it
/// (`docs/decisions/0018`).
pub(crate) type Entrant = (StdTcpStream, InsideCaller);

/// Where connections from inside wait for [`Gateway::serve`].
pub(crate) struct Entrance {
    enter: mpsc::Sender<Entrant>,
    entered: Mutex<Option<mpsc::Receiver<Entrant>>>,
}

impl Default for Entrance {
    fn default() -> Self {
        let (enter, entered) = mpsc::channel(WAITING);
        Self { enter, entered: Mutex::new(Some(entered)) }
    }
}

impl Entrance {
    /// For the one who serves. Once it is dropped, nobody comes in any more.
    pub(crate) fn open(&self) -> Option<mpsc::Receiver<Entrant>> {
        self.entered.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn bring_in(&self, caller: InsideCaller) -> io::Result<TcpStream> {
        let taken_in = tokio::time::timeout(PATIENCE, async {
            let (ours, served) = pair().await?;
            let closed = |_| io::Error::new(io::ErrorKind::ConnectionRefused, "the gateway does not serve");
            self.enter.send((served.into_std()?, caller)).await.map_err(closed)?;
            Ok(ours)
        });
        taken_in.await.unwrap_or_else(|_| {
            let message = format!("the gateway did not take the connection in within {} s", PATIENCE.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, message))
        })
    }
}

/// The next connection from inside; never, when there can be none.
pub(crate) async fn next(entered: Option<&mut mpsc::Receiver<Entrant>>) -> Entrant {
    if let Some(entered) = entered
        && let Some(entrant) = entered.recv().await
    {
        return entrant;
    }
    std::future::pending().await
}

impl Gateway {
    /// A connection whose requests are those of `caller`, to be spoken to in HTTP/1.1. Closing it means what it means
    /// of any client: that the request is not waited for any longer.
    ///
    /// # Errors
    /// When the gateway does not serve, or does not take the connection in within 5 s, or the system has no sockets
    /// left.
    pub async fn connect(&self, caller: InsideCaller) -> io::Result<TcpStream> {
        self.entrance.bring_in(caller).await
    }

    /// Who a connection from inside was opened for.
    ///
    /// # Errors
    /// As for somebody with the key in hand; addresses are not looked at, since the operator has none of the consumer's.
    pub(crate) fn take_in<'s>(&self, serving: &'s Serving, caller: &InsideCaller) -> Result<Caller<'s>, GatewayError> {
        let Some(key) = serving.snapshot.key_index(caller.key_id.as_str()) else { return Err(unknown()) };
        self.check(serving.snapshot.key(key), None)?;
        // Nobody presented a secret: routes that send the caller's own key are not usable.
        Ok(Caller { key, gate: serving.key_gate(key), secret: Secret::new("") })
    }
}

/// Two ends of one connection. Anybody on this machine may connect to a port of loopback, so that whoever else came is
/// turned away.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    let address = ours.local_addr()?;
    loop {
        let (served, peer) = listener.accept().await?;
        if peer == address {
            ours.set_nodelay(true)?;
            return Ok((ours, served));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_gateway_that_takes_nobody_in_is_not_waited_for_without_end() {
        let entrance = Entrance::default();
        let _never_read = entrance.open().expect("is opened once");
        let caller = InsideCaller { key_id: KeyId::new("team-a").expect("is an id"), scope: None };
        let mut waiting = Vec::new();
        for _ in 0..WAITING {
            waiting.push(entrance.bring_in(caller.clone()).await.expect("there is room to wait"));
        }
        tokio::time::pause();
        let error = entrance.bring_in(caller).await.expect_err("there is none any more");
        assert_eq!((error.kind(), error.to_string().contains("within 5 s")), (io::ErrorKind::TimedOut, true));
    }
}
