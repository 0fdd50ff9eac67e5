//! Query parameters: the page and the filters of a list. A parameter that the
//! list does not know is refused by name, since ignoring a filter would show,
//! or purge, more than was meant.

use std::str::FromStr;

use http::Uri;
use relay_control::page::PageRequest;
use relay_domain::Timestamp;
use utoipa::IntoParams;

use crate::faults::FieldFaults;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

/// Of a cursor.
pub(crate) const NOT_OF_THIS_LIST: &str = "is not one that this list returned";

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Query::page` reads")]
pub(crate) struct PageQuery {
    /// Entries at most; 50 when left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The parameters of a request, taken one by one; faults are noted all at once.
pub(crate) struct Query {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: FieldFaults,
}

impl Query {
    pub(crate) fn read(uri: &Uri) -> Self {
        let mut read = Self { left: Vec::new(), known: Vec::new(), faults: FieldFaults::default() };
        match axum::extract::Query::try_from_uri(uri) {
            Ok(axum::extract::Query(pairs)) => read.left = pairs,
            Err(_) => read.fault("query", "cannot be read"),
        }
        read
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.faults.push(field, &message.into());
    }

    /// A parameter's text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        let (given, left) = std::mem::take(&mut self.left).into_iter().partition(|(other, _)| other == name);
        self.left = left;
        let given: Vec<(String, String)> = given;
        match given.as_slice() {
            [] => return None,
            [(_, value)] if value.trim().is_empty() => self.fault(name, "is empty"),
            [(_, value)] => return Some(value.trim().to_owned()),
            _ => self.fault(name, "is given twice"),
        }
        None
    }

    /// A parameter that must be there, parsed.
    pub(crate) fn required<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let faults = self.faults.len();
        let value = self.parsed(name, parse);
        if value.is_none() && self.faults.len() == faults {
            self.fault(name, "is required");
        }
        value
    }

    /// A parameter's text, parsed.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(name, error.to_string());
                None
            }
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.parsed(name, |text| text.parse::<bool>().map_err(|_| "must be true or false"))
    }

    /// One of the named values.
    pub(crate) fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let found = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
            found.ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!("must be {}", words.join(" or "))
            })
        })
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.parsed(name, |text| text.parse().map_err(|_| "must be a time such as 2026-10-01T12:00:00Z"))
    }

    /// `limit` and `cursor`.
    pub(crate) fn page<C: FromStr>(&mut self) -> PageRequest<C> {
        let limit = self.parsed("limit", |text| match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(format!("must be a number from 1 to {MAX_LIMIT}")),
        });
        let cursor = self.parsed("cursor", |text| {
            // Ids are never below zero, and no cursor has a sign.
            if text.starts_with(['-', '+']) {
                Err(NOT_OF_THIS_LIST)
            } else {
                text.parse().map_err(|_| NOT_OF_THIS_LIST)
            }
        });
        PageRequest { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor }
    }

    /// All faults; what was not taken is one.
    pub(crate) fn faults(mut self) -> FieldFaults {
        let known = if self.known.is_empty() { "nothing".to_owned() } else { self.known.join(", ") };
        for (name, _) in std::mem::take(&mut self.left) {
            self.fault(&name, format!("is unknown; known here: {known}"));
        }
        self.faults
    }
}
