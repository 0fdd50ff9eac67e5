//! Why a request went where it went: the decision, the generation it was made
//! in, and a text that a support person can forward.

use std::fmt::Write as _;

use relay_domain::{Generation, Timestamp};
use relay_ledger::{Decision, DecisionAttempt, DecisionCandidate};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::page::QueryError;
use crate::records::GenerationView;

/// A decision explained.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explained {
    /// The request's id.
    pub request_id: String,
    /// The generation that the plan was made from; null when its record is gone.
    #[schema(required)]
    pub generation: Option<GenerationPart>,
    /// Whether that generation is still in force.
    pub generation_in_force: bool,
    /// Every route looked at, with its verdict, in the plan's order.
    pub candidates: Vec<DecisionCandidate>,
    /// Stickiness.
    pub sticky: StickyPart,
    /// Every try at a host.
    pub attempts: Vec<DecisionAttempt>,
    /// Where the time went, in microseconds.
    pub timings: Timings,
    /// The whole decision.
    pub decision: Decision,
    /// The same in words. Names hosts: for operators, not for customers.
    pub text: String,
}

/// The generation of a decision; what it changed is under `generations`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedGeneration)]
pub struct GenerationPart {
    /// Its number.
    #[schema(value_type = u64)]
    pub generation: Generation,
    /// When it was published.
    pub at: Timestamp,
    /// By whom.
    pub actor: String,
    /// One line for people.
    pub summary: String,
}

impl From<GenerationView> for GenerationPart {
    fn from(view: GenerationView) -> Self {
        let GenerationView { generation, at, actor, summary, diff: _ } = view;
        Self { generation, at, actor, summary }
    }
}

/// Stickiness of a decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedStickiness)]
pub struct StickyPart {
    /// What it was keyed by.
    pub scope: String,
    /// The binding's key.
    #[schema(required)]
    pub key: Option<String>,
    /// Where the subject was found.
    #[schema(required)]
    pub source: Option<String>,
    /// Whether a binding was used.
    pub hit: bool,
    /// What became of the binding.
    pub action: String,
}

/// Where the time of a request went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedTimings)]
pub struct Timings {
    /// Arrival to end.
    #[schema(required)]
    pub latency_us: Option<u64>,
    /// Arrival to first output.
    #[schema(required)]
    pub first_output_us: Option<u64>,
    /// Our own part.
    #[schema(required)]
    pub overhead_us: Option<u64>,
    /// All tries together.
    pub attempts_us: u64,
}

impl Control {
    /// Explains the newest decision with this request id; `None` when there is none.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn explain(&self, request_id: &str) -> Result<Option<Explained>, QueryError> {
        let Some(decision) = self.decision(request_id).await? else { return Ok(None) };
        let generation = self.generation_record(decision.generation).await?.map(GenerationPart::from);
        let text = in_words(&decision, generation.as_ref());
        Ok(Some(Explained {
            request_id: decision.request_id.clone(),
            generation_in_force: decision.generation == self.generation(),
            generation,
            candidates: decision.candidates.clone(),
            sticky: StickyPart {
                scope: decision.scope.clone(),
                key: decision.sticky_key.clone(),
                source: decision.sticky_source.clone(),
                hit: decision.sticky_hit,
                action: decision.sticky_action.clone(),
            },
            attempts: decision.attempts.clone(),
            timings: Timings {
                latency_us: decision.latency_us,
                first_output_us: decision.first_output_us,
                overhead_us: decision.overhead_us,
                attempts_us: decision.attempts.iter().map(|attempt| attempt.us).sum(),
            },
            text,
            decision,
        }))
    }
}

/// Sentences in the order in which it was decided. Writing to a `String` cannot fail.
fn in_words(decision: &Decision, generation: Option<&GenerationPart>) -> String {
    let mut text = String::new();
    let caller = decision.consumer.as_deref().map_or_else(|| "An operator".to_owned(), |key| format!("Key {key}"));
    let _ = writeln!(text, "Request {} of {:.3}", decision.request_id, decision.at);
    let _ = writeln!(
        text,
        "{caller} asked group {} for model {} ({})",
        or_none(&decision.logical_group_id),
        decision.public_model,
        decision.surface
    );
    let published = generation.map(|record| format!(", published {:.0} by {}", record.at, record.actor));
    let _ = writeln!(text, "The fleet was generation {}{}.", decision.generation, published.unwrap_or_default());
    let _ = writeln!(text, "Stickiness: {}.", sticky_words(decision));
    if decision.candidates.is_empty() {
        let _ = writeln!(text, "No route was looked at.");
    } else {
        let _ = writeln!(text, "Routes:");
    }
    for (position, candidate) in decision.candidates.iter().enumerate() {
        let verdict = match candidate.verdict.as_str() {
            "excluded" => format!("excluded: {}", candidate.reason.as_deref().unwrap_or("no reason recorded")),
            "first" => "chosen first".to_owned(),
            _ => "in reserve".to_owned(),
        };
        let (tier, weight) = (candidate.tier, candidate.weight);
        let (route, host) = (&candidate.route_id, &candidate.host_id);
        let _ = writeln!(text, "  {}. {route} on {host} (tier {tier}, weight {weight}): {verdict}", position + 1);
    }
    for (position, attempt) in decision.attempts.iter().enumerate() {
        let class = attempt.class.as_deref().map(|class| format!(", {class}")).unwrap_or_default();
        let status = attempt.status.map(|status| format!(", status {status}")).unwrap_or_default();
        let (route, host, time) = (&attempt.route_id, &attempt.host_id, milliseconds(attempt.us));
        let _ = writeln!(text, "Try {}: {route} on {host}: {}{class}{status}, {time}", position + 1, attempt.end);
    }
    let _ = write!(text, "{}", end_words(decision));
    text
}

fn sticky_words(decision: &Decision) -> String {
    let source = decision.sticky_source.as_deref().map(|source| format!(", subject from {source}")).unwrap_or_default();
    let what = match decision.sticky_action.as_str() {
        "hit" => "the binding was used",
        "bind" => "there was no binding; one was made",
        "rebind" => "the bound route was not eligible or failed: the conversation moved",
        "borrow" => "the bound route was busy, another served once and the binding was kept",
        _ if decision.scope == "none" => "none asked for",
        _ => "no binding was used or made",
    };
    format!("{what} (scope {}{source})", decision.scope)
}

fn end_words(decision: &Decision) -> String {
    let mut text = match decision.verdict.as_str() {
        "open" => return "It has not ended yet.".to_owned(),
        "interrupted" => return "The process ended before the request did.".to_owned(),
        verdict => format!("It ended {}", verdict.replace('_', " ")),
    };
    if let Some(route) = decision.route_id.as_deref().filter(|_| decision.verdict != "resolved") {
        let _ = write!(text, " over {route}");
    }
    if decision.fallback_used {
        text.push_str(", a fallback");
    }
    if let Some(status) = decision.client_status {
        let _ = write!(text, ", status {status} to the client");
    }
    if let Some(latency) = decision.latency_us {
        let _ = write!(text, ", after {}", milliseconds(latency));
    }
    if let Some(first) = decision.first_output_us {
        let _ = write!(text, " (first output after {})", milliseconds(first));
    }
    text.push('.');
    if let Some(class) = &decision.error_class {
        let _ = write!(text, " Error {class}");
        let message = decision.error_message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
        let _ = write!(text, "{message}.");
    }
    if decision.possible_double_bill {
        text.push_str(" A host that had perhaps worked was followed by another: both may bill.");
    }
    text
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "(none)" } else { text }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}
