//! A group robot of DingTalk: a text message to its webhook, signed when the
//! robot has a signing secret (加签). Documented at
//! <https://open.dingtalk.com/document/orgapp/custom-robot-access>.

use serde_json::json;

use super::robot::{self, Robot};
use super::{Answer, HttpRequest, HttpService, Notice, Outcome, json, not_theirs};
use crate::fields::Fields;
use crate::message::{in_json, shorten_by};
use crate::signature;

/// A robot takes bodies of 20,000 bytes: so much of it is the text, as JSON.
const MAX_TEXT: usize = 16_000;

/// A group robot.
#[derive(Clone)]
pub struct DingTalk(Robot);

redacted!(DingTalk);

impl DingTalk {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        Self(Robot::read(fields, allow_private))
    }
}

impl HttpService for DingTalk {
    /// The request. The signature is good for an hour, so each attempt has its own.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        let mut url = self.0.url.clone();
        if let Some(secret) = &self.0.secret {
            let timestamp = notice.now.as_millisecond();
            let sign = signature::dingtalk(timestamp, secret.expose());
            url.query_pairs_mut().append_pair("timestamp", &timestamp.to_string()).append_pair("sign", &sign);
        }
        let content = shorten_by(&notice.message.text(), MAX_TEXT, in_json);
        let body = json!({ "msgtype": "text", "text": { "content": content } });
        HttpRequest { url, headers: Vec::new(), body: body.to_string() }
    }

    /// `errcode` 0 is well; HTTP says 200 whatever happens.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        if is_stopped_before_the_service(answer) {
            return Outcome::Retry { reason: not_theirs(answer), after: answer.retry_after };
        }
        // Busy; more than 20 messages in a minute, by two generations of their servers.
        robot::judge(answer, |_| ("errcode", "errmsg"), |code, _| matches!(code, -1 | 130_101 | 410_100))
    }
}

/// Whether the answer is that of the gateway before `DingTalk`, which stops who sends too much and knows no `errcode`.
fn is_stopped_before_the_service(answer: &Answer<'_>) -> bool {
    let body = json(answer).unwrap_or_default();
    body["errcode"].is_null() && !body["status"].is_null() && !body["punish"].is_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{ok, target, wire, with_notice};
    use crate::{Language, Phase};

    fn robot(secret: Option<&str>) -> DingTalk {
        let url = "https://oapi.dingtalk.com/robot/send?access_token=566cc69da782ec";
        let Target::DingTalk(robot) = target(json!({"type": "dingtalk", "url": url, "secret": secret})) else {
            panic!("a robot")
        };
        robot
    }

    #[test]
    fn the_request_is_a_text_message_with_the_signature_in_the_query() {
        let request = |secret| with_notice(Phase::Firing, Language::Chinese, |notice| robot(secret).request(notice));
        insta::assert_snapshot!(wire(&request(Some("SECcanary"))));
        assert!(request(None).url.as_str().ends_with("?access_token=566cc69da782ec"), "no secret, no signature");
    }

    /// A signature's `+`, `/` and `=` must reach the server as such.
    #[test]
    fn the_signature_is_encoded_once() {
        for seconds in 0..50 {
            let event_time = jiff::Timestamp::from_second(1_795_665_906 + seconds).unwrap();
            let request = with_notice(Phase::Firing, Language::English, |notice| {
                robot(Some("SEC")).request(Notice { now: event_time, ..notice })
            });
            let sign = request.url.query_pairs().find(|(name, _)| name == "sign").unwrap().1;
            assert_eq!(sign, signature::dingtalk(event_time.as_millisecond(), "SEC"));
            let query = request.url.query().unwrap().split("sign=").nth(1).unwrap();
            assert!(!query.contains(['+', '/', '=']), "{query}");
        }
    }

    // The documented answers are judged in tests/notify/payloads.rs.
    #[test]
    fn a_reason_is_the_services_code_and_words() {
        let judge = |body: &str| robot(None).judge(&ok(body));
        let refused = judge(r#"{"errcode":310000,"errmsg":"sign not match"}"#);
        assert_eq!(refused, Outcome::refused("code 310000: sign not match"));
        let stopped = judge(r#"{"status":1111,"wait":5,"source":"x5","punish":"deny"}"#);
        assert!(matches!(stopped, Outcome::Retry { .. }), "a gateway before the service says no code: {stopped:?}");
        let relayed = judge(r#"{"success":true}"#);
        let reason = r#"the answer is not the service's: {"success":true}"#;
        assert_eq!(relayed, Outcome::refused(reason), "it may have been delivered, and is not sent again");
        assert!(matches!(judge("<html>bad gateway</html>"), Outcome::Retry { .. }), "nothing of the service's");
    }
}
