//! The numbers of the overview. Each is of the span that is shown, or says what else it is of; what is not known is no zero.

use relay_control::traffic::{Recent, RollupSums};

use super::{Asked, OverviewWords, failed, success, thousands};
use crate::format::{Format, NOTHING};

/// A number with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
}

pub(super) fn tiles(t: OverviewWords, format: Format, asked: &Asked, total: &RollupSums, recent: &Recent) -> Vec<Tile> {
    let tile = |name, value, note| Tile { name, value, note };
    let failures = t.of_ended(format.number(failed(total)));
    let (has_usage, has_price) = (total.with_usage > 0, total.priced > 0);
    let count = |tokens| if has_usage { format.compact(tokens) } else { NOTHING.to_owned() };
    let noted = |is_known: bool, note: String| if is_known { note } else { String::new() };
    let mut tiles = vec![
        tile(t.requests(), format.compact(total.requests), failures.clone()),
        tile(t.success(), success(format, total), failures),
        first_output(t, format, asked, total, recent),
    ];
    tiles.extend(overhead(t, format, asked, recent));
    tiles.extend([
        tile(
            t.tokens(),
            count(total.input_tokens + total.output_tokens),
            noted(has_usage, t.in_and_out(count(total.input_tokens), count(total.output_tokens))),
        ),
        cost(t, format, total),
        tile(
            t.cache_hit(),
            format.percent(total.cached_input_tokens, total.input_tokens),
            noted(has_price, t.saved(format.short_money(total.cache_saved_nanos))),
        ),
    ]);
    tiles
}

/// The mean of the span; percentiles are known of the last hour alone.
fn first_output(t: OverviewWords, format: Format, asked: &Asked, total: &RollupSums, recent: &Recent) -> Tile {
    let mean = total.first_output_us_sum.checked_div(total.first_output_count);
    let value = format.optional_micros(mean.and_then(|mean| u64::try_from(mean).ok()));
    let note = match recent.first_output_us.filter(|_| asked.is_last_hour()) {
        _ if total.first_output_count == 0 => String::new(),
        None => t.mean().to_owned(),
        Some((median, p99)) => {
            let (median, p99) = (format.micros(median), format.micros(p99));
            match recent.by_the_minute {
                Some(_) => t.mean_and(median, p99),
                None => t.mean_and_of_newest(thousands(format, recent), median, p99),
            }
        }
    };
    Tile { name: t.ttft(), value, note }
}

/// It is known of all of the last hour alone: there is none of a part of the traffic.
fn overhead(t: OverviewWords, format: Format, asked: &Asked, recent: &Recent) -> Option<Tile> {
    if asked.is_filtered() {
        return None;
    }
    let name = if asked.is_last_hour() { t.overhead() } else { t.overhead_last_hour() };
    let Some((median, p99)) = recent.overhead_us else {
        return Some(Tile { name, value: NOTHING.to_owned(), note: String::new() });
    };
    let note = match recent.by_the_minute {
        Some(_) => t.median(format.micros(p99)),
        None => t.median_of_newest(thousands(format, recent), format.micros(p99)),
    };
    Some(Tile { name, value: format.micros(median), note })
}

/// Money is of requests with a known price: the others are told beside it.
fn cost(t: OverviewWords, format: Format, total: &RollupSums) -> Tile {
    let without = total.with_usage - total.priced;
    if total.priced == 0 {
        let note = if without > 0 { t.no_price() } else { "" };
        return Tile { name: t.cost(), value: NOTHING.to_owned(), note: note.to_owned() };
    }
    let margin = total.price_nanos.saturating_sub(total.cost_nanos);
    let mut note = t.price_and_margin(format.short_money(total.price_nanos), format.short_money(margin));
    if without > 0 {
        note = format!("{note}; {}", t.without_price(format.number(without)));
    }
    Tile { name: t.cost(), value: format.short_money(total.cost_nanos), note }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use crate::words::Language;

    const RECENT: Recent = Recent {
        by_the_minute: None,
        looked_at: 3_000,
        overhead_us: Some((18, 193)),
        first_output_us: Some((173, 1_260)),
    };

    fn told(query: &str, total: &RollupSums) -> Vec<Tile> {
        let asked = Asked::read(&Query::parse(query), crate::pages::rendering::now()).unwrap();
        tiles(OverviewWords(Language::English), Format(Language::English), &asked, total, &RECENT)
    }

    #[test]
    fn money_that_is_not_known_is_no_zero_and_what_is_left_out_is_told() {
        let cost = |with_usage, priced| {
            let total = RollupSums { with_usage, priced, cost_nanos: 5_000_000_000, ..RollupSums::default() };
            let tile = told("range=24h", &total).into_iter().find(|tile| tile.name == "Cost").unwrap();
            (tile.value, tile.note)
        };
        assert_eq!(cost(7, 0), (NOTHING.to_owned(), "no price is known".to_owned()));
        assert_eq!(cost(0, 0), (NOTHING.to_owned(), String::new()));
        let (value, note) = cost(1_207, 7);
        assert!(value == "$5.00" && note.ends_with("; 1,200 requests have no price and are left out"), "{note}");
        assert!(!cost(7, 7).1.contains("left out"));
    }

    #[test]
    fn what_is_of_another_span_says_so() {
        let of = |query: &str| {
            let tiles =
                told(query, &RollupSums { first_output_us_sum: 20, first_output_count: 2, ..RollupSums::default() });
            tiles.into_iter().map(|tile| format!("{} {} {}", tile.name, tile.value, tile.note)).collect::<Vec<_>>()
        };
        let month = of("range=30d");
        assert!(month.contains(&"TTFT 10 µs mean".to_owned()), "{month:?}");
        let newest = "Our overhead, last hour 18 µs median of the newest 3,000; p99 193 µs".to_owned();
        assert!(month.contains(&newest), "{month:?}");
        let hour = of("range=1h");
        let newest = "TTFT 10 µs mean; of the newest 3,000: median 173 µs, p99 1.26 ms".to_owned();
        assert!(hour.contains(&newest), "{hour:?}");
        assert!(!of("range=1h&group=gpt").iter().any(|tile| tile.starts_with("Our overhead")));
    }
}
