//! What the control plane says of findings, excluded routes, hosts, acts and events, in Chinese.
//!
//! Those texts are made where they are found, in English: the API answers them, and the log keeps them. A page in
//! Chinese shows them through these tables. `{}` in the English stands for any text, `{0}` in the Chinese for the first of
//! those, which is looked up itself in turn. A test reads the sources that make the texts, and fails for
//! one that no table has.

mod access;
mod acts;
mod deliveries;
mod findings;
mod gateway;
mod hosts;
mod reasons;
mod refusals;

/// An English text with its Chinese.
type Line = (&'static str, &'static str);

/// A text of ours in Chinese; one that no table has, such as a host's own words, as it is.
pub fn in_chinese(text: &str) -> String {
    let found = TABLES.iter().flat_map(|table| table.iter()).filter_map(|line| Found::of(line, text));
    match found.max_by_key(|found| found.fixed) {
        Some(found) => found.filled(),
        None => text.to_owned(),
    }
}

/// A finding or fault with its subject before it: `host "tokyo": base_url is …`.
pub fn line_in_chinese(line: &str) -> String {
    match line.split_once(": ") {
        Some((subject, message)) => format!("{}：{}", in_chinese(subject), in_chinese(message)),
        None => in_chinese(line),
    }
}

/// Labels of the tokens that the product makes itself. Those that people gave stay as they are.
const LABELS: [Line; 2] = [("first start", "首次启动"), ("environment", "初始 token（环境变量）")];

/// The label of a token, in Chinese.
pub fn label_in_chinese(label: &str) -> &str {
    LABELS.iter().find(|(english, _)| *english == label).map_or(label, |(_, chinese)| chinese)
}

/// The label that [`label_in_chinese`] says so, for whoever looks for what they read.
pub fn label_of_chinese(said: &str) -> &str {
    LABELS.iter().find(|(_, chinese)| *chinese == said).map_or(said, |(english, _)| english)
}

const TABLES: [&[Line]; 8] = [
    reasons::LINES,
    findings::LINES,
    refusals::LINES,
    acts::LINES,
    hosts::LINES,
    access::LINES,
    deliveries::LINES,
    gateway::LINES,
];

/// A part of one word is a name, and names stay as they are. Of a list each item is translated, if all of them can be.
fn part_in_chinese(part: &str) -> String {
    if !part.contains(' ') {
        return part.to_owned();
    }
    let items: Vec<(&str, String)> = part.split(", ").map(|item| (item, in_chinese(item))).collect();
    if items.len() > 1 && items.iter().all(|(item, chinese)| item != chinese) {
        return items.into_iter().map(|(_, chinese)| chinese).collect::<Vec<_>>().join("、");
    }
    in_chinese(part)
}

/// A line that a text has the form of.
struct Found<'t> {
    chinese: &'static str,
    /// What stands where the line leaves it open.
    parts: Vec<&'t str>,
    /// Bytes that the line itself says, without what it leaves open: of two lines that fit the one that says more is
    /// meant.
    fixed: usize,
}

impl<'t> Found<'t> {
    fn of(&(english, chinese): &'static Line, text: &'t str) -> Option<Self> {
        let mut pieces = english.split("{}");
        let mut rest = text.strip_prefix(pieces.next()?)?;
        let mut parts = Vec::new();
        let mut pieces = pieces.peekable();
        while let Some(piece) = pieces.next() {
            let at = match (piece, pieces.peek()) {
                (piece, None) => rest.len().checked_sub(piece.len()).filter(|_| rest.ends_with(piece))?,
                (piece, Some(_)) => rest.find(piece)?,
            };
            parts.push(&rest[..at]);
            rest = &rest[at + piece.len()..];
        }
        let fixed = english.len() - 2 * parts.len();
        rest.is_empty().then_some(Self { chinese, parts, fixed })
    }

