//! What every handler can reach.

use std::sync::Arc;

use axum::Router;
use relay_control::Control;

use crate::pages::status::Board;
use crate::process::Process;
use crate::throttle::Throttle;
use crate::works::Works;

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
    /// Work on hosts that was started here.
    pub(crate) works: Arc<Works>,
    /// Guesses at the login page.
    pub(crate) throttle: Arc<Throttle>,
}
