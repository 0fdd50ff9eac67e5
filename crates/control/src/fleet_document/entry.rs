//! Reads the fields of one table and notes every fault instead of stopping at
//! the first. Knows types and words, no meaning. Of a table without a fault
//! nothing is copied here: there are ten thousand.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Expected, Fault, Faults, Nearest, Wrong};
use crate::suggest::nearest;

/// Suggestions cost a comparison with every candidate; a document with more
/// faults than this has another problem than a typing mistake.
const SUGGESTIONS_UP_TO: usize = 200;

/// Tables of so many fields are searched one after the other, which is faster than their index.
const SEARCHED: usize = 16;

/// Characters of an id that faults tell; as many as the API tells of a name.
const MAX_LABEL: usize = 200;

/// Longest span of time accepted anywhere in the document.
const LONGEST_SPAN: Duration = Duration::from_hours(24 * 366);

/// One table of the document, being read.
pub(super) struct Entry<'a> {
    faults: &'a mut Faults,
    place: Place<'a>,
    fields: &'a Map<String, Value>,
    /// The fields that were asked for, some more than once.
    known: Vec<&'static str>,
}

/// Where a table is in the document: `route[2].cost` as it is shown.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// An entry of a section, with its id.
    Entry { noun: &'static str, index: usize, id: Option<&'a str> },
    /// A table inside another.
    Table { outer: &'a Place<'a>, field: &'static str },
    /// A table of an array inside another.
    Item { outer: &'a Place<'a>, field: &'static str, index: usize },
}

impl Place<'_> {
    /// The entry in the operator's words.
    fn label(&self) -> String {
        match self {
            Self::Entry { noun, id: Some(id), .. } => format!("{noun} \"{}\"", label_of(id)),
            Self::Entry { noun, index, id: None } => format!("{noun} #{}", index + 1),
            Self::Table { outer, .. } | Self::Item { outer, .. } => outer.label(),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { noun, index, .. } => write!(f, "{noun}[{index}]"),
            Self::Table { outer, field } => write!(f, "{outer}.{field}"),
            Self::Item { outer, field, index } => write!(f, "{outer}.{field}[{index}]"),
        }
    }
}

/// An id as faults name its entry: each of them has it, and an id of a megabyte is one, too, until it is read.
fn label_of(id: &str) -> Cow<'_, str> {
    match id.char_indices().nth(MAX_LABEL) {
        Some((end, _)) => format!("{}…", &id[..end]).into(),
        None => id.into(),
    }
}

/// A field of a table.
pub(super) fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if fields.len() > SEARCHED {
        return fields.get(name);
    }
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
}

impl<'a> Entry<'a> {
    pub(super) fn new(faults: &'a mut Faults, place: Place<'a>, fields: &'a Map<String, Value>) -> Self {
        Self { faults, place, fields, known: Vec::with_capacity(SEARCHED) }
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, field: &str, wrong: Wrong) {
        let Self { faults, place, .. } = self;
        faults.note(|| Fault { path: format!("{place}.{field}"), entry: place.label(), wrong });
    }

