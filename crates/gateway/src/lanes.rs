//! Which thread serves a client (`docs/decisions/0023`).
//!
//! A connection stays on one from its first byte to its last, and so do those to hosts that its requests use. Where any
//! thread may go on with a request, most do so on another processor than read it: the one is woken by the other, and
//! finds nothing of the request in its caches.

use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

/// A text of this length takes milliseconds to be read.
const LONG: usize = 1024 * 1024;

/// Reads a text of so many bytes. While that takes long, another thread goes on with the connections of this one.
pub(crate) fn reading<T>(length: usize, read: impl FnOnce() -> T) -> T {
    let may_leave = || Handle::try_current().is_ok_and(|here| here.runtime_flavor() == RuntimeFlavor::MultiThread);
    if length >= LONG && may_leave() { tokio::task::block_in_place(read) } else { read() }
}

/// The runtimes among which connections are shared out.
pub(crate) struct Lanes {
    first: Lane,
    others: Vec<Lane>,
}

/// One of them.
struct Lane {
    runtime: Handle,
    /// Held by this and by each connection that is served there.
    load: Arc<()>,
}

impl Lane {
    fn new(runtime: Handle) -> Self {
        Self { runtime, load: Arc::default() }
    }

    fn load(&self) -> usize {
        Arc::strong_count(&self.load)
    }
}

impl Lanes {
    /// Those; the calling one, if there are none.
    pub(crate) fn of(runtimes: Vec<Handle>) -> Self {
        let mut lanes = runtimes.into_iter().map(Lane::new);
        let first = lanes.next().unwrap_or_else(|| Lane::new(Handle::current()));
        Self { first, others: lanes.collect() }
    }

    /// The one with the fewest connections, which counts one more while the second value is held.
    pub(crate) fn emptiest(&self) -> (&Handle, Arc<()>) {
        let lane =
            self.others.iter().fold(&self.first, |least, lane| if lane.load() < least.load() { lane } else { least });
        (&lane.runtime, Arc::clone(&lane.load))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_where_the_fewest_are() {
        let runtimes: Vec<_> =
            (0..3).map(|_| tokio::runtime::Builder::new_current_thread().build().expect("starts a runtime")).collect();
        let lanes = Lanes::of(runtimes.iter().map(|runtime| runtime.handle().clone()).collect());
        let number = |handle: &Handle| runtimes.iter().position(|runtime| runtime.handle().id() == handle.id());
        let mut open: Vec<_> = (0..6).map(|_| lanes.emptiest()).collect();
        let at: Vec<_> = open.iter().map(|(handle, _)| number(handle)).collect();
        assert_eq!(at, [0, 1, 2, 0, 1, 2].map(Some));
        drop(open.remove(4));
        assert_eq!(number(lanes.emptiest().0), Some(1), "where one has left");
    }

    #[test]
    fn while_a_long_text_is_read_the_thread_s_other_connections_are_served() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("starts a runtime");
        let served = runtime.block_on(runtime.spawn(async {
            let (other, is_served) = std::sync::mpsc::channel();
            tokio::spawn(async move { other.send(()) });
            reading(LONG, || is_served.recv_timeout(relay_testkit::PATIENCE))
        }));
        assert_eq!(served.expect("is no panic"), Ok(()));
    }

    #[tokio::test]
    async fn without_any_it_is_served_where_it_was_accepted() {
        assert_eq!(Lanes::of(Vec::new()).emptiest().0.id(), Handle::current().id());
    }
}
