//! Pages, filters, roll-ups and retention.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::ToSpan as _;
use relay_ledger::{Filter, Ledger, LedgerOptions, LedgerReader, RollupFilter, Verdict, verify};

mod support;
use support::{intent, noon, open, outcome, write};

fn all_pages(reader: &LedgerReader, filter: &Filter, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = reader.list(filter, cursor, limit).expect("lists");
        assert!(page.items.len() <= limit);
        found.extend(page.items.into_iter().map(|decision| decision.request_id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_visit_every_row_once_while_rows_are_added() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for request in 0..100 {
        let at = noon() + (request / 40 * 24).hours();
        write(&ledger, &format!("old-{request}"), at, Verdict::Complete).await;
    }
    ledger.settle().await;
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let busy = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            for request in 0_u64.. {
                write(&ledger, &format!("new-{request}"), noon() + 48.hours(), Verdict::Complete).await;
                if !matches!(stopped.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Empty)) {
                    return;
                }
            }
        }
    });
    let reader = ledger.reader();
    let found = tokio::task::spawn_blocking(move || all_pages(&reader, &Filter::default(), 7)).await.expect("ends");
    drop(stop);
    busy.await.expect("ends");
    let old: Vec<&String> = found.iter().filter(|id| id.starts_with("old-")).collect();
    let expected: Vec<String> = (0..100).rev().map(|request| format!("old-{request}")).collect();
    assert_eq!(old, expected.iter().collect::<Vec<_>>());
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
    ledger.close().await;
}

#[tokio::test]
async fn every_filter_finds_its_rows_and_no_others() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let verdicts = [Verdict::Complete, Verdict::Failed, Verdict::Truncated];
    for request in 0_i64..60 {
        let at = noon() + request.minutes();
        let mut intent = intent(&format!("r-{request}"), at);
        let mut outcome = outcome(verdicts[request as usize % 3], at);
        intent.consumer = Some(Arc::from(format!("team-{}", request % 4)));
        intent.public_model = Arc::from(format!("model-{}", request % 5));
        intent.logical_group_id = Arc::from(format!("group-{}", request % 2));
        intent.sticky_key = Some(Arc::from(format!("k-{}", request % 10)));
        outcome.route_id = Some(Arc::from(format!("route-{}", request % 6)));
        outcome.host_id = Some(Arc::from(format!("host-{}", request % 7)));
        let ticket = ledger.intent(intent).await.expect("is taken");
        if request < 58 {
            ledger.outcome(ticket.reference(), outcome);
        }
    }
    ledger.settle().await;
    let reader = ledger.reader();
    let check = |filter: Filter, expected: &dyn Fn(i64) -> bool| {
        let found = all_pages(&reader, &filter, 4);
        let expected: Vec<String> =
            (0..60).rev().filter(|request| expected(*request)).map(|request| format!("r-{request}")).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    let text = |text: &str| Some(text.to_owned());
    check(Filter { consumer: text("team-3"), ..Filter::default() }, &|r| r % 4 == 3);
    check(Filter { public_model: text("model-2"), ..Filter::default() }, &|r| r % 5 == 2);
    check(Filter { logical_group_id: text("group-1"), ..Filter::default() }, &|r| r % 2 == 1);
    check(Filter { sticky_key: text("k-9"), ..Filter::default() }, &|r| r % 10 == 9);
    check(Filter { route_id: text("route-5"), ..Filter::default() }, &|r| r % 6 == 5 && r < 58);
    check(Filter { host_id: text("host-6"), ..Filter::default() }, &|r| r % 7 == 6 && r < 58);
    check(Filter { verdict: text("failed"), ..Filter::default() }, &|r| r % 3 == 1 && r < 58);
    check(Filter { verdict: text("complete"), ..Filter::default() }, &|r| r % 3 == 0 && r < 58);
    check(Filter { verdict: text("open"), ..Filter::default() }, &|r| r >= 58);
    check(Filter { request_id: text("r-17"), ..Filter::default() }, &|r| r == 17);
    check(Filter { request_id: text("none"), ..Filter::default() }, &|_| false);
    check(Filter { consumer: text("team-1"), route_id: text("route-1"), ..Filter::default() }, &|r| {
        r % 12 == 1 && r < 58
    });
    check(Filter { verdict: text("truncated"), consumer: text("team-1"), ..Filter::default() }, &|r| {
        r % 12 == 5 && r < 58
    });
    let window = Filter { from: Some(noon() + 10.minutes()), to: Some(noon() + 20.minutes()), ..Filter::default() };
    check(window, &|r| (10..20).contains(&r));
    let (from, to) = (Some(noon() + 20.minutes()), Some(noon() + 10.minutes()));
    check(Filter { from, to, ..Filter::default() }, &|_| false);
    check(Filter { from, to, consumer: text("team-1"), ..Filter::default() }, &|_| false);
    drop(ledger.reader());
    ledger.close().await;
    // Nobody writes any more: what has no outcome was interrupted, before and after the next start.
    let interrupted = Filter { verdict: text("interrupted"), ..Filter::default() };
    assert_eq!(reader.get("r-59").expect("reads").expect("is there").verdict, "interrupted");
    let ledger = open(dir.path());
    check(interrupted, &|r| r >= 58);
    ledger.close().await;
}

