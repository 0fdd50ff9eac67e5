//! Usage and money: what was used and what it cost, by what is asked for; as CSV over the API.

mod charts;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use relay_control::Control;
use relay_control::traffic::{
    OverTime, OverTimeQuery, RollupFilter, RollupSums, Share, Traffic, TrafficQuery, UsualSpan, shares,
};
use relay_control::usage::{Dimension, end_of_hour};
use relay_domain::Timestamp;

use crate::chart::Chart;
use crate::fault::{Fault, PageResult};
use crate::format::{Format, NOTHING};
use crate::query::{Query, address, path};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

use self::charts::{charts, drawn_by_name};

words! {
    UsageWords {
        title => "Usage and money" / "用量与费用";
        intro => "Added up from what was recorded with each decision. Tokens are of requests whose host told them or whose client left before (an estimate), money of requests with a known price." / "根据每条决策的记录汇总。Token 只统计主机上报了用量的请求，以及客户端提前离开的请求（估算），费用只统计价格已知的请求。";
        by => "By" / "汇总维度";
        consumer => "Consumer" / "使用方";
        group => "Group" / "分组";
        model => "Model" / "模型";
        route => "Route" / "路由";
        host => "Host" / "主机";
        day => "Day" / "日期";
        hour => "Hour (UTC)" / "小时（UTC）";
        others => "others" / "其他";
        no_margin => "No margin in this time." / "该时间段内没有毛利。";
        without_price(number) => "{number} requests have no price and are left out of the money." / "{number} 个请求没有价格，未计入费用。";
        tokens_over_time => "Tokens" / "Token 用量";
        from => "From (UTC)" / "开始（UTC）";
        to => "To (UTC)" / "结束（UTC）";
        apply => "Show" / "查看";
        csv => "Download CSV" / "下载 CSV";
        today => "Today" / "今天";
        this_month => "This month" / "本月";
        seven_days => "7 days" / "7 天";
        requests => "Requests" / "请求数";
        failed => "Failed" / "失败";
        input => "Input" / "输入";
        cached => "Cached" / "缓存命中";
        output => "Output" / "输出";
        price => "Price" / "价格";
        cost => "Cost" / "成本";
        margin => "Margin" / "毛利";
        saved => "Saved by cache" / "缓存节省";
        total => "Total" / "合计";
        none_named => "(none)" / "（无）";
        counting => "The sums of this time are still being added up and follow." / "该时间段的数据仍在汇总，稍后自动显示。";
        empty => "Nothing was used in this time." / "该时间段内没有用量。";
        cut(number) => "Only the first {number} lines are shown; the CSV has all." / "仅显示前 {number} 行，完整数据请下载 CSV。";
    }
}

/// Lines shown at most; a report by hour and consumer may have a million.
const LINES: usize = 500;

/// A line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// Its page; empty where it has none.
    pub(crate) href: String,
    pub(crate) requests: String,
    pub(crate) failed: String,
    pub(crate) input: String,
    pub(crate) cached: String,
    pub(crate) output: String,
    pub(crate) price: String,
    pub(crate) cost: String,
    pub(crate) margin: String,
    pub(crate) saved: String,
    /// Share of the largest line's cost, of a hundred.
    pub(crate) percent: String,
}

/// The page.
#[derive(Template)]
#[template(path = "usage.html")]
pub(crate) struct Usage {
    pub(crate) t: UsageWords,
    pub(crate) shell: Shell,
    /// Word, text, chosen.
    pub(crate) dimensions: Vec<(&'static str, &'static str, bool)>,
    pub(crate) head: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Address, text, chosen.
    pub(crate) spans: Vec<(String, &'static str, bool)>,
    pub(crate) csv: String,
    /// There is no route yet: the way to the first request is shown.
    pub(crate) begins: bool,
    /// The sums are not known yet.
    pub(crate) is_counting: bool,
    pub(crate) charts: Vec<Chart>,
    pub(crate) lines: Vec<Line>,
    pub(crate) total: Option<Line>,
    pub(crate) notes: Vec<String>,
}

/// What the page adds up by; the API has more, and several at once.
const BY: [Dimension; 7] = [
    Dimension::Consumer,
    Dimension::Group,
    Dimension::Model,
    Dimension::Route,
    Dimension::Host,
    Dimension::Day,
    Dimension::Hour,
];

/// `GET /usage`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let word = query.text("by").unwrap_or_else(|| Dimension::Consumer.as_str().to_owned());
    let by = BY.into_iter().find(|by| by.as_str() == word).ok_or(Fault::Parameter("by"))?;
    let from = query.time("from")?.unwrap_or(UsualSpan::ThisMonth.from(visit.now));
    let to = query.time("to")?.unwrap_or(visit.now);
    let report = report(&console.control, by, (from, to), visit.patience()).await?;
    let begins = console.control.snapshot().routes().is_empty();
    Ok(page(&Usage { begins, ..Usage::new(&visit, by, (from, to), report.as_ref()) }))
}

