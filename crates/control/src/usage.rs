//! What was used, and what it cost: the log's hourly roll-ups, added up by
//! whatever is asked for. Nothing is computed here that was not recorded with a decision.

use std::collections::BTreeMap;
use std::str::FromStr;

use relay_domain::{Period, Timestamp};
pub use relay_ledger::RollupFilter;
use relay_ledger::{Rollup, RollupSums};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Control;
use crate::page::{Key, Page, PageRequest, QueryError};

/// What roll-ups are added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The key.
    Consumer,
    /// The logical group.
    Group,
    /// The model as asked for.
    Model,
    /// The route that served.
    Route,
    /// Its host.
    Host,
    /// The hour.
    Hour,
    /// The day (UTC).
    Day,
}

impl Dimension {
    /// All of them, in the order in which an answer names them.
    pub const ALL: [Self; 7] =
        [Self::Day, Self::Hour, Self::Consumer, Self::Group, Self::Model, Self::Route, Self::Host];

    /// The name in a question.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Group => "group",
            Self::Model => "model",
            Self::Route => "route",
            Self::Host => "host",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The field in an answer.
    pub fn field(self) -> &'static str {
        match self {
            Self::Group => "logical_group_id",
            Self::Model => "public_model",
            Self::Route => "route_id",
            Self::Host => "host_id",
            other => other.as_str(),
        }
    }

    fn value(self, rollup: &Rollup) -> String {
        match self {
            Self::Consumer => rollup.consumer.clone(),
            Self::Group => rollup.logical_group_id.clone(),
            Self::Model => rollup.public_model.clone(),
            Self::Route => rollup.route_id.clone(),
            Self::Host => rollup.host_id.clone(),
            Self::Hour => rollup.hour.to_string(),
            Self::Day => rollup.hour.strftime("%Y-%m-%d").to_string(),
        }
    }
}

/// A word that is none of [`Dimension::ALL`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is unknown; use consumer, group, model, route, host, hour or day")]
pub struct UnknownDimension(String);

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let found = Self::ALL.into_iter().find(|dimension| dimension.as_str() == text.trim());
        found.ok_or_else(|| UnknownDimension(text.to_owned()))
    }
}

/// The whole hours that are asked about: roll-ups know no smaller time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageSpan {
    from: Timestamp,
    to: Timestamp,
}

/// No hour lies between two times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an hour before to; by whole hours they are {} and {}: give an earlier from or a later to", .0.from, .0.to)]
pub struct NoHour(UsageSpan);

impl UsageSpan {
    /// The hours from `from` to before `to`, each by the hour that it is in, so that of adjoining spans, once they are over,
    /// none counts an hour of the other. The present hour counts with what it has, in a span that ends in it or has no `to`.
    /// Without `from` they begin with the month that the last hour is in.
    ///
    /// # Errors
    /// There is no such hour.
    pub fn of(from: Option<Timestamp>, to: Option<Timestamp>, now: Timestamp) -> Result<Self, NoHour> {
        let present = hour_of(now);
        let to = match to {
            None => after_hour(present),
            Some(to) if to > present => end_of_hour(to),
            Some(to) => hour_of(to),
        };
        let from = from.map_or_else(|| Period::Month.around(before_hour(to)).0, hour_of);
        let span = Self { from, to };
        if from < to { Ok(span) } else { Err(NoHour(span)) }
    }
}

/// Which usage is asked for.
#[derive(Clone, Debug)]
pub struct UsageQuery {
    /// Of which hours.
    pub span: UsageSpan,
    /// What the lines of the answer differ in; none: one line for all.
    pub by: Vec<Dimension>,
    /// Which requests count.
    pub filter: RollupFilter,
    /// Which lines of the answer; `None` is all.
    pub page: Option<PageRequest<UsageKey>>,
}

/// What sorts the lines: the values of their dimensions.
pub type UsageKey = Key<Vec<String>>;