#[tokio::test]
async fn what_was_in_some_hours_only_is_found_in_all_of_them() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    let midnight = noon() - 12.hours();
    // Host 0 serves in hours 0, 4, 8 …; a day has gaps for each of them, and a next day begins.
    for request in 0_i64..104 {
        let (hour, at) = (request / 4, midnight + (request * 15).minutes());
        let mut intent = intent(&format!("r-{request}"), at);
        let mut outcome = outcome(Verdict::Complete, at);
        intent.logical_group_id = Arc::from(format!("group-{}", hour % 3));
        intent.consumer = Some(Arc::from(format!("team-{}", hour % 5)));
        intent.host_id = Some(Arc::from(format!("host-{}", hour % 4)));
        outcome.route_id = Some(Arc::from(format!("route-{}", hour % 6)));
        outcome.host_id = intent.host_id.clone();
        match request % 4 {
            // Its body took fifty minutes to arrive. (Over midnight it would be the day before's.)
            1 if hour % 24 > 0 => intent.at = at - 50.minutes(),
            // Nobody served it.
            2 => outcome.host_id = None,
            _ => {}
        }
        let ticket = ledger.intent(intent).await.expect("is taken");
        // The first request of the hour before midnight has not ended: from it on nothing is settled.
        if request != 92 {
            ledger.outcome(ticket.reference(), outcome);
        }
    }
    ledger.settle().await;
    let reader = ledger.reader();
    for limit in [1, 3, 50] {
        for of in 0..4 {
            let check = |filter: Filter, hours: i64| {
                let expected = (0..104).rev().filter(|request| request / 4 % hours == of);
                let expected: Vec<String> = expected.map(|request| format!("r-{request}")).collect();
                assert_eq!(all_pages(&reader, &filter, limit), expected, "{filter:?}");
            };
            check(Filter { host_id: Some(format!("host-{of}")), ..Filter::default() }, 4);
            check(Filter { logical_group_id: Some(format!("group-{of}")), ..Filter::default() }, 3);
            check(Filter { consumer: Some(format!("team-{of}")), ..Filter::default() }, 5);
            check(Filter { route_id: Some(format!("route-{of}")), ..Filter::default() }, 6);
        }
    }
    ledger.close().await;
}

