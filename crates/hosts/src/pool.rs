//! The relay call: connections to one host, kept and used again.
//!
//! A connection belongs to the task that uses it. Dropping the future of a
//! call, or the [`Answer`], closes the socket at once, which is how a host
//! learns that a client has gone (spec §6).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use http::Uri;
use relay_http1::{ClientConnection, ReadError, ResponseHead, Rest};
use tokio::runtime;

use crate::client::SendError;
use crate::connector::{BoxError, BoxFuture};
use crate::idle::Idle;
use crate::socket::Socket;

type Connection = Box<ClientConnection<Socket>>;

/// How a connection is made: [`crate::client::HostClient`] knows.
pub(crate) type Connect = dyn Fn(Uri) -> BoxFuture<Result<Socket, BoxError>> + Send + Sync;

/// Connections to one authority.
pub struct HostPool {
    uri: Uri,
    connect: Arc<Connect>,
    idle: Mutex<Idle<Connection>>,
}

/// A request ready to be sent; cheap to clone.
#[derive(Clone, Debug)]
pub struct RelayRequest {
    /// Request line and fields.
    pub head: Bytes,
    /// Pieces of the body, whose length the head states.
    pub body: Vec<Bytes>,
    /// What of the body is still coming.
    pub rest: Option<Rest>,
}

/// A host's answer whose body is still to be read. Dropping it closes the connection.
#[derive(Debug)]
pub struct Answer {
    /// Status and fields.
    pub head: ResponseHead,
    connection: Connection,
    /// Of the connection.
    runtime: runtime::Id,
    pool: Arc<HostPool>,
}

impl std::fmt::Debug for HostPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostPool").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl HostPool {
    /// Sends a request and waits for the head of the answer.
    ///
    /// A kept connection that turns out to be closed before a byte of an
    /// answer came is no failure: the request is sent once more, over a new
    /// one (spec §5). To be called on a tokio runtime.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(self: &Arc<Self>, request: RelayRequest) -> Result<Answer, SendError> {
        let here = runtime::Handle::current().id();
        if let Some((runtime, mut connection)) = self.take_idle(here) {
            match connection.send(request.head.clone(), request.body.clone(), request.rest.clone()).await {
                Ok(head) => return Ok(self.answer(head, connection, runtime)),
                Err(relay_http1::SendError::Broken(_)) if !connection.has_received() => {}
                Err(error) => return Err(SendError::of_answer(error)),
            }
        }
        let socket = (self.connect)(self.uri.clone()).await.map_err(SendError::of_connect)?;
        let mut connection = Box::new(ClientConnection::new(socket));
        match connection.send(request.head, request.body, request.rest).await {
            Ok(head) => Ok(self.answer(head, connection, here)),
            Err(error) if connection.bytes_sent() == 0 => Err(SendError::NotSent(error.into())),
            Err(error) => Err(SendError::of_answer(error)),
        }
    }

    fn answer(self: &Arc<Self>, head: ResponseHead, connection: Connection, runtime: runtime::Id) -> Answer {
        Answer { head, connection, runtime, pool: Arc::clone(self) }
    }

    fn take_idle(&self, here: runtime::Id) -> Option<(runtime::Id, Connection)> {
        loop {
            let (runtime, mut connection) = self.idle().take(here, Instant::now())?;
            if connection.is_ready() {
                return Some((runtime, connection));
            }
        }
    }

    /// Closes what has been idle for long.
    fn drop_stale(&self) {
        // Closing is left to after the lock.
        let stale = self.idle().stale(Instant::now());
        drop(stale);
    }

    fn idle(&self) -> MutexGuard<'_, Idle<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// What came next of the body; `None` at its end.
    ///
    /// # Errors
    /// The body broke off. Dropping the future loses nothing.
    pub async fn body(&mut self) -> Result<Option<Bytes>, ReadError> {
        self.connection.body().await
    }

    /// Everything that matters of the body was read: its connection is kept
    /// for another request, if it can be.
    pub fn done(self) {
        if self.connection.may_be_kept() {
            // Closing is left to after the lock.
            let surplus = self.pool.idle().keep(self.runtime, self.connection, Instant::now());
            drop(surplus);
        }
    }
}

/// The pools of all hosts: a generation that is published anew finds its connections again.
#[derive(Debug, Default)]
pub(crate) struct Pools(Mutex<HashMap<(Uri, bool), Weak<HostPool>>>);

impl Pools {
    pub(crate) fn get(&self, uri: Uri, allow_private: bool, connect: &Arc<Connect>) -> Arc<HostPool> {
        let mut pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pools.get(&(uri.clone(), allow_private)).and_then(Weak::upgrade) {
            return known;
        }
        pools.retain(|_, pool| pool.strong_count() > 0);
        let pool = Arc::new(HostPool { uri: uri.clone(), connect: Arc::clone(connect), idle: Mutex::default() });
        pools.insert((uri, allow_private), Arc::downgrade(&pool));
        pool
    }

    pub(crate) fn drop_stale(&self) {
        let pools: Vec<_> = {
            let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            pools.values().filter_map(Weak::upgrade).collect()
        };
        for pool in pools {
            pool.drop_stale();
        }
    }
}
