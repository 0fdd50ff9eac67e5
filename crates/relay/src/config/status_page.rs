//! `[status_page]`: what anybody may know.

use std::net::SocketAddr;

use super::keys;
use super::layers::Reader;

/// The public status page.
#[derive(Clone, Debug)]
pub(crate) struct StatusPageConfig {
    /// An address of its own; port 0 takes a free one.
    pub(crate) listen: Option<SocketAddr>,
    /// Its heading.
    pub(crate) title: Option<String>,
    /// The groups that are shown; none: all.
    pub(crate) groups: Vec<String>,
    /// Days of the strips.
    pub(crate) days: u16,
}

impl StatusPageConfig {
    /// Reads the section; it must not claim an address of `others`.
    pub(super) fn read(reader: &mut Reader, others: [SocketAddr; 2]) -> Option<Self> {
        let is_enabled = reader.flag(&keys::STATUS_PAGE_ENABLED);
        let listen = reader.optional_address(&keys::STATUS_PAGE_LISTEN);
        if let Some(listen) = listen.filter(|listen| others.contains(listen) && listen.port() != 0) {
            let complaint = format!("{listen} is taken by the gateway or the admin API; give each listener its own");
            reader.complain(&keys::STATUS_PAGE_LISTEN, complaint);
        }
        let read = Self {
            listen,
            title: reader.line(&keys::STATUS_PAGE_TITLE),
            groups: reader.list(&keys::STATUS_PAGE_GROUPS),
            days: u16::try_from(reader.count(&keys::STATUS_PAGE_DAYS)).unwrap_or(90),
        };
        is_enabled.then_some(read)
    }
}
