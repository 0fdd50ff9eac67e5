//! `limits` and `budgets` of a key or a group, and decimals.

use std::borrow::Cow;
use std::str::FromStr;

use relay_domain::{Amount, Budget, DecimalError, Limits, Money, Period};
use serde_json::Value;

use super::entry::Entry;
use super::{Expected, Wrong};

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
    entry.tables("budgets", "{ money = \"25.00\", period = \"month\" }", |mut table| {
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
        entry.fault("budgets", Wrong::TwoBudgets(period.as_str()));
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
            table.fault("money", Wrong::TokensAndMoney);
            None
        }
        (None, None) => {
            if table.value("tokens").is_none() && table.value("money").is_none() {
                table.fault("tokens", Wrong::NoAmount);
            }
            None
        }
    }
}

/// A decimal, as text or as a whole number: a float could not hold it exactly.
pub(super) fn decimal<T: FromStr<Err = DecimalError>>(entry: &mut Entry<'_>, field: &'static str) -> Option<T> {
    let text = match entry.value(field)? {
        Value::String(text) => Cow::Borrowed(text.trim()),
        Value::Number(number) if number.is_u64() => number.to_string().into(),
        Value::Number(number) => {
            entry.fault(field, Wrong::Inexact(number.clone()));
            return None;
        }
        other => {
            entry.wrong_type(field, other, Expected::Decimal);
            return None;
        }
    };
    text.parse().map_err(|error| entry.fault(field, Wrong::Decimal(text.into_owned(), error))).ok()
}
