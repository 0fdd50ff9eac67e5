//! Lists of the fleet: the entries whose id has a text in it, in the order that people count in, page by page.

use std::cmp::Ordering;

use relay_control::edit::Noun;

use super::edit::list_of;
use crate::kit::{Narrow, Pager};
use crate::query::{PAGE, Query, address};
use crate::terms;
use crate::words::{Language, words};

words! {
    ListWords {
        id_contains => "ID contains" / "ID 包含";
        apply => "Filter" / "筛选";
        no_match => "Nothing matches." / "没有匹配的条目。";
    }
}

const ID: &str = "id";

/// A page of a list, and the ways to its other pages.
pub(super) struct Listed<'a, T> {
    pub(super) items: Vec<&'a T>,
    pub(super) pager: Pager,
}

/// The page of these entries that is asked for. `filters` are the parameters that narrowed them before.
pub(super) fn page_of<'a, T>(
    (language, query): (Language, &Query),
    noun: Noun,
    filters: &[&str],
    entries: impl Iterator<Item = &'a T>,
    id: impl Fn(&T) -> &str,
) -> Listed<'a, T> {
    let wanted = query.text(ID).unwrap_or_default().to_lowercase();
    let mut items: Vec<&T> = entries.filter(|entry| id(entry).to_lowercase().contains(&wanted)).collect();
    let count = terms::counted(language, noun.as_str(), items.len());
    let cursor = query.text("cursor");
    if let Some(cursor) = &cursor {
        items.retain(|entry| natural(id(entry), cursor).is_gt());
    }
    let by_id = |a: &&T, b: &&T| natural(id(a), id(b));
    let is_more = items.len() > PAGE;
    if is_more {
        items.select_nth_unstable_by(PAGE, by_id);
        items.truncate(PAGE);
    }
    items.sort_unstable_by(by_id);
    let given: Vec<_> = filters.iter().chain([&ID]).map(|name| (*name, query.text(name).unwrap_or_default())).collect();
    let with = |cursor: &str| {
        address(list_of(noun), given.iter().map(|(name, value)| (*name, value.as_str())).chain([("cursor", cursor)]))
    };
    let next = items.last().filter(|_| is_more).map(|last| with(id(last)));
    let first = cursor.map(|_| with(""));
    Listed { pager: Pager::by_id(count, first, next), items }
}

/// The field that every list has.
pub(super) fn narrow(language: Language, query: &Query) -> Narrow {
    Narrow::text(ID, ListWords(language).id_contains(), query.text(ID))
}

/// What is said of no entries: that none is there, or that none matches.
pub(super) fn empty(language: Language, query: &Query, none: &'static str) -> &'static str {
    if query.text(ID).is_some() { ListWords(language).no_match() } else { none }
}

/// `host-2` before `host-10`: digits count as numbers. Ids that differ are never equal, so that a page can begin after one.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    runs(a).cmp(runs(b)).then_with(|| a.cmp(b))
}

/// Runs of digits, by their worth, and of other letters.
fn runs(text: &str) -> impl Iterator<Item = (bool, usize, &[u8])> {
    text.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).map(|run| {
        if !run[0].is_ascii_digit() {
            return (true, 0, run);
        }
        let zeros = run.iter().take_while(|digit| **digit == b'0').count();
        (false, run.len() - zeros, &run[zeros..])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stand_in_the_order_that_people_count_in() {
        let ordered =
            ["", "007", "7", "10", "a", "a-2", "a-10", "a-10-b", "b", "host", "host-1-0", "host-1-02", "host-1-10"];
        let mut sorted = ordered;
        sorted.reverse();
        sorted.sort_by(|a, b| natural(a, b));
        assert_eq!(sorted, ordered, "of the same number the text decides");
        assert_eq!(natural("host-1", "host-1"), Ordering::Equal);
    }

    #[test]
    fn every_entry_is_on_one_page_and_filters_go_along() {
        let ids: Vec<String> = (0..120).map(|number| format!("host-{number}")).collect();
        let page = |cursor: &str| {
            let query = Query::parse(&format!("id=HOST-1&kind=x&cursor={cursor}"));
            page_of((Language::English, &query), Noun::Host, &["kind"], ids.iter(), |id| id.as_str())
        };
        // 1, 10 to 19 and 100 to 119.
        let only = page("");
        assert_eq!((only.items.len(), only.pager.count.as_str(), &only.pager.next), (31, "31 hosts", &None));
        assert_eq!([only.items[0], only.items[1], only.items[30]], ["host-1", "host-10", "host-119"]);
        let query = |cursor: &str| Query::parse(&format!("cursor={cursor}"));
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let found = page_of((Language::English, &query(&cursor)), Noun::Host, &[], ids.iter(), |id| id.as_str());
            assert_eq!(found.pager.first.is_some(), !cursor.is_empty());
            seen.extend(found.items.iter().map(|id| (*id).clone()));
            let Some(next) = found.pager.next else { break };
            cursor = next.split_once("cursor=").unwrap().1.to_owned();
        }
        assert_eq!(seen, ids);
    }
}
