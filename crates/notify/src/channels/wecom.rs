//! A group robot of WeCom (企业微信): a text message to its webhook, whose URL is
//! the only secret. Documented at <https://developer.work.weixin.qq.com/document/path/91770>.

use serde_json::json;
use url::Url;

use super::{Answer, HttpRequest, HttpService, Notice, Outcome, robot};
use crate::fields::Fields;
use crate::message::shorten;

/// Longest text, in bytes.
const MAX_TEXT: usize = 2048;

/// A group robot.
#[derive(Clone)]
pub struct WeCom {
    url: Url,
}

redacted!(WeCom);

impl WeCom {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        Self { url: fields.url("url", None, allow_private) }
    }
}

impl HttpService for WeCom {
    /// The request.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        // `<@name>` in the words of a host would call somebody.
        let content = shorten(&notice.message.text().replace('<', "＜"), MAX_TEXT);
        let body = json!({ "msgtype": "text", "text": { "content": content } });
        HttpRequest { url: self.url.clone(), headers: Vec::new(), body: body.to_string() }
    }

    /// `errcode` 0 is well; HTTP says 200 whatever happens.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        // Busy; more than 20 messages in a minute.
        robot::judge(answer, |_| ("errcode", "errmsg"), |code, _| matches!(code, -1 | 45_009))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{ok, target, wire, with_notice};
    use crate::{Language, Message, Phase};

    fn robot() -> WeCom {
        let url = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693axxx6-7aoc";
        let Target::WeCom(robot) = target(json!({"type": "wecom", "url": url})) else { panic!("a robot") };
        robot
    }

    #[test]
    fn the_request_is_a_text_message_within_the_services_limit() {
        let request = with_notice(Phase::Firing, Language::Chinese, |notice| robot().request(notice));
        insta::assert_snapshot!(wire(&request));
        let long = with_notice(Phase::Firing, Language::Chinese, |notice| {
            let message = Message { body: "主机".repeat(2000), ..notice.message.clone() };
            robot().request(Notice { message: &message, ..notice })
        });
        let body: serde_json::Value = serde_json::from_str(&long.body).unwrap();
        let length = body["text"]["content"].as_str().unwrap().len();
        assert!((MAX_TEXT - 8..=MAX_TEXT).contains(&length), "{length}");
    }

    #[test]
    fn the_words_of_a_host_call_nobody() {
        let request = with_notice(Phase::Firing, Language::English, |notice| {
            let message = Message { title: "<@ann> <@all>".into(), ..notice.message.clone() };
            robot().request(Notice { message: &message, ..notice })
        });
        assert!(!request.body.contains('<') && request.body.contains("＜@ann"), "{}", request.body);
    }

    // The documented answers are judged in tests/notify/payloads.rs.
    #[test]
    fn a_reason_is_the_services_code_and_words() {
        let busy = robot().judge(&ok(r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#));
        assert_eq!(busy, Outcome::retry("code 45009: api freq out of limit"));
    }
}
