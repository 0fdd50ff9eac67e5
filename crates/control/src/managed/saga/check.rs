//! Whether the gateway serves the key (sub2api-host-api.md §3.4). A 200 alone proves nothing on newer hosts.

use relay_domain::Timestamp;
use relay_hosts::admin::{AdminError, Support};
use relay_hosts::managed::Why;

use super::Saga;
use crate::managed::fault::EnsureError;

impl Saga<'_> {
    /// Asks with the key itself; answers until when its quota is used up.
    pub(super) async fn check_key(&mut self) -> Result<Option<Timestamp>, EnsureError> {
        let Some(secret) = self.key.as_ref().and_then(|key| key.secret.as_ref()) else {
            return Err(EnsureError::NotServed("there is no key".to_owned()));
        };
        let usage = match self.client.key_usage(secret).await {
            Ok(usage) => usage,
            Err(error) if error.is_over_limit() => {
                return Ok(self.now().checked_add(self.access.policy.quota_rest).ok());
            }
            Err(AdminError::Refused(refusal)) if refusal.code.starts_with("GROUP_") => {
                let message = format!("the gateway of host \"{}\" refuses the group: {refusal}", self.host.id);
                return Err(EnsureError::stuck(
                    Why::Group,
                    "group_refused",
                    message,
                    "see the group in the host's panel",
                ));
            }
            Err(AdminError::Refused(refusal)) => return Err(EnsureError::NotServed(refusal.to_string())),
            Err(error) => return Err(error.into()),
        };
        // A host in simple mode, and one that speaks of the key's own limits, leave the subscription out; that it
        // lives was read a moment ago.
        let is_silent = usage.is_of_limited_key() || self.capabilities.simple_mode == Support::Yes;
        if usage.shows_access() || (usage.is_valid && is_silent) {
            return Ok(None);
        }
        Err(EnsureError::NotServed("it answers without a living subscription".to_owned()))
    }
}
