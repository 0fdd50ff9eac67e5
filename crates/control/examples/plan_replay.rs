//! A plan over a million decisions and ten thousand routes: how long its replay takes.
//!
//! `scripts/bench-control-plane` runs it, and goes on with what it leaves: the decision log of a server, the fleet
//! file that its decisions were made with, and one with a host drained.
//!
//! `RELAY_BENCH_DIR` is the data directory; a log that is there is used again. `RELAY_BENCH_ROWS` (1,000,000)
//! decisions are of the last 23 hours, a tenth as many conversations.
#![allow(clippy::unwrap_used, reason = "a measuring program may stop at any error")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use relay_control::blast_radius::ReplayWindow;
use relay_control::fleet_document::{FleetDocument, NoSecrets, Reading, read};
use relay_control::prices::PriceTable;
use relay_control::replay::{BlastRadius, Covered, Replay, World};
use relay_domain::{Clock as _, Fleet, KeyHash, Secret, SystemClock};
use relay_ledger::{
    AttemptRecord, CandidateRecord, Intent, Ledger, LedgerOptions, LedgerReader, Outcome, TrafficWindow, Usage, Verdict,
};
use relay_routing::{AllHealthy, AllUsable, PlanInput, Snapshot, StickyInput, StickyKey, Surface, plan};

const HOSTS: u64 = 50;
const GROUPS: u64 = 100;
const MODELS: u64 = 20;
const ROUTES_OF_A_MODEL: u64 = 5;

