//! Charts over time, as numbers for `parts/chart.html`: columns that stand on each other, or lines.
//!
//! The picture is an SVG of 1000 × 100 units that stretches with the page; scales and labels are text
//! beside it, so that they stay readable at every width. Every column carries its values as text, for the
//! hint under the pointer and for those who do not see the picture.

use std::fmt::Write as _;
use std::time::Duration;

use relay_domain::Timestamp;

use crate::format::{Format, Moment};

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
}

impl std::fmt::Display for Ink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
            Self::First => "first",
            Self::Second => "second",
        })
    }
}

/// One value for each step; `None` where there is none.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: &'static str,
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

/// What a chart is made from.
pub(crate) struct Plot<'a> {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) shape: Shape,
    pub(crate) steps: &'a [Timestamp],
    pub(crate) step: Duration,
    pub(crate) series: Vec<Series>,
    /// Writes a value.
    pub(crate) write: &'a dyn Fn(f64) -> String,
}

/// A rectangle of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) ink: Ink,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) width: String,
    pub(crate) height: String,
}

/// A line of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) ink: Ink,
    pub(crate) d: String,
}

/// One step: where the pointer meets it, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) x: String,
    pub(crate) width: String,
    pub(crate) at: Moment,
    /// Series and value.
    pub(crate) values: Vec<(&'static str, String)>,
}

/// A chart, ready for its template.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) legend: Vec<(Ink, &'static str)>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) paths: Vec<Path>,
    pub(crate) columns: Vec<Column>,
    /// Top, middle and bottom of the scale.
    pub(crate) scale: [String; 3],
    /// First, middle and last step.
    pub(crate) ends: Vec<Moment>,
    /// Seconds of a step, for choosing a span in the picture.
    pub(crate) step_seconds: u64,
}

impl Plot<'_> {
    /// Lays the chart out.
    pub(crate) fn draw(self, format: Format) -> Chart {
        let top = nice(self.highest());
        let width = WIDTH / self.steps.len().max(1) as f64;
        let labels: Vec<Moment> = self.steps.iter().map(|at| format.step(*at, self.step)).collect();
        let ends = match labels.as_slice() {
            [] => Vec::new(),
            [only] => vec![only.clone()],
            [first, .., last] => vec![first.clone(), labels[labels.len() / 2].clone(), last.clone()],
        };
        let columns = labels.iter().enumerate().map(|(at, label)| Column {
            x: number(at as f64 * width),
            width: number(width),
            at: label.clone(),
            values: self
                .series
                .iter()
                .filter_map(|series| Some((series.name, (self.write)(series.value(at)?))))
                .collect(),
        });
        let columns = columns.collect();
        let (blocks, paths) = match self.shape {
            Shape::Columns => (self.blocks(width, top), Vec::new()),
            Shape::Lines => (Vec::new(), self.series.iter().map(|series| series.path(width, top)).collect()),
        };
        Chart {
            id: self.id,
            title: self.title,
            legend: self.series.iter().map(|series| (series.ink, series.name)).collect(),
            blocks,
            paths,
            columns,
            scale: [top, top / 2.0, 0.0].map(|value| (self.write)(value)),
            ends,
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

    fn blocks(&self, width: f64, top: f64) -> Vec<Block> {
        // Columns that nearly touch read as one shape; few of them as bars.
        let gap = if self.steps.len() > 80 { 0.0 } else { width * 0.12 };
        let mut blocks = Vec::new();
        for at in 0..self.steps.len() {
            let mut below = 0.0;
            for series in &self.series {
                let Some(value) = series.value(at).filter(|value| *value > 0.0) else { continue };
                let height = value / top * HEIGHT;
                below += height;
                blocks.push(Block {
                    ink: series.ink,
                    x: number(at as f64 * width + gap / 2.0),
                    y: number(HEIGHT - below),
                    width: number(width - gap),
                    height: number(height),
                });
            }
        }
        blocks
    }
}

impl Series {
    fn value(&self, at: usize) -> Option<f64> {
        self.values.get(at).copied().flatten()
    }

    /// A line that is interrupted where values are missing; a value alone is a short dash.
    fn path(&self, width: f64, top: f64) -> Path {
        let mut d = String::new();
        for (at, value) in self.values.iter().enumerate() {
            let Some(value) = value else { continue };
            let (x, y) = ((at as f64 + 0.5) * width, HEIGHT - value / top * HEIGHT);
            let follows = at > 0 && self.value(at - 1).is_some();
            if follows {
                let _ = write!(d, "L{} {}", number(x), number(y));
            } else {
                let dash = if self.value(at + 1).is_none() { width * 0.3 } else { 0.0 };
                let _ = write!(d, "M{} {}L{} {}", number(x - dash), number(y), number(x + dash), number(y));
            }
        }
        Path { ink: self.ink, d }
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
        let series = values.iter().map(|values| Series { name: "s", ink: Ink::First, values: values.to_vec() });
        let write = |value: f64| format!("{value}");
        let plot = Plot {
            id: "c",
            title: "t",
            shape,
            steps: &steps,
            step: Duration::from_hours(1),
            series: series.collect(),
            write: &write,
        };
        plot.draw(Format(Language::English))
    }

    #[test]
    fn columns_stand_on_each_other_within_the_scale() {
        let chart = chart(Shape::Columns, &[&[Some(30.0), None], &[Some(10.0), Some(5.0)]]);
        assert_eq!(chart.scale, ["50", "25", "0"]);
        let boxes: Vec<_> = chart.blocks.iter().map(|block| (block.y.as_str(), block.height.as_str())).collect();
        assert_eq!(boxes, [("40", "60"), ("20", "20"), ("90", "10")]);
        assert_eq!(chart.columns[1].values.len(), 1, "a missing value is not told as zero");
    }

    #[test]
    fn a_line_breaks_where_values_are_missing() {
        let chart = chart(Shape::Lines, &[&[Some(1.0), Some(1.0), None, Some(0.5)]]);
        assert_eq!(chart.paths[0].d.matches('M').count(), 2);
    }

    #[test]
    fn a_chart_without_values_or_steps_is_still_a_chart() {
        assert_eq!(chart(Shape::Columns, &[&[None, None]]).scale, ["1", "0.5", "0"]);
        assert!(chart(Shape::Lines, &[&[]]).ends.is_empty());
    }
}
