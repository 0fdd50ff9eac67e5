//! The verbs of routing, pure: a fleet snapshot and the facts of a request become a plan.
