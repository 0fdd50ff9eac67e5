//! Why a call of a host's admin or user API gave nothing usable: whose fault it
//! is, whether the host may have done the work all the same, how long to wait,
//! and what to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refusal::Refusal;
use crate::SendError;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The host was given neither `admin_key` nor `login`.
    #[error("the host has no admin_key and no login")]
    NoAccess,
    /// What was to be sent is nothing a host can take.
    #[error("{0}")]
    Unsendable(&'static str),
    /// The base URL takes no path.
    #[error("its base_url cannot be joined with a path")]
    Url(#[from] http::Error),
    /// No answer came.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// The answer broke off, or is larger than we read.
    #[error("its answer could not be read")]
    Body,
    /// Too many calls, by the host's word or by our own pace.
    #[error("it takes no more calls for {} s", wait.as_secs_f64().ceil())]
    RateLimited {
        /// Until then every call is refused.
        wait: Duration,
    },
    /// The admin key or login is not, or no longer, good.
    #[error("{0}")]
    Credential(Refusal),
    /// Only a person at the host can let us pass.
    #[error("{refusal}")]
    Barrier {
        /// What is in the way.
        barrier: Barrier,
        /// The host's words.
        refusal: Refusal,
    },
    /// The host's version has no such call.
    #[error("it has no {call}")]
    NoRoute {
        /// Method and path.
        call: String,
    },
    /// What answered is not the API of a sub2api host.
    #[error("it answered {status} with {what} instead of its admin API's JSON")]
    NotApi {
        /// HTTP status.
        status: u16,
        /// What came instead.
        what: &'static str,
    },
    /// The host understood and refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The host failed.
    #[error("{0}")]
    HostFault(Refusal),
    /// A list that goes on and on.
    #[error("its list has no end after {items} entries")]
    Endless {
        /// Entries read.
        items: usize,
    },
}

/// What only a person at the host can lift. It is reported, and never got around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Barrier {
    /// The host's compliance terms wait for an administrator (423).
    Compliance,
    /// The account has two-factor login.
    TwoFactor,
    /// Logging in needs a captcha.
    Captcha,
    /// Users may not log in or make keys themselves.
    BackendMode,
    /// The session is bound to an address or user agent that is no longer ours.
    SessionBinding,
    /// The call needs a recent two-factor confirmation.
    StepUp,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This installation: its configuration of the host.
    Configuration,
    /// Whoever runs the host, by a decision.
    Operator,
    /// The host itself: it is broken, or too old.
    Host,
    /// Whatever is between us and the host.
    Network,
    /// The pace of the calls.
    Pace,
    /// What was asked for.
    Request,
}

impl Barrier {
    /// Its name on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliance => "compliance",
            Self::TwoFactor => "two_factor",
            Self::Captcha => "captcha",
            Self::BackendMode => "backend_mode",
            Self::SessionBinding => "session_binding",
            Self::StepUp => "step_up",
        }
    }

    /// What a person has to do.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Compliance => {
                "read and accept the host's compliance terms in its own panel, as the administrator whose access is \
                 used here; Relay Manager never accepts them for you"
            }
            Self::TwoFactor => "give the host an admin_key, or a login without two-factor authentication",
            Self::Captcha => "give the host an admin_key, or switch its login captcha off",
            Self::BackendMode => {
                "switch the host's backend mode off, or make the key in its panel and let Relay Manager adopt it"
            }
            Self::SessionBinding => {
                "call the host from one stable address, switch its session binding off, or give it an admin_key"
            }
            Self::StepUp => "do this in the host's panel: it asks an administrator for a two-factor code",
        }
    }
}