/// What the use cases said.
struct Report {
    total: RollupSums,
    shares: Vec<Share>,
    /// What the charts have by name.
    names: Vec<String>,
    /// Names that have a page: what is gone has sums still.
    present: HashSet<String>,
    over_time: OverTime,
}

/// Asks them, as long as there is patience.
async fn report(
    control: &Control,
    by: Dimension,
    (from, to): (Timestamp, Timestamp),
    patience: Duration,
) -> Result<Option<Report>, Fault> {
    let filter = RollupFilter::default();
    let traffic = control.traffic(TrafficQuery { from, to, filter: filter.clone() }, patience);
    let routes = async {
        match by {
            Dimension::Route => control.traffic_by_route((from, to), None, patience).await,
            _ => Ok(Some(HashMap::new())),
        }
    };
    let (traffic, routes) = tokio::join!(traffic, routes);
    let (Some(traffic), Some(routes)) = (traffic?, routes?) else { return Ok(None) };
    let shares = shares_by(by, &traffic, routes);
    let names = drawn_by_name(by, &shares);
    let query = OverTimeQuery { from, to, filter, by, names: names.clone() };
    let over_time = control.traffic_over_time(query, patience).await?;
    let present = present(control, by);
    Ok(over_time.map(|over_time| Report { total: traffic.total, shares, names, present, over_time }))
}

/// What there is of a dimension in the fleet in force.
fn present(control: &Control, by: Dimension) -> HashSet<String> {
    let snapshot = control.snapshot();
    match by {
        Dimension::Consumer => snapshot.keys().iter().map(|key| key.id.to_string()).collect(),
        Dimension::Group => snapshot.groups().map(|group| group.id.to_string()).collect(),
        Dimension::Route => snapshot.routes().iter().map(|entry| entry.route.id.to_string()).collect(),
        Dimension::Host => snapshot.hosts().iter().map(|host| host.id.to_string()).collect(),
        Dimension::Model | Dimension::Day | Dimension::Hour => HashSet::new(),
    }
}

fn name(t: UsageWords, by: Dimension) -> &'static str {
    match by {
        Dimension::Consumer => t.consumer(),
        Dimension::Group => t.group(),
        Dimension::Model => t.model(),
        Dimension::Route => t.route(),
        Dimension::Host => t.host(),
        Dimension::Day => t.day(),
        Dimension::Hour => t.hour(),
    }
}

/// The traffic by what is asked for.
fn shares_by(by: Dimension, traffic: &Traffic, routes: HashMap<String, RollupSums>) -> Vec<Share> {
    match by {
        Dimension::Consumer => traffic.consumers.clone(),
        Dimension::Group => traffic.groups.clone(),
        Dimension::Model => traffic.models.clone(),
        Dimension::Route => shares(routes),
        Dimension::Host => traffic.hosts.clone(),
        Dimension::Day => in_time(traffic, "%Y-%m-%d"),
        Dimension::Hour => in_time(traffic, "%Y-%m-%d %H:00"),
    }
}

/// By day or hour, oldest first.
fn in_time(traffic: &Traffic, pattern: &str) -> Vec<Share> {
    let mut spans: Vec<Share> = Vec::new();
    for hour in &traffic.hours {
        let name = hour.at.strftime(pattern).to_string();
        match spans.last_mut().filter(|span| span.name == name) {
            Some(span) => span.sums.add(&hour.sums),
            None => spans.push(Share { name, sums: hour.sums }),
        }
    }
    spans
}

