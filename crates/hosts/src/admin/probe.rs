//! Finding out what a host can do without changing anything on it.
//!
//! Routers look for a route before anything looks for a credential, so a call
//! without one tells a missing route (plain 404) from an existing one (401). That is read only when a
//! path that no host has gives the plain 404: a proxy that answers everything itself
//! would otherwise pass for a very capable host.

use http::{HeaderValue, Method};
use relay_domain::{Secret, Timestamp};
use serde::de::IgnoredAny;
use serde_json::json;

use super::call::{Call, IdempotencyKey, Identity};
use super::capabilities::{Capabilities, Obstacle, SelfService, Support};
use super::client::AdminClient;
use super::codes;
use super::error::{AdminError, Barrier};
use super::pace::Lane;
use super::paging::Page;
use super::settings::PublicSettings;
use super::users::User;

/// Asked for to see what a host makes of it.
const LARGE_PAGE: u32 = 1000;

/// The cap of hosts that make nothing of it.
const SMALL_CAP: u32 = 100;

impl AdminClient {
    /// Finds out what the host can do; `now` is noted with it. With a gateway key of the host a little
    /// more can be found out. About a dozen calls; nothing is changed, but newer hosts note one
    /// refused call in their audit log.
    ///
    /// # Errors
    /// When the host does not answer as a sub2api host at all. A host that answers and does not let us in is a
    /// result, with an [`Obstacle`]; so is one that fails in between, with much unknown.
    pub async fn probe(&self, gateway_key: Option<&Secret>, now: Timestamp) -> Result<Capabilities, AdminError> {
        let settings = self.public_settings().await?;
        let mut found =
            Capabilities { probed_at: now, self_service: self_service(&settings), ..Capabilities::default() };
        found.version = settings.version;
        self.probe_routes(&mut found).await;
        self.probe_with_access(&mut found).await;
        self.probe_with_key(gateway_key, &mut found).await;
        Ok(found)
    }

    /// What exists, asked without a credential.
    async fn probe_routes(&self, found: &mut Capabilities) {
        let nobody = |method: Method, path: &str| Call::new(Identity::Nobody, method, format!("/api/v1/{path}"));
        if self.has_route(&nobody(Method::GET, "admin/no-host-has-this")).await != Support::No {
            return;
        }
        found.compliance_gate = self.has_route(&nobody(Method::GET, "admin/compliance")).await;
        let refresh = nobody(Method::POST, "auth/refresh").with(&json!({})).lane(Lane::Login);
        found.refresh_tokens = self.has_route(&refresh).await;
        found.soft_revoke = self.has_route(&nobody(Method::POST, "admin/subscriptions/0/revoke")).await;
        found.key_rebind = self.has_route(&nobody(Method::PUT, "admin/api-keys/0")).await;
        found.admin_key_creation = self.has_route(&nobody(Method::POST, "admin/users/0/api-keys")).await;
        found.ops = self.has_route(&nobody(Method::GET, "admin/ops/concurrency")).await;
        found.key_billing = self.has_route(&Call::get(Identity::Nobody, "/v1/sub2api/billing")).await;
    }

    async fn has_route(&self, call: &Call<'_>) -> Support {
        match self.data::<IgnoredAny>(call).await {
            Err(AdminError::NoRoute { .. }) => Support::No,
            Err(AdminError::Credential(refusal)) if refusal.code == codes::UNAUTHORIZED => Support::Yes,
            Err(AdminError::Refused(refusal)) if refusal.code == codes::API_KEY_REQUIRED => Support::Yes,
            // A body without the refresh token.
            Err(AdminError::Refused(refusal)) if refusal.status == 400 => Support::Yes,
            _ => Support::Unknown,
        }
    }

