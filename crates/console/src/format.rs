//! Numbers, times and money as people of a language write them.

use std::time::Duration;

use relay_control::numbers::three_digits;
use relay_domain::Timestamp;

use crate::words::Language;

/// What a missing value looks like.
pub(crate) const NOTHING: &str = "–";

/// Writes for readers of a language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format(pub(crate) Language);

/// A moment: for machines, and as text until the browser shows it in its own time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339.
    pub(crate) iso: String,
    /// In UTC.
    pub(crate) text: String,
}

impl Format {
    /// `1,234,567`
    #[expect(clippy::unused_self, reason = "both languages write it alike, as a third need not")]
    pub(crate) fn number(self, number: i64) -> String {
        let digits = number.unsigned_abs().to_string();
        let mut text = if number < 0 { "-".to_owned() } else { String::new() };
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        text
    }

    /// Three digits and a unit: `12.3k`, `1.23 万`.
    pub(crate) fn compact(self, number: i64) -> String {
        match self.count_unit(number as f64) {
            (_, "") => self.number(number),
            (unit, name) => format!("{}{name}", three_digits(number as f64 / unit)),
        }
    }

    /// The unit that a number is told in, and what it is called; none for small ones.
    pub(crate) fn count_unit(self, value: f64) -> (f64, &'static str) {
        let units: &[(f64, &str)] = match self.0 {
            Language::English => &[(1e9, "B"), (1e6, "M"), (1e3, "k")],
            Language::Chinese => &[(1e8, " 亿"), (1e4, " 万")],
        };
        units.iter().copied().find(|(unit, _)| value.abs() >= *unit).unwrap_or((1.0, ""))
    }

    /// The unit that microseconds are told in, and what it is called.
    pub(crate) fn time_unit(self, us: f64) -> (f64, &'static str) {
        let (minute, hour) = match self.0 {
            Language::English => ("min", "h"),
            Language::Chinese => ("分钟", "小时"),
        };
        let units = [(3_600e6, hour), (60e6, minute), (1e6, self.second()), (1e3, "ms")];
        units.into_iter().find(|(unit, _)| us >= *unit).unwrap_or((1.0, "µs"))
    }

    /// A share of a whole; nothing of nothing is no share.
    #[expect(clippy::unused_self, reason = "both languages write it alike, as a third need not")]
    pub(crate) fn percent(self, part: i64, whole: i64) -> String {
        if whole <= 0 {
            return NOTHING.to_owned();
        }
        let percent = part as f64 * 100.0 / whole as f64;
        // 99.97 % must not read as 100 %.
        let digits = if (99.0..100.0).contains(&percent) { 2 } else { 1 };
        let factor = 10_f64.powi(digits);
        let percent = if percent < 100.0 { (percent * factor).floor() / factor } else { percent };
        format!("{percent:.*} %", if percent.fract() == 0.0 { 0 } else { digits as usize })
    }

    /// Billionths of the currency unit, which list prices are written in: US dollars.
    pub(crate) fn money(self, nanos: i64) -> String {
        let value = nanos as f64 / 1e9;
        let digits = if value == 0.0 || value.abs() >= 100.0 {
            2
        } else if value.abs() >= 0.01 {
            4
        } else {
            6
        };
        let whole = self.number(value.trunc() as i64);
        let fraction = format!("{:.digits$}", value.abs().fract());
        match fraction.strip_prefix("0.") {
            Some(fraction) if value < 0.0 => format!("-${}.{fraction}", whole.trim_start_matches('-')),
            Some(fraction) => format!("${whole}.{fraction}"),
            None => format!("${value:.digits$}"),
        }
    }

    /// As [`Format::money`] in columns of sums: cents from a dollar on.
    pub(crate) fn money_in_cents(self, nanos: i64) -> String {
        if nanos.unsigned_abs() < 1_000_000_000 {
            return self.money(nanos);
        }
        let cents = (nanos.unsigned_abs() + 5_000_000) / 10_000_000;
        let sign = if nanos < 0 { "-" } else { "" };
        let whole = self.number(i64::try_from(cents / 100).unwrap_or(i64::MAX));
        format!("{sign}${whole}.{:02}", cents % 100)
    }