    fn filled(&self) -> String {
        let mut text = self.chinese.to_owned();
        for (number, part) in self.parts.iter().enumerate() {
            text = text.replace(&format!("{{{number}}}"), &part_in_chinese(part));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Where the texts are made.
    const SOURCES: [&str; 67] = [
        "../routing/src/eligibility.rs",
        "../routing/src/credential.rs",
        "src/catalog.rs",
        "src/fleet_document/lint.rs",
        "../notify/src/channels/bark.rs",
        "../notify/src/channels/email.rs",
        "../notify/src/channels/telegram.rs",
        "../notify/src/channels/robot.rs",
        "../notify/src/channels/webhook.rs",
        "../notify/src/channels/wecom.rs",
        "src/binding_list.rs",
        "src/diff.rs",
        "src/expected.rs",
        "src/fleet_health.rs",
        "src/generations.rs",
        "src/keys.rs",
        "src/notifications/mod.rs",
        "src/page.rs",
        "src/playground.rs",
        "src/publication.rs",
        "src/records.rs",
        "src/sessions.rs",
        "src/tokens.rs",
        "src/edit/error.rs",
        "src/edit/mod.rs",
        "src/explain/planned_again.rs",
        "src/explain/hypothetical.rs",
        "src/hosts/drift.rs",
        "src/hosts/key_quotas.rs",
        "src/hosts/mod.rs",
        "src/hosts/models.rs",
        "src/hosts/probe.rs",
        "src/hosts/reconcile.rs",
        "src/hosts/sync.rs",
        "src/hosts/watch.rs",
        "src/managed/operate.rs",
        "src/managed/saga/mod.rs",
        "src/managed/saga/retire.rs",
        "../hosts/src/client.rs",
        "../hosts/src/connector.rs",
        "../hosts/src/endpoint.rs",
        "../hosts/src/managed.rs",
        "../hosts/src/admin/envelope.rs",
        "../hosts/src/admin/error.rs",
        "../hosts/src/admin/refusal.rs",
        "../store/src/error.rs",
        "../notify/src/sender.rs",
        "../notify/src/transport.rs",
        "../notify/src/channels/feishu.rs",
        "../notify/src/channels/mod.rs",
        "../gateway/src/admit.rs",
        "../gateway/src/answer.rs",
        "../gateway/src/error.rs",
        "../gateway/src/limit_fields.rs",
        "../gateway/src/models.rs",
        "../gateway/src/reshape.rs",
        "../gateway/src/run.rs",
        "../gateway/src/stream.rs",
        "../gateway/src/surface/envelope.rs",
        "src/managed/fault.rs",
        "src/managed/groups.rs",
        "src/managed/saga/check.rs",
        "src/managed/saga/group.rs",
        "src/managed/saga/key.rs",
        "src/managed/saga/room.rs",
        "src/managed/saga/subscription.rs",
        "src/managed/saga/user.rs",
    ];

    /// Literals of those that nobody reads: examples of values, names of products, what an `expect` says, parts that are
    /// only shown inside another text, what is put together of parts that other tests say, lines of our own log, and what
    /// services answer.
    const NOT_SAID: [&str; 43] = [
        "Relay Manager",
        "it is an address",
        "no message can be made: {error}",
        "the answer is not Telegram's",
        "HTTP {status}: {}",
        "{noun} \"{id}\"",
        "{count} {what}",
        "our address",
        "published a fleet",
        "there is no {noun} \"{id}\"",
        "there is a {noun} \"{id}\" already; choose another {}, or change that one",
        "{noun} \"{id}\" is referred to by {}; remove that first, or pass cascade=true",
        "{noun} \"{id}\" has been changed since it was read; read it again and repeat the change on that",
        "Edit({} \"{}\")",
        "{verb} {noun} \"{}\"",
        "{verb} {} {noun}s",
        "the host does not speak",
        "it was already tried",
        "it is drained",
        "it is over its limit",
        "{kind} {prefix}",
        "watched a host",
        "a host was not watched",
        "an event was not recorded",
        "old keys were not deleted; it is tried again",
        "old keys were deleted to make room for one more",
        "Bearer {}",
        "404 page not found",
        "Backend mode",
        "rate limit exceeded",
        "gave up a notification",
        "application/json; charset=utf-8",
        "{text}: {words}",
        "{}: {error}",
        "{name}: {value}n",
        "POST {}n{}n{body:#}",
        "no route is merely left alone",
        "an attempt failed",
        "no other candidate is tried",
        "group {id} is not on the host any more{surely}",
        "cannot open the database {}",
        "the database {} has schema {found}, newer than the {known} this version knows; start the version that wrote it, or restore a backup made before the upgrade",
        "the master key does not fit the database {}: it was sealed with key {sealed_with}, the key given is {given}; set RELAY_MANAGER_MASTER_KEY or the master key file to the one used before",
    ];

    /// The texts between quotes in a source, without its tests and comments.
    fn literals(source: &str) -> Vec<String> {
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        let mut found = Vec::new();
        let mut characters = code.chars().peekable();
        let mut open: Option<String> = None;
        while let Some(character) = characters.next() {
            match (character, &mut open) {
                ('"', None) => open = Some(String::new()),
                ('"', Some(_)) => found.extend(open.take()),
                ('\\', Some(text)) => match characters.next() {
                    Some('\n') => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                    Some(escaped) => text.push(escaped),
                    None => {}
                },
                ('\'', None) if characters.peek() == Some(&'"') => {
                    characters.next();
                }
                (character, Some(text)) => text.push(character),
                _ => {}
            }
        }
        found
    }

    /// As it would be shown: each `{…}` some text. `{{`, and a brace before a blank or a quote, are braces.
    fn shown(literal: &str) -> String {
        let text = literal.replace("{{", "\u{1}").replace("}}", "\u{2}");
        let mut shown = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            shown.push_str(before);
            rest = match after.split_once('}') {
                Some((_, after_part)) if !after.starts_with([' ', '"']) => {
                    shown.push_str("xyz");
                    after_part
                }
                _ => {
                    shown.push('{');
                    after
                }
            };
        }
        (shown + rest).replace('\u{1}', "{").replace('\u{2}', "}")
    }

    #[test]
    fn every_text_that_is_shown_as_it_was_made_is_said_in_chinese() {
        let mut missing = Vec::new();
        let mut read = 0;
        for source in SOURCES {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
            for literal in literals(&fs::read_to_string(&path).unwrap()) {
                let is_said = literal.trim().contains(' ') && literal.chars().any(|c| c.is_ascii_lowercase());
                if !is_said || NOT_SAID.contains(&literal.as_str()) {
                    continue;
                }
                read += 1;
                let text = shown(&literal);
                if in_chinese(&text) == text {
                    missing.push(format!("{source}: {literal}"));
                }
            }
        }
        assert!(missing.is_empty(), "{missing:#?}");
        assert!(read > 120, "the texts are not where this test looks: {read}");
    }

    /// Their verb and noun are put in where the summary is made.
    #[test]
    fn every_edit_is_said_in_chinese() {
        for verb in ["made", "changed", "removed"] {
            for noun in ["host", "group", "route", "key"] {
                for text in [format!("{verb} {noun} \"a b\""), format!("{verb} 3 {noun}s")] {
                    assert_ne!(in_chinese(&text), text);
                }
            }
        }
    }

    #[test]
    fn both_sides_of_a_line_have_the_same_parts() {
        for (english, chinese) in TABLES.iter().flat_map(|table| table.iter()) {
            let parts = english.matches("{}").count();
            let is_whole = (0..parts).all(|number| chinese.contains(&format!("{{{number}}}")));
            assert!(is_whole && !chinese.contains(&format!("{{{parts}}}")), "{english} / {chinese}");
            assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{english} / {chinese}");
        }
    }

    #[test]
    fn parts_are_put_where_chinese_has_them_and_are_translated_themselves() {
        for (english, chinese) in [
            ("it is cooling down until 2026-11-26T10:00:00Z", "冷却中，至 2026-11-26T10:00:00Z"),
            ("upstream said no", "upstream said no"),
            (
                "host \"tokyo\" is referred to by route \"a\", route \"b\", 3 more; remove that first, or pass cascade=true",
                "主机 “tokyo” 仍被引用：路由 “a”、路由 “b”、另外 3 项；请先删除引用",
            ),
            (
                "cannot connect to the host: client error (Connect): tcp connect error: Connection refused (os error 111)",
                "无法连接主机：TCP 连接错误：连接被拒绝（系统错误 111）",
            ),
        ] {
            assert_eq!(in_chinese(english), chinese);
        }
        let line =
            line_in_chinese("host \"tokyo\": base_url is http://, so keys and prompts cross the network in clear");
        assert_eq!(line, "主机 “tokyo”：base_url 使用 http://，key 和提示词会在网络上明文传输");
    }
}
