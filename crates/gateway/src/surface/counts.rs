//! Tokens as an answer counts them, normalized so that surfaces can be added up
//! (spec §6): `input` is all input, cached or not; `output` is all output,
//! reasoning included. Absent is not zero.

use relay_ledger::Usage;

/// More tokens than any answer has. A host that tells more is mistaken, and has told nothing.
const MOST: u64 = 1 << 40;

/// What an answer has told of its usage.
///
/// Every surface counts cumulatively: what is told later replaces, number by
/// number, what was told before, and what is left out stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All input tokens.
    pub(crate) input: Option<u64>,
    /// Input tokens that neither came from a cache nor went into one. Anthropic
    /// counts so, and all input is then the sum of three.
    pub(crate) uncached_input: Option<u64>,
    pub(crate) cached_input: Option<u64>,
    pub(crate) cache_write: Option<u64>,
    /// All output tokens, reasoning included.
    pub(crate) output: Option<u64>,
    pub(crate) reasoning: Option<u64>,
}

impl Counts {
    /// Takes in what was told later.
    pub(crate) fn update(&mut self, later: Self) {
        *self = Self {
            input: later.input.or(self.input),
            uncached_input: later.uncached_input.or(self.uncached_input),
            cached_input: later.cached_input.or(self.cached_input),
            cache_write: later.cache_write.or(self.cache_write),
            output: later.output.or(self.output),
            reasoning: later.reasoning.or(self.reasoning),
        };
    }

    /// The numbers for the record; `None` when nothing was told.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if *self == Self::default() {
            return None;
        }
        let told = |tokens: Option<u64>| tokens.filter(|tokens| *tokens <= MOST);
        let (cached_input, cache_write) = (told(self.cached_input), told(self.cache_write));
        let sum = |uncached: u64| uncached + cached_input.unwrap_or(0) + cache_write.unwrap_or(0);
        Some(Usage {
            input: told(self.input).or(told(self.uncached_input).map(sum)),
            cached_input,
            cache_write,
            output: told(self.output),
            reasoning: told(self.reasoning),
            provenance: Some("host"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_later_replaces_what_it_tells_and_nothing_else() {
        let mut counts = Counts { input: Some(9), output: Some(1), ..Counts::default() };
        counts.update(Counts { output: Some(0), reasoning: Some(4), ..Counts::default() });
        assert_eq!(counts, Counts { input: Some(9), output: Some(0), reasoning: Some(4), ..Counts::default() });
    }

    #[test]
    fn all_input_is_the_sum_where_a_surface_counts_its_parts() {
        let input = |counts: Counts| counts.usage().and_then(|usage| usage.input);
        let parts = Counts { uncached_input: Some(3), cached_input: Some(60), ..Counts::default() };
        assert_eq!(input(parts), Some(63));
        assert_eq!(input(Counts { cache_write: Some(7), ..parts }), Some(70));
        assert_eq!(input(Counts { input: Some(1), ..parts }), Some(1));
        assert_eq!(input(Counts { uncached_input: None, ..parts }), None);
        assert_eq!(Counts::default().usage(), None);
    }

    #[test]
    fn more_than_can_be_is_as_good_as_nothing() {
        let usage = Counts { input: Some(u64::MAX), output: Some(5), ..Counts::default() }.usage().unwrap();
        assert_eq!((usage.input, usage.output), (None, Some(5)));
        let parts = Counts { uncached_input: Some(3), cached_input: Some(MOST + 1), ..Counts::default() };
        assert_eq!(parts.usage().and_then(|usage| usage.input), Some(3));
    }
}
