//! The admin clients of a fleet: one per host, kept as long as the host's
//! configuration stays the same, because it holds the session and the pace.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay_domain::{AdminAccess, BaseUrl, Host, HostId};
use tokio::time::Instant;

use super::auth::Login;
use super::client::{Access, AdminClient};
use super::pace::{self, Pace};
use crate::{Endpoint, HostClient};

/// Time for one call, from connecting to the end of its answer.
const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Hands out the callers of hosts' admin APIs.
pub struct AdminClients {
    http: HostClient,
    time_limit: Duration,
    window: Duration,
    known: Mutex<HashMap<HostId, Known>>,
}

struct Known {
    base_url: BaseUrl,
    allow_private: bool,
    admin: Option<AdminAccess>,
    client: AdminClient,
}

impl Known {
    fn is_of(&self, host: &Host) -> bool {
        self.base_url == host.base_url && self.allow_private == host.allow_private && self.admin == host.admin
    }
}

impl fmt::Debug for AdminClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminClients").field("hosts", &self.lock().keys()).finish_non_exhaustive()
    }
}

impl AdminClients {
    /// Callers over these connections; 15 s for a call.
    pub fn new(http: HostClient) -> Self {
        Self { http, time_limit: TIME_LIMIT, window: pace::WINDOW, known: Mutex::default() }
    }

    /// Takes the window in which hosts count calls for so long, instead of a minute: for tests, with
    /// hosts whose windows are as short.
    #[must_use]
    pub fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Waits for one call no longer than `limit`, if that is less.
    #[must_use]
    pub fn at_most(mut self, limit: Duration) -> Self {
        self.time_limit = self.time_limit.min(limit);
        self
    }

    /// The caller of a host: the one there is, unless its address or admin access
    /// changed. Hosts with one base URL share one pace.
    pub fn of(&self, host: &Host) -> AdminClient {
        let mut known = self.lock();
        if let Some(entry) = known.get(&host.id).filter(|entry| entry.is_of(host)) {
            return entry.client.clone();
        }
        let neighbor = known.values().find(|entry| entry.base_url == host.base_url);
        let pace = neighbor
            .map_or_else(|| Arc::new(Pace::new(self.window, Instant::now())), |entry| entry.client.pace().clone());
        let endpoint = Endpoint::at(host.base_url.clone(), host.allow_private, None);
        let access = match &host.admin {
            None => Access::None,
            Some(AdminAccess::Key(key)) => Access::Key(key.secret.clone()),
            Some(AdminAccess::Login { email, password }) => Access::Login(Login::new(email, password.secret.clone())),
        };
        let client = AdminClient::new(self.http.clone(), endpoint, access, pace, self.time_limit);
        let entry = Known {
            base_url: host.base_url.clone(),
            allow_private: host.allow_private,
            admin: host.admin.clone(),
            client: client.clone(),
        };
        known.insert(host.id.clone(), entry);
        client
    }

    /// Forgets the hosts that are not among `hosts`; to be called when a fleet is published.
    pub fn keep_only(&self, hosts: &[Host]) {
        self.lock().retain(|id, _| hosts.iter().any(|host| host.id == *id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<HostId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
