//! Reads the fields of one table and notes every fault instead of stopping at
//! the first. Knows types and words, no meaning.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Expected, Fault, Faults, Nearest, Wrong};
use crate::suggest::nearest;

/// Suggestions cost a comparison with every candidate; a document with more
/// faults than this has another problem than a typing mistake.
const SUGGESTIONS_UP_TO: usize = 200;

/// Longest span of time accepted anywhere in the document.
const LONGEST_SPAN: Duration = Duration::from_hours(24 * 366);

/// One table of the document, being read.
pub(super) struct Entry<'a> {
    faults: &'a mut Faults,
    path: String,
    label: String,
    fields: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(faults: &'a mut Faults, path: String, label: String, fields: &'a Map<String, Value>) -> Self {
        Self { faults, path, label, fields, known: Vec::new() }
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, field: &str, wrong: Wrong) {
        let Self { faults, path, label, .. } = self;
        faults.note(|| Fault { path: format!("{path}.{field}"), entry: label.clone(), wrong });
    }

    /// The value of a field; `null` is the same as absent.
    pub(super) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&field) {
            self.known.push(field);
        }
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Notes that a field has a value of another type.
    pub(super) fn wrong_type(&mut self, field: &str, value: &Value, expected: Expected) {
        self.fault(field, Wrong::Type(type_name(value), expected));
    }

    /// A trimmed string.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        let value = self.value(field)?;
        let Value::String(text) = value else {
            self.wrong_type(field, value, Expected::Text);
            return None;
        };
        Some(text.trim().to_owned())
    }

    /// A trimmed string that must be there and not empty.
    pub(super) fn required_text(&mut self, field: &'static str) -> Option<String> {
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
        if let Some((_, choice)) = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text)) {
            return *choice;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let nearest = self.nearest(&text, names.iter().copied());
        self.fault(field, Wrong::Choice(text, nearest, names));
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
    pub(super) fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let value = self.value(field)?;
        let Value::Array(items) = value else {
            self.wrong_type(field, value, Expected::Texts);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item {
                Value::String(text) => texts.push(text.trim().to_owned()),
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
        Some(Entry::new(self.faults, format!("{}.{field}", self.path), self.label.clone(), fields))
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
            read(Entry::new(self.faults, format!("{}.{field}[{index}]", self.path), self.label.clone(), fields));
        }
    }

    /// What was probably meant by a word.
    pub(super) fn nearest<'c>(&self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Nearest {
        suggestion(self.faults, word, candidates)
    }

    /// Notes every field that nobody asked for. Call it last.
    pub(super) fn refuse_unknown(mut self) {
        let known = std::mem::take(&mut self.known);
        for field in self.fields.keys().filter(|field| !known.contains(&field.as_str())) {
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
