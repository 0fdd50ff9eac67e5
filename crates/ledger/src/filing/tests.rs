//! What is filed and not yet rolled up is not lost with the process.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::Verdict;
use crate::journal::{begin_record, end_record};

#[path = "../../tests/support/mod.rs"]
mod support;
use support::{intent, noon, outcome};

const WRITER: WriterId = [7; 16];

/// The journal's records of `requests` requests, from as many consumers.
fn records(link: &mut Link, requests: std::ops::Range<u64>) -> Vec<u8> {
    let mut records = Vec::new();
    for seq in requests {
        let mut intent = intent(&format!("r-{seq}"), noon());
        intent.consumer = Some(Arc::from(format!("consumer-{seq}")));
        let row_at = begin_record(&mut records);
        schema::encode_intent(&mut records, seq, link.entry + 1, &intent);
        end_record(&mut records, row_at, &mut link.head);
        let row_at = begin_record(&mut records);
        schema::encode_outcome(&mut records, seq, link.entry + 2, &outcome(Verdict::Complete, noon()));
        end_record(&mut records, row_at, &mut link.head);
        link.entry += 2;
    }
    records
}

/// Rows of the roll-up table, and the requests they count, which those by consumer count as well.
fn rolled_up(segment: &Segment) -> (i64, i64) {
    let count = |query: &str| -> (i64, i64) {
        segment.connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("counts")
    };
    let counts = count("SELECT count(*), coalesce(sum(requests), 0) FROM rollups");
    let by_consumer = count("SELECT count(*), coalesce(sum(requests), 0) FROM marginals WHERE value LIKE 'consumer-%'");
    assert_eq!(by_consumer, counts);
    counts
}

#[test]
fn roll_ups_of_many_consumers_wait_and_survive_a_crash() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let day = Day::of(noon());
    let mut segment = Segment::open(dir.path(), day, &WRITER).expect("opens");
    let mut link = segment.meta().link;
    let (few, many) = (records(&mut link, 1..101), records(&mut link, 101..1_001));

    segment.file(&few, false).expect("files");
    assert_eq!((rolled_up(&segment), segment.is_behind()), ((100, 100), false));
    segment.file(&many, false).expect("files");
    assert_eq!((rolled_up(&segment), segment.is_behind()), ((100, 100), true), "900 rows of one request each wait");

    drop(segment);
    let mut segment = Segment::open(dir.path(), day, &WRITER).expect("opens again");
    segment.file(&many, false).expect("what is filed already is skipped");
    assert!(segment.is_behind());
    for rows in [0, 1, 900, 1_500] {
        let written = Cell::new(0);
        segment.roll_up(&|| written.replace(written.get() + 1) == rows).expect("lays it down");
        assert_eq!((rolled_up(&segment), segment.is_behind()), ((100, 100), true), "taken over after {rows}");
    }
    for _ in 0..2 {
        segment.roll_up(&|| false).expect("rolls up");
        assert_eq!((rolled_up(&segment), segment.is_behind()), ((1_000, 1_000), false));
    }
    drop(segment);
    let segment = Segment::open(dir.path(), day, &WRITER).expect("opens a third time");
    assert!(segment.meta().is_settled());
}

#[test]
fn roll_ups_of_many_consumers_wait_for_a_minute_at_most() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let mut segment = Segment::open(dir.path(), Day::of(noon()), &WRITER).expect("opens");
    let mut link = segment.meta().link;
    segment.file(&records(&mut link, 1..901), false).expect("files");
    assert_eq!(rolled_up(&segment), (0, 0));
    segment.pending.since = Instant::now().checked_sub(Pending::LONGEST);
    let one = records(&mut link, 901..902);
    segment
        .in_transaction(|segment| {
            segment.take_in(&one, false, &|| false)?;
            segment.complete(&|| true)
        })
        .expect("files, and leaves roll-ups to who takes over");
    assert_eq!((rolled_up(&segment), segment.is_behind()), ((0, 0), true));
    segment.file(&records(&mut link, 902..903), false).expect("files");
    assert_eq!((rolled_up(&segment), segment.is_behind()), ((902, 902), false));
}
