//! What was spent in the present day, week and month.

use relay_domain::{Money, Period, Timestamp};

/// Tokens, and what they are priced at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Input and output tokens together.
    pub tokens: u64,
    /// The price.
    pub money: Money,
}

impl Used {
    /// Both added.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(other.tokens), money: self.money.saturating_add(other.money) }
    }
}

/// One period's count. Starts empty and in no period.
#[derive(Clone, Copy, Debug)]
struct Tally {
    /// Both in seconds since 1970, half as long as timestamps: periods begin with a second.
    from: i64,
    to: i64,
    used: Used,
}

/// What a key or a group has spent. A request counts for the periods in which it
/// arrived, as it does in the log's roll-ups, however late it ends.
#[derive(Clone, Copy, Debug)]
pub struct Spending([Tally; Period::ALL.len()]);

impl Default for Spending {
    fn default() -> Self {
        Self([Tally { from: i64::MIN, to: i64::MIN, used: Used::default() }; Period::ALL.len()])
    }
}

impl Spending {
    /// Counts what a request that arrived at `arrived` used.
    pub fn add(&mut self, arrived: Timestamp, used: Used, now: Timestamp) {
        for period in Period::ALL {
            let tally = self.tally(period, now);
            let was_set_back = now.as_second() < tally.from;
            if was_set_back || (tally.from..tally.to).contains(&arrived.as_second()) {
                tally.used = tally.used.plus(used);
            }
        }
    }

    /// What was spent in the period that holds `now`.
    pub fn used(&mut self, period: Period, now: Timestamp) -> Used {
        self.tally(period, now).used
    }

    /// When the period that holds `now` ends.
    pub fn ends_at(&mut self, period: Period, now: Timestamp) -> Timestamp {
        Timestamp::from_second(self.tally(period, now).to).unwrap_or(Timestamp::MAX)
    }

    /// The count of the period that holds `now`, begun anew when another was counted. A clock
    /// that was set back keeps the later period until that ends: what was spent is not given out twice, and what is
    /// spent meanwhile counts for it.
    fn tally(&mut self, period: Period, now: Timestamp) -> &mut Tally {
        let tally = &mut self.0[period as usize];
        if now.as_second() >= tally.to {
            let (from, to) = period.around(now);
            *tally = Tally { from: from.as_second(), to: to.as_second(), used: Used::default() };
        }
        tally
    }
}
