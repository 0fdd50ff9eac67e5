//! What the control plane says of faults and findings, in the visitor's language.

use relay_control::fleet_document::Fault;
use relay_control::translation::{in_chinese, label_in_chinese, label_of_chinese, line_in_chinese};

use crate::format::Format;
use crate::words::{Language, words};

words! {
    FieldFaultWords {
        missing => "Fill this in." / "请填写此项。";
        private => "This address is private, or of this machine itself. If that is meant, tick “May have a private or loopback address”." / "这是内网地址或本机地址。如果确实如此，请勾选“允许内网或回环地址”。";
        unknown(what) => "{what}; choose one that exists." / "{what}，请从已有的中选择。";
        taken(id) => "“{id}” exists already; choose another name." / "“{id}” 已存在，请换一个名称。";
    }
}

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
        Language::Chinese => {
            let message = in_chinese(message);
            // A suggestion ends in a question mark already.
            let between = if message.ends_with('？') { "" } else { "；" };
            format!("{message}{between}{}", in_chinese(remedy))
        }
    }
}

/// A fault as it is said at its field of a form: the field is not named again, and what a fleet file would be given is
/// said of the form.
pub(crate) fn at_field(language: Language, fault: &Fault) -> String {
    let t = FieldFaultWords(language);
    let (message, remedy) = (fault.message.as_str(), fault.remedy.as_str());
    if message.ends_with(" is missing") || message.ends_with(" is empty") {
        return t.missing().to_owned();
    }
    if remedy.starts_with("add allow_private = true") {
        return t.private().to_owned();
    }
    if remedy.starts_with("correct it, or add a [[") {
        let told = said(language, message).replace(" of this document", "");
        let told = without_field(&told, &fault.path);
        return if told.ends_with(['?', '？']) { told.to_owned() } else { t.unknown(told) };
    }
    without_field(&with_remedy(language, message, remedy), &fault.path).to_owned()
}

/// There is one of this name already.
pub(crate) fn taken(language: Language, id: &str) -> String {
    FieldFaultWords(language).taken(id)
}

/// `"x" is …` of `base_url "x" is …`; what says something of the field itself stays whole.
fn without_field<'t>(told: &'t str, path: &str) -> &'t str {
    let field = path.rsplit('.').next().unwrap_or(path);
    let rest = told.strip_prefix(field).map(|rest| rest.trim_start_matches(" names").trim_start_matches(" 中的"));
    let value =
        rest.and_then(|rest| rest.strip_prefix([':', '：']).or(Some(rest).filter(|rest| rest.starts_with([' ', '“']))));
    value.map(str::trim_start).filter(|value| !value.starts_with(['=', 'i'])).unwrap_or(told)
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

    #[test]
    fn a_field_is_not_named_again_in_its_fault() {
        let cases = [
            ("base_url \"x\" is not a URL", "base_url", "\"x\" is not a URL"),
            ("logical_groups names \"x\", which is no group", "logical_groups", "\"x\", which is no group"),
            ("logical_groups 中的 “x” 不是已有的分组", "logical_groups", "“x” 不是已有的分组"),
            ("gateway_key：取值含有空格", "gateway_key", "取值含有空格"),
            ("priority = 5 is too large", "priority", "priority = 5 is too large"),
            ("priority is a string, not a whole number", "priority", "priority is a string, not a whole number"),
            ("主机 ID “x” 含有 ' '", "host_id", "主机 ID “x” 含有 ' '"),
        ];
        for (told, path, expected) in cases {
            assert_eq!(without_field(told, path), expected);
        }
    }
}
