//! Languages, and the words of pages.
//!
//! A page lists its words with [`words!`](relay_control::words!), each in every language on one line, so that
//! a missing translation does not compile, and whoever changes a text sees the other one.
//! `tests::every_word_is_said_in_both_languages` reads those lines and refuses Chinese
//! that is English, and placeholders that only one of them has.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

pub(crate) use relay_control::words;
pub(crate) use relay_control::words::Language;

/// What a browser asks for: the first of ours in its list, which browsers send in order of preference.
pub(crate) fn accepted(headers: &HeaderMap) -> Language {
    let list = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let primary = |range: &str| range.trim().get(..2).map(str::to_ascii_lowercase);
    list.split(',').filter_map(primary).find_map(|word| Language::named(&word)).unwrap_or_default()
}

/// Things one after the other, as a sentence has them.
pub(crate) fn enumerated(language: Language, things: &[impl AsRef<str>]) -> String {
    let comma = match language {
        Language::English => ", ",
        Language::Chinese => "、",
    };
    things.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(comma)
}

/// The pieces of a text, and whether each is code: what stands between backticks is. Where those do not pair, nothing is.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_paired = text.matches('`').count().is_multiple_of(2);
    let whole = (!is_paired).then_some((text, false));
    let split = text.split('`').enumerate().filter(move |_| is_paired);
    whole.into_iter().chain(split.map(|(place, piece)| (piece, place % 2 == 1)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use http::HeaderValue;

    use super::*;

    /// Product names and abbreviations that Chinese operators write as they are.
    const SAME_IN_BOTH: [&str; 8] =
        ["TTFT", "TTFT p50 / p99", "ID", "Relay Manager", "key", "Token", "English", "中文"];

    #[test]
    fn a_browsers_first_choice_among_ours_counts() {
        let accepted = |list: &'static str| {
            super::accepted(&HeaderMap::from_iter([(ACCEPT_LANGUAGE, HeaderValue::from_static(list))]))
        };
        assert_eq!(accepted("zh-CN,zh;q=0.9,en;q=0.8"), Language::Chinese);
        assert_eq!(accepted("fr, en-GB;q=0.8, zh;q=0.5"), Language::English);
        assert_eq!(accepted("fr"), Language::English);
        assert_eq!(accepted(""), Language::English);
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        let pieces = |text| super::pieces(text).collect::<Vec<_>>();
        assert_eq!(pieces("run `serve` now"), [("run ", false), ("serve", true), (" now", false)]);
        assert_eq!(pieces("a ` alone"), [("a ` alone", false)]);
        assert_eq!(pieces(""), [("", false)]);
    }

    fn sources(directory: &Path, ending: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
            }
        }
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_word_is_said_in_both_languages() {
        let mut files = Vec::new();
        for crates_of_words in ["src", "../control/src"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(crates_of_words), ".rs", &mut files);
        }
        let (mut lines, mut faults) = (0, Vec::new());
        for (path, text) in &files {
            for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
                let Some((key, said)) = line.split_once(" => \"") else { continue };
                let Some((english, chinese)) = said.split_once("\" / \"") else { continue };
                let Some(chinese) = chinese.strip_suffix("\";") else {
                    faults.push(format!("{path}: {key} is not on one line"));
                    continue;
                };
                lines += 1;
                let is_chinese = chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                let is_punctuation = !without(chinese, "{", "}").chars().any(char::is_alphabetic);
                let is_said = is_chinese || is_punctuation || SAME_IN_BOTH.contains(&chinese);
                if english.is_empty() || chinese.is_empty() || !is_said {
                    faults.push(format!("{path}: {key} is not said in both languages: {english} / {chinese}"));
                }
                if placeholders(english) != placeholders(chinese) {
                    faults.push(format!("{path}: {key} has other parts in the other language"));
                }
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(lines > 100, "the lines of words! are not where this test looks");
    }

    /// What a visitor reads comes from [`words!`] or is data: a template has no text of its own.
    #[test]
    fn templates_have_no_words_of_their_own() {
        let mut files = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), ".html", &mut files);
        let mut faults = Vec::new();
        for (path, text) in &files {
            let text = without(&without(&without(text, "{#", "#}"), "{%", "%}"), "{{", "}}");
            let outside_tags = without(&text, "<", ">");
            let texts = outside_tags.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
            faults.extend(texts.map(|word| format!("{path}: {word}")));
            for name in ["title=\"", "aria-label=\"", "placeholder=\"", "alt=\"", "data-confirm=\""] {
                let values = text.split(name).skip(1).filter_map(|rest| rest.split('"').next());
                let worded = values.filter(|value| value.chars().any(char::is_alphabetic));
                faults.extend(worded.map(|value| format!("{path}: {name}{value}")));
            }
        }
        assert!(!files.is_empty() && faults.is_empty(), "{faults:#?}");
    }

    fn without(text: &str, open: &str, close: &str) -> String {
        let mut kept = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(open) {
            kept.push_str(before);
            rest = after.split_once(close).map_or("", |(_, after)| after);
        }
        kept + rest
    }
}
