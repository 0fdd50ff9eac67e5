//! How long a host asks us to wait, read from the headers of its answer (spec §5).
//!
//! Three kinds of headers say something, and they do not say the same (field note 23):
//!
//! - `retry-after-ms` and `Retry-After` are said about this answer.
//! - A *usage window* that is used up (5 h, 7 d) says so itself: `anthropic-ratelimit-unified-*`
//!   with status `rejected`, `x-codex-*` with 100 percent used. Nothing but its end helps, so
//!   the later of the two counts.
//! - The resets of short limits (`x-ratelimit-reset-*`, `anthropic-ratelimit-*-reset`) are
//!   state that rides on every answer: of those the limits with nothing remaining count,
//!   the slowest of them; if none says so, the soonest reset.
//!
//! Times come as seconds, as a point in Unix time (seconds or milliseconds), as RFC 3339, as
//! one of the three forms of an HTTP date, or as a span in Go's notation. Values that cannot
//! be meant are ignored: in the past, nothing, or further off than any window of a host.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use relay_domain::Timestamp;

use crate::outcome::Quota;

/// A wait that a host asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// How long, from now.
    pub span: Duration,
    /// What for.
    pub of: WaitFor,
}

/// What ends with a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// It was said of this very answer, whatever that is.
    Answer,
    /// A limit of requests or tokens is replenished.
    Limit,
    /// A usage window that is used up begins anew.
    Window(Quota),
}

/// No host has a window longer than a month; what is further off is a mistake.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// Short limits: (what remains, when it is reset). Those of OpenAI and its likes (plain,
/// per day and minute: OpenRouter, Cerebras), and of Anthropic.
const LIMITS: [(&str, &str); 11] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-project-requests", "x-ratelimit-reset-project-requests"),
    ("x-ratelimit-remaining-project-tokens", "x-ratelimit-reset-project-tokens"),
    ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"),
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

/// Windows of a Claude plan: (status, reset). There is a summary beside them, which also stands for
/// windows of single models (`7d_oi`).
const CLAUDE_WINDOWS: [(&str, &str, Quota); 2] = [
    ("anthropic-ratelimit-unified-5h-status", "anthropic-ratelimit-unified-5h-reset", Quota::FiveHours),
    ("anthropic-ratelimit-unified-7d-status", "anthropic-ratelimit-unified-7d-reset", Quota::Week),
];

/// Windows of a ChatGPT plan: (percent used, seconds to its end, its end, its length in minutes).
const CODEX_WINDOWS: [[&str; 4]; 2] = [
    [
        "x-codex-primary-used-percent",
        "x-codex-primary-reset-after-seconds",
        "x-codex-primary-reset-at",
        "x-codex-primary-window-minutes",
    ],
    [
        "x-codex-secondary-used-percent",
        "x-codex-secondary-reset-after-seconds",
        "x-codex-secondary-reset-at",
        "x-codex-secondary-window-minutes",
    ],
];

/// The wait asked for, if any. `header` gives the value of a header by its
/// lower-case name.
pub fn from_headers<'h>(header: impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<Wait> {
    let header = |name: &str| header(name).map(str::trim);
    let said = said(&header, now);
    if let Some((end, what)) = used_up_window(&header, now) {
        return Some(Wait { span: said.map_or(end, |said| said.max(end)), of: WaitFor::Window(what) });
    }
    let said = said.map(|span| Wait { span, of: WaitFor::Answer });
    said.or_else(|| Some(Wait { span: limit(&header, now)?, of: WaitFor::Limit }))
}