/// One line: its dimensions, and the sums below them.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UsageLine {
    /// The value of each dimension asked for, by [`Dimension::field`].
    #[serde(flatten)]
    pub dimensions: serde_json::Map<String, serde_json::Value>,
    /// Requests.
    pub requests: i64,
    /// … answered whole.
    pub complete: i64,
    /// … that failed, were cut, or were interrupted.
    pub failed: i64,
    /// … of which there is a usage: what the host told, or an estimate. The tokens are of these alone: of the others they are not known.
    pub with_usage: i64,
    /// All input tokens.
    pub input_tokens: i64,
    /// … read from a prompt cache.
    pub cached_input_tokens: i64,
    /// … written to one.
    pub cache_write_tokens: i64,
    /// Output tokens.
    pub output_tokens: i64,
    /// … spent on reasoning.
    pub reasoning_tokens: i64,
    /// Cached input tokens of a thousand input tokens; absent without input.
    #[schema(required)]
    pub cache_hit_permille: Option<i64>,
    /// Requests with a known price. Money is of these alone.
    pub priced: i64,
    /// What consumers pay, in billionths of the unit.
    pub price_nanos: i64,
    /// What hosts take, likewise.
    pub cost_nanos: i64,
    /// The difference.
    pub margin_nanos: i64,
    /// How much more hosts would have taken without their prompt caches.
    pub cache_saved_nanos: i64,
}

/// An answer, its lines sorted by their dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct UsageReport {
    /// From this hour.
    pub from: Timestamp,
    /// To before this one.
    pub to: Timestamp,
    /// The lines.
    pub items: Vec<UsageLine>,
    /// Where to go on; `None` at the end.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

/// What a consumer or group used in an hour, for the counters of the gateway.
#[derive(Clone, Debug)]
pub struct Spent {
    /// The hour.
    pub hour: Timestamp,
    /// The key.
    pub consumer: String,
    /// The logical group.
    pub group: String,
    /// Input and output tokens.
    pub tokens: u64,
    /// Billionths of the unit.
    pub price_nanos: i64,
}

impl Spent {
    /// Whether some limit may count it: without a consumer it was an operator's probe.
    pub fn is_limited(&self) -> bool {
        !self.consumer.is_empty()
    }
}

impl From<Rollup> for Spent {
    fn from(rollup: Rollup) -> Self {
        let Rollup { hour, consumer, logical_group_id: group, sums, .. } = rollup;
        let tokens = u64::try_from(sums.input_tokens.saturating_add(sums.output_tokens)).unwrap_or(0);
        Self { hour, consumer, group, tokens, price_nanos: sums.price_nanos }
    }
}

impl Control {
    /// What was used, what has just ended included.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn usage(&self, query: UsageQuery) -> Result<UsageReport, QueryError> {
        self.parts.ledger.settle().await;
        let UsageQuery { span: UsageSpan { from, to }, by, filter, page } = query;
        let added = self.read_log(move |log| {
            let mut added = AddedUp::by(&by);
            log.each_rollup(from, to, &filter, |rollup| added.add(&rollup)).map(|()| added)
        });
        let Page { items, next_cursor } = cut(added.await?.lines(), page.as_ref());
        Ok(UsageReport { from, to, items, next_cursor })
    }
}

/// Tells what consumers used in the present day, week and month, by hour; read before
/// the server takes requests. Blocking.
///
/// # Errors
/// When the log cannot be read.
pub fn spent_in_present_periods(
    log: &relay_ledger::LedgerReader,
    now: Timestamp,
    mut tell: impl FnMut(Spent),
) -> Result<(), relay_ledger::ReadError> {
    let from = Period::ALL.into_iter().map(|period| period.around(now).0).min().unwrap_or(now);
    log.each_rollup(from, after_hour(now), &RollupFilter::default(), |rollup| {
        let spent = Spent::from(rollup);
        if spent.is_limited() {
            tell(spent);
        }
    })
}

/// The beginning of the hour: roll-ups know no smaller time.
fn hour_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(at)
}

/// The end of the hour that has begun before `at`.
pub fn end_of_hour(at: Timestamp) -> Timestamp {
    let hour = hour_of(at);
    if hour == at { at } else { after_hour(hour) }
}

fn after_hour(hour: Timestamp) -> Timestamp {
    hour.saturating_add(jiff::SignedDuration::from_hours(1)).unwrap_or(Timestamp::MAX)
}

fn before_hour(hour: Timestamp) -> Timestamp {
    hour.saturating_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN)
}

/// Roll-ups added up while they are read: only the lines of the answer are in memory.
struct AddedUp {
    by: Vec<Dimension>,
    lines: BTreeMap<Vec<String>, RollupSums>,
}

impl AddedUp {
    fn by(by: &[Dimension]) -> Self {
        let by = Dimension::ALL.into_iter().filter(|dimension| by.contains(dimension)).collect();
        Self { by, lines: BTreeMap::new() }
    }

    fn add(&mut self, rollup: &Rollup) {
        let key = self.by.iter().map(|dimension| dimension.value(rollup)).collect();
        self.lines.entry(key).or_default().add(&rollup.sums);
    }

