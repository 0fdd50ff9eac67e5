//! An event in words: one text that a person acts on, with what happened, since
//! when and what to do.

use std::fmt::Write as _;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::wording::{self, Labels};
use crate::{Event, Phase, Severity};

/// Longest value of a fact in a text, in characters; hosts may say anything.
const MAX_FACT: usize = 300;

/// In which language a channel is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// 简体中文.
    Chinese,
}

/// No language of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be en or zh-CN")]
pub struct UnknownLanguage;

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        match text {
            "en" => Ok(Self::English),
            "zh-CN" => Ok(Self::Chinese),
            _ => Err(UnknownLanguage),
        }
    }
}

/// An event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line.
    pub title: String,
    /// The lines below it.
    pub body: String,
    /// How much it matters to be told now: the end of anything is good to know.
    pub severity: Severity,
}

impl Message {
    /// Says it.
    pub fn new(event: &Event, language: Language, zone: &TimeZone) -> Self {
        let labels = wording::labels(language);
        let words = wording::words(event.kind, language);
        let (mark, severity) = match event.phase {
            Phase::Recovered => (labels.recovered, Severity::Info),
            Phase::Firing => (labels.severity(event.severity), event.severity),
        };
        let subject = clean(&event.subject);
        let title = match language {
            Language::English => format!("[{mark}] {}: {subject}", words.title),
            Language::Chinese => format!("【{mark}】{}：{subject}", words.title),
        };
        Self { title, body: body(event, words.remedy, labels, language, zone), severity }
    }

    /// Says several at once: a line each, the gravest first. What to do stands in none of them.
    pub fn of_many(events: &[Event], language: Language, zone: &TimeZone) -> Self {
        let mut messages: Vec<Self> = events.iter().map(|event| Self::new(event, language, zone)).collect();
        messages.sort_by_key(|message| std::cmp::Reverse(message.severity));
        let severity = messages.first().map_or(Severity::Info, |message| message.severity);
        let mark = wording::labels(language).severity(severity);
        let (count, places) = (messages.len(), "`relay-manager health --troubled`, `relay-manager notify deliveries`");
        let title = match language {
            Language::English => format!("[{mark}] {count} events at once"),
            Language::Chinese => format!("【{mark}】同时发生 {count} 个事件"),
        };
        let more = match language {
            Language::English => format!("More: {places}"),
            Language::Chinese => format!("详情：{places}"),
        };
        let lines = messages.into_iter().map(|message| message.title).chain([more]);
        Self { title, body: lines.collect::<Vec<_>>().join("\n"), severity }
    }

    /// Title and body as one text.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.title, self.body)
    }
}

fn body(event: &Event, remedy: &str, labels: &Labels, language: Language, zone: &TimeZone) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{label}{}{value}", labels.colon);
    };
    line(labels.since, &time(event.since, zone));
    if event.phase == Phase::Recovered {
        line(labels.until, &time(event.at, zone));
        line(labels.lasted, &span(event.at.duration_since(event.since), labels));
    }
    // When it would have been tried again is of no interest once it is over.
    let is_of_interest = |name: &str| event.phase == Phase::Firing || name != "expected_back";
    for (name, value) in event.facts.iter().filter(|(name, _)| is_of_interest(name)) {
        line(wording::fact(name, language), &fact(value, zone));
    }
    if event.phase == Phase::Firing {
        line(labels.remedy, remedy);
    }
    text.truncate(text.trim_end().len());
    text
}

fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// To the second below a minute, to the minute below a day.
fn span(lasted: SignedDuration, labels: &Labels) -> String {
    let seconds = lasted.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let [day, hour, minute, second] = labels.units;
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}{second}"),
        (0, 0, _) => format!("{minutes}{minute}"),
        (0, ..) => format!("{hours}{hour} {minutes}{minute}"),
        _ => format!("{days}{day} {hours}{hour}"),
    }
}

fn fact(value: &Value, zone: &TimeZone) -> String {
    match value {
        Value::String(text) => text.parse::<Timestamp>().map_or_else(|_| clean(text), |at| time(at, zone)),
        Value::Array(items) => items.iter().map(|item| fact(item, zone)).collect::<Vec<_>>().join(", "),
        other => clean(&other.to_string()),
    }
}

