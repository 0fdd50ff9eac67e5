//! Hosts: the upstream deployments.

use std::time::Duration;

use crate::{BaseUrl, HostId, StoredSecret};

/// What a host can do for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// A sub2api deployment: relay and admin API.
    Sub2api,
    /// Any OpenAI-compatible server: relay only.
    OpenAi,
}

impl HostKind {
    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sub2api => "sub2api",
            Self::OpenAi => "openai",
        }
    }
}

/// How we may act as an administrator of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminAccess {
    /// `admin_key`: sent as `x-api-key` to the host's admin API.
    Key(StoredSecret),
    /// `login`: an administrator's e-mail and password.
    Login {
        /// The administrator's e-mail address.
        email: String,
        /// The administrator's password.
        password: StoredSecret,
    },
}

/// One upstream deployment (spec §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `host_id`.
    pub id: HostId,
    /// What the host can do.
    pub kind: HostKind,
    /// Where it is.
    pub base_url: BaseUrl,
    /// Whether loopback, private and other special addresses may be reached (spec §10).
    pub allow_private: bool,
    /// A disabled host serves nothing.
    pub enabled: bool,
    /// Admin access, when it was given.
    pub admin: Option<AdminAccess>,
    /// The shared gateway key for routes with `credential = "host_key"`.
    pub gateway_key: Option<StoredSecret>,
    /// Whether it is asked for the usage of a stream (`stream_options.include_usage`)
    /// when the client does not ask: a few servers refuse what they do not know.
    pub ask_usage: bool,
}

/// How long a host keeps its own sticky session (sub2api-host-api.md §5.1); a
/// longer TTL of ours would point at a prompt cache that is gone.
pub const HOST_STICKY_TTL: Duration = Duration::from_hours(1);
