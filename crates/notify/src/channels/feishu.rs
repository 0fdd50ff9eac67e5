//! A group bot of Feishu, or of Lark: a text message to its webhook, signed when
//! the bot asks for it (签名校验). Documented at
//! <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>.

use serde_json::{Value, json};

use super::robot::{self, Robot};
use super::{Answer, HttpRequest, HttpService, Notice, Outcome};
use crate::fields::Fields;
use crate::message::{in_json, shorten_by};
use crate::signature;

/// A bot takes bodies of 20 KB: so much of it is the text, as JSON.
const MAX_TEXT: usize = 16_000;

/// A group bot.
#[derive(Clone)]
pub struct Feishu(Robot);

redacted!(Feishu);

impl Feishu {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        Self(Robot::read(fields, allow_private))
    }
}

impl HttpService for Feishu {
    /// The request. The signature is good for an hour, so each attempt has its own.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        // A text may hold tags, and `<at user_id="all">` in the words of a host
        // would call everybody.
        let text = shorten_by(&notice.message.text().replace('<', "＜"), MAX_TEXT, in_json);
        let mut body = json!({ "msg_type": "text", "content": { "text": text } });
        if let Some(secret) = &self.0.secret {
            let timestamp = notice.now.as_second();
            body["timestamp"] = timestamp.to_string().into();
            body["sign"] = signature::feishu(timestamp, secret.expose()).into();
        }
        HttpRequest { url: self.0.url.clone(), headers: Vec::new(), body: body.to_string() }
    }

    /// `code` 0 is well; an old bot says `StatusCode` instead, and some answers
    /// hold both, of which then `code` counts.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        let names = |body: &Value| {
            if body["code"].is_null() { ("StatusCode", "StatusMessage") } else { ("code", "msg") }
        };
        // More than 100 a minute or 5 a second; 9499 is said of bad requests too.
        robot::judge(answer, names, |code, reason| match code {
            11_232 | 11_233 => true,
            9499 => reason.contains("too many"),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{ok, target, wire, with_notice};
    use crate::{Language, Message, Phase};

    fn bot(secret: Option<&str>) -> Feishu {
        let url = "https://open.feishu.cn/open-apis/bot/v2/hook/2f4d6a";
        let Target::Feishu(bot) = target(json!({"type": "feishu", "url": url, "secret": secret})) else {
            panic!("a bot")
        };
        bot
    }

    #[test]
    fn the_request_is_a_text_message_with_the_signature_in_the_body() {
        let request = |secret| with_notice(Phase::Firing, Language::Chinese, |notice| bot(secret).request(notice));
        insta::assert_snapshot!(wire(&request(Some("demo"))));
        assert!(!request(None).body.contains("sign"), "no secret, no signature");
    }

    #[test]
    fn the_words_of_a_host_call_nobody() {
        let request = with_notice(Phase::Firing, Language::English, |notice| {
            let message = Message { title: "<at user_id=\"all\">".into(), ..notice.message.clone() };
            bot(None).request(Notice { message: &message, ..notice })
        });
        assert!(!request.body.contains('<') && request.body.contains("＜at"), "{}", request.body);
    }

    // The documented answers are judged in tests/notify/payloads.rs.
    #[test]
    fn a_reason_is_the_services_code_and_words() {
        let judge = |body: &str| bot(None).judge(&ok(body));
        let both = judge(r#"{"StatusCode":0,"StatusMessage":"success","code":19024,"msg":"Key Words Not Found"}"#);
        assert_eq!(both, Outcome::refused("code 19024: Key Words Not Found"), "`code` counts");
        assert_eq!(judge(r#"{"StatusCode":19024,"StatusMessage":"?"}"#), Outcome::refused("code 19024: ?"));
    }
}