impl AdminError {
    /// The name for metrics and records; one of a fixed set.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NoAccess => "no_access",
            Self::Unsendable(_) => "unsendable",
            Self::Url(_) => "url",
            Self::Send(_) => "transport",
            Self::Timeout => "timeout",
            Self::Body => "body",
            Self::RateLimited { .. } => "rate_limited",
            Self::Credential(_) => "credential",
            Self::Barrier { barrier, .. } => barrier.as_str(),
            Self::NoRoute { .. } => "no_route",
            Self::NotApi { .. } => "not_api",
            Self::Refused(_) => "refused",
            Self::HostFault(_) => "host_fault",
            Self::Endless { .. } => "endless",
        }
    }

    /// Who can mend it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NoAccess
            | Self::Url(_)
            | Self::Send(SendError::PrivateAddress)
            | Self::Credential(_)
            | Self::NotApi { .. } => Fault::Configuration,
            Self::Send(_) | Self::Timeout | Self::Body => Fault::Network,
            Self::RateLimited { .. } => Fault::Pace,
            Self::Barrier { .. } => Fault::Operator,
            Self::NoRoute { .. } | Self::HostFault(_) | Self::Endless { .. } => Fault::Host,
            Self::Unsendable(_) | Self::Refused(_) => Fault::Request,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NoAccess => "give the host an admin_key (its panel: settings, admin API key) or a login",
            Self::Unsendable(_) => "correct the value",
            Self::Url(_) => "correct base_url",
            Self::Send(SendError::PrivateAddress) => "set allow_private = true on the host, if that address is meant",
            Self::Send(_) => "see that the host runs and can be reached from here at base_url",
            Self::Timeout | Self::Body => "see whether the host, its database or a proxy before it is overloaded",
            Self::RateLimited { .. } => "nothing: calls go on after the wait",
            Self::Credential(refusal) if refusal.code == super::codes::FORBIDDEN => "use the login of an administrator",
            Self::Credential(_) => {
                "replace the admin_key or login: it is wrong, was rotated, or was never generated on the host"
            }
            Self::Barrier { barrier, .. } => barrier.remedy(),
            Self::NoRoute { .. } => "upgrade the host, or do without: its version has no such call",
            Self::NotApi { .. } => {
                "see that base_url is the address of a sub2api host itself, not of a redirect, a login page or \
                 another path of the same name, and that no proxy before it answers in its place"
            }
            Self::Refused(_) => "the host's code says what is wrong",
            Self::HostFault(_) => "see the host's log; it is asked again later",
            Self::Endless { .. } => "see whether the host ignores the page parameter",
        }
    }

    /// The host's own code, where it gave one: to be matched against [`codes`](super::codes).
    pub fn code(&self) -> Option<&str> {
        self.refusal().map(|refusal| refusal.code.as_str()).filter(|code| !code.is_empty())
    }

    /// Whether it is about what a key or subscription may cost, which proves that the key is taken.
    pub fn is_over_limit(&self) -> bool {
        const CODES: [&str; 3] = ["USAGE_LIMIT_EXCEEDED", "API_KEY_QUOTA_EXHAUSTED", "insufficient_quota"];
        matches!(self, Self::Refused(refusal) if CODES.contains(&refusal.code.as_str()))
    }

    /// Whether the host refused a key because its user has as many as it may have. No known version does; forks name it in
    /// their own ways, with these words in the code.
    pub fn is_of_key_number(&self) -> bool {
        let Self::Refused(refusal) = self else { return false };
        let code = refusal.code.to_ascii_uppercase();
        let is_of_number =
            ["LIMIT_REACHED", "LIMIT_EXCEEDED", "TOO_MANY", "MAX_"].iter().any(|word| code.contains(word));
        is_of_number && code.contains("KEY") && !code.contains("RATE")
    }

    /// What the host said, when it said something.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Credential(refusal)
            | Self::Barrier { refusal, .. }
            | Self::Refused(refusal)
            | Self::HostFault(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What is in the way, when only a person can lift it.
    pub fn barrier(&self) -> Option<Barrier> {
        match self {
            Self::Barrier { barrier, .. } => Some(*barrier),
            _ => None,
        }
    }

    /// Whether a write may have been done although no usable answer came. Read
    /// the object before the write is repeated.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Send(error) => !error.not_sent(),
            Self::Timeout | Self::Body | Self::HostFault(_) => true,
            // A gateway in between gave up on the host, or the answer was replaced on its way.
            Self::NotApi { status, .. } => !(300..500).contains(status),
            _ => false,
        }
    }

    /// Whether the same call may succeed later with nothing changed by anybody.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Send(error) => !matches!(error, SendError::PrivateAddress),
            Self::Timeout | Self::Body | Self::RateLimited { .. } | Self::HostFault(_) => true,
            Self::NotApi { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// How long to wait, when that was said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait } => Some(*wait),
            _ => None,
        }
    }
}
