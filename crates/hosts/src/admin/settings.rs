//! What a host tells of itself: public settings, and whether its compliance
//! terms wait for an administrator (sub2api-host-api.md §0, §1.2, §2.7).

use serde::Deserialize;

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::error::AdminError;
use super::paging::or_default;

/// Settings that a host shows to everybody. `None`: this version does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PublicSettings {
    /// A hint at best: forks number as they like, and builds from source show what a file holds.
    pub version: Option<String>,
    /// Logging in wants a captcha.
    pub turnstile_enabled: Option<bool>,
    /// Logging in wants a captcha.
    pub tencent_captcha_enabled: Option<bool>,
    /// Logging in wants a captcha.
    pub aliyun_captcha_enabled: Option<bool>,
    /// Users can set up two-factor login. It stops only those who did.
    pub totp_enabled: Option<bool>,
    /// Only administrators may log in.
    pub backend_mode_enabled: Option<bool>,
}

impl PublicSettings {
    /// Whether logging in wants a captcha of any kind.
    pub fn wants_captcha(&self) -> bool {
        [self.turnstile_enabled, self.tencent_captcha_enabled, self.aliyun_captcha_enabled].contains(&Some(true))
    }
}

/// The host's compliance terms. Accepting them is a person's attestation: there is no call for it here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Compliance {
    /// Whether the administrator whose access we use has to accept first.
    #[serde(default, deserialize_with = "or_default")]
    pub required: bool,
    /// Of the terms; another one asks again.
    #[serde(default, deserialize_with = "or_default")]
    pub version: String,
    /// Where to read them.
    #[serde(default, deserialize_with = "or_default")]
    pub document_url_en: String,
}

impl AdminClient {
    /// The public settings; no access needed.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn public_settings(&self) -> Result<PublicSettings, AdminError> {
        let call = Call::get(Identity::Nobody, "/api/v1/settings/public");
        let settings: Option<PublicSettings> = self.data(&call).await?;
        Ok(settings.unwrap_or_default())
    }

    /// The compliance terms; `None` on hosts that have none.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn compliance(&self) -> Result<Option<Compliance>, AdminError> {
        match self.data(&Call::get(Identity::Admin, "/api/v1/admin/compliance")).await {
            Err(AdminError::NoRoute { .. }) => Ok(None),
            outcome => outcome.map(Some),
        }
    }
}