    /// The value of a field; `null` is the same as absent.
    pub(super) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        self.known.push(field);
        self::field(self.fields, field).filter(|value| !value.is_null())
    }

    /// Notes that a field has a value of another type.
    pub(super) fn wrong_type(&mut self, field: &str, value: &Value, expected: Expected) {
        self.fault(field, Wrong::Type(type_name(value), expected));
    }

    /// A trimmed string.
    pub(super) fn text(&mut self, field: &'static str) -> Option<&'a str> {
        let value = self.value(field)?;
        let Value::String(text) = value else {
            self.wrong_type(field, value, Expected::Text);
            return None;
        };
        Some(text.trim())
    }

    /// A trimmed string that must be there and not empty.
    pub(super) fn required_text(&mut self, field: &'static str) -> Option<&'a str> {
        let is_absent = self.value(field).is_none();
        if is_absent {
            self.fault(field, Wrong::Missing("\"…\""));
            return None;
        }
        let text = self.text(field)?;
        if text.is_empty() {
            self.fault(field, Wrong::Empty);
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, field: &'static str, default: bool) -> bool {
        match self.value(field) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => {
                self.wrong_type(field, value, Expected::Flag(default));
                default
            }
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn number(&mut self, field: &'static str, max: u64) -> Option<u64> {
        let value = self.value(field)?;
        let Value::Number(number) = value else {
            self.wrong_type(field, value, Expected::Whole);
            return None;
        };
        let in_range = number.as_u64().filter(|number| *number <= max);
        if in_range.is_none() {
            self.fault(field, Wrong::Number(number.clone(), max));
        }
        in_range
    }

    /// One of the named values.
    pub(super) fn choice<T: Copy>(&mut self, field: &'static str, default: T, choices: &[(&'static str, T)]) -> T {
        let Some(text) = self.text(field) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return *choice;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let nearest = self.nearest(text, names.iter().copied());
        self.fault(field, Wrong::Choice(text.to_owned(), nearest, names));
        default
    }

    /// A positive span of time such as `"1h"`.
    pub(super) fn span(&mut self, field: &'static str, default: Duration) -> Duration {
        let Some(value) = self.value(field) else { return default };
        let Value::String(text) = value else {
            self.wrong_type(field, value, Expected::Span(default));
            return default;
        };
        let span = humantime::parse_duration(text.trim()).ok();
        span.filter(|span| !span.is_zero() && *span <= LONGEST_SPAN).unwrap_or_else(|| {
            self.fault(field, Wrong::Span(text.clone(), default));
            default
        })
    }

    /// The trimmed strings of an array; what else is in it is noted item by item, and does not keep these from being
    /// checked.
    pub(super) fn texts(&mut self, field: &'static str) -> Option<Vec<&'a str>> {
        let value = self.value(field)?;
        let Value::Array(items) = value else {
            self.wrong_type(field, value, Expected::Texts);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.trim()),
                other => self.wrong_type(&format!("{field}[{index}]"), other, Expected::TextItem),
            }
        }
        Some(texts)
    }

    /// A table inside this one.
    pub(super) fn table(&mut self, field: &'static str, example: &'static str) -> Option<Entry<'_>> {
        let value = self.value(field)?;
        let Value::Object(fields) = value else {
            self.wrong_type(field, value, Expected::Table(example));
            return None;
        };
        Some(Entry::new(self.faults, Place::Table { outer: &self.place, field }, fields))
    }

    /// An array of tables such as the example inside this one, each handed to `read`.
    pub(super) fn tables(&mut self, field: &'static str, example: &'static str, mut read: impl FnMut(Entry<'_>)) {
        let Some(value) = self.value(field) else { return };
        let Value::Array(items) = value else {
            return self.wrong_type(field, value, Expected::Tables(example));
        };
        for (index, item) in items.iter().enumerate() {
            let Value::Object(fields) = item else {
                self.wrong_type(&format!("{field}[{index}]"), item, Expected::TableItem(example));
                continue;
            };
            read(Entry::new(self.faults, Place::Item { outer: &self.place, field, index }, fields));
        }
    }

    /// What was probably meant by a word.
    pub(super) fn nearest<'c>(&self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Nearest {
        suggestion(self.faults, word, candidates)
    }

    /// Notes every field that nobody asked for. Call it last.
    pub(super) fn refuse_unknown(mut self) {
        let asked = std::mem::take(&mut self.known);
        let mut unknown = self.fields.keys().filter(|field| !asked.contains(&field.as_str())).peekable();
        if unknown.peek().is_none() {
            return;
        }
        let mut known = Vec::with_capacity(asked.len());
        for field in &asked {
            if !known.contains(field) {
                known.push(*field);
            }
        }
        for field in unknown {
            let nearest = self.nearest(field, known.iter().copied());
            self.fault(field, Wrong::UnknownField(field.clone(), nearest, known.clone()));
        }
    }
}

/// What was probably meant by a word, unless there are very many faults already.
pub(super) fn suggestion<'c>(faults: &Faults, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Nearest {
    if faults.count() > SUGGESTIONS_UP_TO {
        return None;
    }
    nearest(word, candidates).map(str::to_owned)
}

/// The type of a value, in an operator's words.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}
