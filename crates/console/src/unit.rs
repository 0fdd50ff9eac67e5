//! What the values of a chart are: how one is written, and how those beside its scale are, all in one unit.

use relay_control::numbers::three_digits;

use crate::format::Format;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Of something.
    Count,
    /// Billionths of a dollar.
    Money,
    /// Microseconds.
    Micros,
    /// Of a hundred.
    Percent,
    /// A number as it is.
    Plain,
}

impl Unit {
    /// A value alone, in the unit that reads best.
    pub(crate) fn write(self, format: Format, value: f64) -> String {
        match self {
            Self::Count => format.compact(value.round() as i64),
            Self::Money => format.short_money(value as i64),
            Self::Micros => format.micros(value.max(0.0) as u64),
            Self::Percent => format.percent((value * 1_000.0) as i64, 100_000),
            Self::Plain => plain(value),
        }
    }

    /// A value beside a scale that ends at `top`, in the unit of that: "5 s, 2.5 s, 0 s", not "0 µs".
    pub(crate) fn beside_scale(self, format: Format, value: f64, top: f64) -> String {
        match self {
            Self::Count => in_unit(format, value, format.count_unit(top)),
            Self::Money => {
                let (dollars, sign) = (value.abs() / 1e9, if value < 0.0 { "-" } else { "" });
                format!("{sign}${}", in_unit(format, dollars, format.count_unit(top / 1e9)))
            }
            Self::Micros => {
                let (of, name) = format.time_unit(top);
                format!("{} {name}", plain(value / of))
            }
            Self::Percent | Self::Plain => self.write(format, value),
        }
    }
}

fn in_unit(format: Format, value: f64, (of, name): (f64, &str)) -> String {
    // Nothing has no unit, and below the first one three digits would leave small sums nothing.
    match (value == 0.0, name) {
        (true, _) => "0".to_owned(),
        (false, "") if value.fract() == 0.0 => format.number(value as i64),
        (false, "") => plain(value),
        (false, _) => format!("{}{name}", three_digits(value / of)),
    }
}

/// As many digits as it has, six behind the point at most.
fn plain(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn a_scale_has_one_unit() {
        let format = Format(Language::English);
        let scale = |unit: Unit, top: f64| [top, top / 2.0, 0.0].map(|value| unit.beside_scale(format, value, top));
        assert_eq!(scale(Unit::Micros, 5e6), ["5 s", "2.5 s", "0 s"]);
        assert_eq!(scale(Unit::Micros, 1e3), ["1 ms", "0.5 ms", "0 ms"]);
        assert_eq!(scale(Unit::Count, 1e6), ["1M", "0.5M", "0"]);
        assert_eq!(scale(Unit::Count, 500.0), ["500", "250", "0"]);
        assert_eq!(scale(Unit::Money, 1e14), ["$100k", "$50k", "$0"]);
        assert_eq!(scale(Unit::Money, 5e6), ["$0.005", "$0.0025", "$0"]);
        assert_eq!(Unit::Money.beside_scale(format, -5e9, 5e9), "-$5");
        assert_eq!(Unit::Micros.beside_scale(Format(Language::Chinese), 2.5e6, 5e6), "2.5 秒");
    }
}
