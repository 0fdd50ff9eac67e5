//! The settings of a channel as a form: which fields each service has, and what they become
//! (docs/notifications.md).

use relay_control::view::Fields;
use serde_json::{Value, json};

use crate::form;
use crate::words::{Language, words};

words! {
    /// Labels and hints.
    FieldWords {
        url => "Webhook URL" / "Webhook 地址";
        url_hint => "Whoever knows it may post: it is kept sealed, and only its server is shown." / "知道该地址即可发送消息，因此加密保存，页面只显示服务器部分。";
        secret => "Secret" / "密钥";
        secret_optional => "Secret (optional)" / "签名密钥（可选）";
        secret_optional_hint => "When the robot asks for a signature." / "机器人开启签名校验时填写。";
        secret_hint => "Signs each message; see the documentation of notifications for how to check it." / "用于对每条消息签名，校验方法见通知文档。";
        bot_token => "Bot token" / "机器人 token";
        chat_id => "Chat ID" / "会话 ID";
        base_url => "Server" / "服务器地址";
        base_url_hint => "Only for a server of your own." / "仅在使用自建服务器时填写。";
        device_key => "Device key" / "设备 key";
        smtp_host => "SMTP server" / "SMTP 服务器";
        smtp_port => "Port" / "端口";
        smtp_port_hint => "Empty: 465, 587 or 25, by the encryption." / "留空则按加密方式取 465、587 或 25。";
        tls => "Encryption" / "加密方式";
        username => "User" / "用户名";
        password => "Password" / "密码";
        from => "From" / "发件人";
        to => "To" / "收件人";
        to_hint => "Addresses with commas between them." / "多个地址用逗号分隔。";
        dingtalk => "DingTalk" / "钉钉";
        feishu => "Feishu / Lark" / "飞书 / Lark";
        wecom => "WeCom" / "企业微信";
        email => "E-mail" / "电子邮件";
        stays => "Stays as it is when left empty." / "留空则保持不变。";
    }
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Secret,
    List,
    Choice(&'static [&'static str]),
}

type Label = fn(FieldWords) -> &'static str;

/// A field of a service.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) label: Label,
    pub(super) hint: Option<Label>,
}

const fn spec(name: &'static str, kind: Kind, label: Label, hint: Option<Label>) -> Spec {
    Spec { name, kind, label, hint }
}

const URL: Spec = spec("url", Kind::Secret, FieldWords::url, Some(FieldWords::url_hint));
const BASE_URL: Spec = spec("base_url", Kind::Text, FieldWords::base_url, Some(FieldWords::base_url_hint));
const WEBHOOK: &[Spec] = &[URL, spec("secret", Kind::Secret, FieldWords::secret, Some(FieldWords::secret_hint))];
const ROBOT: &[Spec] =
    &[URL, spec("secret", Kind::Secret, FieldWords::secret_optional, Some(FieldWords::secret_optional_hint))];
const WECOM: &[Spec] = &[URL];
const TELEGRAM: &[Spec] = &[
    spec("bot_token", Kind::Secret, FieldWords::bot_token, None),
    spec("chat_id", Kind::Text, FieldWords::chat_id, None),
    BASE_URL,
];
const BARK: &[Spec] = &[spec("device_key", Kind::Secret, FieldWords::device_key, None), BASE_URL];
const EMAIL: &[Spec] = &[
    spec("smtp_host", Kind::Text, FieldWords::smtp_host, None),
    spec("tls", Kind::Choice(&["tls", "starttls", "none"]), FieldWords::tls, None),
    spec("smtp_port", Kind::Number, FieldWords::smtp_port, Some(FieldWords::smtp_port_hint)),
    spec("username", Kind::Text, FieldWords::username, None),
    spec("password", Kind::Secret, FieldWords::password, None),
    spec("from", Kind::Text, FieldWords::from, None),
    spec("to", Kind::List, FieldWords::to, Some(FieldWords::to_hint)),
];

/// The services that carry messages.
pub(super) const SERVICES: [&str; 7] = ["dingtalk", "feishu", "wecom", "telegram", "bark", "email", "webhook"];

