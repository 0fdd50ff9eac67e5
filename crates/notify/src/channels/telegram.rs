//! A Telegram bot: `sendMessage` to a chat. Documented at
//! <https://core.telegram.org/bots/api#sendmessage>.

use std::time::Duration;

use relay_domain::Secret;
use serde_json::json;
use url::Url;

use super::{Answer, HttpRequest, HttpService, Notice, Outcome, by_status, coded};
use crate::fields::Fields;
use crate::message::shorten_by;
use crate::{Severity, Wrong};

/// Characters, whether the service counts them as such or by the units of UTF-16 in which it counts elsewhere.
const MAX_TEXT: usize = 4096;

/// Where bots are, unless a server of the operator's own is named.
const SERVER: &str = "https://api.telegram.org";

/// A bot and the chat it writes to.
#[derive(Clone)]
pub struct Telegram {
    server: Url,
    token: Secret,
    chat: String,
}

redacted!(Telegram);

impl Telegram {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        let token = fields.secret("bot_token");
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
        if !token.expose().bytes().all(is_token) {
            fields.fault("bot_token", Wrong::BotToken);
        }
        Self { server: fields.url("base_url", Some(SERVER), allow_private), token, chat: fields.required("chat_id") }
    }
}

impl HttpService for Telegram {
    /// The request. What does not matter much arrives without a sound.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        let mut url = self.server.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/bot{}/sendMessage", self.token.expose()));
        let body = json!({
            "chat_id": self.chat,
            "text": shorten_by(&notice.message.text(), MAX_TEXT, char::len_utf16),
            "link_preview_options": { "is_disabled": true },
            "disable_notification": notice.message.severity == Severity::Info,
        });
        HttpRequest { url, headers: Vec::new(), body: body.to_string() }
    }

    /// `ok` says it; the HTTP status repeats `error_code`.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        let Ok(body) = super::json(answer) else {
            return by_status(answer).unwrap_or_else(|| Outcome::retry("the answer is not Telegram's"));
        };
        if body["ok"] == true {
            return Outcome::Delivered;
        }
        let reason = coded(&body["error_code"], &body["description"]);
        match body["error_code"].as_u64() {
            Some(429 | 500..) => {
                let after = body["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
                Outcome::Retry { reason, after }
            }
            _ => Outcome::refused(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{target, wire, with_notice};
    use crate::{Language, Phase};

    fn bot(base_url: &str) -> Telegram {
        let settings = json!({
            "type": "telegram", "bot_token": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chat_id": "-1001234567890",
            "base_url": base_url,
        });
        let Target::Telegram(bot) = target(settings) else { panic!("a bot") };
        bot
    }

    #[test]
    fn the_request_calls_send_message() {
        let request = |url: &str, phase| with_notice(phase, Language::English, |notice| bot(url).request(notice));
        insta::assert_snapshot!(wire(&request("", Phase::Firing)));
        let own = request("https://bots.example/telegram/", Phase::Recovered);
        assert!(own.url.as_str().starts_with("https://bots.example/telegram/bot123456:ABC-"), "{}", own.url);
        assert!(own.body.contains(r#""disable_notification":true"#), "an end makes no sound: {}", own.body);
    }

    // The documented answers are judged in tests/notify/payloads.rs.
    #[test]
    fn a_reason_is_the_services_code_and_words() {
        let judge = |status, body: &str| bot("").judge(&Answer { status, retry_after: None, body: body.as_bytes() });
        let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
        assert_eq!(judge(403, blocked), Outcome::refused("code 403: Forbidden: bot was blocked by the user"));
        for status in [502, 200] {
            assert!(matches!(judge(status, "<html>"), Outcome::Retry { .. }), "nothing of the service's: {status}");
        }
    }
}
