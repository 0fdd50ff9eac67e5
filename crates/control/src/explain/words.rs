//! Decisions told to people.

use std::fmt::Write as _;

use relay_ledger::Decision;

use super::{NowPart, PlannedAgain};
use crate::records::GenerationView;

/// Sentences in the order in which it was decided. Writing to a `String` cannot fail.
pub(super) fn for_operators(
    decision: &Decision,
    generation: Option<&GenerationView>,
    again: Option<&PlannedAgain>,
    now: Option<&NowPart>,
) -> String {
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
    if let Some(again) = again {
        let _ = write!(text, "\n{}", again_words(decision, again));
    }
    if let Some(now) = now {
        let _ = write!(text, "\n{}", now_words(now));
    }
    text
}

fn again_words(decision: &Decision, again: &PlannedAgain) -> String {
    let fleet = if again.generation == decision.generation {
        "Planned again in the fleet of then".to_owned()
    } else {
        format!("Planned in the fleet of generation {}", again.generation)
    };
    if again.same {
        return format!("{fleet}: the same.");
    }
    let mut text = format!("{fleet} it differs:");
    for difference in &again.differences {
        let _ = write!(text, "\n  {difference}");
    }
    text
}

fn now_words(now: &NowPart) -> String {
    match (&now.route_id, &now.host_id) {
        (Some(route), Some(host)) => format!("Now (generation {}) it would go to {route} on {host}.", now.generation),
        _ => format!("Now (generation {}) no route may serve it.", now.generation),
    }
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

/// What a support person forwards to whoever asks: what happened and what it means for them, without a name of
/// ours or of a host.
pub(super) fn for_customers(decision: &Decision) -> String {
    let mut text = format!(
        "Request {}, received {:.0}, asked for model {}.\n{}",
        decision.request_id,
        decision.at,
        decision.public_model,
        what_happened(decision)
    );
    if let Some(tries) = tries(decision) {
        let _ = write!(text, "\n{tries}");
    }
    let conversation = match decision.sticky_action.as_str() {
        "hit" => Some("It went where its conversation was before, so that its prompt cache could be used."),
        "rebind" => Some("Its conversation had to move to another upstream, where its prompt cache begins anew."),
        "borrow" => {
            Some("Where its conversation is was busy: another upstream served it once, without the prompt cache.")
        }
        _ => None,
    };
    if let Some(conversation) = conversation.filter(|_| decision.verdict != "failed") {
        let _ = write!(text, "\n{conversation}");
    }
    text
}

fn what_happened(decision: &Decision) -> String {
    let after = decision.latency_us.map(|us| format!(" after {}", seconds(us))).unwrap_or_default();
    let first = decision.first_output_us.map(|us| format!("; its first output came after {}", seconds(us)));
    match decision.verdict.as_str() {
        "complete" => format!("It was answered in full{after}{}.", first.unwrap_or_default()),
        "resolved" => "Only a route was asked for, and given.".to_owned(),
        "open" => "It is still being served.".to_owned(),
        "client_gone" => format!("The client closed the connection{after}, before the answer was complete."),
        "truncated" => format!(
            "The upstream's answer broke off{after}; the part that came was passed on, and marked as broken off."
        ),
        "idle_cut" => format!(
            "The upstream fell silent and the answer was ended{after}; the part that came was passed on, and marked as broken off."
        ),
        "error_in_stream" => format!("The upstream reported an error in the middle of its answer{after}."),
        "interrupted" => "Our server was stopped before the answer was complete.".to_owned(),
        _ => refusal(decision, &after),
    }
}

/// By the status that the client has before it anyway.
fn refusal(decision: &Decision, after: &str) -> String {
    let was_sent = !decision.attempts.is_empty();
    let why = match (decision.client_status, decision.error_class.as_deref()) {
        (_, Some("model_not_found")) => "this key may not call that model, or it is not served under that name",
        (Some(429), _) if !was_sent => {
            "a limit of the key or its group was reached; it may be sent again after the time in Retry-After"
        }
        (Some(429), _) => {
            "the upstreams limit requests at the moment; it may be sent again after the time in Retry-After"
        }
        (Some(503), _) => "no upstream could take it at that time; it may be sent again",
        (Some(502), _) => "the upstreams failed; it may be sent again",
        (Some(504), _) => "the upstream did not answer in time; it may be sent again",
        (Some(status), _) if (400..500).contains(&status) => {
            "the request itself was refused; it needs a correction before it is sent again"
        }
        _ => "it failed",
    };
    let status = decision.client_status.map(|status| format!(" with status {status}")).unwrap_or_default();
    format!("It was answered{status}{after}: {why}.")
}

fn tries(decision: &Decision) -> Option<String> {
    let failed = decision.attempts.iter().filter(|attempt| attempt.end != "answered").count();
    let lost: u64 =
        decision.attempts.iter().filter(|attempt| attempt.end != "answered").map(|attempt| attempt.us).sum();
    match (failed, failed < decision.attempts.len()) {
        (0, _) => None,
        (1, true) => {
            Some(format!("One upstream had failed before; another one served it. That cost {}.", seconds(lost)))
        }
        (failed, true) => {
            Some(format!("{failed} upstreams had failed before; another one served it. That cost {}.", seconds(lost)))
        }
        (1, false) => Some("One upstream was tried.".to_owned()),
        (failed, false) => Some(format!("{failed} upstreams were tried.")),
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
}
