//! The Bark app on iOS, by its server's `POST /push`. Documented at
//! <https://github.com/Finb/bark-server/blob/master/docs/API_V2.md>.

use relay_domain::Secret;
use serde_json::json;
use url::Url;

use super::{Answer, HttpRequest, HttpService, Notice, Outcome, by_status, coded, json as read};
use crate::Severity;
use crate::fields::Fields;
use crate::message::{in_json, shorten_by};

/// Apple takes 4,096 bytes: this, the text, and what the server puts around them.
const MAX_TITLE: usize = 600;

/// See [`MAX_TITLE`].
const MAX_TEXT: usize = 2800;

/// The public server of the app.
const SERVER: &str = "https://api.day.app";

/// A device and the server that reaches it.
#[derive(Clone)]
pub struct Bark {
    server: Url,
    device_key: Secret,
}

redacted!(Bark);

impl Bark {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        Self { server: fields.url("base_url", Some(SERVER), allow_private), device_key: fields.secret("device_key") }
    }
}

/// How many bytes a character takes in what the server sends to Apple: it also escapes what HTML would read.
fn in_push(character: char) -> usize {
    match character {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        other => in_json(other),
    }
}

impl HttpService for Bark {
    /// The request. What is critical is shown through a focus mode
    /// (`timeSensitive`); `critical`, which rings through silence, is for lives.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        let mut url = self.server.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/push"));
        let level = match notice.message.severity {
            Severity::Critical => "timeSensitive",
            Severity::Warning => "active",
            Severity::Info => "passive",
        };
        let body = json!({
            "device_key": self.device_key.expose(),
            "title": shorten_by(&notice.message.title, MAX_TITLE, in_push),
            "body": shorten_by(&notice.message.body, MAX_TEXT, in_push),
            "level": level,
            "group": "Relay Manager",
        });
        HttpRequest { url, headers: Vec::new(), body: body.to_string() }
    }

    /// `code` 200 is well; the HTTP status repeats it.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        let body = match (by_status(answer), read(answer)) {
            (Some(outcome), _) | (None, Err(outcome)) => return outcome,
            (None, Ok(body)) => body,
        };
        let reason = coded(&body["code"], &body["message"]);
        match body["code"].as_u64() {
            Some(200) => Outcome::Delivered,
            Some(429 | 500..) => Outcome::retry(reason),
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

    fn device() -> Bark {
        let Target::Bark(device) = target(json!({"type": "bark", "device_key": "ynJ5Ft4atkMkWeo2PAvFhF"})) else {
            panic!("a device")
        };
        device
    }

    #[test]
    fn the_request_is_a_push_whose_level_is_the_severity() {
        let request = |phase| with_notice(phase, Language::English, |notice| device().request(notice));
        insta::assert_snapshot!(wire(&request(Phase::Firing)));
        assert!(request(Phase::Recovered).body.contains(r#""level":"passive""#));
    }

    // The documented answers are judged in tests/notify/payloads.rs.
    #[test]
    fn what_a_body_says_counts_where_the_status_says_nothing() {
        let judge = |status, body: &str| device().judge(&Answer { status, retry_after: None, body: body.as_bytes() });
        let failed = r#"{"code":500,"message":"push failed","timestamp":1795665906}"#;
        assert_eq!(judge(200, failed), Outcome::retry("code 500: push failed"));
    }
}
