//! What the process says about itself while a test runs.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;

/// Lines of the log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// All of them so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// For as long as somebody listens.
pub(crate) struct Listening {
    _second: tracing::Dispatch,
    _guard: DefaultGuard,
}

/// Listens at every level. The test, the gateway and the hosts have to share this one thread.
pub(crate) fn listen() -> (Lines, Listening) {
    let lines = Lines::default();
    let sink = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || sink.clone())
        .with_ansi(false)
        .finish();
    // Places in the code that other threads come by ask every subscriber there is
    // whether anybody listens, but a lone one only through their own thread.
    let second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let guard = tracing::subscriber::set_default(subscriber);
    // Those that were come by before are asked again.
    tracing::callsite::rebuild_interest_cache();
    (lines, Listening { _second: second, _guard: guard })
}
