//! Rows of the table of spec §5, as tests compare them.

use relay_routing::outcome::Quota;
use relay_routing::{Another, AttemptEnd, Effect, Fault, Outcome, Reply};

/// All that the classifier decides but for the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) end: AttemptEnd,
    pub(crate) class: &'static str,
    pub(crate) fault: Fault,
    pub(crate) another: Another,
    pub(crate) effect: Effect,
    /// Status and code; see [`reply`].
    pub(crate) reply: (u16, &'static str),
}

pub(crate) const RELAYED: (u16, &str) = (0, "relayed");

pub(crate) fn reply(outcome: &Outcome) -> (u16, &'static str) {
    match outcome.reply {
        Reply::Relayed => RELAYED,
        Reply::Ours { status, code, .. } => (status, code),
        Reply::InStream { code, .. } => (200, code),
        Reply::Nothing => (0, "nothing"),
    }
}

#[track_caller]
pub(crate) fn assert_judgement(outcome: &Outcome, expected: Judgement, what: &str) {
    let actual = Judgement {
        end: outcome.end,
        class: outcome.class.unwrap(),
        fault: outcome.fault.unwrap(),
        another: outcome.another,
        effect: outcome.effect,
        reply: reply(outcome),
    };
    assert_eq!(actual, expected, "{what}");
}

const fn refused(class: &'static str, fault: Fault, effect: Effect, reply: (u16, &'static str)) -> Judgement {
    Judgement { end: AttemptEnd::Refused, class, fault, another: Another::Yes, effect, reply }
}

pub(crate) const UNREACHABLE: Judgement = Judgement {
    end: AttemptEnd::NotSent,
    ..refused("transport_error", Fault::Host, Effect::Host, (502, "upstream_unreachable"))
};
pub(crate) const CUT_SHORT: Judgement = Judgement {
    end: AttemptEnd::MaybeExecuted,
    ..refused("transport_error", Fault::Host, Effect::Host, (502, "upstream_bad_response"))
};
pub(crate) const FAILING: Judgement = refused("gateway_5xx", Fault::Host, Effect::Route, (502, "upstream_error"));
pub(crate) const IN_STREAM: Judgement = Judgement { class: "error_in_stream", ..FAILING };
pub(crate) const LIMITED: Judgement =
    refused("gateway_rate_limited", Fault::Credential, Effect::RateLimited, (429, "upstream_rate_limited"));
pub(crate) const BANNED: Judgement = Judgement { fault: Fault::Host, effect: Effect::AddressBanned, ..LIMITED };
pub(crate) const BUSY: Judgement = refused("gateway_busy", Fault::Host, Effect::Busy, (429, "upstream_busy"));
pub(crate) const OVERLOADED: Judgement = Judgement { reply: (503, "upstream_overloaded"), ..BUSY };
pub(crate) const AUTH: Judgement =
    refused("gateway_auth_error", Fault::Credential, Effect::Refused, (502, "upstream_auth"));
pub(crate) const WRONG_CLIENT: Judgement =
    refused("gateway_403", Fault::Client, Effect::None, (403, "upstream_client_refused"));
pub(crate) const NOT_OFFERED: Judgement =
    refused("gateway_403", Fault::Relay, Effect::Drift, (403, "upstream_not_offered"));

pub(crate) const fn quota(quota: Quota) -> Judgement {
    refused("gateway_quota_exhausted", Fault::Credential, Effect::Quota(quota), (503, "upstream_quota"))
}

/// What is relayed is either the client's own fault, and told at once, or drift.
pub(crate) const CLIENT: (Fault, Another, Effect) = (Fault::Client, Another::No, Effect::None);
pub(crate) const DRIFT: (Fault, Another, Effect) = (Fault::Relay, Another::Yes, Effect::Drift);

pub(crate) fn relayed(status: u16, (fault, another, effect): (Fault, Another, Effect)) -> Judgement {
    let class = relay_routing::outcome::status_class(status).unwrap();
    // The operator's probe goes by the status alone, and so has another class for these.
    let class = if status == 403 { "gateway_403" } else { class };
    Judgement { another, ..refused(class, fault, effect, RELAYED) }
}
