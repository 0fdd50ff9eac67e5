//! Words of the program, numbered as they are met.

use std::sync::OnceLock;

/// Up to `N` words of the program, each with a small number, so that counts by word are an
/// array. A word is numbered when it is met first; no list has to name them all, and however
/// many there are, what is counted stays bounded: beyond `N - 1` they are one, `other`.
///
/// Finding a number takes no lock once the word is known. It walks the words, so that which is met most
/// should be met first: [`Words::starting_with`].
#[derive(Debug)]
pub struct Words<const N: usize>([OnceLock<&'static str>; N]);

/// What words beyond the last number are called.
const OTHER: &str = "other";

impl<const N: usize> Words<N> {
    /// Numbered from this word on.
    pub fn starting_with(first: &'static str) -> Self {
        let words = Self([const { OnceLock::new() }; N]);
        words.number(first);
        words
    }

    /// The number of a word, below `N`.
    pub fn number(&self, word: &'static str) -> usize {
        let known = self.0[..N - 1].iter().position(|slot| *slot.get_or_init(|| word) == word);
        known.unwrap_or(N - 1)
    }

    /// The word of a number.
    pub fn word(&self, number: usize) -> &'static str {
        self.0.get(number).and_then(OnceLock::get).copied().unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_numbers_and_share_the_last_when_they_are_too_many() {
        let words = Words::<3>::starting_with("none");
        assert_eq!(
            ["none", "timeout", "none", "timeout", "gone", "late"].map(|word| words.number(word)),
            [0, 1, 0, 1, 2, 2]
        );
        assert_eq!([0, 1, 2].map(|number| words.word(number)), ["none", "timeout", "other"]);
    }

    #[test]
    fn a_word_met_by_many_at_once_has_one_number() {
        let words = Words::<8>::starting_with("none");
        let numbers: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| words.number("timeout"))).collect();
            threads.into_iter().map(|thread| thread.join().expect("counts")).collect()
        });
        assert_eq!(numbers, [1; 8]);
    }
}
