//! Logical groups: what a customer is given.

use std::time::Duration;

use crate::{GroupId, Limits, Ratio, Scope};

/// Stickiness of a group's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// What a binding is keyed by.
    pub scope: Scope,
    /// How long a binding outlives its last use.
    pub ttl: Duration,
}

impl Default for Sticky {
    /// By conversation, for as long as hosts keep theirs (spec §4).
    fn default() -> Self {
        Self { scope: Scope::Conversation, ttl: crate::host::HOST_STICKY_TTL }
    }
}

/// When a conversation that had to move returns to its best route (spec §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failback {
    /// It stays where it went for as long as the binding lives.
    Never,
    /// After [`Failback::IDLE`] without a request: its prompt cache is cold by then.
    #[default]
    Idle,
    /// One TTL after the move, however busy it is.
    Ttl,
}

impl Failback {
    /// Idle time after which a moved conversation may return.
    pub const IDLE: Duration = Duration::from_mins(10);

    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Idle => "idle",
            Self::Ttl => "ttl",
        }
    }
}

/// What becomes of a stream whose client has left (spec §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// The upstream request is dropped, and the host stops working for nobody.
    #[default]
    Drop,
    /// It is read on for its usage, which comes at the end, for so long at most.
    Drain(Duration),
}

impl OnDisconnect {
    /// How long a stream is read on when nobody says.
    pub const DRAIN_LIMIT: Duration = Duration::from_secs(30);

    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Drain(_) => "drain",
        }
    }

    /// How long a stream is read on, if at all.
    pub fn drain_limit(self) -> Option<Duration> {
        match self {
            Self::Drop => None,
            Self::Drain(limit) => Some(limit),
        }
    }
}

/// A named pool with public model names (spec §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `logical_group_id`.
    pub id: GroupId,
    /// A disabled group serves nothing.
    pub enabled: bool,
    /// Stickiness.
    pub sticky: Sticky,
    /// When moved conversations return.
    pub failback: Failback,
    /// Whether a request that timed out may go to another route; the host may bill both.
    pub retry_on_timeout: bool,
    /// What becomes of a stream whose client has left.
    pub on_disconnect: OnDisconnect,
    /// What all its consumers together may use.
    pub limits: Limits,
    /// What its consumers pay, as a share of the list price.
    pub price_ratio: Ratio,
}

impl Group {
    /// A group with every default.
    pub fn new(id: GroupId) -> Self {
        Self {
            id,
            enabled: true,
            sticky: Sticky::default(),
            failback: Failback::default(),
            retry_on_timeout: true,
            on_disconnect: OnDisconnect::default(),
            limits: Limits::default(),
            price_ratio: Ratio::ONE,
        }
    }
}
