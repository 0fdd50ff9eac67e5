//! A hash of what a conversation keeps from turn to turn: model, tools, system
//! and the first user message (spec §4; field note 3).
//!
//! It must not change when a turn is added, so what clients move or make anew
//! with every request is left out: `cache_control` marks, and the billing line
//! that Claude Code writes at the head of its system prompt.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use super::members::{Members, Name};
use super::reading::text_of;

/// Claude Code's line `x-anthropic-billing-header: cc_version=…; cch=…;` is
/// another one in every request. It is a block of its own, or the first line of
/// the text.
const BILLING_LINE: &str = "\"x-anthropic-billing-header:";

/// Who says a message that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    /// Nobody knows.
    Named,
    /// The user (Google).
    UserByDefault,
}

/// What a conversation begins with.
#[derive(Default)]
pub(super) struct Opening<'a> {
    /// The contents of the leading system (or developer) messages. Claude Code
    /// has some further down as well; those come and go, and do not count.
    pub(super) system: Vec<&'a RawValue>,
    /// The content of the first user message.
    pub(super) first_user: Option<&'a RawValue>,
}

impl<'a> Opening<'a> {
    /// Reads a list of messages, or one without a list, which Google takes; `None` when it is neither.
    pub(super) fn read(messages: &'a RawValue, speaker: Speaker) -> Option<Self> {
        serde_json::Deserializer::from_str(messages.get()).deserialize_any(Messages(speaker)).ok()
    }

    fn take_in(&mut self, Message { role, content }: Message<'a>, speaker: Speaker) {
        match &*text_of(role) {
            "system" | "developer" => self.system.extend(content),
            "user" => self.first_user = content,
            "" if speaker == Speaker::UserByDefault => self.first_user = content,
            _ => {}
        }
    }
}

/// The hash for surfaces that have `messages`; nothing when there is no user
/// message, since all such requests would share one hash.
pub(super) fn of_messages(model: &str, members: &Members<'_>) -> Option<[u8; 16]> {
    let opening = Opening::read(members.messages?, Speaker::Named)?;
    StablePrefix::new(model).with(members.tools).with(members.system).with_opening(&opening)
}

/// The hash. Parts are told apart, so that none can pass for two.
pub(super) struct StablePrefix(Xxh3);

impl StablePrefix {
    pub(super) fn new(model: &str) -> Self {
        let mut prefix = Self(Xxh3::new());
        prefix.part(model.as_bytes());
        prefix
    }

    /// Takes in a value. A list is taken in as its blocks, of which a plain text
    /// counts like the text itself: clients write the same either way.
    pub(super) fn with(mut self, value: Option<&RawValue>) -> Self {
        let Some(value) = value.map(RawValue::get) else { return self };
        if let Some(text) = only_text(value) {
            self.text(text);
        } else if let Some(blocks) = Blocks::read(value) {
            self.blocks(&blocks);
        } else {
            self.text(value);
        }
        self.part(b"");
        self
    }

    /// Takes in how the conversation opens, and ends the hash; nothing when no user has spoken.
    pub(super) fn with_opening(self, opening: &Opening<'_>) -> Option<[u8; 16]> {
        let first_user = opening.first_user?;
        let prefix = opening.system.iter().fold(self, |prefix, system| prefix.with(Some(system)));
        Some(prefix.with(Some(first_user)).finish())
    }

    /// It need not resist anyone: the sticky key made of it is keyed and per consumer.
    fn finish(self) -> [u8; 16] {
        self.0.digest128().to_be_bytes()
    }

    fn blocks(&mut self, Blocks(members): &Blocks<'_>) {
        members.chunk_by(|a, b| a.block == b.block).for_each(|block| self.block(block));
    }

    fn block(&mut self, block: &[BlockMember<'_>]) {
        let member = |name: &[u8]| block.iter().find(|member| *member.name == *name).map(|member| member.value.get());
        // Google's parts tell by their members what they are.
        let is_text = block.len() == 1 || matches!(member(b"type"), Some("\"text\"" | "\"input_text\""));
        if let (true, Some(text)) = (is_text, member(b"text")) {
            return self.text(text);
        }
        for member in block {
            self.part(&member.name);
            self.part(member.value.get().as_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        let lasting = match text.strip_prefix(BILLING_LINE) {
            None => text,
            Some(line) => match line.split_once("\\n") {
                None => return,
                Some((_, rest)) => rest,
            },
        };
        self.part(lasting.as_bytes());
    }

    // The hash's code is long: laid out in each place where a part is taken in, it would be in no cache for the rarer ones.
    #[inline(never)]
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// The text of a content that is one block of text, written as most clients do; Google takes it without a list, too.
/// `None` when it is anything else, or only a parser could tell.
fn only_text(content: &str) -> Option<&str> {
    const HEADS: [&str; 3] = [r#"{"text":"#, r#"{"type":"text","text":"#, r#"{"type":"input_text","text":"#];
    let block = content.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(content);
    let text = HEADS.iter().find_map(|head| block.strip_prefix(head))?.strip_suffix('}')?;
    // Without a further quote between them, the two are those of one string.
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('"')).then_some(text)
}

/// The elements of a content or of `tools`, without their `cache_control`: that mark moves on with every turn. In one
/// list, since there are many of few members.
pub(super) struct Blocks<'a>(Vec<BlockMember<'a>>);

struct BlockMember<'a> {
    /// Which element it is of.
    block: usize,
    name: Cow<'a, [u8]>,
    value: &'a RawValue,
}

impl<'a> Blocks<'a> {
    /// `None` when the value is no list of objects.
    fn read(value: &'a str) -> Option<Self> {
        if !value.starts_with('[') {
            return None;
        }
        serde_json::Deserializer::from_str(value).deserialize_seq(List).ok()
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Blocks<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Blocks<'de>, A::Error> {
        let mut members = Vec::new();
        let mut block = 0;
        while seq.next_element_seed(Block { block, members: &mut members })?.is_some() {
            block += 1;
        }
        Ok(Blocks(members))
    }
}

/// Adds the members of one element.
struct Block<'m, 'de> {
    block: usize,
    members: &'m mut Vec<BlockMember<'de>>,
}

impl<'de> DeserializeSeed<'de> for Block<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Block<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let value = map.next_value()?;
            if *name != *b"cache_control" {
                self.members.push(BlockMember { block: self.block, name, value });
            }
        }
        Ok(())
    }
}

