//! What the host saw: every request, as it came, and how it ended. Owns the waiting on those events.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::Method;
use tokio::sync::watch;

use crate::PATIENCE;

/// How a request ended, seen from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Being read or answered.
    Open,
    /// The scripted answer was written to its end.
    Answered,
    /// The peer went away first.
    HungUp,
    /// The host itself cut it: a scripted cut, [`crate::FakeHost::kill`] or a stop.
    Cut,
}

/// One request as it came over the wire.
#[derive(Clone)]
pub struct Received {
    /// Number of the request on this host, from 0.
    pub index: usize,
    /// Number of the connection it came on, from 0: two equal numbers mean a reused connection.
    pub connection: u64,
    /// When the head was complete.
    pub at: Instant,
    /// The method.
    pub method: Method,
    /// Path and query exactly as sent.
    pub target: String,
    /// Header names and values in order and in the case they were sent, repeated ones included.
    pub headers: Vec<(String, Bytes)>,
    /// The head's bytes, from the request line to the blank line. Empty when the request was pipelined behind another.
    pub head: Bytes,
    /// The body, as far as it came.
    pub body: Bytes,
    /// Whether the body came whole.
    pub complete: bool,
    /// How it ended.
    pub ending: Ending,
}

impl Received {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The query without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// The first value of a header, by name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_all(name).into_iter().next()
    }

    /// All values of a header in order; values that are not UTF-8 are left out.
    pub fn header_all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name));
        named.filter_map(|(_, value)| std::str::from_utf8(value).ok()).collect()
    }

    /// The token of an `Authorization: Bearer` header.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body of request {} is not JSON ({error}): {self:?}", self.index),
        }
    }

    /// Whether the peer went away before the answer was whole.
    pub fn hung_up(&self) -> bool {
        self.ending == Ending::HungUp
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value))).collect();
        out.debug_struct("Received")
            .field("index", &self.index)
            .field("connection", &self.connection)
            .field("method", &self.method)
            .field("target", &self.target)
            .field("headers", &headers)
            .field("body", &String::from_utf8_lossy(&self.body))
            .field("complete", &self.complete)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// What is known of a request when its head is there.
pub(crate) struct Arrival {
    pub(crate) connection: u64,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Bytes)>,
    pub(crate) head: Bytes,
}

/// The journal of one host.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    entries: Mutex<Entries>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Entries {
    requests: Vec<Received>,
    taken: usize,
    connections: usize,
    connections_ever: u64,
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.shared.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, edit: impl FnOnce(&mut Entries) -> T) -> T {
        let outcome = edit(&mut self.lock());
        self.shared.changed.send_replace(());
        outcome
    }

    /// Enters a request whose head has come.
    pub(crate) fn arrive(&self, arrival: Arrival) -> Ticket {
        let index = self.change(|entries| {
            let index = entries.requests.len();
            entries.requests.push(Received {
                index,
                connection: arrival.connection,
                at: Instant::now(),
                method: arrival.method,
                target: arrival.target,
                headers: arrival.headers,
                head: arrival.head,
                body: Bytes::new(),
                complete: false,
                ending: Ending::Open,
            });
            index
        });
        Ticket { journal: self.clone(), index }
    }

    pub(crate) fn connected(&self) -> u64 {
        self.change(|entries| {
            entries.connections += 1;
            entries.connections_ever += 1;
            entries.connections_ever - 1
        })
    }

    pub(crate) fn disconnected(&self) {
        self.change(|entries| entries.connections -= 1);
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.lock().connections
    }

    pub(crate) fn connections_ever(&self) -> u64 {
        self.lock().connections_ever
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.lock().requests.clone()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.lock().requests.iter().filter(|request| request.ending == Ending::Open).count()
    }

    /// Marks everything open as cut by the host itself, before the host resets its connections.
    pub(crate) fn cut_all(&self) {
        self.change(|entries| {
            for request in entries.requests.iter_mut().filter(|request| request.ending == Ending::Open) {
                request.ending = Ending::Cut;
            }
        });
    }

    /// Waits for the next request not handed out yet: it is whole, or it ended before it was.
    pub(crate) async fn next(&self) -> Received {
        self.until("the next request", |entries| {
            let request = entries.requests.get(entries.taken)?;
            if !request.complete && request.ending == Ending::Open {
                return None;
            }
            let request = request.clone();
            entries.taken += 1;
            Some(request)
        })
        .await
    }

    /// Waits until request `index` exists and `accept` likes it.
    pub(crate) async fn request(&self, index: usize, what: &str, accept: impl Fn(&Received) -> bool) -> Received {
        let what = format!("{what} of request {index}");
        self.until(&what, |entries| entries.requests.get(index).filter(|request| accept(request)).cloned()).await
    }

    pub(crate) async fn until_received(&self, count: usize) {
        let whole = |entries: &mut Entries| entries.requests.iter().filter(|request| request.complete).count();
        self.until(&format!("{count} requests"), |entries| (whole(entries) >= count).then_some(())).await;
    }

    pub(crate) async fn until_calls(&self, what: &str, count: usize, fits: impl Fn(&Received) -> bool) {
        let whole = |entries: &mut Entries| entries.requests.iter().filter(|it| it.complete && fits(it)).count();
        self.until(what, |entries| (whole(entries) >= count).then_some(())).await;
    }

    pub(crate) async fn until_in_flight(&self, count: usize) {
        let open = |entries: &mut Entries| entries.requests.iter().filter(|r| r.ending == Ending::Open).count();
        self.until(&format!("{count} requests in flight"), |entries| (open(entries) == count).then_some(())).await;
    }

    pub(crate) async fn until_connections(&self, count: usize) {
        let what = format!("{count} open connections");
        self.until(&what, |entries| (entries.connections == count).then_some(())).await;
    }

    async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut Entries) -> Option<T>) -> T {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                if let Some(found) = look(&mut self.lock()) {
                    return found;
                }
                // The sender lives in `self`, so this cannot fail.
                let _ = changed.changed().await;
            }
        };
        patiently(what, waiting).await
    }
}

/// The host's hold on an open request. Dropped without a word, the peer is the one who left.
pub(crate) struct Ticket {
    journal: Journal,
    index: usize,
}

impl Ticket {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn body(&self, body: Bytes, complete: bool) {
        self.journal.change(|entries| {
            entries.requests[self.index].body = body;
            entries.requests[self.index].complete = complete;
        });
    }

    pub(crate) fn end(&self, ending: Ending) {
        self.journal.change(|entries| {
            let request = &mut entries.requests[self.index];
            if request.ending == Ending::Open {
                request.ending = ending;
            }
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(Ending::HungUp);
    }
}

/// Awaits `event`, or panics naming it after [`PATIENCE`].
pub(crate) async fn patiently<T>(what: &str, event: impl Future<Output = T>) -> T {
    let Ok(outcome) = tokio::time::timeout(PATIENCE, event).await else {
        panic!("waited {PATIENCE:?} in vain for {what}");
    };
    outcome
}
