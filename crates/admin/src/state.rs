//! What every handler can reach.

use std::sync::Arc;

use relay_control::Control;

/// Why the process as a whole takes no requests (draining), beside what the
/// control plane knows; empty when it does.
pub type Unready = Arc<dyn Fn() -> Vec<String> + Send + Sync>;

/// State of the router; cheap to clone.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) control: Arc<Control>,
    pub(crate) unready: Unready,
}
