//! Roll-ups: what is added up, by what, and what stays when a segment goes.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use relay_ledger::{Dimension, Filter, Ledger, LedgerOptions, LedgerReader, Rollup, RollupFilter, RollupSums, Verdict};

mod support;
use support::{intent, noon, open, outcome, write};

#[tokio::test]
async fn tokens_and_money_are_added_up_by_route_and_host() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    write(&ledger, "r-1", noon(), Verdict::Complete).await;
    write(&ledger, "r-2", noon(), Verdict::Complete).await;
    let ticket = ledger.intent(intent("r-3", noon())).await.expect("is taken");
    let mut moved = outcome(Verdict::Complete, noon());
    (moved.host_id, moved.cost_nanos, moved.price_nanos) = (Some("elsewhere".into()), None, None);
    ledger.outcome(ticket.reference(), moved);
    ledger.settle().await;
    let all = ledger.reader().rollups(noon() - 1.hour(), noon() + 1.hour(), &RollupFilter::default()).expect("reads");
    let told: Vec<_> = all
        .iter()
        .map(|line| (line.sums.requests, line.sums.priced, line.sums.price_nanos, line.sums.cost_nanos))
        .collect();
    assert_eq!(told.len(), 2, "a route that changed its host has a line for each");
    assert!(told.contains(&(2, 2, 3_000, 2_468)) && told.contains(&(1, 0, 0, 0)), "{told:?}");
    let of_one = RollupFilter { host_id: Some("elsewhere".into()), ..RollupFilter::default() };
    let of_one = ledger.reader().rollups(noon() - 1.hour(), noon() + 1.hour(), &of_one).expect("reads");
    assert_eq!((of_one.len(), of_one[0].sums.requests), (1, 1));
    ledger.close().await;
}

#[tokio::test]
async fn numbers_beyond_any_sum_are_filed_and_their_sums_stay_the_largest() {
    let dir = tempfile::tempdir().expect("makes a directory");
    for start in 0..3 {
        let ledger = open(dir.path());
        for number in 0..2 {
            let mut request = intent(&format!("r-{start}-{number}"), noon());
            request.consumer = Some(format!("consumer-{number}").into());
            let ticket = ledger.intent(request).await.expect("is taken");
            let mut absurd = outcome(Verdict::Complete, noon());
            (absurd.usage.input, absurd.usage.output) = (Some(u64::MAX), Some(i64::MAX as u64));
            (absurd.usage.cached_input, absurd.usage.reasoning) = (Some(1 << 40), Some(u64::from(u32::MAX)));
            (absurd.price_nanos, absurd.cost_nanos, absurd.cache_saved_nanos) =
                (Some(i64::MAX), Some(i64::MIN), Some(-5));
            ledger.outcome(ticket.reference(), absurd);
        }
        tokio::time::timeout(Duration::from_secs(10), ledger.settle()).await.expect("is filed");
        ledger.close().await;
    }
    let ledger = open(dir.path());
    let (from, to) = (noon() - 1.hour(), noon() + 1.hour());
    let rollups = ledger.reader().rollups(from, to, &RollupFilter::default()).expect("reads");
    let mut sums = RollupSums::default();
    for rollup in &rollups {
        sums.add(&rollup.sums);
    }
    assert_eq!((rollups.len(), sums.requests), (2, 6));
    assert_eq!((sums.input_tokens, sums.output_tokens), (i64::MAX, i64::MAX));
    assert_eq!((sums.cached_input_tokens, sums.reasoning_tokens), (6 << 40, 6 * i64::from(u32::MAX)));
    assert_eq!((sums.price_nanos, sums.cost_nanos, sums.cache_saved_nanos), (i64::MAX, i64::MIN, -30));
    assert_eq!(ledger.reader().by_group_and_model(from, to).expect("reads")[0].sums, sums);
    assert_eq!(ledger.reader().totals(from, to, Dimension::Model).expect("reads")["gpt-5"], sums);
    assert_dimensions_agree(&ledger.reader(), 6);
    ledger.close().await;
}

