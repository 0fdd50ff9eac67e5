//! What every handler can reach.

use std::sync::Arc;

use axum::Router;
use relay_control::Control;

use crate::pages::status::Board;
use crate::process::Process;
use crate::throttle::Throttle;

/// State of the router; cheap to clone.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) control: Arc<Control>,
    /// Where the gateway is, for what consumers paste.
    pub(crate) gateway: Arc<str>,
    pub(crate) process: Process,
    /// The API behind the console.
    pub(crate) api: Router,
    /// The public status page as it was shown last.
    pub(crate) board: Option<Arc<Board>>,
    /// Guesses at the login page.
    pub(crate) throttle: Arc<Throttle>,
}