    /// As [`Format::money_in_cents`] where there is little room: `$12.3k` for thousands.
    pub(crate) fn short_money(self, nanos: i64) -> String {
        let dollars = nanos / 1_000_000_000;
        match dollars.unsigned_abs() {
            0..10_000 => self.money_in_cents(nanos),
            _ if nanos < 0 => format!("-${}", self.compact(-dollars)),
            _ => format!("${}", self.compact(dollars)),
        }
    }

    /// Microseconds as the unit that reads best.
    pub(crate) fn micros(self, us: u64) -> String {
        let ms = us as f64 / 1e3;
        match us {
            0..1_000 => format!("{us} µs"),
            1_000..1_000_000 => format!("{} ms", three_digits(ms)),
            1_000_000..60_000_000 => format!("{} {}", three_digits(ms / 1e3), self.second()),
            _ => self.span(Duration::from_micros(us)),
        }
    }

    /// As [`Format::micros`], or nothing.
    pub(crate) fn optional_micros(self, us: Option<u64>) -> String {
        us.map_or_else(|| NOTHING.to_owned(), |us| self.micros(us))
    }

    /// Milliseconds out of a histogram, whose buckets are up to a quarter wide: exact figures would be made up.
    pub(crate) fn about_millis(self, ms: Option<u64>) -> String {
        ms.map_or_else(|| NOTHING.to_owned(), |ms| format!("≈{}", self.micros(ms.saturating_mul(1_000))))
    }

    /// `1.5 MiB`
    #[expect(clippy::unused_self, reason = "both languages write it alike, as a third need not")]
    pub(crate) fn bytes(self, bytes: u64) -> String {
        let units = [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(unit, _)| bytes >= *unit) {
            Some((unit, name)) => format!("{} {name}", three_digits(bytes as f64 / *unit as f64)),
            None => format!("{bytes} B"),
        }
    }

    /// A length of time in its largest unit: `3 min`.
    pub(crate) fn span(self, span: Duration) -> String {
        let seconds = span.as_secs();
        let (number, english, chinese) = match seconds {
            0..60 => (seconds, "s", "秒"),
            60..3_600 => (seconds / 60, "min", "分钟"),
            3_600..172_800 => (seconds / 3_600, "h", "小时"),
            _ => (seconds / 86_400, "d", "天"),
        };
        match self.0 {
            Language::English => format!("{number} {english}"),
            Language::Chinese => format!("{number} {chinese}"),
        }
    }

    /// `3 min ago`, or `in 3 min`. What is to come is rounded: of twelve hours that began just now twelve are left, not
    /// eleven.
    pub(crate) fn relative(self, at: Timestamp, now: Timestamp) -> String {
        let span = now.duration_since(at).unsigned_abs();
        let span = if at <= now { self.span(span) } else { self.left(span) };
        match (self.0, at <= now) {
            (Language::English, true) => format!("{span} ago"),
            (Language::English, false) => format!("in {span}"),
            (Language::Chinese, true) => format!("{span}前"),
            (Language::Chinese, false) => format!("{span}后"),
        }
    }

    /// A length of time to come in its two largest units: `1 h 30 min`.
    fn left(self, span: Duration) -> String {
        let (unit, least) = match span.as_secs() {
            0..60 => (1, 1),
            60..3_570 => (60, 60),
            3_570..172_770 => (3_600, 60),
            _ => (86_400, 3_600),
        };
        let seconds = (span.as_secs() + least / 2) / least * least;
        let largest = self.span(Duration::from_secs(seconds));
        match seconds % unit {
            0 => largest,
            rest => format!("{largest} {}", self.span(Duration::from_secs(rest))),
        }
    }

    /// Date and time to the second.
    pub(crate) fn moment(self, at: Timestamp) -> Moment {
        let text = match self.0 {
            Language::English => at.strftime("%-d %b %Y, %H:%M:%S UTC"),
            Language::Chinese => at.strftime("%Y年%-m月%-d日 %H:%M:%S UTC"),
        };
        Moment { iso: at.to_string(), text: text.to_string() }
    }