#[tokio::test]
async fn an_outcome_that_was_waited_for_is_on_disk() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for number in 0..100 {
        let ticket = ledger.intent(intent(&format!("r-{number}"), noon())).await.expect("is taken");
        ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon()));
        ledger.outcome_written(ticket.reference()).await;
        assert_eq!(ledger.stats().written, 2 * (number + 1));
    }
    ledger.close().await;
}

/// The sums by one dimension as the roll-ups have them.
fn added_up(rollups: &[Rollup], value: impl Fn(&Rollup) -> &String) -> HashMap<(Timestamp, String), RollupSums> {
    let mut sums: HashMap<_, RollupSums> = HashMap::new();
    for rollup in rollups {
        sums.entry((rollup.hour, value(rollup).clone())).or_default().add(&rollup.sums);
    }
    sums
}

type Value = fn(&Rollup) -> &String;

/// By group and model as the roll-ups have them, too.
fn assert_models_agree(log: &LedgerReader, from: Timestamp, to: Timestamp, rollups: &[Rollup]) {
    let mut expected: HashMap<_, RollupSums> = HashMap::new();
    for rollup in rollups.iter().filter(|rollup| !rollup.logical_group_id.is_empty()) {
        let key = (rollup.hour, rollup.logical_group_id.clone(), rollup.public_model.clone());
        expected.entry(key).or_default().add(&rollup.sums);
    }
    let found = log.by_group_and_model(from, to).expect("reads");
    assert_eq!(found.len(), expected.len(), "one row for each");
    for one in found {
        let key = (one.hour, one.logical_group_id, one.public_model);
        assert_eq!(Some(&one.sums), expected.get(&key), "{key:?}");
    }
}

fn assert_dimensions_agree(log: &LedgerReader, requests: i64) {
    let (from, to) = (noon() - 30.hours(), noon() + 30.hours());
    let rollups = log.rollups(from, to, &RollupFilter::default()).expect("reads");
    assert_eq!(rollups.iter().map(|rollup| rollup.sums.requests).sum::<i64>(), requests);
    assert_models_agree(log, from, to, &rollups);
    let dimensions: [(Dimension, Value); 5] = [
        (Dimension::Consumer, |rollup| &rollup.consumer),
        (Dimension::Group, |rollup| &rollup.logical_group_id),
        (Dimension::Model, |rollup| &rollup.public_model),
        (Dimension::Route, |rollup| &rollup.route_id),
        (Dimension::Host, |rollup| &rollup.host_id),
    ];
    for (dimension, value) in dimensions {
        let hourly = added_up(&rollups, value);
        let marginals = log.marginals(from, to, dimension, None).expect("reads");
        let told: HashMap<_, _> = marginals.into_iter().map(|one| ((one.hour, one.value), one.sums)).collect();
        assert_eq!(told, hourly, "{dimension:?}");
        let mut totals: HashMap<String, RollupSums> = HashMap::new();
        for ((_, value), sums) in &hourly {
            totals.entry(value.clone()).or_default().add(sums);
        }
        let of_none = log.marginals(from, to, dimension, Some(&["nobody".to_owned()])).expect("reads");
        assert!(of_none.is_empty(), "{dimension:?}");
        let picked: Vec<String> = hourly.keys().map(|(_, value)| value.clone()).take(1).collect();
        let of_one = log.marginals(from, to, dimension, Some(&picked)).expect("reads");
        let of_one: HashMap<_, _> = of_one.into_iter().map(|one| ((one.hour, one.value), one.sums)).collect();
        let expected = hourly.iter().filter(|((_, value), _)| picked.contains(value));
        assert_eq!(of_one, expected.map(|(key, sums)| (key.clone(), *sums)).collect(), "{dimension:?}");
        assert_eq!(log.totals(from, to, dimension).expect("reads"), totals, "{dimension:?}");
    }
}

