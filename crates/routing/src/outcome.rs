//! How an attempt ended, in the words that the record, the walk over the candidates,
//! the breakers and the client's answer share (spec §5).
//!
//! [`classify`](crate::classify()) makes outcomes; nothing else judges an answer. What an
//! outcome means for health is said here once: its [`Effect`], and what a breaker of the
//! route or the host sees of it.

use std::time::Duration;

use crate::breaker::Seen;
use crate::{LeftBecause, Surface};

/// What is known of the work (spec §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptEnd {
    /// No byte of the request left us.
    NotSent,
    /// An answer that says that no work was done.
    Refused,
    /// The request was sent and no usable answer came: the host may have worked, and may bill.
    MaybeExecuted,
    /// A usable answer came, or began to.
    Answered,
}

impl AttemptEnd {
    /// Every end.
    pub const ALL: [Self; 4] = [Self::NotSent, Self::Refused, Self::MaybeExecuted, Self::Answered];

    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Refused => "refused",
            Self::MaybeExecuted => "maybe_executed",
            Self::Answered => "answered",
        }
    }
}

/// Who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The request itself, or its sender.
    Client,
    /// The host, or what lies behind it.
    Host,
    /// What we were told of the host: it lacks the model or the path, or its address is wrong.
    Relay,
    /// The gateway key: refused, limited or used up.
    Credential,
}

impl Fault {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Host => "host",
            Self::Relay => "relay",
            Self::Credential => "credential",
        }
    }
}

/// Whether another route may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Another {
    /// As often as the budgets allow.
    Yes,
    /// Once, and only if the group allows it (`retry_on_timeout`): the host may bill both.
    Once,
    /// No.
    No,
}

/// What an outcome does to health: the column of that name in spec §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// None: all went well, the client is to blame, or nobody can tell.
    None,
    /// None either, but the route has no room just now: a bound conversation borrows
    /// another and keeps its binding.
    Busy,
    /// The host itself failed: connecting to it, or the connection, or what came was no
    /// answer of an API.
    Host,
    /// What lies behind the route failed.
    Route,
    /// The same, and the route is to be flagged: what was configured does not lead to an API.
    RouteMisconfigured,
    /// The (route, model) is to be flagged: the host does not offer what the route
    /// promises. It is not left alone for it, since the client is to hear of it (relayed).
    Drift,
    /// The credential on that route is limited: exactly [`Outcome::wait`] long, or the
    /// learned time.
    RateLimited,
    /// The credential on that route has used up what it may use: until the window ends
    /// where [`Outcome::wait`] says so, else ten minutes.
    Quota(Quota),
    /// The credential on that route is refused. A managed one is to be ensured again.
    Refused,
    /// The host refuses every request from our address, whatever the key: exactly
    /// [`Outcome::wait`] long, or a minute.
    AddressBanned,
}

impl Effect {
    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Busy => "busy",
            Self::Host => "host",
            Self::Route => "route",
            Self::RouteMisconfigured => "route_misconfigured",
            Self::Drift => "drift",
            Self::RateLimited => "rate_limited",
            Self::Quota(_) => "quota",
            Self::Refused => "refused",
            Self::AddressBanned => "address_banned",
        }
    }
}

/// What of a credential is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Quota {
    /// Money: a balance or a bill.
    Balance,
    /// A window of five hours.
    FiveHours,
    /// A window of a day.
    Day,
    /// A window of seven days.
    Week,
    /// A window of a month.
    Month,
    /// The host does not say what.
    Unnamed,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Balance, Self::FiveHours, Self::Day, Self::Week, Self::Month, Self::Unnamed];

    /// The label used in decisions and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "balance",
            Self::FiveHours => "5h",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Unnamed => "unnamed",
        }
    }
}

/// What the client gets if nothing is left to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The host's own answer, re-shaped if it is not in the surface's error shape.
    Relayed,
    /// An error of ours, in the surface's shape. The host's text is not shown.
    Ours {
        /// HTTP status.
        status: u16,
        /// `code` of the error.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// An error event at the end of a stream that the client is already reading.
    InStream {
        /// `code` of the error.
        code: &'static str,
        /// For people.
        message: &'static str,
    },
    /// Nothing: nobody is listening.
    Nothing,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What is known of the work.
    pub end: AttemptEnd,
    /// `error_class` of the record; `None` when all went well.
    pub class: Option<&'static str>,
    /// Whose fault it is; `None` when it is nobody's.
    pub fault: Option<Fault>,
    /// Whether another route may be tried.
    pub another: Another,
    /// What it does to health.
    pub effect: Effect,
    /// What the client gets if nothing is left, on most surfaces; see [`Outcome::reply_on`].
    pub reply: Reply,
    /// How long the host asked us to wait, for `Retry-After` and cool-downs. At most
    /// an hour, except for a used-up quota.
    pub wait: Option<Duration>,
    /// The error status that the host answered with.
    pub status: Option<u16>,
}

