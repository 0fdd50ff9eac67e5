//! What every handler can reach.

use std::sync::Arc;

use relay_control::Control;

use crate::throttle::Throttle;

/// State of the router; cheap to clone.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) control: Arc<Control>,
    /// Where the gateway is, for what consumers paste.
    pub(crate) gateway: Arc<str>,
    /// Guesses at the login page.
    pub(crate) throttle: Arc<Throttle>,
}
