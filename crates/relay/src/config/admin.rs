//! `[admin]`: where operators come in.

use std::net::SocketAddr;

use super::keys;
use super::layers::Reader;

/// The admin listener.
#[derive(Clone, Debug)]
pub(crate) struct AdminConfig {
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
}

impl AdminConfig {
    /// Reads the section; it must not claim the address of the gateway.
    pub(super) fn read(reader: &mut Reader, gateway: SocketAddr) -> Self {
        let listen = reader.address(&keys::ADMIN_LISTEN);
        if listen == gateway && listen.port() != 0 {
            reader.complain(
                &keys::ADMIN_LISTEN,
                format!("{listen} is the gateway's address too; give each listener its own"),
            );
        }
        Self { listen }
    }
}
