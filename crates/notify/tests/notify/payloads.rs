//! What is sent and how answers are judged, held against what the services document: `tests/payloads/README.md` says where
//! each sample is from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use relay_notify::channels::{Answer, HttpRequest, HttpService, Notice, Outcome, Target};
use relay_notify::{Channel, Event, Kind, Language, Message, Phase, Severity};
use serde_json::{Map, Value, json};

use crate::support::object;

const SERVICES: [&str; 5] = ["dingtalk", "feishu", "wecom", "telegram", "bark"];

fn documented(service: &str, file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads").join(service).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn target(service: &str, secret: &str) -> Target {
    let settings = match service {
        "dingtalk" => json!({ "url": "https://oapi.dingtalk.com/robot/send?access_token=t", "secret": secret }),
        "feishu" => json!({ "url": "https://open.feishu.cn/open-apis/bot/v2/hook/h", "secret": secret }),
        "wecom" => json!({ "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k" }),
        "telegram" => json!({ "bot_token": "123456:ABC", "chat_id": "-1001234567890" }),
        "bark" => json!({ "device_key": "aDeviceKeyOfATest" }),
        other => panic!("{other} has no format of its own"),
    };
    let mut members = object(settings);
    members.extend([("id".to_owned(), "ops".into()), ("type".to_owned(), service.into())]);
    Channel::read(members).unwrap().target
}

fn of_http(target: &Target) -> &dyn HttpService {
    match target {
        Target::Webhook(service) => service,
        Target::DingTalk(service) => service,
        Target::Feishu(service) => service,
        Target::WeCom(service) => service,
        Target::Telegram(service) => service,
        Target::Bark(service) => service,
        Target::Email(_) => panic!("e-mail does not go by HTTP"),
    }
}

fn request(service: &str, secret: &str, severity: Severity, now: Timestamp) -> HttpRequest {
    let (kind, phase) = (Kind::HostDown, Phase::Firing);
    let event = Event { kind, phase, severity, subject: "tokyo-1".into(), facts: Map::new(), since: now, at: now };
    let message = Message::new(&event, Language::English, &TimeZone::UTC);
    of_http(&target(service, secret)).request(Notice { id: 7, event: &event, message: &message, now })
}

/// The members of a message by their paths.
fn members(value: &Value) -> BTreeMap<String, Value> {
    let Value::Object(fields) = value else { return BTreeMap::from([(String::new(), value.clone())]) };
    let nested = fields.iter().flat_map(|(name, value)| {
        members(value).into_iter().map(move |(rest, value)| {
            let path = if rest.is_empty() { name.clone() } else { format!("{name}.{rest}") };
            (path, value)
        })
    });
    nested.collect()
}

#[test]
fn what_is_sent_has_the_documented_members_with_their_types() {
    for service in SERVICES {
        let document = documented(service, "request.json");
        let sample = members(&document["sample"]);
        for severity in [Severity::Critical, Severity::Warning, Severity::Info] {
            let request = request(service, "s", severity, Timestamp::UNIX_EPOCH);
            let sent = members(&serde_json::from_str(&request.body).unwrap());
            for (path, value) in &sent {
                let like = sample.get(path).unwrap_or_else(|| panic!("{service} documents no {path}"));
                let is_same = std::mem::discriminant(value) == std::mem::discriminant(like);
                assert!(is_same, "{service}: {path} is {value} where {like} is documented");
            }
            for path in document["required"].as_array().unwrap() {
                assert!(sent.contains_key(path.as_str().unwrap()), "{service} requires {path}");
            }
            for (path, value) in document["fixed"].as_object().unwrap() {
                assert_eq!(&sent[path], value, "{service}: {path}");
            }
            for (path, values) in document["among"].as_object().into_iter().flatten() {
                assert!(values.as_array().unwrap().contains(&sent[path]), "{service}: {path} is {}", sent[path]);
            }
        }
    }
}

#[test]
fn dingtalk_is_sent_the_documented_signature_in_the_query() {
    for vector in documented("dingtalk", "signature.json").as_array().unwrap() {
        let timestamp = vector["timestamp"].as_i64().unwrap();
        let now = Timestamp::from_millisecond(timestamp).unwrap();
        let url = request("dingtalk", vector["secret"].as_str().unwrap(), Severity::Info, now).url;
        let query: BTreeMap<_, _> = url.query_pairs().collect();
        assert_eq!(query["timestamp"], timestamp.to_string());
        assert_eq!(query["sign"], vector["sign"].as_str().unwrap());
    }
}

#[test]
fn feishu_is_sent_the_documented_signature_in_the_body() {
    for vector in documented("feishu", "signature.json").as_array().unwrap() {
        let timestamp = vector["timestamp"].as_i64().unwrap();
        let now = Timestamp::from_second(timestamp).unwrap();
        let body = request("feishu", vector["secret"].as_str().unwrap(), Severity::Info, now).body;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["timestamp"], &body["sign"]), (&json!(timestamp.to_string()), &vector["sign"]));
    }
}

#[test]
fn answers_are_judged_as_they_are_documented() {
    for service in SERVICES {
        let target = target(service, "s");
        let mut seen = BTreeMap::new();
        for answer in documented(service, "answers.json").as_array().unwrap() {
            let status = u16::try_from(answer["status"].as_u64().unwrap()).unwrap();
            let body = answer["body"].to_string();
            let outcome = of_http(&target).judge(&Answer { status, retry_after: None, body: body.as_bytes() });
            let (means, wait) = match &outcome {
                Outcome::Delivered => ("delivered", None),
                Outcome::Retry { after, .. } => ("retry", *after),
                Outcome::Refused { .. } => ("refused", None),
            };
            assert_eq!(answer["means"], means, "{service}, {}: {outcome:?}", answer["what"]);
            assert_eq!(answer["after_seconds"].as_u64().map(Duration::from_secs), wait, "{service}: {outcome:?}");
            if let Outcome::Retry { reason, .. } | Outcome::Refused { reason } = &outcome {
                let code = ["errcode", "code", "error_code"].iter().find_map(|name| answer["body"][*name].as_i64());
                assert!(reason.contains(&code.unwrap().to_string()), "{service}: the reason names the code: {reason}");
            }
            *seen.entry(means).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 3, "{service} has samples of everything that can become of a message: {seen:?}");
    }
}
