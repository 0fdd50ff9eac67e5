//! `[gateway]`: where consumers come in.

use std::net::SocketAddr;

use super::keys;
use super::layers::Reader;

/// The gateway's listener and its bounds.
#[derive(Clone, Debug)]
pub(crate) struct GatewayConfig {
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// Largest request body, in bytes.
    pub(crate) max_body_bytes: u64,
    /// Memory for bodies, in bytes.
    pub(crate) max_buffered_bytes: u64,
    /// Open client connections.
    pub(crate) max_connections: usize,
}

impl GatewayConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            listen: reader.address(&keys::GATEWAY_LISTEN),
            max_body_bytes: reader.size(&keys::GATEWAY_MAX_BODY),
            max_buffered_bytes: reader.size(&keys::GATEWAY_MAX_BUFFERED),
            max_connections: reader.count(&keys::GATEWAY_MAX_CONNECTIONS) as usize,
        }
    }
}
