//! The charts of usage: cost, tokens and margin over time, each with those that have most of it by name and all others together.
//!
//! Where those with a name would be too little to be seen, one total is drawn: a legend of colors that are not in the picture
//! misleads.

use relay_control::traffic::{RollupSums, Share};
use relay_control::usage::Dimension;

use super::{Report, UsageWords};
use crate::chart::{Chart, Ink, Plot, Series, Shape};
use crate::format::Format;
use crate::unit::Unit;

/// Drawn by name in one chart.
const NAMED: usize = 5;

/// Percent of the whole that those with a name have at least: less is a line of pixels at the foot of a column.
const SEEN: i128 = 10;

/// What a chart draws.
#[derive(Clone, Copy)]
enum Quantity {
    Cost,
    Tokens,
    Margin,
}

impl Quantity {
    const ALL: [Self; 3] = [Self::Cost, Self::Tokens, Self::Margin];

    fn of(self, sums: &RollupSums) -> i64 {
        match self {
            Self::Cost => sums.cost_nanos,
            Self::Tokens => sums.input_tokens.saturating_add(sums.output_tokens),
            Self::Margin => sums.price_nanos.saturating_sub(sums.cost_nanos),
        }
    }

    fn drawn(self, sums: &RollupSums) -> Option<f64> {
        let known = if matches!(self, Self::Tokens) { sums.with_usage } else { sums.priced };
        (known > 0).then(|| self.of(sums) as f64)
    }

    /// Places of those that have most of it, in more or less.
    fn largest(self, shares: &[Share]) -> Vec<usize> {
        let mut places: Vec<usize> = (0..shares.len()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(self.of(&shares[*place].sums).unsigned_abs()));
        places.truncate(NAMED);
        places.retain(|place| self.of(&shares[*place].sums) != 0);
        let part: i128 = places.iter().map(|place| i128::from(self.of(&shares[*place].sums).unsigned_abs())).sum();
        let whole: i128 = shares.iter().map(|share| i128::from(self.of(&share.sums).unsigned_abs())).sum();
        if part * 100 < whole * SEEN { Vec::new() } else { places }
    }
}

/// The names that one of the charts draws; days and hours are along the charts anyway.
pub(super) fn drawn_by_name(by: Dimension, shares: &[Share]) -> Vec<String> {
    if matches!(by, Dimension::Day | Dimension::Hour) {
        return Vec::new();
    }
    let mut places: Vec<usize> = Quantity::ALL.iter().flat_map(|quantity| quantity.largest(shares)).collect();
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| shares[place].name.clone()).collect()
}

/// All of them, in the order of the page.
pub(super) fn charts(t: UsageWords, format: Format, report: &Report) -> Vec<Chart> {
    let plot = |id, title, shape, quantity, unit| {
        let over_time = &report.over_time;
        let (steps, step, series) = (&over_time.steps, over_time.step, series(t, report, quantity));
        Plot { id, title, shape, steps, step, series, top: None, unit }.draw(format)
    };
    let mut margin = plot("margin", t.margin(), Shape::Lines, Quantity::Margin, Unit::Money);
    let has_margin = report.shares.iter().any(|share| Quantity::Margin.of(&share.sums) != 0);
    if !has_margin && !margin.is_empty {
        (margin.is_empty, margin.nothing) = (true, t.no_margin());
    }
    vec![
        plot("cost", t.cost(), Shape::Columns, Quantity::Cost, Unit::Money),
        plot("tokens", t.tokens_over_time(), Shape::Columns, Quantity::Tokens, Unit::Count),
        margin,
    ]
}

fn series(t: UsageWords, report: &Report, quantity: Quantity) -> Vec<Series> {
    let over_time = &report.over_time;
    let place_of = |name: &String| report.names.iter().position(|drawn| drawn == name);
    let largest = quantity.largest(&report.shares).into_iter();
    let drawn: Vec<usize> = largest.filter_map(|share| place_of(&report.shares[share].name)).collect();
    let values = |steps: &[RollupSums]| steps.iter().map(|sums| quantity.drawn(sums)).collect();
    let mut all: Vec<Series> = drawn
        .iter()
        .zip(Ink::RANKED)
        .map(|(place, ink)| {
            let name = Some(report.names[*place].as_str()).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| t.none_named()).to_owned();
            Series { name, ink, values: values(&over_time.named[*place]) }
        })
        .collect();
    if drawn.is_empty() || report.shares.len() > drawn.len() {
        let mut rest = over_time.others.clone();
        let undrawn = over_time.named.iter().enumerate().filter(|(place, _)| !drawn.contains(place));
        for (_, steps) in undrawn {
            rest.iter_mut().zip(steps).for_each(|(rest, sums)| rest.add(sums));
        }
        let (name, ink) = if drawn.is_empty() { (t.total(), Ink::First) } else { (t.others(), Ink::Quiet) };
        all.push(Series { name: name.to_owned(), ink, values: values(&rest) });
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn share(name: &str, cost_nanos: i64, output_tokens: i64) -> Share {
        let sums = RollupSums {
            priced: 1,
            with_usage: 1,
            cost_nanos,
            price_nanos: cost_nanos,
            output_tokens,
            ..RollupSums::default()
        };
        Share { name: name.to_owned(), sums }
    }

    fn drawn(shares: Vec<Share>) -> Vec<Chart> {
        let names = drawn_by_name(Dimension::Consumer, &shares);
        let sums = |name: &String| vec![shares.iter().find(|share| share.name == *name).unwrap().sums];
        let mut others = RollupSums::default();
        shares.iter().filter(|share| !names.contains(&share.name)).for_each(|share| others.add(&share.sums));
        let over_time = relay_control::traffic::OverTime {
            steps: vec![crate::pages::rendering::now()],
            step: std::time::Duration::from_hours(1),
            named: names.iter().map(sums).collect(),
            others: vec![others],
        };
        let report = Report { total: RollupSums::default(), shares, names, present: HashSet::new(), over_time };
        charts(UsageWords(crate::words::Language::English), Format(crate::words::Language::English), &report)
    }

    fn names(chart: &Chart) -> Vec<&str> {
        chart.legend.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn each_chart_names_those_that_have_most_of_what_it_draws() {
        let mut shares = vec![share("free", 0, 900_000)];
        shares.extend((1..=6).map(|number| share(&format!("paid-{number}"), 7_000_000_000 - number, 10)));
        let charts = drawn(shares);
        let [cost, tokens, _] = charts.as_slice() else { panic!("three charts") };
        assert_eq!(names(cost), ["paid-1", "paid-2", "paid-3", "paid-4", "paid-5", "others"]);
        assert_eq!(names(tokens)[0], "free");
        assert_eq!(cost.rows[0].values.last().unwrap(), "$7.00", "what another chart names is one of the others here");
    }

    #[test]
    fn names_that_nobody_would_see_are_not_drawn() {
        let charts = drawn((0..100).map(|number| share(&format!("team-{number}"), 1_000_000_000, 10)).collect());
        assert_eq!(names(&charts[0]), ["Total"]);
        assert_eq!(charts[0].rows[0].values, ["$100.00"]);
    }

    #[test]
    fn no_margin_is_said() {
        let chart = drawn(vec![share("team", 1_000_000_000, 10)]).remove(2);
        assert!(chart.is_empty && chart.nothing == "No margin in this time.");
    }
}
