//! The subscription: assigned, kept, renewed (sub2api-host-api.md §2.3, §3.2).
//!
//! There is at most one for a user and group. What is suspended, or has come to its end
//! and is not ours, is left as it is: newer hosts would renew it on assignment.

use jiff::SignedDuration;
use relay_hosts::admin::{AssignSemantics, NewSubscription, RemoteUserId, Subscription, SubscriptionStatus};
use relay_hosts::managed::Why;
use relay_store::{Severity, Step};
use serde_json::json;

use super::Saga;
use crate::managed::fault::EnsureError;
use crate::managed::sessions::HostUser;

/// Looks at a subscription before a run gives up: assigning can be overtaken, and an
/// extension of one that is long past may need a second.
const LOOKS: usize = 5;

/// Longest extension that hosts take, in days.
const MOST_DAYS: i64 = 36_500;

/// A subscription has to last so much longer, so that it does not end while the key is made.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

impl Saga<'_> {
    pub(super) async fn subscription(&mut self, user: &HostUser) -> Result<(), EnsureError> {
        for _ in 0..LOOKS {
            let row = self.read_subscription(user.id).await?;
            let Some(row) = row else {
                self.assign(user.id, None).await?;
                continue;
            };
            let now = self.now();
            let ours = self.access.tag.is_on(&row.notes);
            self.note_extension(&row);
            if row.status == SubscriptionStatus::Suspended {
                return Err(self.unusable("subscription_suspended", &row, "is suspended", "resume it"));
            }
            if row.is_live_at(now + MARGIN) {
                if ours && self.is_ending(&row) {
                    self.extend(user.id, &row).await?;
                    continue;
                }
                if self.is_ending(&row) {
                    self.tell_of_end(&row).await;
                }
                self.keep(&row, ours);
                return Ok(());
            }
            if !ours {
                let words = "has come to its end, and was not made by Relay Manager";
                return Err(self.unusable("subscription_not_ours", &row, words, "extend or revoke it"));
            }
            self.renew(user.id, &row).await?;
        }
        Err(EnsureError::stuck(
            Why::Subscription,
            "subscription_does_not_live",
            format!(
                "host \"{}\" takes every assignment and extension, and none gives a living subscription",
                self.host.id
            ),
            "see the subscription in the host's panel, and whether the host's clock is right",
        ))
    }

    /// The row of our group: the living one, or the newest.
    async fn read_subscription(&self, user: RemoteUserId) -> Result<Option<Subscription>, EnsureError> {
        let (group, now) = (self.group(), self.now());
        let rows = self.client.user_subscriptions(user).await?;
        let rows = rows.into_iter().filter(|row| row.group_id == group && row.status != SubscriptionStatus::Revoked);
        Ok(rows.max_by_key(|row| (row.is_live_at(now), row.id)))
    }

    /// An extension whose answer was lost shows in a later end.
    fn note_extension(&mut self, row: &Subscription) {
        if let Some(from) = self.grant.extending_from
            && row.expires_at.is_some_and(|end| end > from)
        {
            self.grant.extending_from = None;
        }
    }

    fn keep(&mut self, row: &Subscription, ours: bool) {
        self.grant.subscription_id = Some(row.id.0);
        self.grant.subscription_made = ours;
        self.grant.expires_at = row.expires_at;
    }

    fn is_ending(&self, row: &Subscription) -> bool {
        let ahead = SignedDuration::try_from(self.access.policy.renew_ahead).unwrap_or(SignedDuration::ZERO);
        // What is looked at a little early is renewed now rather than in an hour.
        let ahead = ahead + ahead / 7;
        row.expires_at.is_none_or(|end| end.duration_since(self.now()) <= ahead)
    }

    async fn assign(&mut self, user: RemoteUserId, before: Option<&Subscription>) -> Result<(), EnsureError> {
        self.save(Step::Subscription, &[], &[]).await?;
        let wanted = NewSubscription {
            user_id: user,
            group_id: self.group(),
            validity_days: self.access.policy.validity_days,
            notes: self.access.tag.as_str().to_owned(),
        };
        let outcome = self.client.assign(&wanted).await?;
        self.access.hosts.learn_assign(&self.host.id, before, &outcome).await;
        self.capabilities = self.access.hosts.capabilities(&self.host).await?;
        Ok(())
    }

    /// Brings one of ours back that has come to its end.
    async fn renew(&mut self, user: RemoteUserId, row: &Subscription) -> Result<(), EnsureError> {
        // Hosts of 2026 renew on assignment; others refuse, or give the row back as it is. Nobody knows before
        // it was tried, and trying it costs nothing where it does not work.
        if matches!(self.capabilities.assign, AssignSemantics::Renews | AssignSemantics::Unknown)
            && self.grant.step != Step::Extension
        {
            self.assign(user, Some(row)).await?;
            let again = self.read_subscription(user).await?;
            if again.is_some_and(|again| again.is_live_at(self.now() + MARGIN)) {
                return Ok(());
            }
        }
        self.extend(user, row).await
    }

    /// Extends, once for each end: the record of the end it counts from tells a repetition.
    async fn extend(&mut self, user: RemoteUserId, row: &Subscription) -> Result<(), EnsureError> {
        let now = self.now();
        let end = row.expires_at.unwrap_or(now);
        // The first time as if the host counts from now. One that counts from the old end leaves it past;
        // then the gap comes on top.
        let fell_short = self.grant.step == Step::Extension && self.grant.extending_from.is_none() && end <= now;
        let gap = if fell_short { now.duration_since(end).as_hours() / 24 + 1 } else { 0 };
        let days = (i64::from(self.access.policy.validity_days) + gap).min(MOST_DAYS);
        self.grant.extending_from = Some(end);
        self.save(Step::Extension, &[], &[]).await?;
        let name = format!("relay-manager:extend:{user}:{}:{}:{days}", row.id, end.as_second());
        let once = self.capabilities.idempotency_key(&name);
        let days = u32::try_from(days).unwrap_or(self.access.policy.validity_days);
        self.client.extend(row.id, days, once.as_ref()).await?;
        Ok(())
    }

    fn unusable(&self, code: &'static str, row: &Subscription, words: &str, remedy: &str) -> EnsureError {
        self.lose_key();
        let group = self.grant.name.group_id;
        let message = format!("subscription {} of group {group} on host \"{}\" {words}", row.id, self.host.id);
        EnsureError::stuck(Why::Subscription, code, message, format!("{remedy} in the host's panel"))
    }

    /// Somebody has to renew what is not ours.
    async fn tell_of_end(&self, row: &Subscription) {
        let end = row.expires_at.map(|end| end.to_string()).unwrap_or_default();
        let message = format!("subscription {} ends at {end} and was not made by Relay Manager: extend it", row.id);
        self.access
            .tell("subscription_ends", Severity::Warning, &self.grant.name, message, json!({ "expires_at": end }))
            .await;
    }
}