/// What a service is called.
pub(super) fn service_name(language: Language, service: &str) -> &'static str {
    let t = FieldWords(language);
    match service {
        "dingtalk" => t.dingtalk(),
        "feishu" => t.feishu(),
        "wecom" => t.wecom(),
        "telegram" => "Telegram",
        "bark" => "Bark",
        "email" => t.email(),
        _ => "Webhook",
    }
}

/// The fields of a service; none for a word that is none.
pub(super) fn specs(service: &str) -> &'static [Spec] {
    match service {
        "webhook" => WEBHOOK,
        "dingtalk" | "feishu" => ROBOT,
        "wecom" => WECOM,
        "telegram" => TELEGRAM,
        "bark" => BARK,
        "email" => EMAIL,
        _ => &[],
    }
}

/// All that a channel can be told of.
pub(super) const EVENTS: [&str; 10] = [
    "host_down",
    "credential_dead",
    "balance_low",
    "price_changed",
    "subscription_expiring",
    "key_expiring",
    "drift",
    "log_stalled",
    "panic_mode",
    "budget_reached",
];

/// What a form says, as the API takes it. What was emptied is `null`, and a secret that was left empty is left out.
pub(super) fn read(service: &str, form: &form::Fields) -> Fields {
    let mut fields = Fields::new();
    for spec in specs(service) {
        let value = match (spec.kind, form.text(spec.name)) {
            (Kind::Secret, None) => continue,
            (_, None) => Value::Null,
            (Kind::Number, Some(text)) => text.parse::<u64>().map_or(Value::String(text), Value::from),
            (Kind::List, Some(text)) => {
                text.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty()).collect()
            }
            (_, Some(text)) => Value::String(text),
        };
        fields.insert(spec.name.to_owned(), value);
    }
    if service == "email" && form.text("username").is_none() && form.text("password").is_none() {
        fields.insert("password".to_owned(), Value::Null);
    }
    let events: Vec<&str> = EVENTS.into_iter().filter(|event| form.flag(&format!("event.{event}"))).collect();
    // All of them is what nobody has said anything about: those of later versions, too.
    fields.insert("events".to_owned(), if events.len() == EVENTS.len() { Value::Null } else { json!(events) });
    for name in ["min_severity", "repeat", "time_zone", "language"] {
        fields.insert(name.to_owned(), form.text(name).map_or(Value::Null, Value::String));
    }
    let quiet = match (form.text("quiet_from"), form.text("quiet_to")) {
        (None, None) => Value::Null,
        (from, to) => json!({ "from": from, "to": to }),
    };
    fields.insert("quiet_hours".to_owned(), quiet);
    for name in ["enabled", "allow_private"] {
        fields.insert(name.to_owned(), Value::Bool(form.flag(name)));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, form: &str) -> Fields {
        read(service, &form::Fields::parse(form.as_bytes()))
    }

    #[test]
    fn what_was_emptied_goes_back_to_its_default_and_a_secret_stays() {
        let every: String = EVENTS.map(|event| format!("event.{event}=1&")).concat();
        let fields = of("dingtalk", &format!("{every}repeat=4h&quiet_from=23:00&quiet_to=08:00&enabled=1"));
        let expected = json!({
            "events": null, "min_severity": null, "repeat": "4h", "time_zone": null, "language": null,
            "quiet_hours": { "from": "23:00", "to": "08:00" }, "enabled": true, "allow_private": false,
        });
        assert_eq!(Value::Object(fields), expected);
        let fields = of("email", "smtp_host=m.example&smtp_port=2525&to=a@b.c,+d@e.f&event.drift=1&quiet_from=23:00");
        assert_eq!((&fields["smtp_port"], &fields["to"]), (&json!(2525), &json!(["a@b.c", "d@e.f"])));
        assert_eq!((&fields["events"], &fields["password"]), (&json!(["drift"]), &Value::Null), "no user, no password");
        assert_eq!(fields["quiet_hours"], json!({ "from": "23:00", "to": null }), "half of it is refused by name");
    }
}
