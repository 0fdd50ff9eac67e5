//! Which names of models a group takes by the mappings of its accounts, as the host reads them.
//!
//! A mapping is from the name that is asked for to the upstream's. An account without one, and one that passes everything
//! through, takes every name. Newer hosts read a `*` at the end of a name as "whatever follows", in upper and lower case as
//! it stands; an exact name comes before a pattern, and a longer pattern before a shorter one. Older hosts have no
//! patterns: to them a `*` is a character like any other, so that a name with one is asked for by nobody.

use std::collections::BTreeMap;

use relay_domain::ModelPattern;
use relay_hosts::admin::Account;

/// The name that stands for every name.
pub(super) const EVERY_MODEL: &str = "*";

/// What a group's accounts make of names.
#[derive(Debug, Default)]
pub(super) struct Mappings {
    /// Name or pattern → model of the upstream; absent where the name goes on as it is.
    targets: BTreeMap<String, Option<String>>,
}

impl Mappings {
    /// Of the accounts that the host may choose for a group.
    pub(super) fn of(accounts: &[Account], group: i64, honors_wildcards: bool) -> Self {
        let mut targets = BTreeMap::new();
        let chosen = accounts.iter().filter(|account| account.schedulable && account.status != "inactive");
        for account in chosen.filter(|account| account.group_ids.iter().any(|id| id.0 == group)) {
            if account.takes_every_model() {
                targets.entry(EVERY_MODEL.to_owned()).or_insert(None);
                continue;
            }
            let known = account.model_mapping.iter().filter(|(asked, _)| honors_wildcards || !asked.contains('*'));
            for (asked, target) in known {
                let target = Some(target.clone()).filter(|target| target != asked && !is_pattern(target));
                targets.insert(asked.clone(), target);
            }
        }
        Self { targets }
    }

    /// Names and patterns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// The upstream's model for a name; `None` when it goes on as it is, or is not taken.
    pub(super) fn target(&self, model: &str) -> Option<&str> {
        if let Some(target) = self.targets.get(model) {
            return target.as_deref();
        }
        let fitting = self.targets.iter().filter(|(pattern, _)| fits(pattern, model));
        fitting.max_by_key(|(pattern, _)| pattern.len())?.1.as_deref()
    }
}

/// Whether a name is a pattern.
pub(super) fn is_pattern(name: &str) -> bool {
    matches!(ModelPattern::parse(name), Ok(ModelPattern::Prefix(_)))
}

/// Whether a pattern takes a name, as hosts read it: in upper and lower case as it stands.
pub(super) fn fits(pattern: &str, model: &str) -> bool {
    ModelPattern::parse(pattern).is_ok_and(|parsed| matches!(parsed, ModelPattern::Prefix(_)) && parsed.matches(model))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn account(mapping: &Value, extra: &Value) -> Account {
        let account = json!({
            "id": 1, "platform": "openai", "status": "active", "schedulable": true, "group_ids": [7],
            "credentials": { "model_mapping": mapping }, "extra": extra,
        });
        serde_json::from_value(account).unwrap()
    }

    #[track_caller]
    fn check(accounts: &[Account], wildcards: bool, names: &[&str], targets: &[(&str, Option<&str>)]) {
        let mappings = Mappings::of(accounts, 7, wildcards);
        assert_eq!(mappings.names().collect::<Vec<_>>(), names);
        for (model, target) in targets {
            assert_eq!(mappings.target(model), *target, "{model}");
        }
    }

    #[test]
    fn an_exact_name_comes_before_a_pattern_and_a_longer_pattern_before_a_shorter() {
        let mapping = json!({ "gpt-5": "a", "gpt-*": "b", "gpt-5-*": "c", "o3": "o3" });
        let accounts = [account(&mapping, &json!({}))];
        let targets =
            [("gpt-5", Some("a")), ("gpt-4", Some("b")), ("gpt-5-mini", Some("c")), ("GPT-4", None), ("o3", None)];
        check(&accounts, true, &["gpt-*", "gpt-5", "gpt-5-*", "o3"], &targets);
        check(&accounts, false, &["gpt-5", "o3"], &[("gpt-5", Some("a")), ("gpt-4", None)]);
    }

    #[test]
    fn an_account_without_a_mapping_or_that_passes_through_takes_every_name() {
        check(&[account(&json!({}), &json!({}))], true, &["*"], &[("anything", None)]);
        let through = account(&json!({ "gpt-5": "a" }), &json!({ "openai_passthrough": true }));
        check(&[through], true, &["*"], &[("gpt-5", None)]);
        let off = Account { schedulable: false, ..account(&json!({}), &json!({})) };
        check(&[off], true, &[], &[("anything", None)]);
        let elsewhere = Account { group_ids: Vec::new(), ..account(&json!({}), &json!({})) };
        check(&[elsewhere], true, &[], &[]);
    }

    #[test]
    fn only_a_star_at_the_end_is_a_pattern() {
        assert!(fits("gpt-5*", "gpt-5") && fits("*", "x") && !fits("gpt-5", "gpt-5") && !fits("g*t", "got"));
    }
}
