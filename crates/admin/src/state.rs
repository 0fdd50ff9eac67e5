//! What every handler can reach.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use relay_control::Control;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Why the process as a whole takes no requests (draining), beside what the
/// control plane knows; empty when it does.
pub type Unready = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// Answers a scrape: what the process counts, in Prometheus' text format.
pub type Scrape = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync>;

/// What the process around the control plane says of itself.
#[derive(Clone)]
pub struct Process {
    /// See [`Unready`].
    pub unready: Unready,
    /// See [`Scrape`].
    pub scrape: Scrape,
    /// Silence of a stream of decisions after which a comment is sent; [`KEEP_ALIVE`].
    pub keep_alive: Duration,
}

/// Proxies cut silent connections after a minute or two (spec §6 has the same for the gateway).
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Answers without an end at once: each holds a connection, and reads the log when something ends.
pub(crate) const MAX_TAILS: usize = 64;

/// State of the router; cheap to clone.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) control: Arc<Control>,
    pub(crate) process: Process,
    /// Cancelled when the server ends: answers that have no end, end then.
    pub(crate) ending: CancellationToken,
    /// Places for such answers.
    pub(crate) tails: Arc<Semaphore>,
}