struct Message<'a> {
    role: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
}

/// Reads a message, as this kind of speaker has it.
struct Says(Speaker);

impl<'de> DeserializeSeed<'de> for Says {
    type Value = Message<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Message<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Says {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message<'de>, A::Error> {
        let mut message = Message { role: None, content: None };
        while let Some(Name(name)) = map.next_key()? {
            match (&*name, self.0) {
                (b"role", _) => message.role = map.next_value()?,
                (b"content", Speaker::Named) | (b"parts", Speaker::UserByDefault) => {
                    message.content = map.next_value()?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(message)
    }
}

struct Messages(Speaker);

impl<'de> Visitor<'de> for Messages {
    type Value = Opening<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of messages")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Opening<'de>, A::Error> {
        let mut opening = Opening::default();
        opening.take_in(Says(self.0).visit_map(map)?, self.0);
        Ok(opening)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Opening<'de>, A::Error> {
        let mut opening = Opening::default();
        while opening.first_user.is_none() {
            let Some(message) = seq.next_element_seed(Says(self.0))? else { return Ok(opening) };
            opening.take_in(message, self.0);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(opening)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hash(content: &str) -> [u8; 16] {
        let content: &RawValue = serde_json::from_str(content).unwrap();
        StablePrefix::new("m").with(Some(content)).finish()
    }

    #[test]
    fn a_block_of_text_counts_like_the_text_however_it_is_written() {
        let billed = r#""x-anthropic-billing-header: cch=1;\nhi""#;
        for text in [r#""hi""#, r#""""#, r#""a\\""#, r#""say \"hi\"""#, r#""\"},{\"text\":\"""#, billed] {
            for block in [
                format!(r#"{{"text":{text}}}"#),
                format!(r#"{{"type":"text","text":{text}}}"#),
                format!(r#"{{"type":"input_text","text":{text}}}"#),
                format!(r#"{{"type": "text", "text": {text}, "cache_control": {{"type": "ephemeral"}}}}"#),
                format!(r#"{{ "text": {text} }}"#),
            ] {
                assert_eq!(hash(&format!("[{block}]")), hash(text), "{block}");
                assert_eq!(hash(&format!("[ {block} ]")), hash(text), "{block}");
            }
        }
        assert_eq!(hash(billed), hash(&billed.replace("cch=1", "cch=2")), "each request has another line");
    }

    #[test]
    fn what_only_looks_like_a_block_of_text_does_not() {
        let texts = hash(r#"[{"text":"a"},{"text":"b"}]"#);
        assert_ne!(texts, hash(r#""a\"},{\"text\":\"b""#));
        assert_ne!(texts, hash(r#""a""#));
        assert_ne!(hash(r#"[{"text":"a","thought":true}]"#), hash(r#""a""#));
        assert_ne!(hash(r#"[{"text":["a"]}]"#), hash(r#""a""#));
        assert_ne!(hash(r#"[{"type":"image","text":"a"}]"#), hash(r#""a""#));
    }

    fn list(blocks: &[Vec<(String, String)>], between: &str) -> String {
        let joined = |parts: Vec<String>| parts.join(&format!("{between},{between}"));
        let member = |(name, value): &(String, String)| format!("\"{name}\"{between}:{between}{}", json(value));
        let block = |members: &Vec<_>| format!("{{{between}{}}}", joined(members.iter().map(member).collect()));
        format!("[{}]", joined(blocks.iter().map(block).collect()))
    }

    fn json(text: &str) -> String {
        serde_json::to_string(text).unwrap()
    }

    proptest! {
        #[test]
        fn blanks_between_never_matter(
            blocks in prop::collection::vec(
                prop::collection::vec(("text|type|name", r#"text|input_text|[\[\]"\\{},:a]{0,9}"#), 0..3),
                0..3,
            ),
        ) {
            prop_assert_eq!(hash(&list(&blocks, "")), hash(&list(&blocks, " ")));
        }
    }
}
