//! Serves the admin API on a listener.

use std::future::Future;
use std::sync::Arc;

use relay_control::Control;
use tokio::net::TcpListener;

use crate::{Unready, router};

/// Serves until `shutdown` is over, then lets requests in flight end.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    control: Arc<Control>,
    unready: Unready,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(control, unready)).with_graceful_shutdown(shutdown).await
}
