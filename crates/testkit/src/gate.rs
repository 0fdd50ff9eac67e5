//! A gate that a test opens, so that a reply can be held at an exact point without a sleep.

use std::sync::Arc;

use tokio::sync::watch;

use crate::received::patiently;

/// Holds a reply until the test opens it. Clones are the same gate; once open it stays open.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    state: Arc<watch::Sender<GateState>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct GateState {
    open: bool,
    arrivals: usize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets everything through that waits here or comes later.
    pub fn open(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Whether it was opened.
    pub fn is_open(&self) -> bool {
        self.state.borrow().open
    }

    /// Waits until `count` replies have come to the gate. All that they had to send before it has been written to the socket then.
    ///
    /// # Panics
    /// After [`crate::PATIENCE`].
    pub async fn reached_by(&self, count: usize) {
        let mut state = self.state.subscribe();
        let reached = state.wait_for(|state| state.arrivals >= count);
        let _ = patiently(&format!("{count} replies at the gate"), reached).await;
    }

    /// Waits until one reply has come to the gate. See [`Gate::reached_by`].
    pub async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// The reply's side: announces itself and waits.
    pub(crate) async fn pass(&self) {
        let mut state = self.state.subscribe();
        self.state.send_modify(|state| state.arrivals += 1);
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = state.wait_for(|state| state.open).await;
    }
}
