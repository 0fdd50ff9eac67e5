//! Charts over time, as numbers for `parts/chart.html`: columns that stand on each other, or lines.
//!
//! The picture is an SVG of 1000 × 100 units that stretches with the page; scales and labels are text
//! beside it, so that they stay readable at every width. Below it the values stand in a table, for those who do not
//! see the picture; the hint under the pointer is read from there, so that no value is sent twice.

use std::fmt::Write as _;
use std::time::Duration;

use relay_domain::Timestamp;

use crate::format::{Format, Moment, NOTHING};
use crate::unit::Unit;
use crate::words::words;

words! {
    ChartWords {
        values => "Values" / "数值";
        time => "Time" / "时间";
        nothing => "Nothing in this time." / "该时间段内没有数据。";
    }
}

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 100.0;

/// What a series looks like; the style sheet has a color for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Good,
    Bad,
    Quiet,
    First,
    Second,
    Third,
    Fourth,
    Fifth,
    Sixth,
}

impl Ink {
    /// Colors of lines or columns that stand for different things, in this order.
    pub(crate) const RANKED: [Self; 6] =
        [Self::First, Self::Second, Self::Third, Self::Fourth, Self::Fifth, Self::Sixth];
}

impl std::fmt::Display for Ink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
            Self::First => "first",
            Self::Second => "second",
            Self::Third => "third",
            Self::Fourth => "fourth",
            Self::Fifth => "fifth",
            Self::Sixth => "sixth",
        })
    }
}

/// One value for each step; `None` where there is none.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) ink: Ink,
    pub(crate) values: Vec<Option<f64>>,
}

/// How values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Columns that stand on each other.
    Columns,
    /// Lines beside each other.
    Lines,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Columns => "bars",
            Self::Lines => "line",
        })
    }
}

/// What a chart is made from.
pub(crate) struct Plot<'a> {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) shape: Shape,
    pub(crate) steps: &'a [Timestamp],
    pub(crate) step: Duration,
    pub(crate) series: Vec<Series>,
    /// The top of the scale where it is given, as for shares; else it is that of the highest value.
    pub(crate) top: Option<f64>,
    pub(crate) unit: Unit,
}

/// A shape of the picture: all columns of a series, or its line.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) ink: Ink,
    pub(crate) shape: Shape,
    pub(crate) d: String,
}

/// One step, as the table below the picture has it; the hint under the pointer reads it there.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) at: String,
    /// A value for each series.
    pub(crate) values: Vec<String>,
}

/// A chart, ready for its template.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) t: ChartWords,
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// What is said when there is nothing to draw.
    pub(crate) nothing: &'static str,
    pub(crate) legend: Vec<(Ink, String)>,
    pub(crate) paths: Vec<Path>,
    pub(crate) rows: Vec<Row>,
    /// Top, middle and bottom of the scale.
    pub(crate) scale: [String; 3],
    /// First, middle and last step.
    pub(crate) ends: Vec<Moment>,
    /// When the first step begins and how long each is, in seconds: for choosing a span in the picture.
    pub(crate) first_second: i64,
    pub(crate) step_seconds: u64,
    /// There is nothing to draw.
    pub(crate) is_empty: bool,
}

impl Plot<'_> {
    /// Lays the chart out.
    pub(crate) fn draw(self, format: Format) -> Chart {
        let top = self.top.unwrap_or_else(|| nice(self.highest()));
        // Lines may go below nothing, as a margin does.
        let bottom = if self.lowest() < 0.0 { -nice(-self.lowest()) } else { 0.0 };
        let width = WIDTH / self.steps.len().max(1) as f64;
        let labels: Vec<Moment> = self.steps.iter().map(|at| format.step(*at, self.step)).collect();
        let ends = match labels.as_slice() {
            [] => Vec::new(),
            [only] => vec![only.clone()],
            [first, .., last] => vec![first.clone(), labels[labels.len() / 2].clone(), last.clone()],
        };
        let rows = labels.iter().enumerate().map(|(at, label)| Row {
            at: label.text.clone(),
            values: self.series.iter().map(|series| self.written(format, series.value(at))).collect(),
        });
        let paths = match self.shape {
            Shape::Columns => self.columns(width, top),
            Shape::Lines => self.series.iter().map(|series| series.line(width, (bottom, top))).collect(),
        };
        let t = ChartWords(format.0);
        Chart {
            t,
            id: self.id,
            title: self.title,
            nothing: t.nothing(),
            legend: self.series.iter().map(|series| (series.ink, series.name.clone())).collect(),
            is_empty: self.series.iter().all(|series| series.values.iter().all(Option::is_none)),
            paths,
            rows: rows.collect(),
            scale: self.scale(format, bottom, top),
            ends,
            first_second: self.steps.first().map_or(0, |at| at.as_second()),
            step_seconds: self.step.as_secs(),
        }
    }

    fn highest(&self) -> f64 {
        let of_step = |at: usize| {
            let values = self.series.iter().filter_map(|series| series.value(at));
            match self.shape {
                Shape::Columns => values.sum(),
                Shape::Lines => values.fold(0.0, f64::max),
            }
        };
        (0..self.steps.len()).map(of_step).fold(0.0, f64::max)
    }

    /// Where nothing was, the steps above nothing have no meaning.
    fn scale(&self, format: Format, bottom: f64, top: f64) -> [String; 3] {
        let write = |value| self.unit.beside_scale(format, value, top.max(-bottom));
        if self.top.is_none() && self.highest() <= 0.0 && bottom >= 0.0 {
            return [String::new(), String::new(), write(0.0)];
        }
        [top, f64::midpoint(top, bottom), bottom].map(write)
    }

    fn lowest(&self) -> f64 {
        if self.shape == Shape::Columns {
            return 0.0;
        }
        self.series.iter().flat_map(|series| series.values.iter().flatten()).copied().fold(0.0, f64::min)
    }

    fn written(&self, format: Format, value: Option<f64>) -> String {
        value.map_or_else(|| NOTHING.to_owned(), |value| self.unit.write(format, value))
    }

    /// One shape for all columns of a series: an element for each would make most of a page.
    fn columns(&self, width: f64, top: f64) -> Vec<Path> {
        // Columns that nearly touch read as one shape; few of them as bars.
        let gap = if self.steps.len() > 80 { 0.0 } else { width * 0.12 };
        let mut below = vec![0.0; self.steps.len()];
        let mut paths = Vec::new();
        for series in &self.series {
            let mut d = String::new();
            for (at, below) in below.iter_mut().enumerate() {
                let Some(value) = series.value(at).filter(|value| *value > 0.0) else { continue };
                let height = value / top * HEIGHT;
                *below += height;
                let (x, y, wide) = (at as f64 * width + gap / 2.0, HEIGHT - *below, number(width - gap));
                let _ = write!(d, "M{} {}h{wide}v{}h-{wide}z", number(x), number(y), number(height));
            }
            paths.push(Path { ink: series.ink, shape: Shape::Columns, d });
        }
        paths
    }
}

