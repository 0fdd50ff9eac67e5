//! What a key or a group may use (spec §6): rates, concurrency, and budgets
//! that begin anew with a period of the calendar.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::Money;

/// Limits of a key or a group. Absent means unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in any 60 seconds.
    pub rpm: Option<u64>,
    /// Tokens in any 60 seconds.
    pub tpm: Option<u64>,
    /// Tokens in a calendar day (UTC).
    pub tpd: Option<u64>,
    /// Requests in flight.
    pub concurrency: Option<u32>,
    /// What may be spent in a period.
    pub budgets: Vec<Budget>,
}

/// What may be spent until a period ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How much.
    pub amount: Amount,
    /// Until when.
    pub period: Period,
}

/// An amount of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Input and output tokens together.
    Tokens(u64),
    /// What the requests are priced at.
    Money(Money),
}

/// A period of the calendar, in UTC as the log's own days are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday's midnight.
    Week,
    /// From the first's midnight.
    Month,
}

impl Period {
    /// Every period, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The name used on every wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The first moment of the period that holds `at`, and the first one after it.
    pub fn around(self, at: Timestamp) -> (Timestamp, Timestamp) {
        let day = at.to_zoned(TimeZone::UTC).date();
        let (first, next) = match self {
            Self::Day => (day, day.saturating_add(1.day())),
            Self::Week => {
                let since_monday = i64::from(day.weekday().since(Weekday::Monday));
                let monday = day.saturating_sub(since_monday.days());
                (monday, monday.saturating_add(7.days()))
            }
            Self::Month => (day.first_of_month(), day.last_of_month().saturating_add(1.day())),
        };
        (midnight(first, Timestamp::MIN), midnight(next, Timestamp::MAX))
    }
}

fn midnight(day: Date, otherwise: Timestamp) -> Timestamp {
    day.to_zoned(TimeZone::UTC).map_or(otherwise, |zoned| zoned.timestamp())
}

impl Limits {
    /// Whether something counts that a crash must not lose.
    pub fn has_budget(&self) -> bool {
        self.tpd.is_some() || !self.budgets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let around = |period: Period, at: &str| {
            let (from, to) = period.around(at.parse().unwrap());
            (from.to_string(), to.to_string())
        };
        let days = |from: &str, to: &str| (format!("{from}T00:00:00Z"), format!("{to}T00:00:00Z"));
        // 2026-11-26 is a Thursday.
        assert_eq!(around(Period::Day, "2026-11-26T23:59:59.999999Z"), days("2026-11-26", "2026-11-27"));
        assert_eq!(around(Period::Week, "2026-11-26T12:00:00Z"), days("2026-11-23", "2026-11-30"));
        assert_eq!(around(Period::Week, "2026-11-30T00:00:00Z"), days("2026-11-30", "2026-12-07"));
        assert_eq!(around(Period::Month, "2028-02-29T12:00:00Z"), days("2028-02-01", "2028-03-01"));
        assert_eq!(around(Period::Month, "2026-12-31T12:00:00Z"), days("2026-12-01", "2027-01-01"));
    }
}