    /// What takes the admin access to find out, and whether it is good.
    async fn probe_with_access(&self, found: &mut Capabilities) {
        // A page beyond every list: what counts is the size that the host says it used.
        let call = Call::get(Identity::Admin, "/api/v1/admin/groups?page=100000").query("page_size", Some(LARGE_PAGE));
        match self.data::<Page<IgnoredAny>>(&call).await {
            Ok(page) => found.page_cap = Some(if page.page_size == LARGE_PAGE { LARGE_PAGE } else { SMALL_CAP }),
            Err(error) => {
                found.obstacle = Some(Obstacle::from(&error));
                return;
            }
        }
        found.capacity_summary = match self.group_capacities().await {
            Ok(_) => Support::Yes,
            // Taken for the id of a group.
            Err(AdminError::Refused(refusal)) if refusal.status == 400 => Support::No,
            Err(AdminError::NoRoute { .. }) => Support::No,
            Err(_) => Support::Unknown,
        };
        found.idempotency = self.minds_idempotency_keys().await;
        if self.has_login() {
            found.simple_mode = self.runs_simple().await;
        }
    }

    /// Told to a session only: an admin key has no business outside `/api/v1/admin`.
    async fn runs_simple(&self) -> Support {
        match self.data(&Call::get(Identity::Admin, "/api/v1/auth/me")).await {
            Ok(User { run_mode: Some(mode), .. }) if mode == "simple" => Support::Yes,
            Ok(User { run_mode: Some(_), .. }) => Support::No,
            _ => Support::Unknown,
        }
    }

    /// Extends a subscription that cannot exist, with an idempotency key that is
    /// too long: who minds them refuses the key, and who does not finds no subscription.
    async fn minds_idempotency_keys(&self) -> Support {
        let too_long = IdempotencyKey(HeaderValue::from_static(TOO_LONG));
        let path = "/api/v1/admin/subscriptions/0/extend";
        let call = Call::post(Identity::Admin, path, &json!({"days": 1})).once(Some(&too_long));
        match self.data::<IgnoredAny>(&call).await {
            Err(error) if error.code() == Some(codes::IDEMPOTENCY_KEY_INVALID) => Support::Yes,
            Err(error) if error.code() == Some(codes::SUBSCRIPTION_NOT_FOUND) => Support::No,
            _ => Support::Unknown,
        }
    }

    async fn probe_with_key(&self, key: Option<&Secret>, found: &mut Capabilities) {
        let Some(key) = key else { return };
        match self.key_billing(key).await {
            Ok(_) => (found.key_billing, found.simple_mode) = (Support::Yes, Support::No),
            Err(AdminError::Refused(refusal)) if refusal.status == 404 => {
                (found.key_billing, found.simple_mode) = (Support::Yes, Support::Yes);
            }
            Err(_) => {}
        }
    }
}

/// 129 characters.
const TOO_LONG: &str = "relay-manager-asks-whether-idempotency-keys-are-read-here-and-makes-this-one-too-long-by-one-character-so-that-it-must-be-refused";

fn self_service(settings: &PublicSettings) -> SelfService {
    let mut barriers = Vec::new();
    if settings.backend_mode_enabled == Some(true) {
        barriers.push(Barrier::BackendMode);
    }
    if settings.wants_captcha() {
        barriers.push(Barrier::Captcha);
    }
    // A host too old to know a barrier does not have it.
    SelfService { possible: if barriers.is_empty() { Support::Yes } else { Support::No }, barriers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_idempotency_key_of_the_probe_is_one_too_long() {
        assert_eq!(TOO_LONG.len(), 129);
    }

    #[test]
    fn settings_tell_what_keeps_users_out() {
        let of = |json: &str| self_service(&serde_json::from_str(json).unwrap());
        assert_eq!(of("{}"), SelfService { possible: Support::Yes, barriers: vec![] });
        assert_eq!(of("{\"totp_enabled\":true,\"turnstile_enabled\":false}").possible, Support::Yes);
        let closed = of("{\"backend_mode_enabled\":true,\"aliyun_captcha_enabled\":true}");
        assert_eq!(closed.barriers, [Barrier::BackendMode, Barrier::Captcha]);
        assert_eq!(closed.possible, Support::No);
    }
}
