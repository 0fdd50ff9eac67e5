//! What one host can do, found out by its behavior and never read off its
//! version: forks number as they like. A value to be stored and shown; what could
//! not be found out is unknown, which is not no.

use http::HeaderValue;
use relay_domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::IdempotencyKey;
use super::error::{AdminError, Barrier};
use super::subscriptions::{Assignment, AssignmentConflict, Subscription};

/// Longest idempotency key that a host takes.
const MAX_IDEMPOTENCY_KEY: usize = 128;

/// Whether a host can do something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// Not found out.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Support {
    /// Whether it is known that it can.
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    fn or(self, earlier: Self) -> Self {
        if self == Self::Unknown { earlier } else { self }
    }
}

/// What assigning does when there is a subscription already (sub2api-host-api.md
/// §3.2). Learned from answers, because finding out would mean to assign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssignSemantics {
    /// Refused, whatever its state: an expired one has to be extended.
    Refuses,
    /// Returned as it is, or refused when days or notes differ. Not seen to renew an expired one.
    Returns,
    /// As `Returns`, and an expired one is renewed.
    Renews,
    /// Not seen yet.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Why the admin API lets us do nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Obstacle {
    /// [`AdminError::as_str`].
    pub label: String,
    /// The error in words.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl From<&AdminError> for Obstacle {
    fn from(error: &AdminError) -> Self {
        Self { label: error.as_str().to_owned(), message: error.to_string(), remedy: error.remedy().to_owned() }
    }
}

/// Whether users can log in and make keys, as we do on their behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SelfService {
    /// Whether a user without two-factor login can.
    pub possible: Support,
    /// What is in the way, [`Barrier::TwoFactor`] of single users included.
    pub barriers: Vec<Barrier>,
}

/// What one host can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Capabilities {
    /// When it was found out.
    pub probed_at: Timestamp,
    /// What the host calls its version. A hint for people.
    #[schema(required)]
    pub version: Option<String>,
    /// Why the admin API let us do nothing; `None` when it did.
    #[schema(required)]
    pub obstacle: Option<Obstacle>,
    /// An administrator has to accept terms before the admin API works.
    pub compliance_gate: Support,
    /// Sessions can be renewed without a password.
    pub refresh_tokens: Support,
    /// Revoked subscriptions are kept and can be restored.
    pub soft_revoke: Support,
    /// An administrator can bind a key to another group.
    pub key_rebind: Support,
    /// An administrator can make keys for users; some forks.
    pub admin_key_creation: Support,
    /// `Idempotency-Key` makes a repeated write the same write.
    pub idempotency: Support,
    /// A key can tell its multipliers.
    pub key_billing: Support,
    /// Live load and availability.
    pub ops: Support,
    /// Capacity in use, per group.
    pub capacity_summary: Support,
    /// Neither subscriptions nor money are checked.
    pub simple_mode: Support,
    /// Largest page of a list.
    #[schema(required)]
    pub page_cap: Option<u32>,
    /// What assigning does to an existing subscription.
    pub assign: AssignSemantics,
    /// Whether users can make keys.
    pub self_service: SelfService,
}

impl Capabilities {
    /// Whether a `*` at the end of a mapped model's name stands for what follows. Asking would cost an upstream request;
    /// hosts learned it two days after they learned to renew sessions (7 and 5 February 2026).
    pub fn honors_wildcards(&self) -> bool {
        self.refresh_tokens != Support::No
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            probed_at: Timestamp::UNIX_EPOCH,
            version: None,
            obstacle: None,
            compliance_gate: Support::Unknown,
            refresh_tokens: Support::Unknown,
            soft_revoke: Support::Unknown,
            key_rebind: Support::Unknown,
            admin_key_creation: Support::Unknown,
            idempotency: Support::Unknown,
            key_billing: Support::Unknown,
            ops: Support::Unknown,
            capacity_summary: Support::Unknown,
            simple_mode: Support::Unknown,
            page_cap: None,
            assign: AssignSemantics::Unknown,
            self_service: SelfService::default(),
        }
    }
}

impl Capabilities {
    /// Fills what this probe could not find out from an earlier one.
    #[must_use]
    pub fn or_earlier(mut self, earlier: &Self) -> Self {
        for (now, then) in [
            (&mut self.compliance_gate, earlier.compliance_gate),
            (&mut self.refresh_tokens, earlier.refresh_tokens),
            (&mut self.soft_revoke, earlier.soft_revoke),
            (&mut self.key_rebind, earlier.key_rebind),
            (&mut self.admin_key_creation, earlier.admin_key_creation),
            (&mut self.idempotency, earlier.idempotency),
            (&mut self.key_billing, earlier.key_billing),
            (&mut self.ops, earlier.ops),
            (&mut self.capacity_summary, earlier.capacity_summary),
            (&mut self.simple_mode, earlier.simple_mode),
        ] {
            *now = now.or(then);
        }
        self.page_cap = self.page_cap.or(earlier.page_cap);
        if self.assign == AssignSemantics::Unknown {
            self.assign = earlier.assign;
        }
        if self.self_service.possible == Support::Unknown {
            self.self_service = earlier.self_service.clone();
        }
        self
    }

    /// Learns from an assignment. `before` is the subscription of that user and
    /// group as it was read just before.
    pub fn learn_assign(&mut self, before: Option<&Subscription>, outcome: &Assignment, now: Timestamp) {
        let Some(before) = before else { return };
        let seen = match outcome {
            Assignment::Exists(AssignmentConflict::AlreadyExists) => AssignSemantics::Refuses,
            Assignment::Subscription(after) if after.id != before.id => return,
            Assignment::Subscription(after) if !before.is_live_at(now) && after.is_live_at(now) => {
                AssignSemantics::Renews
            }
            Assignment::Subscription(_) | Assignment::Exists(_) => AssignSemantics::Returns,
        };
        let is_weaker = seen == AssignSemantics::Returns && self.assign == AssignSemantics::Renews;
        // A living row that is returned says nothing about expired ones.
        if !(is_weaker && before.is_live_at(now)) {
            self.assign = seen;
        }
    }

