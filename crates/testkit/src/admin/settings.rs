//! What a host tells of itself, and its compliance terms (sub2api-host-api.md §1.2, §2.7).

use serde_json::json;

use super::access::COMPLIANCE_VERSION;
use super::ask::{Ask, Outcome, text};
use super::envelope::refuse;
use super::panel::FakePanel;
use super::rows::Captcha;

/// What an administrator types to accept.
const PHRASE: &str = "I have read and accept the terms of this fake host";

pub(super) fn public(panel: &FakePanel, site_name: &str, version: &str) -> serde_json::Value {
    let has = |captcha| panel.captcha == Some(captcha);
    let mut data = json!({
        "registration_enabled": false, "email_verify_enabled": false, "turnstile_enabled": has(Captcha::Turnstile),
        "site_name": site_name, "version": version,
    });
    if panel.is_n() {
        data["totp_enabled"] = panel.two_factor_enabled.into();
        data["tencent_captcha_enabled"] = has(Captcha::Tencent).into();
        data["aliyun_captcha_enabled"] = has(Captcha::Aliyun).into();
        data["backend_mode_enabled"] = panel.backend_mode.into();
        data["server_timezone"] = "Asia/Shanghai".into();
    }
    data
}

pub(super) fn compliance(panel: &mut FakePanel, _: &Ask<'_>) -> Outcome {
    Ok(json!({
        "required": panel.compliance_pending, "version": COMPLIANCE_VERSION, "ack_phrase_en": PHRASE,
        "document_url_en": "https://host.example/docs/legal/admin-compliance.en.md",
    }))
}

/// A person's act, here so that a product that does it unasked is seen doing it.
pub(super) fn accept_compliance(panel: &mut FakePanel, ask: &Ask<'_>) -> Outcome {
    if text(&ask.body()?, "phrase") != Some(PHRASE) {
        return Err(refuse(400, "ADMIN_COMPLIANCE_INVALID_PHRASE", "confirmation phrase does not match"));
    }
    panel.compliance_pending = false;
    compliance(panel, ask)
}
