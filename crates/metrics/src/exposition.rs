//! Prometheus' text format, version 0.0.4: what every scraper reads.

use std::fmt::{self, Display, Write as _};

use crate::{Definition, Histogram, Kind};

/// The text of one scrape, as it grows.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a family. It is shown also when it has no sample yet, so that a name that a
    /// dashboard asks for is always there.
    pub fn family(&mut self, definition: &'static Definition) -> Family<'_> {
        let Definition { name, kind, help, .. } = definition;
        self.put(format_args!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.as_str()));
        Family { text: self, definition }
    }

    /// The text.
    pub fn finish(self) -> String {
        self.0
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a string takes any text");
    }
}

/// A family whose samples are being written.
#[derive(Debug)]
pub struct Family<'e> {
    text: &'e mut Exposition,
    definition: &'static Definition,
}

impl Family<'_> {
    /// Writes a counter or gauge. `values` are those of the family's labels, in their order.
    pub fn sample(&mut self, values: &[&str], value: impl Display) {
        debug_assert_ne!(self.definition.kind, Kind::Histogram, "{}", self.definition.name);
        let labels = self.labels(values, None);
        self.text.put(format_args!("{}{labels} {value}\n", self.definition.name));
    }

    /// Writes a histogram.
    pub fn histogram(&mut self, values: &[&str], histogram: &Histogram) {
        debug_assert_eq!(self.definition.kind, Kind::Histogram, "{}", self.definition.name);
        let name = self.definition.name;
        let mut count = 0;
        for (bound, counted) in histogram.buckets() {
            count += counted;
            let labels = self.labels(values, Some(bound));
            self.text.put(format_args!("{name}_bucket{labels} {count}\n"));
        }
        let labels = self.labels(values, None);
        self.text.put(format_args!("{name}_sum{labels} {}\n{name}_count{labels} {count}\n", histogram.sum_seconds()));
    }

    fn labels(&self, values: &[&str], bound: Option<f64>) -> String {
        let names = self.definition.labels;
        debug_assert_eq!(names.len(), values.len(), "{}", self.definition.name);
        let mut pairs: Vec<String> =
            names.iter().zip(values).map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        match bound {
            Some(bound) if bound.is_finite() => pairs.push(format!("le=\"{bound}\"")),
            Some(_) => pairs.push("le=\"+Inf\"".to_owned()),
            None if pairs.is_empty() => return String::new(),
            None => {}
        }
        format!("{{{}}}", pairs.join(","))
    }
}

/// Ids are slugs; what is not ours (an operating system's version, a host's word) may be anything.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Buckets;

    static GAUGE: Definition = Definition { name: "a", kind: Kind::Gauge, labels: &["b", "c"], help: "Of a." };
    static PLAIN: Definition = Definition { name: "d_total", kind: Kind::Counter, labels: &[], help: "Of d." };
    static TIMES: Definition = Definition { name: "e_seconds", kind: Kind::Histogram, labels: &["f"], help: "Of e." };
    static BUCKETS: Buckets = Buckets::of_micros(&[100, 2_500_000]);

    #[test]
    fn samples_are_written_as_scrapers_read_them() {
        let mut exposition = Exposition::default();
        exposition.family(&GAUGE).sample(&["x", "say \"\\\n\""], 0.5);
        exposition.family(&PLAIN).sample(&[], 3);
        let histogram = Histogram::new(&BUCKETS);
        for micros in [100, 101, 9_000_000] {
            histogram.observe(micros);
        }
        exposition.family(&TIMES).histogram(&["g"], &histogram);
        assert_eq!(
            exposition.finish(),
            "# HELP a Of a.\n# TYPE a gauge\na{b=\"x\",c=\"say \\\"\\\\\\n\\\"\"} 0.5\n\
             # HELP d_total Of d.\n# TYPE d_total counter\nd_total 3\n\
             # HELP e_seconds Of e.\n# TYPE e_seconds histogram\n\
             e_seconds_bucket{f=\"g\",le=\"0.0001\"} 1\ne_seconds_bucket{f=\"g\",le=\"2.5\"} 2\n\
             e_seconds_bucket{f=\"g\",le=\"+Inf\"} 3\ne_seconds_sum{f=\"g\"} 9.000201\ne_seconds_count{f=\"g\"} 3\n"
        );
    }

    #[test]
    fn a_family_without_samples_is_named_all_the_same() {
        let mut exposition = Exposition::default();
        exposition.family(&GAUGE);
        assert_eq!(exposition.finish(), "# HELP a Of a.\n# TYPE a gauge\n");
    }
}
