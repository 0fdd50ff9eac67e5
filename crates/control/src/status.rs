//! How the control plane is: for `/readyz`, and for people.

use relay_domain::Generation;
use relay_ledger::LedgerStats;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;

/// The log counts as stalled when it has been failing for as long as a request waits for it (spec §7).
pub(crate) const STALLED_AFTER_MS: u64 = 1000;

/// A summary for people.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ServerHealth)]
pub struct Health {
    /// `ok`, or `failing` with reasons.
    pub status: &'static str,
    /// Why it is failing.
    pub reasons: Vec<String>,
    /// The generation in force.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// Where bindings are kept.
    pub backend: &'static str,
    /// What the fleet in force holds.
    pub fleet: FleetCounts,
    /// The decision log's counters.
    pub log: LedgerStats,
}

/// How many of each noun there are.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct FleetCounts {
    /// Hosts.
    pub hosts: usize,
    /// Groups.
    pub groups: usize,
    /// Routes.
    pub routes: usize,
    /// Consumer keys.
    pub keys: usize,
}

impl Control {
    /// Why requests cannot be served just now; empty when they can.
    pub async fn unready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Err(error) = self.parts.store.ping().await {
            reasons.push(error.to_string());
        }
        let log = self.parts.ledger.stats();
        if log.failing_ms.is_some_and(|lasting| lasting >= STALLED_AFTER_MS) {
            reasons.push("the decision log cannot be written".to_owned());
        }
        reasons
    }

    /// A summary.
    pub async fn health(&self) -> Health {
        let reasons = self.unready().await;
        let snapshot = self.snapshot();
        Health {
            status: if reasons.is_empty() { "ok" } else { "failing" },
            reasons,
            generation: snapshot.generation(),
            backend: self.backend(),
            fleet: FleetCounts {
                hosts: snapshot.hosts().len(),
                groups: snapshot.groups().len(),
                routes: snapshot.routes().len(),
                keys: snapshot.keys().len(),
            },
            log: self.parts.ledger.stats(),
        }
    }
}
