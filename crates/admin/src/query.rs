//! Query parameters: the page and the filters of a list. A parameter that the
//! list does not know is refused by name, since ignoring a filter would show,
//! or purge, more than was meant.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use relay_control::actions::FieldFault;
use relay_control::page::PageRequest;
use relay_domain::Timestamp;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::state::AdminState;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Filters::page` reads")]
pub(crate) struct PageQuery {
    /// Entries at most; 50 when left out.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The parameters of a request, in their order.
pub(crate) struct Params(Vec<(String, String)>);

impl FromRequestParts<AdminState> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|_| ApiError::invalid_field("query", "cannot be read"))
    }
}

/// No parameters: what would be in them would be ignored.
pub(crate) struct NoParams;

impl FromRequestParts<AdminState> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Self, ApiError> {
        Params::from_request_parts(parts, state).await?.none().map(|()| Self)
    }
}

/// Filters being read; faults are noted all at once.
pub(crate) struct Filters {
    pairs: Vec<(String, String)>,
    faults: Vec<FieldFault>,
}

impl Params {
    /// Refuses any parameter.
    pub(crate) fn none(self) -> Result<(), ApiError> {
        self.filters(&[]).finish()
    }

    /// Accepts these filters, and no page.
    pub(crate) fn filters(self, names: &[&str]) -> Filters {
        let mut filters = Filters { pairs: Vec::new(), faults: Vec::new() };
        for (name, value) in self.0 {
            let value = value.trim().to_owned();
            if !names.contains(&name.as_str()) {
                let known = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                filters.fault(&name, format!("is unknown; known here: {known}"));
            } else if filters.pairs.iter().any(|(other, _)| *other == name) {
                filters.fault(&name, "is given twice");
            } else if value.is_empty() {
                filters.fault(&name, "is empty");
            } else {
                filters.pairs.push((name, value));
            }
        }
        filters
    }

    /// Accepts `limit`, `cursor` and these filters.
    pub(crate) fn list(self, names: &[&str]) -> Filters {
        self.filters(&[names, &["limit", "cursor"]].concat())
    }
}

impl Filters {
    /// Notes a fault.
    pub(crate) fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.faults.push(FieldFault { field: field.to_owned(), message: message.into() });
    }

    /// A filter's text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let at = self.pairs.iter().position(|(other, _)| other == name)?;
        Some(self.pairs.swap_remove(at).1)
    }

    /// A filter's text, parsed.
    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        name: &str,
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
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, |text| text.parse::<bool>().map_err(|_| "must be true or false"))
    }

    /// One of the named values.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        self.parsed(name, |text| {
            let found = choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice);
            found.ok_or_else(|| {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!("must be {}", words.join(" or "))
            })
        })
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &str) -> Option<Timestamp> {
        self.parsed(name, |text| text.parse().map_err(|_| "must be a time such as 2026-10-01T12:00:00Z"))
    }

    /// `limit` and `cursor`.
    pub(crate) fn page(&mut self) -> PageRequest {
        let limit = self.parsed("limit", |text| match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(format!("must be a number from 1 to {MAX_LIMIT}")),
        });
        PageRequest { limit: limit.unwrap_or(DEFAULT_LIMIT), cursor: self.text("cursor") }
    }

    /// All faults.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.faults)) }
    }
}
