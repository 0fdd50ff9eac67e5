//! What the control plane says of faults and findings, in the visitor's language.

use relay_control::translation::{in_chinese, label_in_chinese, line_in_chinese};

use crate::words::Language;

/// A text of the control plane.
pub(crate) fn said(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Chinese => in_chinese(text),
    }
}

/// One with its subject before it.
pub(crate) fn line(language: Language, text: &str) -> String {
    match language {
        Language::English => text.to_owned(),
        Language::Chinese => line_in_chinese(text),
    }
}

/// Whoever did something, by the label of their token.
pub(crate) fn who(language: Language, label: &str) -> &str {
    match language {
        Language::English => label,
        Language::Chinese => label_in_chinese(label),
    }
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
        Language::Chinese => {
            let message = in_chinese(message);
            // A suggestion ends in a question mark already.
            let between = if message.ends_with('？') { "" } else { "；" };
            format!("{message}{between}{}", in_chinese(remedy))
        }
    }
}
