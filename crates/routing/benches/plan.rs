//! What a plan costs, and how that grows with the fleet (spec §11: < 5 µs at 10,000 routes).
//!
//! The fleet: 20 routes in a group, on 50 hosts. A group has four public models
//! (one of them a prefix) of five routes each in three tiers (2 + 2 + 1), and one
//! model of all 20 in a fleet of its own (`wide`). One route in ten cools down,
//! one in twenty is drained. The caller's key may call three groups, and the model
//! is in the last of them. Groups are asked in a scattered order, so that large
//! fleets are measured with cold caches, as they would be.
//!
//! A pass is what a request costs in all: `locate`, `sticky_key`, `plan` with a
//! binding for every second request, and `settle`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use relay_domain::{
    BaseUrl, CredentialMode, Fleet, Group, GroupId, Host, HostId, HostKind, ModelPattern, Route, RouteCost, RouteId,
    Scope, Timestamp,
};
use relay_routing::{
    AllUsable, Binding, HealthView, PlanInput, RouteEntry, RouteHealth, Snapshot, StickyInput, StickySecret, Surface,
    plan, sticky_key,
};

const ROUTES_PER_GROUP: usize = 20;
const HOSTS: usize = 50;
const MODELS: [&str; 4] = ["gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "gemini-*"];
const ASKED: [&str; 4] = ["gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "gemini-2.5-pro"];
const SECRET: StickySecret = StickySecret([9; 32]);

fn host(number: usize) -> Host {
    Host {
        id: HostId::new(&format!("host-{number:02}")).expect("an id"),
        kind: HostKind::Sub2api,
        base_url: BaseUrl::parse("https://host.example").expect("a URL"),
        allow_private: false,
        enabled: true,
        admin: None,
        gateway_key: None,
        ask_usage: true,
    }
}

fn group(number: usize) -> Group {
    Group::new(GroupId::new(&format!("group-{number:05}")).expect("an id"))
}

fn route(number: usize, models: &[&str]) -> Route {
    let place = number % ROUTES_PER_GROUP;
    let rank = place / models.len() % 5;
    Route {
        id: RouteId::new(&format!("route-{number:06}")).expect("an id"),
        name: String::new(),
        group: group(number / ROUTES_PER_GROUP).id,
        public_model: ModelPattern::parse(models[place % models.len()]).expect("a pattern"),
        host: host(number * 7 % HOSTS).id,
        shadow_group: "pool".to_owned(),
        shadow_model: String::new(),
        priority: [1, 1, 2, 2, 3][rank],
        weight: if number % 20 == 13 { 0 } else { 10 + (number % 90) as u32 },
        credential: CredentialMode::HostKey,
        enabled: true,
        cost: RouteCost::default(),
    }
}

fn fleet(routes: usize, models: &[&str]) -> Fleet {
    Fleet {
        generation: 1,
        hosts: (0..HOSTS).map(host).collect(),
        groups: (0..routes.div_ceil(ROUTES_PER_GROUP)).map(group).collect(),
        routes: (0..routes).map(|number| route(number, models)).collect(),
        keys: Vec::new(),
    }
}

struct Health;

impl HealthView for Health {
    fn route(&self, route: &RouteEntry, now: Timestamp) -> RouteHealth {
        if route.id_hash.is_multiple_of(10) { RouteHealth::CoolingDown { until: now } } else { RouteHealth::Available }
    }
}

/// One request: who may call what, what it asks for, and its binding.
struct Request {
    groups: Vec<GroupId>,
    model: &'static str,
    subject: String,
    binding: Option<Binding>,
}

fn requests(snapshot: &Snapshot, asked: &[&'static str], now: Timestamp) -> Vec<Request> {
    let count = snapshot.groups().len();
    let request = |number: usize| {
        let target = group(number.wrapping_mul(2_654_435_761) % count).id;
        let model = asked[number % asked.len()];
        let pool = snapshot.locate_in(target.as_str(), model).expect("a pool");
        let bound = &snapshot.route(pool.routes[number % pool.routes.len()]).route;
        let binding = number.is_multiple_of(2).then(|| Binding {
            route_id: bound.id.clone(),
            host_id: bound.host.clone(),
            bound_at: now,
            expires_at: Timestamp::MAX,
            last_used_at: now,
            moved: false,
        });
        let elsewhere = |text: &str| GroupId::new(text).expect("an id");
        Request {
            groups: vec![elsewhere("elsewhere-1"), elsewhere("elsewhere-2"), target],
            model,
            subject: format!("0199a1b2-c3d4-7e5f-8a9b-{number:012}"),
            binding,
        }
    };
    (0..4096).map(request).collect()
}

fn pass(snapshot: &Snapshot, request: &Request, now: Timestamp, seed: u64) -> usize {
    let pool = snapshot.locate(request.model, &request.groups).expect("a pool");
    let group = pool.group.id.as_str();
    let key = sticky_key(&SECRET, "team-a", group, pool.public_model, Scope::Conversation, &request.subject);
    let plan = plan(&PlanInput {
        snapshot,
        pool: &pool,
        surface: Surface::ChatCompletions,
        sticky: Some(StickyInput { key, binding: request.binding.as_ref() }),
        hard: None,
        health: &Health,
        credentials: &AllUsable,
        tried: &[],
        now,
        seed,
    });
    black_box(plan.settle(snapshot, 0, None, now));
    plan.candidates.len()
}

fn measure(criterion: &mut Criterion, name: &str, models: &[&str], asked: &[&'static str]) {
    let now: Timestamp = "2026-11-23T08:00:00Z".parse().expect("a time");
    let mut group = criterion.benchmark_group(name);
    for routes in [100, 1_000, 10_000, 100_000] {
        let snapshot = Snapshot::build(&fleet(routes, models));
        let requests = requests(&snapshot, asked, now);
        let mut number = 0;
        group.bench_function(BenchmarkId::from_parameter(routes), |bencher| {
            bencher.iter(|| {
                number += 1;
                pass(&snapshot, &requests[number % requests.len()], now, number as u64)
            });
        });
    }
    group.finish();
}

fn request_cost(criterion: &mut Criterion) {
    measure(criterion, "request", &MODELS, &ASKED);
    measure(criterion, "request/wide", &["gpt-5"], &["gpt-5"]);
}

/// Once per generation, off the request path.
fn build_cost(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build");
    group.sample_size(10);
    for routes in [10_000, 100_000] {
        let fleet = fleet(routes, &MODELS);
        group.bench_function(BenchmarkId::from_parameter(routes), |bencher| bencher.iter(|| Snapshot::build(&fleet)));
    }
    group.finish();
}

criterion_group!(benches, request_cost, build_cost);
criterion_main!(benches);
