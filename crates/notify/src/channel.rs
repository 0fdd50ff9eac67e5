//! A channel: where notifications go, by which rules, in which language. Its
//! settings come as one flat object, and are kept as what anybody may read and
//! what nobody may.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use relay_domain::{Secret, Timestamp};
use relay_store::notification::NotificationChannel;
use serde_json::{Map, Value, json};

use crate::channels::Target;
use crate::fields::{Fault, Fields};
use crate::quiet_hours::QuietHours;
use crate::rules::DEFAULT_REPEAT;
use crate::{Kind, Language, Rules, Severity, Wrong};

/// Reminders more often than this would be noise.
const LEAST_REPEAT: Duration = Duration::from_mins(5);

/// Longest id: it stands in paths, tables and logs.
const MAX_ID: usize = 64;

/// A channel, ready to be used.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its id.
    pub id: String,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// What it is told, and when.
    pub rules: Rules,
    /// In which language.
    pub language: Language,
    /// Whether its server may have a private address (spec §10).
    pub allow_private: bool,
    /// The service, with all it needs.
    pub target: Target,
}

/// Names of settings that are secrets: a URL that whoever knows it may post to
/// is one.
fn secret_names(kind: &str) -> &'static [&'static str] {
    match kind {
        "webhook" | "dingtalk" | "feishu" => &["url", "secret"],
        "wecom" => &["url"],
        "telegram" => &["bot_token"],
        "bark" => &["device_key"],
        "email" => &["password"],
        _ => &[],
    }
}

impl Channel {
    /// Reads what an operator wrote: `id`, `type`, `enabled` and the settings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(members: Map<String, Value>) -> Result<Self, Vec<Fault>> {
        let mut fields = Fields::new(members);
        let id = fields.required("id");
        let is_safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if id.len() > MAX_ID || !id.bytes().all(is_safe) {
            fields.fault("id", Wrong::Id(MAX_ID));
        }
        let kind = fields.required("type");
        let enabled = fields.flag("enabled", true);
        let allow_private = fields.flag("allow_private", false);
        let language = fields.parsed("language", str::parse).unwrap_or_default();
        let rules = read_rules(&mut fields);
        let target = Target::read(&kind, &mut fields, allow_private);
        fields.finish()?;
        let Some(target) = target else { return Err(Vec::new()) };
        Ok(Self { id, enabled, rules, language, allow_private, target })
    }

    /// The channel of a record.
    ///
    /// # Errors
    /// When the record is not what this version writes.
    pub fn of(record: &NotificationChannel) -> Result<Self, Vec<Fault>> {
        Self::read(members(record))
    }
}

fn read_rules(fields: &mut Fields) -> Rules {
    let kinds = fields.texts("events").map(|names| {
        let kinds = names
            .into_iter()
            .filter_map(|name| name.parse::<Kind>().map_err(|_| fields.fault("events", Wrong::Event(name))).ok());
        kinds.collect()
    });
    let least = fields.parsed("min_severity", str::parse).unwrap_or(Severity::Info);
    let repeat = fields.parsed("repeat", |text| match humantime::parse_duration(text) {
        Ok(repeat) if repeat >= LEAST_REPEAT => Ok(repeat),
        _ => Err(Wrong::Repeat),
    });
    let zone = fields.parsed("time_zone", |name| TimeZone::get(name).map_err(|_| Wrong::Zone));
    let quiet = fields.take("quiet_hours").and_then(|value| read_quiet_hours(&value, fields));
    Rules { kinds, least, repeat: repeat.unwrap_or(DEFAULT_REPEAT), quiet, zone: zone.unwrap_or(TimeZone::UTC) }
}

/// `{"from": "23:00", "to": "08:00"}`.
fn read_quiet_hours(value: &Value, fields: &mut Fields) -> Option<QuietHours> {
    let time = |name: &str| value.get(name)?.as_str()?.parse::<Time>().ok();
    let is_whole = value.as_object().is_some_and(|members| members.len() == 2);
    let hours = time("from").zip(time("to")).filter(|_| is_whole);
    let hours = hours.and_then(|(from, to)| QuietHours::new(from, to));
    if hours.is_none() {
        fields.fault("quiet_hours", Wrong::QuietHours);
    }
    hours
}

/// A record as the flat object it was read from, secrets in the clear.
pub fn members(record: &NotificationChannel) -> Map<String, Value> {
    let mut members = record.settings.as_object().cloned().unwrap_or_default();
    members.insert("id".into(), record.id.as_str().into());
    members.insert("type".into(), record.kind.as_str().into());
    members.insert("enabled".into(), record.enabled.into());
    for (name, secret) in &record.secrets {
        members.insert(name.clone(), secret.expose().into());
    }
    members
}

