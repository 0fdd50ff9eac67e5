//! What is sent and how answers are judged, held against what the services document: `tests/payloads/README.md` says where
//! each is from.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use relay_notify::channels::{Answer, HttpRequest, HttpService, Notice, Outcome, Target};
use relay_notify::{Channel, Event, Kind, Language, Message, Phase, Severity, pace, signature};
use serde_json::{Value, json};

use crate::documents::{self, Section};
use crate::support::object;

const SERVICES: [&str; 5] = ["dingtalk", "feishu", "wecom", "telegram", "bark"];

fn target(service: &str, secret: &str) -> Target {
    let settings = match service {
        "dingtalk" => json!({ "url": "https://oapi.dingtalk.io/robot/send?access_token=XXXXXX", "secret": secret }),
        "feishu" => {
            json!({ "url": "https://open.feishu.cn/open-apis/bot/v2/hook/xxxxxxxxxxxxxxxxx", "secret": secret })
        }
        "wecom" => {
            let key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa";
            json!({ "url": format!("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={key}") })
        }
        "telegram" => {
            json!({ "bot_token": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chat_id": "@channelusername" })
        }
        "bark" => {
            json!({ "device_key": "ynJ5Ft4atkMkWeo2PAvFhF", "base_url": "http://127.0.0.1:8080", "allow_private": true })
        }
        "webhook" => json!({ "url": "https://ops.example/hook", "secret": secret }),
        other => panic!("{other} is sent nothing by HTTP"),
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

fn event(severity: Severity, now: Timestamp) -> Event {
    let facts = object(json!({ "class": "transport_error" }));
    let (kind, phase) = (Kind::HostDown, Phase::Firing);
    Event { kind, phase, severity, subject: "tokyo-1".into(), facts, since: now, at: now }
}

fn request(service: &str, secret: &str, severity: Severity, now: Timestamp) -> HttpRequest {
    let event = event(severity, now);
    let message = Message::new(&event, Language::English, &TimeZone::UTC);
    of_http(&target(service, secret)).request(Notice { id: 7, event: &event, message: &message, now })
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_str(&request.body).unwrap()
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

fn is_same_type(one: &Value, other: &Value) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// Whether a table's words for a type allow the value.
fn is_of_type(words: &str, value: &Value) -> bool {
    words.split(" or ").any(|word| match word.to_ascii_lowercase().as_str() {
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        other => panic!("{other} is no type that is sent"),
    })
}

#[test]
fn what_is_sent_has_the_documented_members_with_their_types() {
    for service in SERVICES {
        let (document, rules) = (Section::of(service, "request"), documents::json(service, "rules.json"));
        let samples: Vec<_> = document.values().iter().map(members).collect();
        for severity in [Severity::Critical, Severity::Warning, Severity::Info] {
            let sent = members(&body(&request(service, "s", severity, Timestamp::UNIX_EPOCH)));
            for (path, value) in &sent {
                let shown: Vec<_> = samples.iter().filter_map(|sample| sample.get(path)).collect();
                let told = document.rows_of(path);
                assert!(!shown.is_empty() || !told.is_empty(), "{service} documents no {path}");
                assert!(
                    shown.iter().all(|like| is_same_type(value, like)),
                    "{service}: {path} is {value}, not {shown:?}"
                );
                assert!(
                    told.iter().all(|(_, kind)| is_of_type(kind, value)),
                    "{service}: {path} is {value}, not {told:?}"
                );
            }
            for path in rules["required"].as_array().unwrap() {
                assert!(sent.contains_key(path.as_str().unwrap()), "{service} requires {path}");
            }
            for (path, value) in rules["fixed"].as_object().unwrap() {
                assert_eq!(&sent[path], value, "{service}: {path}");
                assert!(samples.iter().all(|sample| &sample[path] == value), "{service}: a sample of another kind");
            }
            for (path, values) in rules["among"].as_object().into_iter().flatten() {
                assert!(values.as_array().unwrap().contains(&sent[path]), "{service}: {path} is {}", sent[path]);
                let told = values.as_array().unwrap().iter().all(|value| document.says(value.as_str().unwrap()));
                assert!(told, "{service} documents other values of {path}");
            }
        }
    }
}

/// Where a document shows the very message that we send, ours differs from it by its values alone.
#[test]
fn a_message_becomes_the_documented_sample_when_its_values_are_put_in() {
    for (service, which) in [("dingtalk", 2), ("feishu", 0), ("feishu", 1), ("feishu", 2), ("wecom", 1)] {
        let sample = &Section::of(service, "request").values()[which];
        let secret = if sample.get("sign").is_some() { "s" } else { "" };
        let mut sent = body(&request(service, secret, Severity::Info, Timestamp::UNIX_EPOCH));
        for (path, value) in members(sample) {
            let pointer = format!("/{}", path.replace('.', "/"));
            *sent.pointer_mut(&pointer).unwrap_or_else(|| panic!("{service} is not sent {path}")) = value;
        }
        assert_eq!(&sent, sample, "{service}");
    }
}

#[test]
fn messages_go_to_the_documented_address() {
    for service in SERVICES {
        let address = Section::of(service, "address");
        let documented = address.blocks()[0].trim().replace("/getMe", "/sendMessage");
        let url = request(service, "s", Severity::Info, Timestamp::UNIX_EPOCH).url;
        let (shown, signed) =
            documented.split_once("&timestamp=").map_or((documented.as_str(), false), |(url, _)| (url, true));
        let sent = url.as_str().split("&timestamp=").next().unwrap();
        assert_eq!(sent, shown, "{service}");
        assert_eq!(url.query().is_some_and(|query| query.contains("&timestamp=0&sign=")), signed, "{service}");
    }
}

#[test]
fn dingtalk_is_sent_the_documented_signature_in_the_query() {
    for vector in documents::json("dingtalk", "signature.json").as_array().unwrap() {
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
    for vector in documents::json("feishu", "signature.json").as_array().unwrap() {
        let timestamp = vector["timestamp"].as_i64().unwrap();
        let now = Timestamp::from_second(timestamp).unwrap();
        let body = body(&request("feishu", vector["secret"].as_str().unwrap(), Severity::Info, now));
        assert_eq!((&body["timestamp"], &body["sign"]), (&json!(timestamp.to_string()), &vector["sign"]));
    }
}

#[test]
fn our_own_webhook_is_as_our_document_shows_it() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/notifications.md");
    let document = std::fs::read_to_string(path).unwrap();
    let sample = document.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let sample = members(&serde_json::from_str(sample).unwrap());
    let request = request("webhook", "whsec-1", Severity::Critical, Timestamp::UNIX_EPOCH);
    let sent = members(&body(&request));
    assert_eq!(sent.keys().collect::<Vec<_>>(), sample.keys().collect::<Vec<_>>());
    assert!(sent.iter().all(|(path, value)| is_same_type(value, &sample[path])), "{sent:?}");
    let header = signature::webhook(1_795_665_906, br#"{"delivery_id":7}"#, "whsec-1");
    assert!(document.contains(&format!("X-Relay-Signature: {header}")), "{header}");
}

#[test]
fn answers_are_judged_as_they_are_documented() {
    for service in SERVICES {
        let target = target(service, "s");
        let mut seen = BTreeMap::new();
        for answer in documents::json(service, "answers.json").as_array().unwrap() {
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
                let names = ["errcode", "code", "error_code", "status"];
                let code = names.iter().find_map(|name| answer["body"][*name].as_i64()).unwrap();
                assert!(reason.contains(&code.to_string()), "{service}: the reason names the code: {reason}");
            }
            *seen.entry(means).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 3, "{service} has samples of everything that can become of a message: {seen:?}");
    }
}

/// Nothing passes for documented that no document shows, and nothing that one shows is left out.
#[test]
fn answers_are_those_of_the_documents() {
    for service in SERVICES {
        let document = Section::of(service, "answers");
        let (shown, codes) = (document.values(), document.codes());
        let answers = documents::json(service, "answers.json");
        let answers = answers.as_array().unwrap();
        for answer in answers {
            let body = &answer["body"];
            let row = format!("| {} | {} |", body["errcode"], body["errmsg"].as_str().unwrap_or_default());
            let is_documented = shown.contains(body) || document.says(&row);
            assert_eq!(answer["from"], if is_documented { "document" } else { "record" }, "{service}: {answer}");
        }
        let is_judged = |is: &dyn Fn(&Value) -> bool| answers.iter().any(|answer| is(&answer["body"]));
        assert!(shown.iter().all(|body| is_judged(&|one| one == body)), "{service} documents more: {shown:?}");
        assert!(
            codes.iter().all(|code| is_judged(&|one| one["errcode"] == *code)),
            "{service} documents more: {codes:?}"
        );
    }
}

/// Texts that are longer than any service takes, also by what becomes of their characters on the way.
const LONG: [&str; 6] = ["主机不可用", "host ", "\"\\", "<&>", "👋🏽", "\n\u{2028}"];

#[test]
fn however_much_there_is_to_say_the_documented_limits_are_kept() {
    for (service, long) in SERVICES.into_iter().flat_map(|service| LONG.map(|long| (service, long))) {
        let rules = documents::json(service, "rules.json");
        let event = event(Severity::Critical, Timestamp::UNIX_EPOCH);
        let (title, text) = (format!("[CRITICAL] {}", long.repeat(300)), long.repeat(20_000));
        let message = Message { title, body: text, severity: Severity::Critical };
        let notice = Notice { id: 7, event: &event, message: &message, now: Timestamp::UNIX_EPOCH };
        let request = of_http(&target(service, "s")).request(notice);
        let sent = members(&body(&request));
        let text = sent[rules["text"].as_str().unwrap()].as_str().unwrap();
        assert!(text.ends_with('…') && !text.contains('\u{fffd}'), "{service}: it says that there was more");
        let push = sent.get("title").map_or(0, in_push) + in_push(&text.into());
        let measures = [
            ("body_bytes", request.body.len()),
            ("text_bytes", text.len()),
            ("text_characters", text.chars().count()),
            ("push_bytes", push + AROUND_A_PUSH),
        ];
        for (limit, is) in measures {
            let Some(most) = rules[limit].as_u64().map(|most| usize::try_from(most).unwrap()) else { continue };
            assert!(is <= most, "{service}: {is} {limit} of {long:?}, {most} are documented");
            assert!(is > most / 3, "{service}: {is} {limit} of {long:?} are few where {most} are documented");
        }
    }
}

/// What Bark's server puts around title and text: their names, sound, category, group and level.
const AROUND_A_PUSH: usize = 300;

/// Its length as the server encodes it for Apple.
fn in_push(text: &Value) -> usize {
    let html = text.as_str().unwrap().matches(['<', '>', '&']).count() * 5;
    text.to_string().len() + html + text.as_str().unwrap().matches(['\u{2028}', '\u{2029}']).count() * 3
}

#[test]
fn no_channel_of_people_is_sent_more_in_a_minute_than_its_service_documents() {
    for service in SERVICES {
        let most = documents::json(service, "rules.json")["per_minute"].as_u64();
        assert!(most.is_none_or(|most| pace::MOST as u64 <= most), "{service}");
        assert!(target(service, "s").is_read_by_people(), "{service}");
    }
    assert!(pace::WINDOW >= jiff::SignedDuration::from_mins(1));
}
