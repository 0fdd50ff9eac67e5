//! Quiet hours: a part of every day, in a time zone, in which what can wait waits.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// From one time of the day to another, over midnight when that is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time,
}

impl QuietHours {
    /// Quiet from `from` until before `to`; `None` when that is never or always.
    pub fn new(from: Time, to: Time) -> Option<Self> {
        (from != to).then_some(Self { from, to })
    }

    /// When they begin.
    pub fn from(self) -> Time {
        self.from
    }

    /// When they are over.
    pub fn to(self) -> Time {
        self.to
    }

    /// When the quiet hours that hold `now` are over; `None` outside them.
    pub fn end(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let local = now.to_zoned(zone.clone()).datetime();
        let time = local.time();
        let over_midnight = self.from > self.to;
        let is_quiet =
            if over_midnight { time >= self.from || time < self.to } else { (self.from..self.to).contains(&time) };
        if !is_quiet {
            return None;
        }
        // A day without that hour, when clocks go forward, has the one after it.
        let is_tomorrow = over_midnight && time >= self.from;
        let date = if is_tomorrow { local.date().saturating_add(1.day()) } else { local.date() };
        let end = date.to_datetime(self.to).to_zoned(zone.clone()).ok()?.timestamp();
        // Clocks that go back repeat an hour: what has ended once has ended.
        (end > now).then_some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(hours: (&str, &str), zone: &str, now: &str, expected: Option<&str>) {
        let hours = QuietHours::new(hours.0.parse().unwrap(), hours.1.parse().unwrap()).unwrap();
        let end = hours.end(now.parse().unwrap(), &TimeZone::get(zone).unwrap());
        assert_eq!(end, expected.map(|end| end.parse().unwrap()), "{now}");
    }

    #[test]
    fn hours_over_midnight_end_on_the_right_day() {
        let night = ("23:00", "08:00");
        check(night, "Asia/Shanghai", "2026-11-26T14:59:59Z", None);
        check(night, "Asia/Shanghai", "2026-11-26T15:00:00Z", Some("2026-11-27T00:00:00Z"));
        check(night, "Asia/Shanghai", "2026-11-26T23:59:59Z", Some("2026-11-27T00:00:00Z"));
        check(night, "Asia/Shanghai", "2026-11-27T00:00:00Z", None);
        check(night, "UTC", "2026-12-31T23:30:00Z", Some("2027-01-01T08:00:00Z"));
    }

    #[test]
    fn hours_within_a_day_end_on_it() {
        check(("12:00", "13:30"), "UTC", "2026-11-26T11:59:00Z", None);
        check(("12:00", "13:30"), "UTC", "2026-11-26T12:00:00Z", Some("2026-11-26T13:30:00Z"));
        check(("12:00", "13:30"), "UTC", "2026-11-26T13:30:00Z", None);
    }

    /// On 29 March 2026 Berlin has no 02:30, on 25 October it has two.
    #[test]
    fn changing_clocks_neither_lose_nor_trap_a_message() {
        check(("22:00", "02:30"), "Europe/Berlin", "2026-03-29T00:00:00Z", Some("2026-03-29T01:30:00Z"));
        check(("22:00", "02:30"), "Europe/Berlin", "2026-10-25T00:00:00Z", Some("2026-10-25T00:30:00Z"));
        check(("22:00", "02:30"), "Europe/Berlin", "2026-10-25T01:10:00Z", None);
    }

    #[test]
    fn hours_that_never_or_always_hold_are_none() {
        assert_eq!(QuietHours::new(Time::midnight(), Time::midnight()), None);
    }
}
