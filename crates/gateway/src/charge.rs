//! What a request is charged: its tokens, their price and their cost, written
//! into its outcome and counted against its limits, once.

use std::sync::Arc;

use relay_domain::{Money, Ratio};
use relay_ledger::{Outcome, Usage, Verdict};
use relay_limits::Used;
use relay_pricing::{PriceTable, Tokens};
use relay_routing::RouteEntry;

use crate::limits::Admission;

/// The open account of one request.
pub(crate) struct Charge {
    pub(crate) admission: Admission,
    pub(crate) prices: Arc<PriceTable>,
    pub(crate) public_model: Arc<str>,
    /// What the group's consumers pay of the list price.
    pub(crate) price_ratio: Ratio,
    /// A budget counts on its row: it is on disk before the answer ends.
    pub(crate) is_budgeted: bool,
}

impl Charge {
    /// Completes the outcome of what was served by `route`, and settles the limits by it.
    pub(crate) fn settle(self, outcome: &mut Outcome, route: Option<&RouteEntry>) {
        self.price(outcome, route);
        let tokens = total(&outcome.usage);
        // A host that answered and tells no usage: the estimate stands, for the minute alone.
        let is_untold = tokens.is_none() && !matches!(outcome.verdict, Verdict::Failed | Verdict::Resolved);
        let rate_tokens = if is_untold { self.admission.estimate() } else { tokens.unwrap_or(0) };
        let money = outcome.price_nanos.map_or(Money::ZERO, Money::from_nanos);
        self.admission.settle(rate_tokens, Used { tokens: tokens.unwrap_or(0), money });
    }

    fn price(&self, outcome: &mut Outcome, route: Option<&RouteEntry>) {
        let usage = &outcome.usage;
        if total(usage).is_none() {
            return;
        }
        let tokens = Tokens {
            input: usage.input.unwrap_or(0),
            cached_input: usage.cached_input.unwrap_or(0),
            cache_write: usage.cache_write.unwrap_or(0),
            output: usage.output.unwrap_or(0),
        };
        let shadow_model = outcome.shadow_model.as_deref().unwrap_or_default();
        let rates = self.prices.rates(&[&self.public_model, shadow_model], tokens.input, self.admission.arrived());
        let Some(rates) = rates else { return };
        outcome.price_nanos = Some(rates.worth(tokens, &[self.price_ratio]).total.nanos());
        if let Some(route) = route {
            let cost = route.route.cost;
            let worth = rates.worth(tokens, &[cost.multiplier, cost.recharge_ratio]);
            outcome.cost_nanos = Some(worth.total.nanos());
            outcome.cache_saved_nanos = Some(worth.cache_saved.nanos());
        }
    }
}

/// Input and output tokens together; `None` when the host told neither.
fn total(usage: &Usage) -> Option<u64> {
    match (usage.input, usage.output) {
        (None, None) => None,
        (input, output) => Some(input.unwrap_or(0).saturating_add(output.unwrap_or(0))),
    }
}