/// What `x-should-retry` tells the client's own library about asking again. It speaks of the
/// same server, so it neither forbids nor orders to try another host, and the classifier does
/// not look at it; a relayed answer keeps it.
pub fn should_retry<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Option<bool> {
    match header("x-should-retry")?.trim() {
        value if value.eq_ignore_ascii_case("true") => Some(true),
        value if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn said<'h>(header: &impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<Duration> {
    let millis = header("retry-after-ms").and_then(|value| value.parse::<f64>().ok());
    millis
        .and_then(|millis| seconds(millis / 1000.0))
        .or_else(|| header("retry-after").and_then(|value| retry_after(value, now)))
}

/// The slowest of the windows that are used up.
fn used_up_window<'h>(header: &impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<(Duration, Quota)> {
    let rejected = |status| header(status).is_some_and(|value| value.eq_ignore_ascii_case("rejected"));
    let claude = CLAUDE_WINDOWS.iter().filter_map(|(status, reset, what)| {
        let end = reset_in(header(reset).filter(|_| rejected(status))?, now)?;
        Some((end, *what))
    });
    let summary = header("anthropic-ratelimit-unified-reset")
        .filter(|_| rejected("anthropic-ratelimit-unified-status"))
        .and_then(|reset| reset_in(reset, now))
        .map(|end| (end, claimed(header("anthropic-ratelimit-unified-representative-claim"))));
    let codex = CODEX_WINDOWS.iter().filter_map(|[used, after, at, minutes]| {
        header(used)?.parse().ok().filter(|percent: &f64| *percent >= 100.0)?;
        let end = header(after).or_else(|| header(at)).and_then(|value| reset_in(value, now))?;
        Some((end, window_of(header(minutes))))
    });
    // Of equals the last counts: the windows themselves name what the summary may not.
    summary.into_iter().chain(claude).chain(codex).max_by_key(|(end, _)| *end)
}

/// `five_hour`, `seven_day`, `seven_day_opus`, `seven_day_overage_included`.
fn claimed(claim: Option<&str>) -> Quota {
    match claim {
        Some(claim) if claim.starts_with("five_hour") => Quota::FiveHours,
        Some(claim) if claim.starts_with("seven_day") => Quota::Week,
        _ => Quota::Unnamed,
    }
}

fn window_of(minutes: Option<&str>) -> Quota {
    match minutes {
        Some("300") => Quota::FiveHours,
        Some("1440") => Quota::Day,
        Some("10080") => Quota::Week,
        _ => Quota::Unnamed,
    }
}

fn limit<'h>(header: &impl Fn(&str) -> Option<&'h str>, now: Timestamp) -> Option<Duration> {
    let resets = LIMITS.iter().filter_map(|(remaining, reset)| {
        let wait = reset_in(header(reset)?, now)?;
        let is_spent = header(remaining).and_then(|value| value.parse().ok()) == Some(0.0);
        Some((is_spent, wait))
    });
    let (spent, open): (Vec<_>, Vec<_>) = resets.partition(|(is_spent, _)| *is_spent);
    let slowest = spent.into_iter().map(|(_, wait)| wait).max();
    slowest.or_else(|| open.into_iter().map(|(_, wait)| wait).min())
}

/// A number of seconds that can be meant.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| *wait > Duration::ZERO && *wait <= LONGEST)
}

fn until(at: Timestamp, now: Timestamp) -> Option<Duration> {
    seconds(at.duration_since(now).as_secs_f64())
}

fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    match value.parse() {
        Ok(number) => seconds(number),
        Err(_) => until(http_date(value)?, now),
    }
}

/// RFC 9110 §5.6.7: the form of RFC 1123, and the obsolete ones of RFC 850 and of C's `asctime`,
/// which a recipient has to take.
fn http_date(value: &str) -> Option<Timestamp> {
    if let Ok(date) = rfc2822::parse(value) {
        return Some(date.timestamp());
    }
    let obsolete = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let date = obsolete.iter().find_map(|form| DateTime::strptime(form, value).ok())?;
    date.to_zoned(TimeZone::UTC).ok().map(|date| date.timestamp())
}

