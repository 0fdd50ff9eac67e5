//! Two runtimes: one that serves clients, and one for everything else, which steps back when processors are short.
//!
//! Applying a fleet of ten thousand routes, a look through the log, a page of the console each take a processor for
//! milliseconds. On the runtime that serves clients their requests would wait behind it; on threads of equal standing
//! they would share the processor with it. So the admin API, the console and the rounds run on threads that the system
//! lets go last, and so do the threads that those start.

use tokio::runtime::{Builder, Handle, Runtime};

/// How far the background steps back: it gets a third of what a thread of the gateway does where both want the
/// same processor, and everything that the gateway leaves.
const STEPS_BACK: i32 = 5;

/// The lowest standing there is.
const LAST: i32 = 19;

/// Requests in flight never need more than two threads of what waits beside them.
const BACKGROUND_THREADS: usize = 2;

/// The runtimes of a server.
pub(crate) struct Runtimes {
    gateway: Runtime,
    background: Runtime,
}

impl Runtimes {
    /// Starts both.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        // Of the process, not of the thread that starts another: those have stepped back already.
        let standing = rustix::process::getpriority_process(None)?;
        let background = Builder::new_multi_thread()
            .worker_threads(BACKGROUND_THREADS)
            .thread_name("background")
            .on_thread_start(move || step_back(standing))
            .enable_all()
            .build()?;
        Ok(Self { gateway: Runtime::new()?, background })
    }

    /// Runs `work` on the gateway's runtime; it is given the background's.
    pub(crate) fn run<T>(self, work: impl AsyncFnOnce(Handle) -> T) -> T {
        self.gateway.block_on(work(self.background.handle().clone()))
    }
}

/// Lowers the standing of the calling thread below `standing`. Linux keeps one for each thread.
fn step_back(standing: i32) {
    let lowered = (standing + STEPS_BACK).min(LAST);
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), lowered) {
        tracing::debug!(%error, "a background thread keeps its priority");
    }
}