/// Text from elsewhere on one line of bounded length.
fn clean(text: &str) -> String {
    let mut clean: String = text.chars().take(MAX_FACT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_FACT).is_some() {
        clean.push('…');
    }
    clean
}

/// `text` in at most `limit` bytes, cut between characters with an ellipsis.
pub fn shorten(text: &str, limit: usize) -> String {
    shorten_by(text, limit, char::len_utf8)
}

/// `text` in at most `limit` of what `size` says of each character, cut between characters with an ellipsis.
pub fn shorten_by(text: &str, limit: usize, size: impl Fn(char) -> usize) -> String {
    let room = limit.saturating_sub(size('…'));
    let (mut used, mut kept) = (0, 0);
    for (at, character) in text.char_indices() {
        used += size(character);
        if used > limit {
            return format!("{}…", &text[..kept]);
        }
        if used <= room {
            kept = at + character.len_utf8();
        }
    }
    text.to_owned()
}

/// How many bytes a character takes in JSON.
pub fn in_json(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Kind;

    fn event(kind: Kind, phase: Phase) -> Event {
        let facts = json!({ "class": "transport_error", "expected_back": "2026-11-26T04:02:00Z", "routes": ["gpt-a", "gpt-b"] });
        let Value::Object(facts) = facts else { panic!("an object") };
        let (since, at) = ("2026-11-26T04:00:00Z".parse().unwrap(), "2026-11-26T05:30:01Z".parse().unwrap());
        Event { kind, phase, severity: Severity::Critical, subject: "tokyo-1".into(), facts, since, at }
    }

    #[test]
    fn every_kind_is_told_in_both_languages() {
        let mut told = Vec::new();
        for language in [Language::English, Language::Chinese] {
            for kind in Kind::ALL.into_iter().chain([Kind::Test]) {
                let mut event = event(kind, Phase::Firing);
                event.facts.clear();
                told.push(Message::new(&event, language, &TimeZone::UTC).text());
            }
        }
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn the_beginning_says_what_to_do_and_the_end_how_long_it_was() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let told = [Language::English, Language::Chinese].map(|language| {
            [Phase::Firing, Phase::Recovered]
                .map(|phase| Message::new(&event(Kind::HostDown, phase), language, &zone).text())
                .join("\n\n")
        });
        insta::assert_snapshot!(told.join("\n\n"));
    }

    #[test]
    fn text_from_a_host_stays_on_its_line_and_within_bounds() {
        let mut event = event(Kind::CredentialDead, Phase::Firing);
        event.subject = "a\nWhat to do: nothing".into();
        event.facts = [("message".to_owned(), json!("x".repeat(1000)))].into_iter().collect();
        let text = Message::new(&event, Language::English, &TimeZone::UTC).text();
        assert!(text.starts_with("[CRITICAL] A key is refused: a What to do: nothing\n"), "{text}");
        assert!(text.len() < 800 && text.contains("xx…\n"), "{text}");
    }

    #[test]
    fn spans_are_rounded_as_people_do() {
        let labels = wording::labels(Language::English);
        let told = |seconds| span(SignedDuration::from_secs(seconds), labels);
        assert_eq!([told(-5), told(59), told(60), told(5_400), told(100_000)], ["0s", "59s", "1m", "1h 30m", "1d 3h"]);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shorten("主机不可用", 15), "主机不可用");
        assert_eq!(shorten("主机不可用", 14), "主机不…");
        assert!(shorten(&"主".repeat(100), 50).len() <= 50);
        assert_eq!([shorten("主机", 2), shorten("", 0)], ["…", ""], "the ellipsis alone, where nothing else fits");
    }

    #[test]
    fn a_text_is_measured_as_it_is_sent() {
        let text: String = ('\0'..='\u{7f}').chain("主机…👋\u{2028}".chars()).collect();
        for limit in 3..300 {
            let inside = serde_json::to_string(&shorten_by(&text, limit, in_json)).unwrap().len() - 2;
            assert!((limit.min(212).saturating_sub(9)..=limit).contains(&inside), "{inside} of {limit}");
        }
        assert_eq!(shorten_by("主机👋不可用", 5, char::len_utf16), "主机👋…");
    }
}