impl Series {
    fn value(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().flatten()
    }

    /// A line that is interrupted where values are missing; a value alone is a short dash.
    fn line(&self, width: f64, (bottom, top): (f64, f64)) -> Path {
        let mut d = String::new();
        for (at, value) in self.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let (x, y) = ((at as f64 + 0.5) * width, HEIGHT - (value - bottom) / (top - bottom) * HEIGHT);
            let follows = at > 0 && self.value(at - 1).is_some();
            if follows {
                let _ = write!(d, "L{} {}", number(x), number(y));
            } else {
                let dash = if self.value(at + 1).is_none() { width * 0.3 } else { 0.0 };
                let _ = write!(d, "M{} {}L{} {}", number(x - dash), number(y), number(x + dash), number(y));
            }
        }
        Path { ink: self.ink, shape: Shape::Lines, d }
    }
}

/// The next of 1, 2, 2.5, 5 × 10ⁿ.
fn nice(highest: f64) -> f64 {
    if highest <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(highest.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= highest).unwrap_or(highest)
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    fn chart(shape: Shape, values: &[&[Option<f64>]]) -> Chart {
        let first: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let steps: Vec<Timestamp> = (0..values[0].len() as i64)
            .map(|step| Timestamp::from_second(first.as_second() + step * 3_600).unwrap())
            .collect();
        let series =
            values.iter().map(|values| Series { name: "s".to_owned(), ink: Ink::First, values: values.to_vec() });
        let plot = Plot {
            id: "c",
            title: "t",
            shape,
            steps: &steps,
            step: Duration::from_hours(1),
            series: series.collect(),
            top: None,
            unit: Unit::Plain,
        };
        plot.draw(Format(Language::English))
    }

    #[test]
    fn columns_stand_on_each_other_within_the_scale() {
        let chart = chart(Shape::Columns, &[&[Some(30.0), None], &[Some(10.0), Some(5.0)]]);
        assert_eq!(chart.scale, ["50", "25", "0"]);
        let shapes: Vec<_> = chart.paths.iter().map(|path| path.d.as_str()).collect();
        assert_eq!(shapes, ["M30 40h440v60h-440z", "M30 20h440v20h-440zM530 90h440v10h-440z"]);
        assert_eq!(chart.rows[1].values, [NOTHING, "5"], "a missing value is not told as zero");
    }

    #[test]
    fn a_line_may_go_below_nothing() {
        let chart = chart(Shape::Lines, &[&[Some(4.0), Some(-4.0)]]);
        assert_eq!(
            (chart.scale, chart.paths[0].d.as_str()),
            (["5", "0", "-5"].map(str::to_owned), "M250 10L250 10L750 90")
        );
    }

    #[test]
    fn a_line_breaks_where_values_are_missing() {
        let chart = chart(Shape::Lines, &[&[Some(1.0), Some(1.0), None, Some(0.5)]]);
        assert_eq!(chart.paths[0].d.matches('M').count(), 2);
    }

    #[test]
    fn a_chart_without_values_or_steps_is_still_a_chart() {
        assert_eq!(chart(Shape::Columns, &[&[None, None]]).scale, ["", "", "0"]);
        assert!(chart(Shape::Lines, &[&[]]).ends.is_empty());
        assert!(chart(Shape::Lines, &[&[None]]).is_empty && !chart(Shape::Lines, &[&[Some(0.0)]]).is_empty);
    }
}
