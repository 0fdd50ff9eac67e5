//! What keeping health costs each attempt, lock and registry aside: the leave to send and
//! the note of how it ended, at a breaker that is closed, one that fails now and then, and one that is open.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use relay_routing::breaker::{Breaker, BreakerSettings, Seen, Surroundings};
use relay_routing::{AnswerHead, Cooldown, Ending, classify};

struct World;

impl Surroundings for World {
    fn recovery(&self, _class: &'static str) -> Option<Duration> {
        Some(Duration::from_secs(17))
    }

    fn may_open_by_rate(&self) -> bool {
        false
    }

    fn jitter(&self) -> f64 {
        0.5
    }
}

#[expect(clippy::disallowed_methods, reason = "an origin to count from; the clock is not read again")]
fn origin() -> Instant {
    Instant::now()
}

fn breaker_cost(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("breaker");
    let step = Duration::from_micros(100);

    let mut request = |name: &str, seen: fn(u32) -> Seen| {
        let mut breaker = Breaker::new(Arc::default());
        let (mut now, mut number) = (origin(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                now += step;
                number += 1;
                let pass = breaker.admit(now).expect("it stays closed");
                breaker.observe(pass, black_box(seen(number)), now, &World)
            });
        });
    };
    request("admit and observe", |_| Seen::Success);
    request("admit and observe, one in ten fails", |number| {
        if number.is_multiple_of(10) { Seen::Failure("gateway_5xx") } else { Seen::Success }
    });

    let mut open = Breaker::new(Arc::new(BreakerSettings::default()));
    let now = origin();
    open.trip("gateway_5xx", now, &World);
    group.bench_function("admit while open", |bencher| bencher.iter(|| open.admit(black_box(now))));
    group.finish();
}

fn outcome_cost(criterion: &mut Criterion) {
    let body = br#"{"type":"error","error":{"type":"rate_limit_error","message":"Upstream rate limit exceeded, please retry later"}}"#;
    let head = AnswerHead { status: 429, content_type: "application/json", wait: None, body_head: Some(body) };
    criterion.bench_function("classify a 429", |bencher| bencher.iter(|| classify(black_box(&Ending::Answer(head)))));
    let outcome = classify(&Ending::Answer(head));
    let (mut cooldown, now) = (Cooldown::default(), origin());
    criterion.bench_function("cool down", |bencher| {
        bencher.iter(|| cooldown.observe(black_box(&outcome), now, now, None, 0.5));
    });
}

criterion_group!(benches, breaker_cost, outcome_cost);
criterion_main!(benches);