#[tokio::test]
async fn the_sums_by_each_dimension_are_those_of_the_roll_ups_before_and_after_retention() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for (number, at) in [(0, noon() - 24.hours()), (1, noon() - 1.hour()), (2, noon()), (3, noon()), (4, noon())] {
        let mut intent = intent(&format!("r-{number}"), at);
        intent.consumer = Some(format!("team-{}", number % 2).into());
        intent.public_model = format!("gpt-{}", number % 2).into();
        intent.logical_group_id = ["gpt", ""][usize::from(number == 3)].into();
        let ticket = ledger.intent(intent).await.expect("is taken");
        let mut outcome = outcome(Verdict::Complete, at);
        (outcome.latency_us, outcome.host_id) = (number * 1_000, Some(format!("host-{}", number % 3).into()));
        ledger.outcome(ticket.reference(), outcome);
    }
    ledger.settle().await;
    assert_dimensions_agree(&ledger.reader(), 5);
    ledger.close().await;

    // Opened a day later with a day of retention, the first segment is gone and its sums are not.
    let options = LedgerOptions { retention: Duration::from_hours(24), ..LedgerOptions::new(dir.path().join("log")) };
    let ledger = Ledger::open(options, noon() + 24.hours()).expect("opens");
    assert_eq!(ledger.reader().list(&Filter::default(), None, 10).expect("reads").items.len(), 4);
    assert_dimensions_agree(&ledger.reader(), 5);
    ledger.close().await;
}

#[tokio::test]
async fn requests_that_failed_by_themselves_are_counted_apart() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for (number, (status, class)) in [
        // The request's own doing, as a host said in a stream whose 200 was out, too.
        (400, Some("gateway_400")),
        (200, Some("gateway_422")),
        (403, Some("gateway_403")),
        (429, Some("rate_limited")),
        (404, Some("model_not_found")),
        // The host's, or the route's that promises what the host does not have.
        (404, Some("gateway_404")),
        (405, Some("gateway_405")),
        (502, Some("gateway_auth_error")),
        (429, Some("gateway_rate_limited")),
        (429, Some("gateway_busy")),
        (429, Some("gateway_429")),
        (503, None),
        (502, Some("transport_error")),
    ]
    .into_iter()
    .enumerate()
    {
        let ticket = ledger.intent(intent(&format!("r-{number}"), noon())).await.expect("is taken");
        let mut failed = outcome(Verdict::Failed, noon());
        (failed.client_status, failed.error_class) = (Some(status), class);
        ledger.outcome(ticket.reference(), failed);
    }
    ledger.settle().await;
    let all = ledger.reader().rollups(noon() - 1.hour(), noon() + 1.hour(), &RollupFilter::default()).expect("reads");
    let sum = |of: fn(&relay_ledger::Rollup) -> i64| all.iter().map(of).sum::<i64>();
    assert_eq!((sum(|line| line.sums.failed), sum(|line| line.sums.refused)), (13, 5));
    ledger.close().await;
}

#[tokio::test]
async fn roll_ups_of_many_consumers_are_completed_once_it_is_quiet() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let options = LedgerOptions { quiet: Duration::from_millis(10), ..LedgerOptions::new(dir.path().join("log")) };
    let ledger = Ledger::open(options, noon()).expect("opens");
    for number in 0..300 {
        let mut intent = intent(&format!("r-{number}"), noon());
        intent.consumer = Some(format!("consumer-{number}").into());
        let ticket = ledger.intent(intent).await.expect("is taken");
        ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon()));
    }
    ledger.flush();
    let rolled_up = async {
        while ledger.reader().totals(noon() - 1.hour(), noon() + 1.hour(), Dimension::Group).expect("reads").is_empty()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), rolled_up).await.expect("nobody had to ask");
    ledger.close().await;
}