    /// Learns from a failed login or key creation what settings did not say.
    pub fn learn_self_service(&mut self, error: &AdminError) {
        let Some(barrier) = error.barrier() else { return };
        let service = &mut self.self_service;
        match barrier {
            Barrier::Captcha | Barrier::BackendMode => service.possible = Support::No,
            Barrier::TwoFactor => {}
            Barrier::Compliance | Barrier::SessionBinding | Barrier::StepUp => return,
        }
        if !service.barriers.contains(&barrier) {
            service.barriers.push(barrier);
        }
    }

    /// A name for one write, so that its repetition is the same write; `None`
    /// where hosts ignore it, or when it has not 1 to 128 visible ASCII characters. Hosts keep it for
    /// 24 h, and one name space for all users: put user and purpose into it.
    pub fn idempotency_key(&self, name: &str) -> Option<IdempotencyKey> {
        let is_legal =
            (1..=MAX_IDEMPOTENCY_KEY).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_legal || !self.idempotency.is_yes() {
            return None;
        }
        HeaderValue::try_from(name).ok().map(IdempotencyKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-06-01T00:00:00Z";
    const LIVE: &str = "2026-07-01T00:00:00Z";
    const PAST: &str = "2026-05-01T00:00:00Z";

    fn row(id: i64, end: &str) -> Subscription {
        let text =
            format!("{{\"id\":{id},\"user_id\":1,\"group_id\":1,\"status\":\"active\",\"expires_at\":\"{end}\"}}");
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    fn check(known: AssignSemantics, before: Option<&str>, outcome: &Assignment, expected: AssignSemantics) {
        let mut capabilities = Capabilities { assign: known, ..Capabilities::default() };
        let before = before.map(|end| row(1, end));
        capabilities.learn_assign(before.as_ref(), outcome, NOW.parse().unwrap());
        assert_eq!(capabilities.assign, expected);
    }

    #[test]
    fn what_assigning_does_is_learned_from_answers() {
        use AssignSemantics::{Refuses, Renews, Returns, Unknown};
        let got = |id, end| Assignment::Subscription(Box::new(row(id, end)));
        let exists = Assignment::Exists;
        check(Unknown, Some(LIVE), &exists(AssignmentConflict::AlreadyExists), Refuses);
        check(Unknown, Some(LIVE), &exists(AssignmentConflict::Notes), Returns);
        check(Unknown, Some(LIVE), &got(1, LIVE), Returns);
        check(Unknown, Some(PAST), &got(1, LIVE), Renews);
        check(Unknown, Some(PAST), &got(1, PAST), Returns);
        // A race, a first assignment and a new row say nothing.
        check(Unknown, None, &exists(AssignmentConflict::AlreadyExists), Unknown);
        check(Unknown, None, &got(1, LIVE), Unknown);
        check(Unknown, Some(LIVE), &got(2, LIVE), Unknown);
        // What was seen of an expired row outlives what is seen of a living one, and an upgrade is noticed.
        check(Renews, Some(LIVE), &got(1, LIVE), Renews);
        check(Renews, Some(PAST), &got(1, PAST), Returns);
        check(Refuses, Some(PAST), &got(1, LIVE), Renews);
    }

    #[test]
    fn unknown_is_not_no() {
        let earlier = Capabilities {
            key_rebind: Support::Yes,
            ops: Support::No,
            page_cap: Some(1000),
            assign: AssignSemantics::Renews,
            ..Capabilities::default()
        };
        let now = Capabilities { ops: Support::Yes, probed_at: NOW.parse().unwrap(), ..Capabilities::default() };
        let merged = now.or_earlier(&earlier);
        assert_eq!((merged.key_rebind, merged.ops, merged.page_cap), (Support::Yes, Support::Yes, Some(1000)));
        assert_eq!((merged.assign, merged.probed_at), (AssignSemantics::Renews, NOW.parse().unwrap()));
    }

    #[test]
    fn it_is_stored_as_json_and_survives_fields_that_come_and_go() {
        let capabilities = Capabilities {
            probed_at: NOW.parse().unwrap(),
            soft_revoke: Support::Yes,
            self_service: SelfService { possible: Support::No, barriers: vec![Barrier::BackendMode] },
            ..Capabilities::default()
        };
        let text = serde_json::to_string(&capabilities).unwrap();
        assert!(text.contains("\"soft_revoke\":\"yes\"") && text.contains("\"barriers\":[\"backend_mode\"]"), "{text}");
        assert_eq!(serde_json::from_str::<Capabilities>(&text).unwrap(), capabilities);
        let sparse: Capabilities = serde_json::from_str("{\"ops\":\"perhaps\",\"new\":1}").unwrap();
        assert_eq!(sparse, Capabilities::default());
    }

    #[test]
    fn an_idempotency_key_is_given_only_where_it_counts() {
        let mut capabilities = Capabilities::default();
        assert_eq!(capabilities.idempotency_key("ensure:1"), None);
        capabilities.idempotency = Support::Yes;
        assert!(capabilities.idempotency_key("ensure:1").is_some());
        for illegal in ["", "with space", "ümlaut", &"x".repeat(129)] {
            assert_eq!(capabilities.idempotency_key(illegal), None, "{illegal}");
        }
    }
}
