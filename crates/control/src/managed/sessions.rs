//! Users of hosts as they were just seen, and their log-ins: a host takes twenty
//! logins a minute from one address, and every key wants its user logged in.
//!
//! One job at a time works on a user; the others of the same user wait for it and find
//! what it found.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use relay_domain::{HostId, Timestamp};
use relay_hosts::admin::{RemoteUserId, UserClient};
use tokio::sync::Mutex as AsyncMutex;

/// Users that are remembered at most; each may hold a session on its host.
const MOST: usize = 4_096;

/// A user that nobody asked for in this time is logged out.
const IDLE: Duration = Duration::from_mins(5);

/// A user of a host.
#[derive(Clone, Debug)]
pub(super) struct HostUser {
    pub(super) id: RemoteUserId,
    /// As the host spells it: older ones tell upper from lower case.
    pub(super) email: String,
    /// Whether it carries our tag.
    pub(super) ours: bool,
}

/// A user as it was last seen.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) user: Option<HostUser>,
    pub(super) seen_at: Option<Timestamp>,
    pub(super) login: Option<UserClient>,
}

/// Sessions by host and subscription user.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: Mutex<HashMap<(HostId, Arc<str>), Slot>>,
}

#[derive(Debug)]
struct Slot {
    session: Arc<AsyncMutex<Session>>,
    used_at: Timestamp,
}

impl Sessions {
    /// The session of a user; lock it to work on it.
    pub(super) fn of(&self, host: &HostId, user: &Arc<str>, now: Timestamp) -> Arc<AsyncMutex<Session>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            // Those that nobody works on; what is lost is a login.
            known.retain(|_, slot| Arc::strong_count(&slot.session) > 1);
        }
        let slot = known
            .entry((host.clone(), Arc::clone(user)))
            .or_insert_with(|| Slot { session: Arc::default(), used_at: now });
        slot.used_at = now;
        Arc::clone(&slot.session)
    }

    /// Forgets every user of a host, whose address or access changed.
    pub(super) fn forget_host(&self, host: &HostId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _), _| of != host);
    }

    /// Takes out the log-ins that nobody has used for a while, to be logged out.
    pub(super) fn take_idle(&self, now: Timestamp) -> Vec<UserClient> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = Vec::new();
        known.retain(|_, slot| {
            let is_idle = now.duration_since(slot.used_at).unsigned_abs() >= IDLE;
            if is_idle
                && Arc::strong_count(&slot.session) == 1
                && let Ok(mut session) = slot.session.try_lock()
            {
                idle.extend(session.login.take());
                return false;
            }
            true
        });
        idle
    }
}
