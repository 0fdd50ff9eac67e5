//! How long a host asks us to wait, read from the headers of its answer (spec §5).
//!
//! `retry-after-ms` and `Retry-After` (seconds or a date) come first: they are said
//! about this answer. The `x-ratelimit-*` and `anthropic-ratelimit-*` resets are state
//! that rides on every answer: of those the limits with nothing remaining count, the
//! slowest of them; if none says so, the soonest reset. Values that cannot be meant
//! are ignored: in the past, nothing, or further off than any window of a host.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::rfc2822;
use relay_domain::Timestamp;

/// No host has a window longer than a month; what is further off is a mistake.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// (what remains, when it is reset)
const LIMITS: [(&str, &str); 9] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("anthropic-ratelimit-unified-5h-remaining", "anthropic-ratelimit-unified-5h-reset"),
    ("anthropic-ratelimit-unified-remaining", "anthropic-ratelimit-unified-reset"),
];

/// The wait asked for, if any. `header` gives the value of a header by its
/// lower-case name.
pub fn from_headers<'h>(header: impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<Duration> {
    let said = header("retry-after-ms")
        .and_then(|value| value.trim().parse().ok())
        .and_then(|millis: f64| Duration::try_from_secs_f64(millis / 1000.0).ok())
        .and_then(sane)
        .or_else(|| header("retry-after").and_then(|value| retry_after(value.trim(), now)));
    said.or_else(|| {
        let resets = LIMITS.iter().filter_map(|(remaining, reset)| {
            let wait = reset_in(header(reset)?.trim(), now)?;
            let is_spent = header(remaining).is_some_and(|value| value.trim() == "0");
            Some((is_spent, wait))
        });
        let (spent, open): (Vec<_>, Vec<_>) = resets.partition(|(is_spent, _)| *is_spent);
        let slowest = spent.into_iter().map(|(_, wait)| wait).max();
        slowest.or_else(|| open.into_iter().map(|(_, wait)| wait).min())
    })
}

fn sane(wait: Duration) -> Option<Duration> {
    (wait > Duration::ZERO && wait <= LONGEST).then_some(wait)
}

fn until(at: Timestamp, now: Timestamp) -> Option<Duration> {
    let wait: SignedDuration = at.duration_since(now);
    Duration::try_from(wait).ok().and_then(sane)
}

fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok().and_then(sane);
    }
    until(rfc2822::parse(value).ok()?.timestamp(), now)
}

/// A date, a point in Unix time, a number of seconds, or a span such as `6m0s`.
fn reset_in(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        // Anything that large is a point in time: as a span it would be 30 years.
        if number >= 1e9 {
            return until(Timestamp::from_second(number as i64).ok()?, now);
        }
        return Duration::try_from_secs_f64(number).ok().and_then(sane);
    }
    if let Ok(at) = value.parse::<Timestamp>() {
        return until(at, now);
    }
    span(value).and_then(sane)
}

/// Go's notation, which OpenAI uses: `1h2m3.5s`, `20ms`.
fn span(mut value: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    if value.is_empty() {
        return None;
    }
    while !value.is_empty() {
        let digits = value.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = value[..digits].parse().ok()?;
        value = &value[digits..];
        let (unit, scale) = [("ms", 0.001), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("d", 86_400.0)]
            .into_iter()
            .find(|(unit, _)| value.starts_with(unit))?;
        seconds += number * scale;
        value = &value[unit.len()..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T08:00:00Z";

    fn check(headers: &[(&str, &str)], expected: Option<u64>) {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let wait = from_headers(header, NOW.parse().unwrap());
        assert_eq!(wait, expected.map(Duration::from_millis), "{headers:?}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check(&[("retry-after", "17")], Some(17_000));
        check(&[("retry-after", " 0.5 ")], Some(500));
        check(&[("retry-after", "Mon, 23 Nov 2026 08:01:00 GMT")], Some(60_000));
        check(&[("retry-after-ms", "250"), ("retry-after", "1")], Some(250));
        check(&[("retry-after-ms", "soon"), ("retry-after", "1")], Some(1000));
    }

    #[test]
    fn what_cannot_be_meant_is_ignored() {
        let absurd = ["0", "-5", "99999999999", "NaN", "inf", "later", "", "Mon, 23 Nov 2026 07:59:00 GMT"];
        for value in absurd {
            check(&[("retry-after", value)], None);
        }
        check(&[("x-ratelimit-reset-requests", "1x")], None);
        check(&[("x-ratelimit-reset-requests", "")], None);
        check(&[("anthropic-ratelimit-tokens-reset", "2020-01-01T00:00:00Z")], None);
        check(&[], None);
    }

    #[test]
    fn resets_come_in_four_notations() {
        check(&[("x-ratelimit-reset-requests", "6m0s")], Some(360_000));
        check(&[("x-ratelimit-reset-requests", "20ms")], Some(20));
        check(&[("x-ratelimit-reset", "30")], Some(30_000));
        check(&[("x-ratelimit-reset", "1795420860")], Some(60_000));
        check(&[("anthropic-ratelimit-requests-reset", "2026-11-23T08:00:05Z")], Some(5000));
    }

    #[test]
    fn a_limit_with_nothing_remaining_counts_before_the_others() {
        let open = [("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "2m")];
        check(&open, Some(1000));
        check(&[open[0], open[1], ("x-ratelimit-remaining-tokens", "0")], Some(120_000));
        check(&[open[0], open[1], ("retry-after", "9")], Some(9000));
    }
}
