//! Why a grant is not there: what the request path is told, what an operator is
//! told with the remedy, and when it is worth trying again.

use std::time::Duration;

use relay_hosts::admin::{AdminError, Fault, codes};
use relay_hosts::managed::Why;
use relay_store::{Problem, StoreError};

/// Hosts do not take the same write again within this time after they refused it (sub2api-host-api.md §1.4).
const IDEMPOTENCY_BACKOFF: Duration = Duration::from_secs(5);

/// Hosts count custom keys that were taken within this time (§2.4).
const COLLISION_WINDOW: Duration = Duration::from_hours(1);

/// A job on a grant failed.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The host is not in the fleet, is disabled, or is of another kind.
    #[error("there is no enabled sub2api host of that id")]
    NoHost,
    /// The host's API failed us.
    #[error("{0}")]
    Admin(#[from] AdminError),
    /// The store failed us.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Everything answered, and somebody has to change something.
    #[error("{message}")]
    Stuck {
        /// What the request path is told.
        why: Why,
        /// One of a fixed set of names.
        code: &'static str,
        /// In words.
        message: String,
        /// What to do.
        remedy: String,
    },
    /// Everything is there and the gateway does not serve the key (yet).
    #[error("everything is there, and the host's gateway does not serve the key: {0}")]
    NotServed(String),
    /// An operator asked for something else meanwhile.
    #[error("it was asked for something else meanwhile")]
    Overtaken,
    /// The job panicked.
    #[error("a fault of Relay Manager broke the work on it off")]
    Panicked,
}

/// When to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// As soon as a failing host or store may work again.
    Soon,
    /// Not before this time has passed.
    After(Duration),
    /// When a person may have acted.
    Later,
}

impl EnsureError {
    pub(super) fn stuck(why: Why, code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Stuck { why, code, message: message.into(), remedy: remedy.into() }
    }

    /// What the request path is told.
    pub fn why(&self) -> Why {
        match self {
            Self::NoHost => Why::NoHost,
            Self::Store(_) => Why::Store,
            Self::Stuck { why, .. } => *why,
            Self::NotServed(_) => Why::Rejected,
            Self::Overtaken => Why::Host,
            Self::Panicked => Why::Internal,
            Self::Admin(error) => match error.fault() {
                Fault::Configuration => Why::NoAccess,
                Fault::Operator => Why::Barrier,
                Fault::Host | Fault::Network | Fault::Pace => Why::Host,
                Fault::Request => match error.code() {
                    Some(codes::GROUP_NOT_FOUND | codes::GROUP_NOT_SUBSCRIPTION_TYPE | codes::GROUP_NOT_ACTIVE) => {
                        Why::Group
                    }
                    Some(codes::USER_NOT_FOUND | codes::EMAIL_EXISTS) => Why::User,
                    Some(codes::GROUP_NOT_ALLOWED | codes::SUBSCRIPTION_NOT_FOUND) => Why::Subscription,
                    _ => Why::Key,
                },
            },
        }
    }

    pub(super) fn again(&self) -> Again {
        match self {
            Self::Store(StoreError::Unavailable(_)) | Self::NotServed(_) | Self::Overtaken | Self::Panicked => {
                Again::Soon
            }
            Self::NoHost | Self::Stuck { .. } | Self::Store(_) => Again::Later,
            Self::Admin(error) => match (error.retry_after(), error.is_transient()) {
                (Some(wait), _) => Again::After(wait),
                (None, true) => Again::Soon,
                // A key made before the host's caches know of the subscription.
                (None, false) if error.code() == Some(codes::GROUP_NOT_ALLOWED) => Again::Soon,
                (None, false)
                    if matches!(
                        error.code(),
                        Some(codes::IDEMPOTENCY_IN_PROGRESS | codes::IDEMPOTENCY_RETRY_BACKOFF)
                    ) =>
                {
                    Again::After(IDEMPOTENCY_BACKOFF)
                }
                (None, false) if error.code() == Some(codes::API_KEY_RATE_LIMITED) => Again::After(COLLISION_WINDOW),
                (None, false) => Again::Later,
            },
        }
    }

    /// Whether it says that the host itself fails, whatever is asked of it.
    pub(super) fn is_of_host(&self) -> bool {
        matches!(self, Self::Admin(error) if error.is_transient())
    }

    /// What an operator is told.
    pub fn problem(&self) -> Problem {
        let (code, remedy) = match self {
            Self::NoHost => ("no_host", "add the host to the fleet with kind = \"sub2api\", or enable it".to_owned()),
            Self::Admin(error) => (error.as_str(), error.remedy().to_owned()),
            Self::Store(_) => ("store", "see the server's log; it is tried again".to_owned()),
            Self::Stuck { code, remedy, .. } => (*code, remedy.clone()),
            Self::NotServed(_) => {
                ("not_served", "see the host's log of that key's requests; it is tried again".to_owned())
            }
            Self::Overtaken => ("overtaken", "nothing: it is worked on".to_owned()),
            Self::Panicked => ("internal", "report what the server's log says of it; it is tried again".to_owned()),
        };
        Problem { code: code.to_owned(), message: self.to_string(), remedy }
    }
}
