//! What a list may be narrowed to, and which index leads the way.

use jiff::Timestamp;
use rusqlite::types::Value as SqlValue;

use crate::day::Day;

/// Which decisions to list; an absent part takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One consumer's key id.
    pub consumer: Option<String>,
    /// One logical group.
    pub logical_group_id: Option<String>,
    /// One model, as asked for.
    pub public_model: Option<String>,
    /// The route finally used.
    pub route_id: Option<String>,
    /// The host finally used (chosen first, while there is no outcome).
    pub host_id: Option<String>,
    /// A [`crate::Verdict`] as text, or `open`.
    pub verdict: Option<String>,
    /// One binding.
    pub sticky_key: Option<String>,
    /// One request.
    pub request_id: Option<String>,
    /// Arrived at this time or later.
    pub from: Option<Timestamp>,
    /// Arrived before this time.
    pub to: Option<Timestamp>,
}

/// What a scan walks along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drive {
    /// All intents.
    Rows,
    Consumer,
    Route,
    Verdict,
}

impl Drive {
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Rows => "FROM intents i LEFT JOIN outcomes o ON o.seq = i.seq",
            Self::Consumer => "FROM intents i INDEXED BY intents_by_consumer LEFT JOIN outcomes o ON o.seq = i.seq",
            Self::Route => "FROM outcomes o INDEXED BY outcomes_by_route CROSS JOIN intents i ON i.seq = o.seq",
            Self::Verdict => "FROM outcomes o INDEXED BY outcomes_by_verdict CROSS JOIN intents i ON i.seq = o.seq",
        }
    }

    /// Whether the index is one for each block of sequence numbers: a statement then asks within one.
    pub(crate) fn is_by_block(self) -> bool {
        matches!(self, Self::Consumer | Self::Route)
    }

    /// The column that a scan is ordered and bounded by.
    pub(crate) fn seq(self) -> &'static str {
        match self {
            Self::Rows | Self::Consumer => "i.seq",
            Self::Route | Self::Verdict => "o.seq",
        }
    }
}

impl Filter {
    /// Whether a day's segment can hold anything that matches.
    pub(crate) fn includes_day(&self, day: Day) -> bool {
        self.from.is_none_or(|from| day >= Day::of(from)) && self.to.is_none_or(|to| day <= Day::of(to))
    }

    /// The index that narrows most: a verdict other than complete is rare, one consumer or route less so.
    pub(crate) fn drive(&self) -> Drive {
        match self.verdict.as_deref() {
            Some("complete" | "open") | None => {}
            Some(_) => return Drive::Verdict,
        }
        if self.verdict.as_deref() != Some("open") && self.route_id.is_some() && self.consumer.is_none() {
            Drive::Route
        } else if self.consumer.is_some() {
            Drive::Consumer
        } else {
            Drive::Rows
        }
    }

    /// The condition in SQL and its parameters, which are numbered from `?4`.
    pub(crate) fn condition(&self, without_outcome: &str) -> (String, Vec<SqlValue>) {
        let mut terms = vec!["TRUE".to_owned()];
        let mut parameters = Vec::new();
        let mut add = |term: &str, value: SqlValue| {
            parameters.push(value);
            terms.push(term.replace('$', &format!("?{}", parameters.len() + 3)));
        };
        let texts = [
            ("i.consumer = $", &self.consumer),
            ("i.logical_group_id = $", &self.logical_group_id),
            ("i.public_model = $", &self.public_model),
            ("o.route_id = $", &self.route_id),
            ("coalesce(o.host_id, i.host_id) = $", &self.host_id),
            ("i.sticky_key = $", &self.sticky_key),
            ("i.request_id = $", &self.request_id),
        ];
        for (term, value) in texts {
            if let Some(value) = value {
                add(term, SqlValue::Text(value.clone()));
            }
        }
        if let Some(from) = self.from {
            add("i.at >= $", SqlValue::Integer(from.as_microsecond()));
        }
        if let Some(to) = self.to {
            add("i.at < $", SqlValue::Integer(to.as_microsecond()));
        }
        match self.verdict.as_deref() {
            None => {}
            Some(verdict) if self.drive() == Drive::Verdict => {
                add("o.verdict = $", SqlValue::Text(verdict.to_owned()));
                // Said literally, since SQLite uses a partial index only when its condition is implied.
                terms.push("o.verdict <> 'complete'".to_owned());
            }
            Some(verdict) => {
                add(&format!("coalesce(o.verdict, '{without_outcome}') = $"), SqlValue::Text(verdict.to_owned()));
            }
        }
        (terms.join(" AND "), parameters)
    }
}
