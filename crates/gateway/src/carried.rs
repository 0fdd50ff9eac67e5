//! What the next process of a restart has to know of the limits: the rates of the last minute. Requests in flight stay
//! with the process that serves them, and so do their places in `concurrency`.

use std::collections::BTreeMap;

use relay_domain::Timestamp;
use relay_limits::CarriedRates;
use serde::{Deserialize, Serialize};

use crate::Gateway;

/// Rates of keys and groups by id, as they were at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedLimits {
    at: Timestamp,
    keys: BTreeMap<String, CarriedRates>,
    groups: BTreeMap<String, CarriedRates>,
}

impl Gateway {
    /// What was counted in the last minute.
    pub fn carry_limits(&self) -> CarriedLimits {
        let now = self.limit_clocks.now();
        CarriedLimits { at: now.wall, keys: self.gates.keys.carry(now), groups: self.gates.groups.carry(now) }
    }

    /// Adds what the process before this one had counted; to be called once it accepts nothing more.
    pub fn take_over_limits(&self, carried: &CarriedLimits) {
        let now = self.limit_clocks.now();
        let elapsed = u64::try_from(now.wall.duration_since(carried.at).as_micros()).unwrap_or(0);
        self.gates.keys.take_over(&carried.keys, elapsed, now);
        self.gates.groups.take_over(&carried.groups, elapsed, now);
    }
}