    /// The beginning of a chart's step.
    pub(crate) fn step(self, at: Timestamp, step: Duration) -> Moment {
        let pattern = match (self.0, step >= Duration::from_hours(24), step >= Duration::from_hours(1)) {
            (Language::English, true, _) => "%-d %b",
            (Language::English, _, true) => "%-d %b %H:%M",
            (Language::Chinese, true, _) => "%-m月%-d日",
            (Language::Chinese, _, true) => "%-m月%-d日 %H:%M",
            _ => "%H:%M",
        };
        Moment { iso: at.to_string(), text: at.strftime(pattern).to_string() }
    }

    fn second(self) -> &'static str {
        match self.0 {
            Language::English => "s",
            Language::Chinese => "秒",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EN: Format = Format(Language::English);
    const ZH: Format = Format(Language::Chinese);

    #[test]
    fn numbers_are_grouped_and_shortened_as_each_language_does() {
        assert_eq!([0, 999, -1_000, 1_234_567].map(|n| EN.number(n)), ["0", "999", "-1,000", "1,234,567"]);
        assert_eq!([950, 12_345, 9_999_999].map(|n| EN.compact(n)), ["950", "12.3k", "10M"]);
        assert_eq!([9_500, 12_345, 250_000_000].map(|n| ZH.compact(n)), ["9,500", "1.23 万", "2.5 亿"]);
    }

    #[test]
    fn a_share_below_the_whole_never_reads_as_the_whole() {
        assert_eq!(EN.percent(9_999, 10_000), "99.99 %");
        assert_eq!(EN.percent(999_999, 1_000_000), "99.99 %");
        assert_eq!([EN.percent(1, 1), EN.percent(0, 5), EN.percent(1, 0)], ["100 %", "0 %", NOTHING]);
    }

    #[test]
    fn money_shows_the_digits_that_matter() {
        let told = [0, 1_234_567_890_000, 250_000_000, 12_500, -250_000_000].map(|n| EN.money(n));
        assert_eq!(told, ["$0.00", "$1,234.57", "$0.2500", "$0.000013", "-$0.2500"]);
    }

    #[test]
    fn what_a_histogram_gives_is_not_told_as_exact() {
        assert_eq!([EN.about_millis(Some(44)), EN.about_millis(None)], ["≈44 ms", NOTHING]);
    }

    #[test]
    fn money_in_little_room_is_short() {
        let told = [0, 12_500, 1_234_567_000, 9_999_995_000_000, 123_456_000_000_000, -1_500_000_000];
        let told = told.map(|nanos| EN.short_money(nanos));
        assert_eq!(told, ["$0.00", "$0.000013", "$1.23", "$10,000.00", "$123k", "-$1.50"]);
        let told = [12_500, 123_456_789_000_000, -1_500_000_000].map(|nanos| EN.money_in_cents(nanos));
        assert_eq!(told, ["$0.000013", "$123,456.79", "-$1.50"], "a column of sums leaves out nothing");
    }

    #[test]
    fn times_read_in_their_unit() {
        assert_eq!(
            [850, 12_340, 2_500_000, 90_000_000].map(|us| EN.micros(us)),
            ["850 µs", "12.3 ms", "2.5 s", "1 min"]
        );
        let (then, now) = ("2026-11-26T10:00:00Z".parse().unwrap(), "2026-11-26T10:03:09Z".parse().unwrap());
        let left = |seconds| EN.relative(then + Duration::from_secs(seconds), then);
        let told = [59, 90, 43_190, 3_590, 5_400, 172_780, 216_000].map(left);
        let expected = ["in 59 s", "in 2 min", "in 12 h", "in 1 h", "in 1 h 30 min", "in 2 d", "in 2 d 12 h"];
        assert_eq!(told, expected);
        assert_eq!(ZH.relative(then + Duration::from_mins(90), then), "1 小时 30 分钟后");
        assert_eq!((EN.relative(then, now), ZH.relative(now, then)), ("3 min ago".into(), "3 分钟后".into()));
        assert_eq!(ZH.moment(then).text, "2026年11月26日 10:00:00 UTC");
    }
}