    fn lines(self) -> Vec<UsageLine> {
        let lines = self.lines.into_iter().map(|(values, sums)| {
            let named = self.by.iter().map(|dimension| dimension.field().to_owned());
            UsageLine::new(named.zip(values.into_iter().map(Into::into)).collect(), &sums)
        });
        lines.collect()
    }
}

/// The lines of a page; they are sorted by their dimensions, which name them.
fn cut(mut lines: Vec<UsageLine>, page: Option<&PageRequest<UsageKey>>) -> Page<UsageLine> {
    let Some(page) = page else { return Page { items: lines, next_cursor: None } };
    lines.retain(|line| page.is_ahead(&line.values()));
    Page::of(lines, page.limit, |line| Key(line.values()).to_string())
}

impl UsageLine {
    /// What sorts it.
    fn values(&self) -> Vec<String> {
        self.dimensions.values().filter_map(serde_json::Value::as_str).map(str::to_owned).collect()
    }

    fn new(dimensions: serde_json::Map<String, serde_json::Value>, sums: &RollupSums) -> Self {
        Self {
            dimensions,
            requests: sums.requests,
            complete: sums.complete,
            failed: sums.failed + sums.cut + sums.interrupted,
            with_usage: sums.with_usage,
            input_tokens: sums.input_tokens,
            cached_input_tokens: sums.cached_input_tokens,
            cache_write_tokens: sums.cache_write_tokens,
            output_tokens: sums.output_tokens,
            reasoning_tokens: sums.reasoning_tokens,
            cache_hit_permille: (sums.cached_input_tokens.saturating_mul(1_000)).checked_div(sums.input_tokens),
            priced: sums.priced,
            price_nanos: sums.price_nanos,
            cost_nanos: sums.cost_nanos,
            margin_nanos: sums.price_nanos.saturating_sub(sums.cost_nanos),
            cache_saved_nanos: sums.cache_saved_nanos,
        }
    }

    /// The names of the sums, in the order of [`UsageLine::sums`].
    pub const SUMS: [&'static str; 14] = [
        "requests",
        "complete",
        "failed",
        "with_usage",
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "priced",
        "price_nanos",
        "cost_nanos",
        "margin_nanos",
        "cache_saved_nanos",
    ];

    /// The sums, for those who write tables.
    pub fn sums(&self) -> [i64; Self::SUMS.len()] {
        [
            self.requests,
            self.complete,
            self.failed,
            self.with_usage,
            self.input_tokens,
            self.cached_input_tokens,
            self.cache_write_tokens,
            self.output_tokens,
            self.reasoning_tokens,
            self.priced,
            self.price_nanos,
            self.cost_nanos,
            self.margin_nanos,
            self.cache_saved_nanos,
        ]
    }
}

