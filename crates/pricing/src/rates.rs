//! Rates for a million tokens, and what a request's tokens are worth by them.

use std::str::FromStr;

use relay_domain::money::decimal;
use relay_domain::{DecimalError, Money, Ratio};

/// Digits after the point of a rate: a millionth of a unit for a million tokens is a
/// trillionth for one, so a [`Rate`] is both.
const DIGITS: u32 = 6;

/// A price for a million tokens, in millionths of the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

impl FromStr for Rate {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        decimal(text, DIGITS).map(Self)
    }
}

/// The rates of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    pub(crate) input: Rate,
    pub(crate) cached_input: Rate,
    pub(crate) cache_write: Rate,
    pub(crate) output: Rate,
}

/// Tokens of a request. `cached_input` and `cache_write` are parts of `input`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// All input tokens.
    pub input: u64,
    /// … read from a prompt cache.
    pub cached_input: u64,
    /// … written to a prompt cache.
    pub cache_write: u64,
    /// Output tokens, those of reasoning included.
    pub output: u64,
}

/// What tokens are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// All of them.
    pub total: Money,
    /// How much less that is than it would have been without a prompt cache;
    /// negative when writing to it cost more than reading from it saved.
    pub cache_saved: Money,
}

impl Rates {
    /// What `tokens` are worth times `ratios`, rounded once, half away from zero.
    pub fn worth(&self, tokens: Tokens, ratios: &[Ratio]) -> Worth {
        let cached = tokens.cached_input.min(tokens.input);
        let written = tokens.cache_write.min(tokens.input - cached);
        let plain = tokens.input - cached - written;
        let sum = |parts: &[(u64, Rate)]| -> i128 {
            parts.iter().map(|(tokens, rate)| i128::from(*tokens) * i128::from(rate.0)).sum()
        };
        let output = (tokens.output, self.output);
        let total = sum(&[(plain, self.input), (cached, self.cached_input), (written, self.cache_write), output]);
        let uncached = sum(&[(tokens.input, self.input), output]);
        Worth { total: times(total, ratios), cache_saved: times(uncached - total, ratios) }
    }
}

/// Trillionths times millionths, as a money's billionths.
fn times(trillionths: i128, ratios: &[Ratio]) -> Money {
    const TRILLIONTHS: i128 = 1_000;
    const MILLIONTHS: i128 = 1_000_000;
    let (number, divisor) = ratios.iter().fold((trillionths, TRILLIONTHS), |(number, divisor), ratio| {
        (number.saturating_mul(i128::from(ratio.millionths())), divisor * MILLIONTHS)
    });
    let half = if number < 0 { -divisor / 2 } else { divisor / 2 };
    let nanos = number.saturating_add(half) / divisor;
    let most = i64::MAX;
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { -most } else { most }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(input: &str, cached: &str, written: &str, output: &str) -> Rates {
        let rate = |text: &str| text.parse().unwrap();
        Rates { input: rate(input), cached_input: rate(cached), cache_write: rate(written), output: rate(output) }
    }

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    #[test]
    fn each_kind_of_token_has_its_own_rate() {
        let tokens = Tokens { input: 1_000_000, cached_input: 600_000, cache_write: 100_000, output: 200_000 };
        let worth = rates("3", "0.3", "3.75", "15").worth(tokens, &[]);
        // 0.9 plain + 0.18 cached + 0.375 written + 3 output.
        assert_eq!(worth.total.to_string(), "4.455");
        // 6 without a cache.
        assert_eq!(worth.cache_saved.to_string(), "1.545");
    }

    #[test]
    fn one_cached_token_of_the_cheapest_model_is_not_free() {
        let one = Tokens { input: 1, cached_input: 1, ..Tokens::default() };
        assert_eq!(rates("0.05", "0.005", "0.05", "0.4").worth(one, &[]).total.nanos(), 5);
    }

    #[test]
    fn ratios_multiply_and_round_once() {
        let tokens = Tokens { input: 3, ..Tokens::default() };
        let rates = rates("1.25", "0.125", "1.25", "10");
        // 3.75 millionths × 0.85 × 0.142857 = 0.455356… millionths.
        let worth = rates.worth(tokens, &[ratio("0.85"), ratio("0.142857")]);
        assert_eq!(worth.total.nanos(), 455);
        assert_eq!(rates.worth(tokens, &[ratio("0")]).total, Money::ZERO);
    }

    #[test]
    fn more_cached_than_there_is_input_counts_as_all() {
        let tokens = Tokens { input: 10, cached_input: 50, cache_write: 50, output: 0 };
        assert_eq!(rates("1", "0.1", "2", "1").worth(tokens, &[]).total.nanos(), 1_000);
    }

    proptest! {
        /// No overflow, and never below zero, whatever a host says.
        #[test]
        fn any_tokens_have_a_worth(input: u64, cached_input: u64, cache_write: u64, output: u64, by in 0_u64..=2_000_000_000) {
            let tokens = Tokens { input, cached_input, cache_write, output };
            let by = Ratio::from_millionths(by);
            prop_assert!(rates("10", "1", "12.5", "50").worth(tokens, &[by, by]).total >= Money::ZERO);
        }
    }
}