/// The record of what an operator wrote and [`Channel::read`] took.
pub fn record(mut members: Map<String, Value>, at: Timestamp) -> NotificationChannel {
    let mut text = |name: &str| match members.shift_remove(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        _ => String::new(),
    };
    let (id, kind) = (text("id"), text("type"));
    let mut secrets = BTreeMap::new();
    for name in secret_names(&kind) {
        if let Some(secret) = Some(text(name)).filter(|secret| !secret.is_empty()) {
            secrets.insert((*name).to_owned(), Secret::new(&secret));
        }
    }
    let enabled = members.shift_remove("enabled") != Some(Value::Bool(false));
    members.retain(|_, value| !value.is_null());
    NotificationChannel { id, kind, enabled, settings: Value::Object(members), secrets, created_at: at, updated_at: at }
}

/// A record for whoever may look: its settings, and of each secret only that it
/// is there. Of a secret URL the server is shown, to tell channels apart.
pub fn view(record: &NotificationChannel) -> Map<String, Value> {
    let mut view = Map::new();
    view.insert("id".into(), record.id.as_str().into());
    view.insert("type".into(), record.kind.as_str().into());
    view.insert("enabled".into(), record.enabled.into());
    view.extend(record.settings.as_object().cloned().unwrap_or_default());
    for (name, secret) in &record.secrets {
        let shown = match url::Url::parse(secret.expose()) {
            Ok(url) if name == "url" => format!("{}/…", url.origin().ascii_serialization()),
            _ => "stored".to_owned(),
        };
        view.insert(name.clone(), shown.into());
    }
    view.insert("created_at".into(), json!(record.created_at));
    view.insert("updated_at".into(), json!(record.updated_at));
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("an object") };
        members
    }

    fn dingtalk() -> Map<String, Value> {
        object(json!({
            "id": "ops", "type": "dingtalk", "url": "https://oapi.dingtalk.com/robot/send?access_token=canary-1",
            "secret": "SEC-canary-2", "language": "zh-CN", "events": ["host_down", "panic_mode"], "min_severity": "warning",
            "repeat": "4h", "time_zone": "Asia/Shanghai", "quiet_hours": {"from": "23:00", "to": "08:00"},
        }))
    }

    #[track_caller]
    fn faults(members: Value) -> Vec<String> {
        let faults = Channel::read(object(members)).expect_err("it has faults");
        faults.into_iter().map(|fault| format!("{} {}", fault.field, fault.wrong)).collect()
    }

    #[test]
    fn settings_survive_being_kept() {
        let kept = record(dingtalk(), Timestamp::UNIX_EPOCH);
        assert_eq!(kept.secrets.keys().collect::<Vec<_>>(), ["secret", "url"]);
        assert!(!kept.settings.to_string().contains("canary"), "{}", kept.settings);
        let read = Channel::of(&kept).unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", Channel::read(dingtalk()).unwrap()));
        assert_eq!((read.rules.repeat, read.rules.least), (Duration::from_hours(4), Severity::Warning));
    }

    #[test]
    fn a_view_and_a_debug_text_hold_no_secret() {
        let kept = record(dingtalk(), Timestamp::UNIX_EPOCH);
        let view = Value::Object(view(&kept)).to_string();
        assert!(view.contains("https://oapi.dingtalk.com/…") && view.contains(r#""secret":"stored""#), "{view}");
        let debug = format!("{:?} {kept:?}", Channel::of(&kept).unwrap());
        assert!(!view.contains("canary") && !debug.contains("canary"), "{view} {debug}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let told = faults(json!({
            "id": "Ops 1", "type": "dingtalk", "url": "http://10.0.0.1/robot", "events": ["host_down", "weather"],
            "repeat": "1s", "time_zone": "Mars", "quiet_hours": {"from": "8"}, "min_severity": "loud", "colour": "red",
            "allow_private": "yes", "language": "fr", "secret": 7,
        }));
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn a_type_that_nobody_knows_is_a_fault_and_not_a_crash() {
        assert_eq!(
            faults(json!({"id": "a", "type": "pager"})),
            ["type must be one of webhook, dingtalk, feishu, wecom, telegram, bark, email"]
        );
        assert_eq!(faults(json!({"id": "a"})), ["type is required"]);
    }

    #[test]
    fn each_service_needs_its_own_settings() {
        for (kind, needed) in [
            ("webhook", "url is required|secret is required"),
            ("wecom", "url is required"),
            ("telegram", "bot_token is required|chat_id is required"),
            ("bark", "device_key is required"),
            ("email", "smtp_host is required|from is required|to is required"),
        ] {
            assert_eq!(faults(json!({"id": "a", "type": kind})).join("|"), needed, "{kind}");
        }
    }
}