impl Usage {
    fn new(visit: &Visit, by: Dimension, (from, to): (Timestamp, Timestamp), report: Option<&Report>) -> Self {
        let t = UsageWords(visit.preferences.language);
        let format = visit.format();
        let shares = report.map(|report| report.shares.as_slice()).unwrap_or_default();
        let highest = shares.iter().map(|share| share.sums.cost_nanos.max(0)).max().unwrap_or(0).max(1);
        let named = |share: &Share| {
            let name = if share.name.is_empty() { t.none_named() } else { &share.name };
            let present = report.map(|report| &report.present);
            let href = present.map(|present| page_of(by, &share.name, present)).unwrap_or_default();
            Line { href, ..told(format, &share.sums, name.to_owned(), highest) }
        };
        let field = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
        let word = by.as_str();
        let span = |from: Timestamp| address("/usage", [("by", word), ("from", from.to_string().as_str())]);
        let spans = [
            (UsualSpan::Today.from(visit.now), t.today()),
            (UsualSpan::SevenDays.from(visit.now), t.seven_days()),
            (UsualSpan::ThisMonth.from(visit.now), t.this_month()),
        ];
        let (csv_from, csv_to) = (from.to_string(), end_of_hour(to).to_string());
        Self {
            t,
            shell: visit.shell(Section::Usage),
            dimensions: BY.map(|other| (other.as_str(), name(t, other), other == by)).into(),
            head: name(t, by),
            from: field(from),
            to: field(to),
            spans: spans
                .map(|(begin, text)| {
                    (span(begin), text, begin == from && to.duration_since(visit.now).as_secs().abs() < 60)
                })
                .into(),
            csv: address(
                "/api/v1/usage",
                [("by", word), ("from", csv_from.as_str()), ("to", csv_to.as_str()), ("format", "csv")],
            ),
            begins: false,
            is_counting: report.is_none(),
            charts: report.map(|report| charts(t, format, report)).unwrap_or_default(),
            total: report
                .filter(|_| shares.len() > 1)
                .map(|report| told(format, &report.total, t.total().to_owned(), highest)),
            notes: report.map(|report| notes(t, format, report)).unwrap_or_default(),
            lines: shares.iter().take(LINES).map(named).collect(),
        }
    }
}

/// What the table and its total leave out.
fn notes(t: UsageWords, format: Format, report: &Report) -> Vec<String> {
    let without = report.total.with_usage - report.total.priced;
    let without = (without > 0).then(|| t.without_price(format.number(without)));
    let cut = (report.shares.len() > LINES).then(|| t.cut(LINES));
    without.into_iter().chain(cut).collect()
}

/// Where there is more about a line; a model has the overview of its requests.
fn page_of(by: Dimension, name: &str, present: &HashSet<String>) -> String {
    match by {
        _ if name.is_empty() => String::new(),
        Dimension::Model => address("/", [("model", name)]),
        _ if !present.contains(name) => String::new(),
        Dimension::Consumer => path("/keys", name),
        Dimension::Group => path("/groups", name),
        Dimension::Route => path("/routes", name),
        Dimension::Host => path("/hosts", name),
        Dimension::Day | Dimension::Hour => String::new(),
    }
}

fn told(format: Format, sums: &RollupSums, name: String, highest: i64) -> Line {
    let money = |nanos| if sums.priced > 0 { format.money_in_cents(nanos) } else { NOTHING.to_owned() };
    let tokens = |tokens| if sums.with_usage > 0 { format.number(tokens) } else { NOTHING.to_owned() };
    Line {
        name,
        href: String::new(),
        requests: format.number(sums.requests),
        failed: format.number(sums.failed + sums.cut + sums.interrupted),
        input: tokens(sums.input_tokens),
        cached: format.percent(sums.cached_input_tokens, sums.input_tokens),
        output: tokens(sums.output_tokens),
        price: money(sums.price_nanos),
        cost: money(sums.cost_nanos),
        margin: money(sums.price_nanos.saturating_sub(sums.cost_nanos)),
        saved: money(sums.cache_saved_nanos),
        percent: format!("{:.1}", (sums.cost_nanos.max(0) as f64 * 100.0 / highest as f64).min(100.0)),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let sums = RollupSums {
        requests: 1_200,
        failed: 100,
        with_usage: 1_100,
        input_tokens: 1_000_000,
        cached_input_tokens: 700_000,
        output_tokens: 90_000,
        priced: 1_000,
        price_nanos: 9_000_000_000,
        cost_nanos: 3_000_000_000,
        cache_saved_nanos: -5,
        ..RollupSums::default()
    };
    let visit = visit(language);
    let report = |by, shares: Vec<Share>| Report {
        total: sums,
        names: drawn_by_name(by, &shares),
        present: HashSet::from([HOSTILE.to_owned()]),
        over_time: OverTime {
            steps: vec![now(); 2],
            step: Duration::from_hours(1),
            named: vec![vec![sums; 2]; drawn_by_name(by, &shares).len()],
            others: vec![sums; 2],
        },
        shares,
    };
    let share = |name: &str| Share { name: name.into(), sums };
    let known = [
        (Dimension::Consumer, vec![share(HOSTILE); LINES + 1]),
        (Dimension::Route, vec![share("")]),
        (Dimension::Day, vec![share("2026-11-26")]),
        (Dimension::Host, Vec::new()),
    ];
    let known = known.map(|(by, shares)| (by, Some(report(by, shares))));
    let pages = known.into_iter().chain([(Dimension::Route, None)]);
    pages.map(|(by, report)| render(&Usage::new(&visit, by, (now(), now()), report.as_ref()))).collect()
}