/// A date, a point in Unix time, a number of seconds, or a span such as `6m0s`.
fn reset_in(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = value.parse::<f64>() {
        // As a span these would be 30 years and 30,000.
        return match number {
            1e12.. => until(Timestamp::from_millisecond(number as i64).ok()?, now),
            1e9.. => until(Timestamp::from_millisecond((number * 1000.0) as i64).ok()?, now),
            _ => seconds(number),
        };
    }
    if let Ok(at) = value.parse::<Timestamp>() {
        return until(at, now);
    }
    span(value)
}

/// Go's notation, which OpenAI uses: `1h2m3.5s`, `20ms`, and a day.
pub(crate) fn span(mut value: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 8] = [
        ("ms", 1e-3),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ns", 1e-9),
        ("d", 86_400.0),
        ("h", 3600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let mut total = 0.0;
    while !value.is_empty() {
        let digits = value.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = value[..digits].parse().ok()?;
        value = &value[digits..];
        let (unit, scale) = UNITS.iter().find(|(unit, _)| value.starts_with(unit))?;
        total += number * scale;
        value = &value[unit.len()..];
    }
    seconds(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-23T08:00:00Z";

    fn read(headers: &[(&str, &'static str)]) -> Option<Wait> {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        from_headers(header, NOW.parse().unwrap())
    }

    fn check(headers: &[(&str, &'static str)], expected: Option<u64>) {
        let span = read(headers).map(|wait| wait.span);
        assert_eq!(span, expected.map(Duration::from_millis), "{headers:?}");
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
    fn an_http_date_has_three_forms() {
        check(&[("retry-after", "Monday, 23-Nov-26 08:01:00 GMT")], Some(60_000));
        check(&[("retry-after", "Mon Nov 23 08:01:00 2026")], Some(60_000));
        check(&[("retry-after", "Tue Dec  1 08:00:00 2026")], Some(8 * 86_400_000));
    }

    #[test]
    fn what_cannot_be_meant_is_ignored() {
        let absurd = [
            "0",
            "-5",
            "99999999999",
            "NaN",
            "inf",
            "later",
            "",
            "1 s",
            "Mon, 23 Nov 2026 07:59:00 GMT",
            "Mon, 23 Nov 2126 08:00:00 GMT",
            "Mon, 99 Nov 2026 08:00:00 GMT",
        ];
        for value in absurd {
            check(&[("retry-after", value)], None);
            check(&[("retry-after-ms", value)], None);
            check(&[("x-ratelimit-reset", value)], None);
        }
        for value in
            ["1x", "", "s", ".s", "1h2", "1e3s", "-1s", "9999999h", "0s", "1.2.3s", "µ", "2020-01-01T00:00:00Z"]
        {
            check(&[("x-ratelimit-reset-requests", value)], None);
            check(&[("anthropic-ratelimit-tokens-reset", value)], None);
        }
        check(&[("x-ratelimit-reset-tokens", "0"), ("x-ratelimit-remaining-tokens", "-1")], None);
        check(&[], None);
    }

    #[test]
    fn resets_come_in_five_notations() {
        check(&[("x-ratelimit-reset-requests", "6m0s")], Some(360_000));
        check(&[("x-ratelimit-reset-requests", "20ms")], Some(20));
        check(&[("x-ratelimit-reset-tokens", "1h2m3.5s")], Some(3_723_500));
        check(&[("x-ratelimit-reset-tokens", "1d0h1m")], Some(86_460_000));
        check(&[("x-ratelimit-reset-tokens", "1ms2000µs3000us4000000ns")], Some(10));
        check(&[("x-ratelimit-reset", "30")], Some(30_000));
        check(&[("x-ratelimit-reset-requests-day", "33011.5")], Some(33_011_500));
        check(&[("x-ratelimit-reset", "1795420860")], Some(60_000));
        check(&[("x-ratelimit-reset", "1795420860500")], Some(60_500));
        check(&[("anthropic-ratelimit-requests-reset", "2026-11-23T08:00:05Z")], Some(5000));
        check(&[("anthropic-ratelimit-requests-reset", "2026-11-23T09:00:05+01:00")], Some(5000));
    }

    #[test]
    fn a_limit_with_nothing_remaining_counts_before_the_others() {
        let open = [("x-ratelimit-reset-requests", "1s"), ("x-ratelimit-reset-tokens", "2m")];
        check(&open, Some(1000));
        check(&[open[0], open[1], ("x-ratelimit-remaining-tokens", "0")], Some(120_000));
        check(&[open[0], open[1], ("retry-after", "9")], Some(9000));
    }

    #[track_caller]
    fn check_window(headers: &[(&str, &'static str)], seconds: u64, what: Quota) {
        let expected = Wait { span: Duration::from_secs(seconds), of: WaitFor::Window(what) };
        assert_eq!(read(headers), Some(expected), "{headers:?}");
    }

    #[test]
    fn it_is_told_what_the_wait_is_for() {
        assert_eq!(read(&[("retry-after", "9")]).unwrap().of, WaitFor::Answer);
        assert_eq!(read(&[("x-ratelimit-reset-requests", "1s")]).unwrap().of, WaitFor::Limit);
        let five_hours = [
            ("anthropic-ratelimit-unified-5h-status", "rejected"),
            ("anthropic-ratelimit-unified-5h-reset", "1795424400"),
        ];
        check_window(&five_hours, 3600, Quota::FiveHours);
    }

    #[test]
    fn a_window_that_is_used_up_lasts_to_its_end_whatever_retry_after_says() {
        let spent = [
            ("retry-after", "30"),
            ("x-codex-primary-used-percent", "100"),
            ("x-codex-primary-reset-after-seconds", "18000"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-secondary-used-percent", "41.5"),
            ("x-codex-secondary-reset-after-seconds", "486400"),
            ("x-codex-secondary-window-minutes", "10080"),
        ];
        check_window(&spent, 18_000, Quota::FiveHours);
        check_window(&[("retry-after", "20000"), spent[1], spent[2], spent[3]], 20_000, Quota::FiveHours);
        check_window(
            &[("x-codex-secondary-used-percent", "101"), ("x-codex-secondary-reset-at", "1795507200")],
            86_400,
            Quota::Unnamed,
        );
        // Both are used up: the later end.
        let weekly = [("x-codex-secondary-used-percent", "100"), spent[5], spent[6]];
        check_window(&[spent[1], spent[2], spent[3], weekly[0], weekly[1], weekly[2]], 486_400, Quota::Week);
    }

    #[test]
    fn the_summary_of_a_plan_names_the_window_by_its_claim() {
        let summary =
            [("anthropic-ratelimit-unified-status", "rejected"), ("anthropic-ratelimit-unified-reset", "1795507200")];
        check_window(&summary, 86_400, Quota::Unnamed);
        let claim = ("anthropic-ratelimit-unified-representative-claim", "seven_day_overage_included");
        check_window(&[summary[0], summary[1], claim], 86_400, Quota::Week);
    }

    #[test]
    fn a_burst_is_not_a_window() {
        // Field note 23: the windows ride along, and have room.
        let burst = [
            ("retry-after", "7"),
            ("anthropic-ratelimit-unified-status", "allowed_warning"),
            ("anthropic-ratelimit-unified-reset", "1795507200"),
            ("anthropic-ratelimit-unified-5h-status", "allowed"),
            ("anthropic-ratelimit-unified-5h-reset", "1795424400"),
            ("x-codex-primary-used-percent", "99.9"),
            ("x-codex-primary-reset-after-seconds", "18000"),
        ];
        assert_eq!(read(&burst), Some(Wait { span: Duration::from_secs(7), of: WaitFor::Answer }));
        assert_eq!(read(&burst[1..]), None);
    }

    #[test]
    fn whether_to_ask_again_is_yes_no_or_not_said() {
        for (value, expected) in
            [(Some("true"), Some(true)), (Some(" False "), Some(false)), (Some("1"), None), (None, None)]
        {
            assert_eq!(should_retry(|name| value.filter(|_| name == "x-should-retry")), expected);
        }
    }
}