impl UsageReport {
    /// The report as CSV (RFC 4180): a line of names, then a line each. A share that is not known is an empty cell.
    pub fn to_csv(&self, by: &[Dimension]) -> String {
        let by = Dimension::ALL.into_iter().filter(|dimension| by.contains(dimension)).map(Dimension::field);
        let by: Vec<&str> = by.collect();
        let mut text = [by.as_slice(), &UsageLine::SUMS, &["cache_hit_permille"]].concat().join(",") + "\r\n";
        for line in &self.items {
            let dimensions = by.iter().map(|name| csv_cell(line.dimensions[*name].as_str().unwrap_or_default()));
            let sums = line.sums().map(|sum| sum.to_string());
            let hits = line.cache_hit_permille.map(|share| share.to_string()).unwrap_or_default();
            let cells: Vec<String> = dimensions.chain(sums).chain([hits]).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// Quoted where it must be. What a spreadsheet would take for a formula is made text: ids and
/// models come from outside.
fn csv_cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add_up(rollups: &[Rollup], by: &[Dimension]) -> Vec<UsageLine> {
        let mut added = AddedUp::by(by);
        for rollup in rollups {
            added.add(rollup);
        }
        added.lines()
    }

    fn rollup(hour: &str, consumer: &str, host: &str, sums: RollupSums) -> Rollup {
        Rollup {
            hour: hour.parse().unwrap(),
            consumer: consumer.into(),
            logical_group_id: "gpt".into(),
            public_model: "gpt-5".into(),
            route_id: "r".into(),
            host_id: host.into(),
            sums,
        }
    }

    #[test]
    fn lines_are_added_up_by_what_is_asked_for() {
        let sums = RollupSums {
            requests: 1,
            input_tokens: 100,
            cached_input_tokens: 40,
            price_nanos: 10,
            cost_nanos: 4,
            ..RollupSums::default()
        };
        let rollups = [
            rollup("2026-11-26T10:00:00Z", "a", "h1", sums),
            rollup("2026-11-26T11:00:00Z", "a", "h2", sums),
            rollup("2026-11-27T11:00:00Z", "b", "h1", sums),
        ];
        let count = |by: &[Dimension]| -> Vec<i64> { add_up(&rollups, by).iter().map(|line| line.requests).collect() };
        assert_eq!(count(&[]), [3]);
        assert_eq!(count(&[Dimension::Consumer]), [2, 1]);
        assert_eq!(count(&[Dimension::Host]), [2, 1]);
        assert_eq!(count(&[Dimension::Day, Dimension::Consumer]), [2, 1]);
        assert_eq!(count(&[Dimension::Hour]), [1, 1, 1]);
        let all = &add_up(&rollups, &[])[0];
        assert_eq!((all.margin_nanos, all.cache_hit_permille), (18, Some(400)));
    }

    #[test]
    fn a_csv_has_its_names_first_and_no_formulas() {
        let rollups = [rollup("2026-11-26T10:00:00Z", "=SUM(A1,\"x\")", "h", RollupSums::default())];
        let at: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let by = [Dimension::Consumer];
        let report = UsageReport { from: at, to: at, items: add_up(&rollups, &by), next_cursor: None };
        let csv = report.to_csv(&by);
        let mut lines = csv.split("\r\n");
        assert!(lines.next().unwrap().starts_with("consumer,requests,complete,failed,with_usage,input_tokens"));
        assert!(lines.next().unwrap().starts_with("\"'=SUM(A1,\"\"x\"\")\",0,0"));
        assert!(csv.starts_with("consumer,") && csv.contains("cache_saved_nanos,cache_hit_permille\r\n"), "{csv}");
        assert!(csv.ends_with(",0,\r\n"), "no input has no share: {csv}");
        let sums = RollupSums { input_tokens: 100, cached_input_tokens: 40, ..RollupSums::default() };
        let rollups = [rollup("2026-11-26T10:00:00Z", "a", "h", sums)];
        let report = UsageReport { items: add_up(&rollups, &by), ..report };
        assert!(report.to_csv(&by).ends_with(",0,400\r\n"));
    }

    #[test]
    fn a_span_is_of_whole_hours_and_of_those_that_are_over_none_is_in_two_that_adjoin() {
        let at = |text: &str| format!("2026-{text}Z").parse::<Timestamp>().unwrap();
        let now = at("11-26T10:45:00");
        let span = |from: &str, to: &str| {
            let time = |text: &str| (!text.is_empty()).then(|| at(text));
            let UsageSpan { from, to } = UsageSpan::of(time(from), time(to), now).unwrap();
            assert!([from, to].iter().all(|at| *at == hour_of(*at)));
            [from, to].map(|at| at.strftime("%m-%dT%H").to_string()).join(" ")
        };
        assert_eq!(span("11-26T07:30:00", "11-26T09:30:00"), "11-26T07 11-26T09");
        assert_eq!(span("11-26T09:30:00", "11-26T10:00:00"), "11-26T09 11-26T10");
        // The present hour counts as far as it has come, and so does a later one.
        assert_eq!(span("11-26T09:30:00", "11-26T10:30:00"), "11-26T09 11-26T11");
        assert_eq!(span("11-26T09:30:00", "11-26T12:30:00"), "11-26T09 11-26T13");
        assert_eq!(span("11-26T09:30:00", "11-26T12:00:00"), "11-26T09 11-26T12");
        assert_eq!(span("11-26T10:45:00", ""), "11-26T10 11-26T11");
        // Without a beginning it is the month of the last hour.
        assert_eq!(span("", ""), "11-01T00 11-26T11");
        assert_eq!(span("", "10-15T12:00:00"), "10-01T00 10-15T12");
        assert_eq!(span("", "11-01T00:00:00"), "10-01T00 11-01T00");

        let fault = |from: &str, to| UsageSpan::of(Some(at(from)), to, now).unwrap_err().to_string();
        assert_eq!(
            fault("11-26T09:50:00", Some(at("11-26T09:10:00"))),
            "must be an hour before to; by whole hours they are 2026-11-26T09:00:00Z and 2026-11-26T09:00:00Z: \
             give an earlier from or a later to"
        );
        assert!(fault("11-26T11:00:00", None).contains("2026-11-26T11:00:00Z and 2026-11-26T11:00:00Z"));
    }
}
