//! `limits` and `budgets` of a key or a group, and decimals.

use std::fmt::Display;
use std::str::FromStr;

use relay_domain::{Amount, Budget, Limits, Money, Period};
use serde_json::Value;

use super::entry::Entry;

/// Reads both fields.
pub(super) fn read(entry: &mut Entry<'_>) -> Limits {
    let budgets = budgets(entry);
    let Some(mut table) = entry.table("limits", "{ rpm = 600, concurrency = 50 }") else {
        return Limits { budgets, ..Limits::default() };
    };
    let most = i64::MAX as u64;
    let limits = Limits {
        rpm: table.number("rpm", most),
        tpm: table.number("tpm", most),
        tpd: table.number("tpd", most),
        concurrency: table.number("concurrency", u64::from(u32::MAX)).map(|number| number as u32),
        budgets,
    };
    table.refuse_unknown();
    limits
}

fn budgets(entry: &mut Entry<'_>) -> Vec<Budget> {
    let mut budgets: Vec<Budget> = Vec::new();
    let mut repeated = Vec::new();
    entry.tables("budgets", "[{ money = \"25.00\", period = \"month\" }]", |mut table| {
        if let Some(budget) = budget(&mut table) {
            let same = |other: &Budget| {
                std::mem::discriminant(&other.amount) == std::mem::discriminant(&budget.amount)
                    && other.period == budget.period
            };
            if budgets.iter().any(same) {
                repeated.push(budget.period);
            }
            budgets.push(budget);
        }
        table.refuse_unknown();
    });
    for period in repeated {
        let message = format!("budgets has two of one kind for a {}", period.as_str());
        entry.fault("budgets", message, "keep the one that is meant");
    }
    budgets
}

fn budget(table: &mut Entry<'_>) -> Option<Budget> {
    let periods = Period::ALL.map(|period| (period.as_str(), period));
    table.required_text("period")?;
    let period = table.choice("period", Period::Month, &periods);
    let tokens = table.number("tokens", i64::MAX as u64).map(Amount::Tokens);
    let money = decimal::<Money>(table, "money").map(Amount::Money);
    match (tokens, money) {
        (Some(amount), None) | (None, Some(amount)) => Some(Budget { amount, period }),
        (Some(_), Some(_)) => {
            table.fault("money", "it has tokens and money", "make two budgets of it");
            None
        }
        (None, None) => {
            if table.value("tokens").is_none() && table.value("money").is_none() {
                table.fault("tokens", "it has neither tokens nor money", "add tokens = 1000000, or money = \"25.00\"");
            }
            None
        }
    }
}

/// A decimal, as text or as a whole number: a float could not hold it exactly.
pub(super) fn decimal<T: FromStr<Err: Display>>(entry: &mut Entry<'_>, field: &'static str) -> Option<T> {
    let text = match entry.value(field)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        Value::Number(number) => {
            let message = format!("{field} = {number} is not a whole number");
            entry.fault(field, message, format!("write it as text, {field} = \"{number}\", so that it stays exact"));
            return None;
        }
        _ => {
            entry.fault(field, format!("{field} is not a decimal number"), format!("write it as {field} = \"0.85\""));
            return None;
        }
    };
    match text.parse() {
        Ok(value) => Some(value),
        Err(error) => {
            let message = format!("{field} = \"{text}\" {error}");
            entry.fault(field, message, format!("write it as {field} = \"0.85\""));
            None
        }
    }
}