/// A number that looks random and is the same in every run.
fn scattered(of: u64) -> u64 {
    let mut mixed = of.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// 10,000 routes; `drained` takes no new conversations.
fn fleet_file(drained: Option<u64>) -> String {
    let mut text = String::new();
    for host in 0..HOSTS {
        // Nobody listens there: what is measured never calls a host.
        let _ = writeln!(
            text,
            "[[host]]\nhost_id = \"host-{host}\"\nkind = \"openai\"\nbase_url = \"http://127.0.0.1:9\"\nallow_private = true\ngateway_key = \"sk-host-{host}\""
        );
    }
    for group in 0..GROUPS {
        let _ = writeln!(text, "[[group]]\nlogical_group_id = \"group-{group}\"");
        let _ = writeln!(
            text,
            "[[key]]\nkey_id = \"team-{group}\"\nsecret = \"sk-bench-team-{group}-0123456789abcdef\"\nlogical_groups = [\"group-{group}\"]"
        );
        for model in 0..MODELS {
            for place in 0..ROUTES_OF_A_MODEL {
                let host = (group * 7 + model * 3 + place * 11) % HOSTS;
                let weight = if drained == Some(host) { 0 } else { 100 };
                let _ = writeln!(
                    text,
                    "[[route]]\nroute_id = \"r-{group}-{model}-{place}\"\nlogical_group_id = \"group-{group}\"\npublic_model = \"model-{model}\"\nshadow_host_id = \"host-{host}\"\nweight = {weight}"
                );
            }
        }
    }
    text
}

fn fleet(text: &str, now: Timestamp) -> Fleet {
    let document = FleetDocument::from_toml(text).unwrap();
    let reading = Reading {
        current: &Fleet::default(),
        resolver: &NoSecrets,
        hash_key: &|secret: &Secret| {
            let mut hash = [0; 32];
            for (at, byte) in secret.expose().bytes().enumerate() {
                hash[at % 32] ^= byte.rotate_left((at / 32) as u32);
            }
            KeyHash(hash)
        },
        generate_key: &|| Secret::new("unused"),
        now,
    };
    read(&document, &reading).unwrap().fleet
}

/// Writes decisions as a gateway with this fleet would have, one each so many microseconds.
async fn fill(dir: &Path, snapshot: &Snapshot, rows: u64, end: Timestamp) {
    let ledger = Ledger::open(LedgerOptions::new(dir), end).unwrap();
    let span = SignedDuration::from_hours(23);
    let start = end - span;
    let step = span.as_micros() / i128::from(rows);
    let text = |name: &str, number: u64| -> Arc<str> { Arc::from(format!("{name}-{number}")) };
    let groups: Vec<_> = (0..GROUPS).map(|n| text("group", n)).collect();
    let models: Vec<_> = (0..MODELS).map(|n| text("model", n)).collect();
    let teams: Vec<_> = (0..GROUPS).map(|n| text("team", n)).collect();
    for row in 0..rows {
        let at = start + SignedDuration::from_micros((step * i128::from(row)) as i64);
        // A conversation lives in one tenth of the day.
        let conversation = ((row * 10 / rows) << 32) | (scattered(row) % (rows / 100).max(1));
        let (group, model) = (scattered(conversation) % GROUPS, scattered(!conversation) % MODELS);
        let key = StickyKey::from_bytes(
            ((u128::from(scattered(conversation)) << 64) | u128::from(scattered(conversation ^ 7))).to_be_bytes(),
        );
        let is_sticky = row % 8 != 0;
        let pool = snapshot.locate_in(&groups[group as usize], &models[model as usize]).unwrap();
        let planned = plan(&PlanInput {
            snapshot,
            pool: &pool,
            surface: Surface::ChatCompletions,
            sticky: is_sticky.then_some(StickyInput { key, binding: None }),
            hard: None,
            health: &AllHealthy,
            credentials: &AllUsable,
            tried: &[],
            now: at,
            seed: scattered(row) | 1,
        });
        let candidates: Vec<_> = planned
            .candidates
            .iter()
            .enumerate()
            .map(|(position, candidate)| {
                let route = &snapshot.route(candidate.route).route;
                CandidateRecord {
                    route_id: route.id.shared(),
                    host_id: route.host.shared(),
                    tier: route.priority.into(),
                    weight: route.weight,
                    verdict: if position == 0 { "first" } else { "next" },
                    reason: None,
                }
            })
            .collect();
        let (route_id, host_id) = (Arc::clone(&candidates[0].route_id), Arc::clone(&candidates[0].host_id));
        let took = 500_000 + scattered(row ^ 3) % 20_000_000;
        let ticket = ledger
            .intent(Box::new(Intent {
                at,
                request_id: format!("{row:08x}-bench-{:016x}", scattered(row)),
                client_request_id: None,
                generation: 1,
                surface: "chat_completions",
                consumer: Some(Arc::clone(&teams[group as usize])),
                logical_group_id: Arc::clone(&groups[group as usize]),
                public_model: Arc::clone(&models[model as usize]),
                scope: "conversation",
                sticky_key: is_sticky.then(|| Arc::from(key.to_string())),
                sticky_type: is_sticky.then_some("conversation"),
                sticky_source: is_sticky.then_some("body:prompt_cache_key"),
                sticky_hit: is_sticky && row > rows / 20,
                sticky_action: if is_sticky { "hit" } else { "none" },
                route_id: Some(Arc::clone(&route_id)),
                host_id: Some(Arc::clone(&host_id)),
                shadow_group_id: None,
                shadow_model: None,
                fallback_used: false,
                stream: true,
                user_key: None,
                conversation_key: None,
                seed: scattered(row) | 1,
                candidates,
            }))
            .await
            .unwrap();
        ledger.outcome(
            ticket.reference(),
            Box::new(Outcome {
                at: at + SignedDuration::from_micros(took as i64),
                verdict: Verdict::Complete,
                error_class: None,
                error_message: None,
                route_id: Some(Arc::clone(&route_id)),
                host_id: Some(Arc::clone(&host_id)),
                shadow_group_id: None,
                shadow_model: None,
                sticky_action: "hit",
                sticky_hit: is_sticky,
                fallback_used: false,
                client_status: Some(200),
                upstream_status: Some(200),
                latency_us: took,
                first_output_us: Some(took / 5),
                overhead_us: Some(90),
                request_bytes: 20_000,
                response_bytes: 3_000,
                usage: Usage {
                    input: Some(5_000),
                    cached_input: Some(4_000),
                    cache_write: None,
                    output: Some(700),
                    reasoning: None,
                    provenance: Some("host"),
                },
                price_nanos: Some(12_000_000),
                cost_nanos: Some(12_000_000),
                cache_saved_nanos: Some(4_000_000),
                key_source: Some("host_key"),
                key_fingerprint: Some(Arc::from(
                    "sha256:8f7a8c7d6e5f4a3b2c1d0e9f8a7b6c5d8f7a8c7d6e5f4a3b2c1d0e9f8a7b6c5d",
                )),
                upstream_request_id: None,
                possible_double_bill: false,
                panic: false,
                attempts: vec![AttemptRecord {
                    route_id,
                    host_id,
                    end: "answered",
                    class: None,
                    status: Some(200),
                    us: took,
                }],
            }),
        );
        if row % 4_096 == 0 {
            ticket.committed().await.unwrap();
            while ledger.stats().written - ledger.stats().filed > 200_000 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
    ledger.close().await;
}

/// One replay, as `Control::plan` makes it, without the bound on its time.
fn replay(reader: &LedgerReader, worlds: [&World; 2], prices: &PriceTable, window: TrafficWindow) -> BlastRadius {
    let mut replay = Replay::new(worlds, prices, &[], window.to);
    let traffic = reader.traffic(window).unwrap();
    traffic
        .each(|passage| {
            replay.pass(passage);
            ControlFlow::Continue(())
        })
        .unwrap();
    replay.finish(Covered {
        from: window.from,
        to: window.to,
        decisions: 0,
        truncated: None,
        not_planned: 0,
        seen: None,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rows = std::env::var("RELAY_BENCH_ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let dir = std::env::var("RELAY_BENCH_DIR").unwrap();
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir).unwrap();
    let now = SystemClock.now();
    let prices = PriceTable::with_own(
        "[[price]]\nmodel = \"model-*\"\ninput = \"1\"\ncached_input = \"0.1\"\noutput = \"10\"\n",
    );
    let prices = prices.unwrap();
    let (before, after) = (fleet_file(None), fleet_file(Some(7)));
    std::fs::write(dir.join("fleet.toml"), &before).unwrap();
    std::fs::write(dir.join("drained.toml"), &after).unwrap();
    let mut out = std::io::stdout();
    let began = Instant::now();
    let worlds = [&before, &after].map(|text| World::well(Arc::new(Snapshot::build(&fleet(text, now)))));
    writeln!(
        out,
        "two fleets of {} routes read and indexed in {:?}",
        worlds[0].snapshot().routes().len(),
        began.elapsed()
    )
    .unwrap();
    let log = dir.join("log");
    if LedgerReader::open(&log).last_seq().unwrap() == 0 {
        let began = Instant::now();
        fill(&log, worlds[0].snapshot(), rows, now).await;
        writeln!(out, "{rows} decisions written in {:.0} s", began.elapsed().as_secs_f64()).unwrap();
    }
    let reader = LedgerReader::open(&log);
    let ReplayWindow { to, .. } = ReplayWindow::recent(now);
    let window = TrafficWindow { from: now - SignedDuration::from_hours(48), to, at_most: rows };
    let began = Instant::now();
    reader.traffic(window).unwrap().each(|_| ControlFlow::Continue(())).unwrap();
    writeln!(out, "read alone: {:.2} s", began.elapsed().as_secs_f64()).unwrap();
    let mut told = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let report = replay(&reader, [&worlds[0], &worlds[1]], &prices, window);
        let seconds = began.elapsed().as_secs_f64();
        writeln!(
            out,
            "replayed {} decisions in {seconds:.2} s, moved {:.4}, bound {}, broken {}, as recorded {:.4}",
            report.covered.decisions,
            report.traffic.moved_share,
            report.conversations.bound,
            report.conversations.broken,
            report.fidelity.share
        )
        .unwrap();
        told.push(serde_json::to_string(&report).unwrap());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "each replay tells the same");
}
