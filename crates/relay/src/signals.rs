//! SIGTERM and SIGINT: the first asks for an orderly end, the second for the end
//! now (spec §5). SIGUSR2 asks for a new process in this one's place.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// After a second signal, how long closing the files may still take. A disk that
/// hangs must not keep a process that was told twice.
const LAST_CHANCE: Duration = Duration::from_secs(3);

/// What the operator has asked for so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// Finish what is in flight, take nothing new.
    pub(crate) orderly: CancellationToken,
    /// Drop everything.
    pub(crate) now: CancellationToken,
    /// Have a new process follow this one.
    pub(crate) restart: Arc<Notify>,
}

impl Stop {
    /// Listens from here on.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        let listening = stop.clone();
        let mut signals = Signals::new()?;
        let mut restarts = Restarts::new()?;
        let restart = Arc::clone(&stop.restart);
        tokio::spawn(async move {
            while restarts.next().await {
                restart.notify_one();
            }
        });
        // Lives as long as the process: it is what can end it.
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::info!(signal = name, "stopping: finishing what is in flight; a second signal stops now");
            listening.orderly.cancel();
            let name = signals.next().await;
            tracing::warn!(signal = name, "stopping now");
            listening.now.cancel();
            tokio::time::sleep(LAST_CHANCE).await;
            tracing::error!("the files could not be closed in time");
            std::process::exit(1);
        });
        Ok(stop)
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

struct Restarts(tokio::signal::unix::Signal);

impl Restarts {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::user_defined2())?))
    }

    async fn next(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
