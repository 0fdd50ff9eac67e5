//! What the control plane says in English, in the visitor's language.

use relay_control::translation::{in_chinese, label_in_chinese, label_of_chinese, line_in_chinese};

use crate::format::Format;
use crate::words::Language;

/// A text of the control plane.
pub(crate) fn said(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Chinese => in_chinese(text),
    }
}

/// What was done in one line. Its counts, of which the control plane writes the digits alone, are grouped.
pub(crate) fn summary(language: Language, text: &str) -> String {
    let grouped = |word: &str| match word.parse::<i64>() {
        Ok(count) if word.starts_with(|c: char| c.is_ascii_digit()) => Format(language).number(count),
        _ => word.to_owned(),
    };
    said(language, text).split(' ').map(grouped).collect::<Vec<_>>().join(" ")
}

/// One with its subject before it.
pub(crate) fn line(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Chinese => line_in_chinese(text),
    }
}

/// Label of the token that the environment gives, and how people read it.
const FIRST_TOKEN: (&str, &str) = ("environment", "first token (environment)");

/// Whoever did something, by the label of their token.
pub(crate) fn who(language: Language, label: &str) -> &str {
    match language {
        Language::English if label == FIRST_TOKEN.0 => FIRST_TOKEN.1,
        Language::English => label,
        Language::Chinese => label_in_chinese(label),
    }
}

/// The label that [`who`] says so, for whoever looks for what they read.
pub(crate) fn label_of(said: &str) -> &str {
    if said == FIRST_TOKEN.1 { FIRST_TOKEN.0 } else { label_of_chinese(said) }
}

/// What is wrong with an entry, as a line of its own; `told` is translated already.
pub(crate) fn of_entry(language: Language, entry: &str, told: &str) -> String {
    match language {
        Language::English => format!("{entry}: {told}"),
        Language::Chinese => format!("{}：{told}", in_chinese(entry)),
    }
}

/// What is wrong, and what to do.
pub(crate) fn with_remedy(language: Language, message: &str, remedy: &str) -> String {
    match language {
        Language::English => format!("{message}; {remedy}"),
        Language::Chinese => format!("{}；{}", in_chinese(message), in_chinese(remedy)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_summary_are_grouped_and_ids_are_not() {
        assert_eq!(summary(Language::English, "10254 added, 3 removed"), "10,254 added, 3 removed");
        assert_eq!(summary(Language::Chinese, "10254 added, 1200 removed"), "新增 10,254 项，删除 1,200 项");
        assert_eq!(summary(Language::English, "made host \"12345\""), "made host \"12345\"");
    }

    #[test]
    fn the_token_of_the_environment_is_no_person_and_is_found_by_what_is_read() {
        for language in [Language::English, Language::Chinese] {
            let said = who(language, "environment");
            assert!(said != "environment" && label_of(said) == "environment", "{said}");
        }
        assert_eq!((who(Language::English, "ann"), label_of("ann")), ("ann", "ann"));
    }
}
