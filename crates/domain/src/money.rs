//! Money and ratios in exact decimals: integers underneath, never floats.

use std::fmt;
use std::str::FromStr;

/// Digits after the point of a [`Money`].
const MONEY_DIGITS: u32 = 9;

/// Digits after the point of a [`Ratio`].
const RATIO_DIGITS: u32 = 6;

/// Why a text is not a decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Something else than digits and one point.
    #[error("is not a decimal number such as 12.50")]
    Form,
    /// More digits after the point than are kept.
    #[error("has more than {0} digits after the point")]
    TooFine(u32),
    /// It does not fit.
    #[error("is too large")]
    TooLarge,
}

/// An amount in billionths of the currency unit, so that the price of one
/// cached token of the cheapest model is not zero. May be negative (a loss).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in billionths of the unit.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Billionths of the unit.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum, at the bounds of the type at most.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at the bounds of the type at most.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl FromStr for Money {
    type Err = DecimalError;

    /// Reads `12`, `12.5` or `0.000000001`; not negative.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let units = decimal(text, MONEY_DIGITS)?;
        i64::try_from(units).map(Self).map_err(|_| DecimalError::TooLarge)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        write_decimal(f, self.0.unsigned_abs(), MONEY_DIGITS)
    }
}

/// A factor in millionths: a host's price multiplier, what a unit of its credit
/// costs, a group's mark-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ratio(u64);

impl Ratio {
    /// One: the price is taken as it is.
    pub const ONE: Self = Self(1_000_000);

    /// A factor in millionths.
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// Millionths.
    pub const fn millionths(self) -> u64 {
        self.0
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self::ONE
    }
}

impl FromStr for Ratio {
    type Err = DecimalError;

    /// Reads `1`, `0.85` or `0.000001`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        decimal(text, RATIO_DIGITS).map(Self)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, self.0, RATIO_DIGITS)
    }
}

/// The number written in `text`, times ten to the power of `digits`.
///
/// # Errors
/// See [`DecimalError`]; a rest that would be cut off is one, zeros excepted.
pub fn decimal(text: &str, digits: u32) -> Result<u64, DecimalError> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return Err(DecimalError::Form);
    }
    let part = part.trim_end_matches('0');
    let missing = digits.checked_sub(part.len() as u32).ok_or(DecimalError::TooFine(digits))?;
    let number: u64 = format!("{whole}{part}").parse().map_err(|_| DecimalError::TooLarge)?;
    number.checked_mul(10_u64.pow(missing)).ok_or(DecimalError::TooLarge)
}

/// Writes `units` with the point `digits` from the right, without zeros at the end.
pub fn write_decimal(f: &mut impl fmt::Write, units: u64, digits: u32) -> fmt::Result {
    let one = 10_u64.pow(digits);
    let (whole, part) = (units / one, units % one);
    if part == 0 {
        return write!(f, "{whole}");
    }
    let part = format!("{part:0width$}", width = digits as usize);
    write!(f, "{whole}.{}", part.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        let nanos = |text: &str| text.parse::<Money>().map(Money::nanos);
        assert_eq!(nanos("12.50"), Ok(12_500_000_000));
        assert_eq!(nanos("0.000000001"), Ok(1));
        assert_eq!(nanos("3.0000000000000"), Ok(3_000_000_000));
        assert_eq!(nanos("0.0000000001"), Err(DecimalError::TooFine(9)));
        assert_eq!(nanos("99999999999"), Err(DecimalError::TooLarge));
        for wrong in ["", ".", "1.", ".5", "-1", "1e3", "1,5", "+1"] {
            assert_eq!(nanos(wrong), Err(DecimalError::Form), "{wrong}");
        }
        assert_eq!("0.142857".parse::<Ratio>(), Ok(Ratio::from_millionths(142_857)));
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["0", "1", "12.5", "0.000000001", "9223372036.854775807"] {
            assert_eq!(text.parse::<Money>().unwrap().to_string(), text);
        }
        assert_eq!(Money::from_nanos(-1_500_000_000).to_string(), "-1.5");
        assert_eq!(Ratio::ONE.to_string(), "1");
    }
}
