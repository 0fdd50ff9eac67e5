//! Which budgets are used up, or nearly: for whoever tells operators, not for requests.

use relay_domain::{Amount, Budget, Limits, Period, Timestamp};
use relay_limits::Used;

use crate::Gateway;
use crate::limits::Gate;

/// A budget of which much is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    /// `key` or `group`.
    pub of: &'static str,
    /// Its id.
    pub id: String,
    /// What may be spent.
    pub budget: Budget,
    /// What was.
    pub used: Used,
    /// When it begins anew.
    pub ends_at: Timestamp,
}

impl BudgetUse {
    /// Nothing of it is left.
    pub fn is_spent(&self) -> bool {
        is_used(self.budget.amount, self.used, 100)
    }
}

/// Whether so many percent of it are used.
fn is_used(amount: Amount, used: Used, percent: u32) -> bool {
    let (used, limit) = match amount {
        Amount::Tokens(limit) => (i128::from(used.tokens), i128::from(limit)),
        Amount::Money(limit) => (i128::from(used.money.nanos()), i128::from(limit.nanos())),
    };
    used * 100 >= limit * i128::from(percent)
}

impl Gateway {
    /// The budgets of the generation in force of which `percent` or more are used.
    pub fn budgets_used(&self, percent: u32) -> Vec<BudgetUse> {
        let (serving, now) = (self.serving.load(), self.clock.now());
        let keys = serving.snapshot.keys().iter().zip(serving.key_gates()).filter(|(key, _)| key.enabled);
        let keys = keys.map(|(key, gate)| ("key", key.id.to_string(), &key.limits, gate));
        let groups = serving
            .snapshot
            .groups()
            .filter_map(|group| Some(("group", group.id.to_string(), &group.limits, serving.group_gate(&group.id)?)));
        keys.chain(groups)
            .flat_map(|(of, id, limits, gate)| {
                used_of(gate, limits, percent, now).map(move |found| (of, id.clone(), found))
            })
            .map(|(of, id, (budget, used, ends_at))| BudgetUse { of, id, budget, used, ends_at })
            .collect()
    }
}

fn used_of(
    gate: &Gate,
    limits: &Limits,
    percent: u32,
    now: Timestamp,
) -> impl Iterator<Item = (Budget, Used, Timestamp)> {
    // Tokens a day are a budget by another name.
    let a_day = limits.tpd.map(|limit| Budget { amount: Amount::Tokens(limit), period: Period::Day });
    let spent = a_day.into_iter().chain(limits.budgets.iter().copied()).map(move |budget| {
        let (used, ends_at) = gate.spent(budget.period, now);
        (budget, used, ends_at)
    });
    spent.filter(move |(budget, used, _)| is_used(budget.amount, *used, percent))
}
