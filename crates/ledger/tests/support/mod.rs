//! Records to write, and a log to write them to.
#![allow(dead_code, reason = "each suite uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use relay_ledger::{AttemptRecord, CandidateRecord, Intent, Ledger, LedgerOptions, Outcome, Ticket, Usage, Verdict};

pub(crate) fn noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("parses")
}

pub(crate) fn open(dir: &Path) -> Ledger {
    // Nothing here is decided by how long a busy machine takes to settle.
    let options = LedgerOptions { stall_limit: Duration::from_mins(1), ..LedgerOptions::new(dir.join("log")) };
    let ledger = Ledger::open(options, noon()).expect("opens");
    ledger.adopt(drop).expect("begins");
    ledger
}

pub(crate) fn intent(request_id: &str, at: Timestamp) -> Box<Intent> {
    Box::new(Intent {
        at,
        request_id: request_id.to_owned(),
        client_request_id: Some(format!("client-{request_id}")),
        generation: 12,
        surface: "chat_completions",
        consumer: Some(Arc::from("team-a")),
        logical_group_id: Arc::from("gpt"),
        public_model: Arc::from("gpt-5"),
        scope: "conversation",
        sticky_key: Some(Arc::from("k1:8f7a8c7d6e5f4a3b")),
        sticky_type: Some("conversation"),
        sticky_source: Some("prompt_cache_key"),
        sticky_hit: true,
        sticky_action: "hit",
        route_id: Some(Arc::from("gpt-tokyo")),
        host_id: Some(Arc::from("tokyo-1")),
        shadow_group_id: Some(Arc::from("gpt-pool")),
        shadow_model: Some(Arc::from("gpt-5-2025-08-07")),
        fallback_used: false,
        stream: true,
        user_key: None,
        conversation_key: None,
        seed: u64::MAX - 7,
        candidates: vec![
            CandidateRecord {
                route_id: Arc::from("gpt-tokyo"),
                host_id: Arc::from("tokyo-1"),
                tier: 1,
                weight: 100,
                verdict: "first",
                reason: None,
            },
            CandidateRecord {
                route_id: Arc::from("gpt-osaka"),
                host_id: Arc::from("osaka-1"),
                tier: 2,
                weight: 50,
                verdict: "excluded",
                reason: Some("cooling down until 12:00:05".to_owned()),
            },
        ],
    })
}

pub(crate) fn outcome(verdict: Verdict, at: Timestamp) -> Box<Outcome> {
    Box::new(Outcome {
        at,
        verdict,
        error_class: None,
        error_message: None,
        route_id: Some(Arc::from("gpt-tokyo")),
        host_id: Some(Arc::from("tokyo-1")),
        shadow_group_id: Some(Arc::from("gpt-pool")),
        shadow_model: Some(Arc::from("gpt-5-2025-08-07")),
        sticky_action: "hit",
        sticky_hit: true,
        fallback_used: false,
        client_status: Some(200),
        upstream_status: Some(200),
        latency_us: 1_234_567,
        first_output_us: Some(234_567),
        overhead_us: Some(123),
        request_bytes: 2_345,
        response_bytes: 34_567,
        usage: Usage {
            input: Some(1_000),
            cached_input: Some(900),
            cache_write: None,
            output: Some(300),
            reasoning: Some(0),
            provenance: Some("host"),
        },
        price_nanos: Some(1_500),
        cost_nanos: Some(1_234),
        cache_saved_nanos: Some(-5),
        key_source: Some("host_key"),
        key_fingerprint: Some(Arc::from("sha256:8f7a8c7d6e5f4a3b2c1d0e9f8a7b6c5d8f7a8c7d6e5f4a3b2c1d0e9f8a7b6c5d")),
        upstream_request_id: Some("req_8f7a8c7d6e5f4a3b".to_owned()),
        possible_double_bill: false,
        panic: false,
        attempts: vec![AttemptRecord {
            route_id: Arc::from("gpt-tokyo"),
            host_id: Arc::from("tokyo-1"),
            end: "answered",
            class: None,
            status: Some(200),
            us: 1_234_000,
        }],
    })
}

/// Writes a request from beginning to end.
pub(crate) async fn write(ledger: &Ledger, request_id: &str, at: Timestamp, verdict: Verdict) -> Ticket {
    let ticket = ledger.intent(intent(request_id, at)).await.expect("is taken");
    ticket.committed().await.expect("is committed");
    ledger.outcome(ticket.reference(), outcome(verdict, at));
    ticket
}
