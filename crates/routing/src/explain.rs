//! A plan told to people: each route of the pool with its verdict.

use std::fmt;

use crate::{Exclusion, Plan, RouteIndex, Snapshot};

/// A plan with the snapshot it was made from; `Display` writes it line by line.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    plan: &'a Plan,
    snapshot: &'a Snapshot,
}

impl Plan {
    /// The plan in words. `snapshot` is the one it was made from.
    pub fn explain<'a>(&'a self, snapshot: &'a Snapshot) -> Explanation<'a> {
        Explanation { plan: self, snapshot }
    }

    /// One line for each excluded route, by (priority, id): what a 503 tells the operator.
    pub fn reasons(&self, snapshot: &Snapshot) -> Vec<String> {
        let line = |route: RouteIndex, reason: Exclusion| format!("{}: {reason}", snapshot.route(route).route.id);
        self.excluded.iter().map(|excluded| line(excluded.route, excluded.reason)).collect()
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, snapshot } = self;
        writeln!(
            f,
            "generation {}, binding {}, sticky {}{}",
            plan.generation,
            plan.binding.as_str(),
            plan.sticky_action.as_str(),
            if plan.fallback_used { ", fallback" } else { "" }
        )?;
        for (position, candidate) in plan.candidates.iter().enumerate() {
            let route = &snapshot.route(candidate.route).route;
            write!(
                f,
                "{}. {} on {} (tier {}, weight {})",
                position + 1,
                route.id,
                route.host,
                route.priority,
                route.weight
            )?;
            if candidate.bound {
                f.write_str(", bound")?;
            }
            if plan.home == Some(candidate.route) {
                f.write_str(", home")?;
            }
            writeln!(f)?;
        }
        for excluded in &plan.excluded {
            let route = &snapshot.route(excluded.route).route;
            writeln!(
                f,
                "-  {} on {} (tier {}, weight {}): {}",
                route.id, route.host, route.priority, route.weight, excluded.reason
            )?;
        }
        Ok(())
    }
}
