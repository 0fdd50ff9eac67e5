//! The log as traffic: what a replay sees of it.

use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use relay_ledger::{Ledger, LedgerReader, RollupFilter, TrafficWindow, Verdict};

mod support;

use support::{intent, noon, open, outcome};

/// Two days, ten requests each; those of an even number have ended, the higher ones of each pair first.
async fn two_days(dir: &std::path::Path) -> LedgerReader {
    let ledger = open(dir);
    for day in 0..2 {
        for pair in 0..5 {
            let at = |number: i64| noon() + SignedDuration::from_hours(24 * day) + SignedDuration::from_secs(number);
            let mut tickets = Vec::new();
            for number in [2 * pair, 2 * pair + 1] {
                let ticket = ledger.intent(intent(&format!("r-{day}-{number}"), at(number))).await.expect("works");
                ticket.committed().await.expect("works");
                tickets.push((number, ticket));
            }
            for (number, ticket) in tickets.iter().rev().filter(|(number, _)| number % 2 == 0) {
                ledger.outcome(ticket.reference(), outcome(Verdict::Complete, at(number + 1)));
            }
        }
    }
    close(ledger).await;
    LedgerReader::open(dir.join("log"))
}

async fn close(ledger: Ledger) {
    ledger.close().await;
}

fn seen(reader: &LedgerReader, window: TrafficWindow) -> Vec<(u64, bool)> {
    let mut seen = Vec::new();
    let traffic = reader.traffic(window).expect("reads");
    traffic
        .each(|passage| {
            assert_eq!(passage.sticky_key, Some("k1:8f7a8c7d6e5f4a3b"));
            assert_eq!((passage.consumer, passage.seed), (Some("team-a"), u64::MAX - 7));
            if let Some(end) = passage.end {
                assert_eq!((end.input, end.cached_input, end.cache_write), (Some(1_000), Some(900), None));
                assert_eq!((end.route_id, end.latency_us), (Some("gpt-tokyo"), 1_234_567));
            }
            seen.push((passage.seq, passage.end.is_some()));
            ControlFlow::Continue(())
        })
        .expect("reads");
    seen
}

const ALL: TrafficWindow = TrafficWindow { from: Timestamp::MIN, to: Timestamp::MAX, at_most: u64::MAX };

#[tokio::test]
async fn traffic_passes_oldest_first_each_request_with_its_own_end() {
    let dir = tempfile::tempdir().unwrap();
    let reader = two_days(dir.path()).await;
    // A process that ended left every second request to its successor, which found it interrupted: no end is made up.
    let seen = seen(&reader, TrafficWindow { from: noon() - SignedDuration::from_hours(1), ..ALL });
    assert_eq!(seen.len(), 20);
    assert!(seen.is_sorted());
    assert!(seen.iter().all(|(seq, ended)| *ended == (seq % 2 == 1)), "{seen:?}");
}

#[tokio::test]
async fn a_window_and_a_bound_leave_out_what_is_older() {
    let dir = tempfile::tempdir().unwrap();
    let reader = two_days(dir.path()).await;
    let second_day = noon() + SignedDuration::from_hours(24);
    let window = TrafficWindow { from: second_day + SignedDuration::from_secs(3), ..ALL };
    let numbers = |window| seen(&reader, window).into_iter().map(|(seq, _)| seq).collect::<Vec<_>>();
    assert_eq!(numbers(window), [14, 15, 16, 17, 18, 19, 20]);
    let until = TrafficWindow { to: second_day + SignedDuration::from_secs(5), ..window };
    assert_eq!(numbers(until), [14, 15]);
    let capped = TrafficWindow { at_most: 12, ..ALL };
    assert_eq!(numbers(capped), (9..=20).collect::<Vec<_>>());
    assert!(reader.traffic(capped).unwrap().is_capped());
    assert!(!reader.traffic(TrafficWindow { at_most: 20, ..ALL }).unwrap().is_capped());
}

#[tokio::test]
async fn a_visitor_may_stop_and_an_empty_log_has_no_traffic() {
    let dir = tempfile::tempdir().unwrap();
    let empty = LedgerReader::open(dir.path().join("nowhere")).traffic(ALL).unwrap();
    assert!(empty.is_empty());
    let reader = two_days(dir.path()).await;
    let mut count = 0;
    reader
        .traffic(ALL)
        .unwrap()
        .each(|_| {
            count += 1;
            if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(count, 3);
}

#[tokio::test]
async fn timings_are_of_the_span_and_the_filter_and_never_more_than_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let reader = two_days(dir.path()).await;
    let hour = |hours: i64| noon() + SignedDuration::from_hours(hours);
    let count = |from, to, filter: &RollupFilter, most| {
        let timings = reader.timings(from, to, filter, most).unwrap();
        assert!(timings.first_output_us.len() <= timings.overhead_us.len());
        timings.overhead_us.len()
    };
    let all = RollupFilter::default();
    assert_eq!(count(hour(-1), hour(1), &all, 100), 5, "of the first day, those that ended");
    assert_eq!(count(hour(-1), hour(25), &all, 100), 10);
    assert_eq!(count(noon(), noon() + SignedDuration::from_secs(3), &all, 100), 2, "the second counts, not the block");
    assert!((1..=4).contains(&count(hour(-1), hour(25), &all, 4)));
    let of = |host: &str| RollupFilter { host_id: Some(host.to_owned()), ..RollupFilter::default() };
    assert_eq!(count(hour(-1), hour(1), &of("nowhere"), 100), 0);
    assert_eq!(count(hour(100), hour(101), &all, 100), 0);
}

/// More than one statement reads, so that others look ahead of the walk.
#[tokio::test]
async fn a_long_walk_passes_each_once_and_may_end_anywhere() {
    const REQUESTS: u64 = 40_000;
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    for number in 0..REQUESTS {
        let ticket = ledger.intent(intent(&format!("r-{number}"), noon())).await.expect("works");
        ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon()));
    }
    close(ledger).await;
    let reader = LedgerReader::open(dir.path().join("log"));
    let all: Vec<(u64, bool)> = (1..=REQUESTS).map(|seq| (seq, true)).collect();
    assert!(seen(&reader, ALL) == all);
    for last in [1, 20_000] {
        let mut left = last;
        let traffic = reader.traffic(ALL).expect("reads");
        let walk = traffic.each(|_| {
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        walk.expect("reads");
        assert_eq!(left, 0);
    }
}
