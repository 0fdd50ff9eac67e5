//! How many tokens a request may take, before its host has counted.

/// Bytes of a request's body for each token: some four in English, fewer in other scripts.
const BYTES_PER_TOKEN: u64 = 4;

/// What an image or another file that travels inside a body is taken for. Models count an image as some hundreds to
/// fifteen hundred.
const TOKENS_OF_A_FILE: u64 = 1_000;

/// So many bytes of Base64 without any other between are a file: no text has so long a word.
const SHORTEST_FILE: usize = 4 * 1024;

/// What is looked at to find a file: one byte in so many, and these before it is believed.
const STEP: usize = SHORTEST_FILE / 2;
const GLANCE: usize = 64;

/// The tokens of a body that is JSON.
pub(crate) fn tokens(body: &[u8]) -> u64 {
    let (mut text, mut files, mut at) = (body.len(), 0, 0);
    while at < body.len() {
        let end = file_end(body, at);
        let begin = at - body[..at].iter().rev().take(STEP).take_while(|byte| is_of_a_file(**byte)).count();
        if end - begin >= SHORTEST_FILE {
            text -= end - begin;
            files += 1;
        }
        at = end.max(at + 1).next_multiple_of(STEP);
    }
    text as u64 / BYTES_PER_TOKEN + files * TOKENS_OF_A_FILE
}

/// The same of a form, which is mostly files, as far as it has come.
pub(crate) fn tokens_of_form(body: &[u8]) -> u64 {
    (body.len() as u64 / BYTES_PER_TOKEN).min(TOKENS_OF_A_FILE)
}

/// Where what looks like a file at `at` ends; there, if it does not.
fn file_end(body: &[u8], at: usize) -> usize {
    let rest = &body[at..];
    if !rest.iter().take(GLANCE).all(|byte| is_of_a_file(*byte)) {
        return at;
    }
    at + rest.iter().position(|byte| !is_of_a_file(*byte)).unwrap_or(rest.len())
}

/// Of Base64, in both its alphabets. A backslash is none: text in other scripts may have no other bytes but its escapes.
fn is_of_a_file(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_by_its_length() {
        let text = "Say how a relay streams an answer. ".repeat(10_000);
        assert_eq!(tokens(text.as_bytes()), text.len() as u64 / 4);
        for text in ["中文字".repeat(9_000), "\\u4e2d\\u6587".repeat(9_000)] {
            assert_eq!(tokens(text.as_bytes()), text.len() as u64 / 4);
        }
        assert_eq!(tokens(b""), 0);
        assert_eq!(tokens("x".repeat(4_000).as_bytes()), 1_000, "short enough for a word");
    }

    #[test]
    fn a_file_counts_as_one_however_long_it_is() {
        for length in [SHORTEST_FILE, SHORTEST_FILE + 1, 10_000, 5 << 20] {
            for before in [0, 1, 63, 64, 2_047, 2_048, 5_000] {
                let body = format!("{}\"{}\"{}", " ".repeat(before), "aGk+".repeat(length / 4), " ".repeat(before));
                let text = (2 * before + 2) as u64;
                assert!(tokens(body.as_bytes()).abs_diff(text / 4 + TOKENS_OF_A_FILE) <= 1, "{length} after {before}");
            }
        }
        let two = format!("[\"{0}\",\"{0}\"]", "A".repeat(100_000));
        assert_eq!(tokens(two.as_bytes()), 2 * TOKENS_OF_A_FILE + 7 / 4);
    }
}
