//! Roll-ups: what is added up, by what, and what stays when a segment goes.

use jiff::ToSpan as _;
use relay_ledger::{RollupFilter, Verdict};

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