#[tokio::test]
async fn a_page_whose_time_is_up_has_some_rows_and_the_next_goes_on_from_there() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for request in 0_i64..1_000 {
        let at = noon() + request.seconds();
        let mut intent = intent(&format!("r-{request}"), at);
        intent.consumer = Some(Arc::from(format!("team-{}", request % 10)));
        intent.host_id = Some(Arc::from(format!("host-{}", request % 100)));
        let mut outcome = outcome(Verdict::Complete, at);
        outcome.host_id = intent.host_id.clone();
        let ticket = ledger.intent(intent).await.expect("is taken");
        ledger.outcome(ticket.reference(), outcome);
    }
    ledger.settle().await;
    let reader = ledger.reader();
    let check = |filter: Filter, of: i64, most_pages: usize| {
        let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = reader.list_within(Duration::ZERO, &filter, cursor, 50).expect("lists");
            found.extend(page.items.into_iter().map(|decision| decision.request_id));
            (cursor, pages) = (page.next_cursor, pages + 1);
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..1_000).rev().filter(|r| r % of == 7).map(|r| format!("r-{r}")).collect();
        assert_eq!(found, expected, "{filter:?}");
        // More than one, since its time was up; and each went on by as much as is worth a page.
        assert!((2..=most_pages).contains(&pages), "{pages} pages: {filter:?}");
    };
    check(Filter { consumer: Some("team-7".to_owned()), ..Filter::default() }, 10, 100 / 16 + 4);
    check(Filter { host_id: Some("host-7".to_owned()), ..Filter::default() }, 100, 1_000 / 256 + 4);
    ledger.close().await;
}

#[tokio::test]
async fn the_tail_goes_on_from_the_last_seen() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let ledger = open(dir.path());
    for request in 0..10 {
        write(&ledger, &format!("r-{request}"), noon() + (request / 5 * 24).hours(), Verdict::Complete).await;
    }
    ledger.settle().await;
    let reader = ledger.reader();
    assert_eq!(reader.last_seq().expect("reads"), 10);
    let (mut after, mut seen) = (2, Vec::new());
    while let Some(last) = reader
        .tail(after, 3)
        .expect("reads")
        .into_iter()
        .map(|decision| decision.seq)
        .inspect(|seq| seen.push(*seq))
        .last()
    {
        after = last;
    }
    assert_eq!(seen, (3..=10).collect::<Vec<_>>());
    ledger.close().await;
}

#[tokio::test]
async fn retention_removes_segments_and_keeps_their_rollups() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let log = dir.path().join("log");
    let ledger = open(dir.path());
    for request in 0_i64..12 {
        let verdict = if request % 4 == 0 { Verdict::Failed } else { Verdict::Complete };
        write(&ledger, &format!("r-{request}"), noon() + (request / 4 * 24).hours(), verdict).await;
    }
    ledger.close().await;
    let everything = |reader: LedgerReader| {
        reader.rollups(noon() - 24.hours(), noon() + 240.hours(), &RollupFilter::default()).expect("reads")
    };
    let before = serde_json::to_value(everything(LedgerReader::open(&log))).expect("serializes");
    assert_eq!(before.as_array().map(Vec::len), Some(3));
    assert_eq!(before[0]["requests"], 4);
    assert_eq!(before[0]["failed"], 1);
    assert_eq!(before[0]["complete"], 3);
    assert_eq!(before[0]["input_tokens"], 4_000);
    assert_eq!(before[0]["latency_us_max"], 1_234_567);
    assert_eq!(before[0]["consumer"], "team-a");

    let options = LedgerOptions { retention: Duration::from_hours(24), ..LedgerOptions::new(&log) };
    let later = noon() + 60.hours();
    Ledger::open(options.clone(), later).expect("opens").close().await;
    assert!(!log.join("decisions-2026-11-23.db").exists());
    assert!(log.join("decisions-2026-11-25.db").exists());
    let after = serde_json::to_value(everything(LedgerReader::open(&log))).expect("serializes");
    assert_eq!(after, before);
    let report = verify(&log).expect("verifies");
    assert!(report.is_clean(), "{report:?}");

    // With everything gone the numbers still go on.
    let ledger = Ledger::open(options, noon() + 240.hours()).expect("opens");
    let ticket = ledger.intent(intent("next", noon() + 240.hours())).await.expect("is taken");
    ticket.committed().await.expect("is committed");
    assert_eq!(ticket.reference().seq(), Some(13));
    ledger.outcome(ticket.reference(), outcome(Verdict::Complete, noon() + 240.hours()));
    ledger.close().await;
    let report = verify(&log).expect("verifies");
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.rows, 1);
}
