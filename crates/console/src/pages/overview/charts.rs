//! The charts of the overview: sums of roll-ups, and percentiles of samples.

use std::time::Duration;

use relay_control::traffic::{RollupSums, Step, StepTimings};
use relay_domain::Timestamp;

use super::{OverviewWords, failed};
use crate::chart::{Chart, Ink, Plot, Series, Shape};
use crate::format::Format;
use crate::unit::Unit;

/// What charts are drawn from.
pub(super) struct Drawn<'a> {
    pub(super) t: OverviewWords,
    pub(super) format: Format,
    pub(super) steps: (&'a [Step], Duration),
    pub(super) timings: &'a [StepTimings],
}

impl Drawn<'_> {
    /// All of them, in the order of the page.
    pub(super) fn charts(&self) -> Vec<Chart> {
        let t = self.t;
        let share = |part: i64, whole: i64| (whole > 0).then(|| part as f64 * 100.0 / whole as f64);
        let requests = vec![
            self.series(t.answered(), Ink::Good, |sums| Some(sums.complete as f64)),
            self.series(t.failed(), Ink::Bad, |sums| Some(failed(sums) as f64)),
            self.series(t.other(), Ink::Quiet, |sums| Some((sums.client_gone + sums.resolved) as f64)),
        ];
        let success = self.series(t.success(), Ink::Good, |sums| share(sums.complete, sums.complete + failed(sums)));
        let tokens = vec![
            self.series(t.input(), Ink::First, |sums| (sums.with_usage > 0).then_some(sums.input_tokens as f64)),
            self.series(t.output(), Ink::Second, |sums| (sums.with_usage > 0).then_some(sums.output_tokens as f64)),
        ];
        let prices = vec![
            self.series(t.cost_line(), Ink::First, |sums| (sums.priced > 0).then_some(sums.cost_nanos as f64)),
            self.series(t.price(), Ink::Second, |sums| (sums.priced > 0).then_some(sums.price_nanos as f64)),
        ];
        let cache = self.series(t.cache_hit(), Ink::First, |sums| share(sums.cached_input_tokens, sums.input_tokens));
        vec![
            self.plot("requests", t.chart_requests(), Shape::Columns, requests, Unit::Count),
            self.shares("success", t.chart_success(), success),
            self.times("ttft", t.chart_ttft(), |timings| timings.first_output_us),
            self.times("overhead", t.chart_overhead(), |timings| timings.overhead_us),
            self.plot("tokens", t.chart_tokens(), Shape::Columns, tokens, Unit::Count),
            self.plot("money", t.chart_money(), Shape::Lines, prices, Unit::Money),
            self.shares("cache", t.chart_cache(), cache),
        ]
    }

    fn series(&self, name: &str, ink: Ink, value: impl Fn(&RollupSums) -> Option<f64>) -> Series {
        let values = self.steps.0.iter().map(|step| value(&step.sums)).collect();
        Series { name: name.to_owned(), ink, values }
    }

    fn plot(&self, id: &'static str, title: &'static str, shape: Shape, series: Vec<Series>, unit: Unit) -> Chart {
        let times: Vec<Timestamp> = self.steps.0.iter().map(|step| step.at).collect();
        Plot { id, title, shape, steps: &times, step: self.steps.1, series, top: None, unit }.draw(self.format)
    }

    /// A share of a hundred: its scale ends there.
    fn shares(&self, id: &'static str, title: &'static str, series: Series) -> Chart {
        let times: Vec<Timestamp> = self.steps.0.iter().map(|step| step.at).collect();
        let (step, series, shape, unit) = (self.steps.1, vec![series], Shape::Lines, Unit::Percent);
        Plot { id, title, shape, steps: &times, step, series, top: Some(100.0), unit }.draw(self.format)
    }

    /// Median and 95th percentile of a time.
    fn times(&self, id: &'static str, title: &'static str, of: fn(&StepTimings) -> Option<(u64, u64)>) -> Chart {
        let line = |name: &str, ink, pick: fn((u64, u64)) -> u64| Series {
            name: name.to_owned(),
            ink,
            values: self.timings.iter().map(|timings| of(timings).map(|pair| pick(pair) as f64)).collect(),
        };
        let median = line(self.t.p50(), Ink::First, |pair| pair.0);
        let slow = line(self.t.p95(), Ink::Second, |pair| pair.1);
        self.plot(id, title, Shape::Lines, vec![median, slow], Unit::Micros)
    }
}