impl Outcome {
    /// A usable answer.
    pub const ANSWERED: Self = Self {
        end: AttemptEnd::Answered,
        class: None,
        fault: None,
        another: Another::No,
        effect: Effect::None,
        reply: Reply::Relayed,
        wait: None,
        status: None,
    };

    /// Whether all went well.
    pub fn is_answered(&self) -> bool {
        self.class.is_none()
    }

    /// Why a bound route that ended so was left: what is merely busy is borrowed
    /// around, without moving the conversation.
    pub fn left_because(&self) -> LeftBecause {
        if self.effect == Effect::Busy { LeftBecause::Busy } else { LeftBecause::Failed }
    }

    /// What the client of `surface` gets if nothing is left. Anthropic's clients know
    /// 529 and back off from it in their own way, so on their surface it stays 529
    /// (spec §6); to the others it would be an unknown status.
    pub fn reply_on(&self, surface: Surface) -> Reply {
        let speaks_anthropic = matches!(surface, Surface::Messages | Surface::CountTokens);
        match self.reply {
            Reply::Ours { code, message, .. } if speaks_anthropic && self.status == Some(529) => {
                Reply::Ours { status: 529, code, message }
            }
            reply => reply,
        }
    }

    /// What the breaker of the route sees of it.
    ///
    /// Only a usable answer is a success. A refusal that blames the client or the
    /// credential comes from the host's front and says nothing of what lies behind, so
    /// it neither closes a breaker nor forgives the failures before it; it frees a
    /// probe's slot for a request that can tell. A failed connect is nothing that
    /// this route could answer for; what broke on the way counts here as well as at the
    /// host, for it may be this one route's doing.
    pub fn seen_by_route(&self) -> Seen {
        match (self.effect, self.class) {
            (_, None) => Seen::Success,
            (Effect::Host, Some(_)) if self.end == AttemptEnd::NotSent => Seen::Nothing,
            (Effect::Host | Effect::Route | Effect::RouteMisconfigured, Some(class)) => Seen::Failure(class),
            _ => Seen::Nothing,
        }
    }

    /// What the breaker of the host sees of it.
    ///
    /// Any whole answer of its API is a success, a refusal too: the host lives. A 5xx is
    /// neither, since a proxy before a dead host says it as well; when it is the host's
    /// doing its routes fail together ([`crate::siblings::host_is_to_blame`]).
    pub fn seen_by_host(&self) -> Seen {
        match (self.effect, self.class) {
            (Effect::Host, Some(class)) => Seen::Failure(class),
            (Effect::Route | Effect::RouteMisconfigured, _) => Seen::Nothing,
            _ if matches!(self.end, AttemptEnd::Refused | AttemptEnd::Answered) => Seen::Success,
            _ => Seen::Nothing,
        }
    }
}

/// `error_class` of the operator's probe (spec §3), which goes by the status alone.
pub fn status_class(status: u16) -> Option<&'static str> {
    match status {
        ..=399 => None,
        401 | 403 => Some("gateway_auth_error"),
        429 => Some("gateway_rate_limited"),
        400..502 => Some(gateway_status(status)),
        502.. => Some("gateway_5xx"),
    }
}

/// The class of this name: labels are static, and what comes from elsewhere is not.
pub fn class_named(name: &str) -> Option<&'static str> {
    const CLASSES: [&str; 11] = [
        "transport_error",
        "gateway_bad_response",
        "gateway_5xx",
        "gateway_busy",
        "gateway_rate_limited",
        "gateway_quota_exhausted",
        "gateway_auth_error",
        "error_in_stream",
        "timeout",
        "stream_idle",
        "stream_truncated",
    ];
    CLASSES.iter().chain(&BY_STATUS).find(|class| **class == name).copied()
}

/// `gateway_<status>` for 400 to 501; what is beyond counts as the nearer of them.
pub(crate) fn gateway_status(status: u16) -> &'static str {
    BY_STATUS[usize::from(status.clamp(400, 501) - 400)]
}

macro_rules! labels {
    ($($status:literal)*) => { [$(concat!("gateway_", $status)),*] };
}

/// Labels of metrics are static.
#[rustfmt::skip]
static BY_STATUS: [&str; 102] = labels![
    400 401 402 403 404 405 406 407 408 409 410 411 412 413 414 415 416 417 418 419
    420 421 422 423 424 425 426 427 428 429 430 431 432 433 434 435 436 437 438 439
    440 441 442 443 444 445 446 447 448 449 450 451 452 453 454 455 456 457 458 459
    460 461 462 463 464 465 466 467 468 469 470 471 472 473 474 475 476 477 478 479
    480 481 482 483 484 485 486 487 488 489 490 491 492 493 494 495 496 497 498 499
    500 501
];
