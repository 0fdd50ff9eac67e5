//! Reads the fields of one table and notes every fault instead of stopping at
//! the first. Knows types and words, no meaning.

use std::time::Duration;

use serde_json::{Map, Value};

use super::fault::Fault;
use crate::suggest::nearest;

/// Suggestions cost a comparison with every candidate; a document with more
/// faults than this has another problem than a typing mistake.
const SUGGESTIONS_UP_TO: usize = 200;

/// Longest span of time accepted anywhere in the document.
const LONGEST_SPAN: Duration = Duration::from_hours(24 * 366);

/// One table of the document, being read.
pub(super) struct Entry<'a> {
    faults: &'a mut Vec<Fault>,
    path: String,
    label: String,
    fields: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Entry<'a> {
    pub(super) fn new(faults: &'a mut Vec<Fault>, path: String, label: String, fields: &'a Map<String, Value>) -> Self {
        Self { faults, path, label, fields, known: Vec::new() }
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, field: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.faults.push(Fault {
            path: format!("{}.{field}", self.path),
            entry: self.label.clone(),
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    /// The value of a field; `null` is the same as absent.
    pub(super) fn value(&mut self, field: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&field) {
            self.known.push(field);
        }
        self.fields.get(field).filter(|value| !value.is_null())
    }

    fn wrong_type(&mut self, field: &str, value: &Value, expected: &str, example: &str) {
        let message = format!("{field} is {}, not {expected}", type_name(value));
        self.fault(field, message, format!("write it as {example}"));
    }

    /// A trimmed string.
    pub(super) fn text(&mut self, field: &'static str) -> Option<String> {
        let value = self.value(field)?;
        let Value::String(text) = value else {
            self.wrong_type(field, value, "a string", &format!("{field} = \"…\""));
            return None;
        };
        Some(text.trim().to_owned())
    }

    /// A trimmed string that must be there and not empty.
    pub(super) fn required_text(&mut self, field: &'static str) -> Option<String> {
        let is_absent = self.value(field).is_none();
        if is_absent {
            self.fault(field, format!("{field} is missing"), format!("add {field} = \"…\""));
            return None;
        }
        let text = self.text(field)?;
        if text.is_empty() {
            self.fault(field, format!("{field} is empty"), format!("give {field} a value"));
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
                self.wrong_type(field, value, "true or false", &format!("{field} = {default}"));
                default
            }
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn number(&mut self, field: &'static str, max: u64) -> Option<u64> {
        let value = self.value(field)?;
        let Value::Number(number) = value else {
            self.wrong_type(field, value, "a whole number", &format!("{field} = 1"));
            return None;
        };
        let in_range = format!("use a whole number from 0 to {max}");
        match number.as_u64() {
            Some(number) if number <= max => return Some(number),
            Some(number) => self.fault(field, format!("{field} = {number} is too large"), in_range),
            None if number.as_f64().is_some_and(|number| number < 0.0) => {
                self.fault(field, format!("{field} = {number} is negative"), in_range);
            }
            None => self.fault(field, format!("{field} = {number} is not a whole number"), in_range),
        }
        None
    }

    /// One of the named values.
    pub(super) fn choice<T: Copy>(&mut self, field: &'static str, default: T, choices: &[(&str, T)]) -> T {
        let Some(text) = self.text(field) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(&text)) {
            return *choice;
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let message = format!("{field} = \"{text}\" is unknown{}", self.did_you_mean(&text, names.iter().copied()));
        self.fault(field, message, format!("use {}", names.join(", ")));
        default
    }

    /// A positive span of time such as `"1h"`.
    pub(super) fn span(&mut self, field: &'static str, default: Duration) -> Duration {
        let Some(value) = self.value(field) else { return default };
        let remedy = format!("write it as {field} = \"{}\"", humantime::format_duration(default));
        let Value::String(text) = value else {
            let message = format!("{field} is {}, not a duration", type_name(value));
            self.fault(field, message, remedy);
            return default;
        };
        match humantime::parse_duration(text.trim()) {
            Ok(span) if span.is_zero() => self.fault(field, format!("{field} is zero"), remedy),
            Ok(span) if span > LONGEST_SPAN => {
                self.fault(field, format!("{field} = \"{text}\" is over a year"), remedy);
            }
            Ok(span) => return span,
            Err(error) => self.fault(field, format!("{field} = \"{text}\" is not a duration ({error})"), remedy),
        }
        default
    }

    /// An array of trimmed strings.
    pub(super) fn texts(&mut self, field: &'static str) -> Option<Vec<String>> {
        let value = self.value(field)?;
        let example = format!("{field} = [\"…\"]");
        let Value::Array(items) = value else {
            self.wrong_type(field, value, "an array of strings", &example);
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(text) = item else {
                self.wrong_type(field, value, "an array of strings only", &example);
                return None;
            };
            texts.push(text.trim().to_owned());
        }
        Some(texts)
    }

    /// A table inside this one.
    pub(super) fn table(&mut self, field: &'static str, example: &str) -> Option<Entry<'_>> {
        let value = self.value(field)?;
        let Value::Object(fields) = value else {
            self.wrong_type(field, value, "a table", &format!("{field} = {example}"));
            return None;
        };
        Some(Entry::new(self.faults, format!("{}.{field}", self.path), self.label.clone(), fields))
    }

    /// An array of tables inside this one, each handed to `read`.
    pub(super) fn tables(&mut self, field: &'static str, example: &str, mut read: impl FnMut(Entry<'_>)) {
        let Some(value) = self.value(field) else { return };
        let Value::Array(items) = value else {
            return self.wrong_type(field, value, "an array of tables", &format!("{field} = {example}"));
        };
        for (index, item) in items.iter().enumerate() {
            let Value::Object(fields) = item else {
                self.wrong_type(field, item, "an array of tables only", &format!("{field} = {example}"));
                continue;
            };
            read(Entry::new(self.faults, format!("{}.{field}[{index}]", self.path), self.label.clone(), fields));
        }
    }

    /// ", did you mean …?" or nothing.
    pub(super) fn did_you_mean<'c>(&self, word: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
        if self.faults.len() > SUGGESTIONS_UP_TO {
            return String::new();
        }
        nearest(word, candidates).map(|word| format!(", did you mean \"{word}\"?")).unwrap_or_default()
    }

    /// Notes every field that nobody asked for. Call it last.
    pub(super) fn refuse_unknown(mut self) {
        let fields = self.fields;
        for field in fields.keys().filter(|field| !self.known.contains(&field.as_str())).cloned().collect::<Vec<_>>() {
            let suggestion = self.did_you_mean(&field, self.known.iter().copied());
            let verb = if suggestion.is_empty() { "remove" } else { "rename" };
            let remedy = format!("{verb} it; the fields here are {}", self.known.join(", "));
            self.fault(&field, format!("unknown field \"{field}\"{suggestion}"), remedy);
        }
    }
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
