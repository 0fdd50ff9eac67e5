//! Usage and money: what was used and what it cost, by what is asked for; as CSV over the API.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use relay_control::traffic::{RollupFilter, RollupSums, Share, Traffic, TrafficQuery};
use relay_control::usage::Dimension;
use relay_domain::{Period, Timestamp};

use crate::fault::{Fault, PageResult};
use crate::format::{Format, NOTHING};
use crate::query::{Query, address};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    UsageWords {
        title => "Usage and money" / "用量与费用";
        intro => "Added up from what was recorded with each decision. Tokens are of requests whose host told them, money of requests with a known price." / "根据每条决策的记录汇总。Token 只统计主机上报了用量的请求，费用只统计价格已知的请求。";
        by => "By" / "汇总维度";
        consumer => "Consumer" / "使用方";
        group => "Group" / "分组";
        model => "Model" / "模型";
        route => "Route" / "路由";
        host => "Host" / "主机";
        day => "Day" / "日期";
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
    /// Address and text.
    pub(crate) spans: Vec<(String, &'static str)>,
    pub(crate) csv: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) total: Option<Line>,
    pub(crate) note: Option<String>,
}

/// What the page adds up by; the API has more, and several at once.
const BY: [Dimension; 6] =
    [Dimension::Consumer, Dimension::Group, Dimension::Model, Dimension::Route, Dimension::Host, Dimension::Day];

/// `GET /usage`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let word = query.text("by").unwrap_or_else(|| Dimension::Consumer.as_str().to_owned());
    let by = BY.into_iter().find(|by| by.as_str() == word).ok_or(Fault::Parameter("by"))?;
    let from = query.time("from")?.unwrap_or(Period::Month.around(visit.now).0);
    let to = query.time("to")?.unwrap_or(visit.now);
    let traffic = console.control.traffic(TrafficQuery { from, to, filter: RollupFilter::default() }).await?;
    Ok(page(&Usage::new(&visit, by, (from, to), traffic)))
}

fn name(t: UsageWords, by: Dimension) -> &'static str {
    match by {
        Dimension::Consumer => t.consumer(),
        Dimension::Group => t.group(),
        Dimension::Model => t.model(),
        Dimension::Route => t.route(),
        Dimension::Host => t.host(),
        Dimension::Day | Dimension::Hour => t.day(),
    }
}

/// The traffic by what is asked for.
fn shares(by: Dimension, traffic: Traffic) -> Vec<Share> {
    match by {
        Dimension::Consumer => traffic.consumers,
        Dimension::Group => traffic.groups,
        Dimension::Model => traffic.models,
        Dimension::Route => traffic.routes,
        Dimension::Host => traffic.hosts,
        // Steps are divisors or multiples of the day.
        Dimension::Day | Dimension::Hour => {
            let mut days: Vec<Share> = Vec::new();
            for step in traffic.steps {
                let name = step.at.strftime("%Y-%m-%d").to_string();
                match days.last_mut().filter(|day| day.name == name) {
                    Some(day) => day.sums.add(&step.sums),
                    None => days.push(Share { name, sums: step.sums }),
                }
            }
            days.retain(|day| day.sums.requests > 0);
            days
        }
    }
}

impl Usage {
    fn new(visit: &Visit, by: Dimension, (from, to): (Timestamp, Timestamp), traffic: Traffic) -> Self {
        let t = UsageWords(visit.preferences.language);
        let format = visit.format();
        let total = traffic.total;
        let shares = shares(by, traffic);
        let highest = shares.iter().map(|share| share.sums.cost_nanos.max(0)).max().unwrap_or(0).max(1);
        let named = |share: &Share| {
            let name = if share.name.is_empty() { t.none_named() } else { &share.name };
            told(format, &share.sums, name.to_owned(), highest)
        };
        let field = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
        let word = by.as_str();
        let span = |from: Timestamp| address("/usage", [("by", word), ("from", from.to_string().as_str())]);
        let week = visit.now.saturating_sub(Duration::from_hours(7 * 24)).unwrap_or(visit.now);
        let (csv_from, csv_to) = (from.to_string(), to.to_string());
        Self {
            t,
            shell: visit.shell(Section::Usage),
            dimensions: BY.map(|other| (other.as_str(), name(t, other), other == by)).into(),
            head: name(t, by),
            from: field(from),
            to: field(to),
            spans: vec![
                (span(Period::Day.around(visit.now).0), t.today()),
                (span(week), t.seven_days()),
                (span(Period::Month.around(visit.now).0), t.this_month()),
            ],
            csv: address(
                "/api/v1/usage",
                [("by", word), ("from", csv_from.as_str()), ("to", csv_to.as_str()), ("format", "csv")],
            ),
            total: (shares.len() > 1).then(|| told(format, &total, t.total().to_owned(), highest)),
            note: (shares.len() > LINES).then(|| t.cut(LINES)),
            lines: shares.iter().take(LINES).map(named).collect(),
        }
    }
}

fn told(format: Format, sums: &RollupSums, name: String, highest: i64) -> Line {
    let money = |nanos| if sums.priced > 0 { format.money(nanos) } else { NOTHING.to_owned() };
    let tokens = |tokens| if sums.with_usage > 0 { format.compact(tokens) } else { NOTHING.to_owned() };
    Line {
        name,
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
    use relay_control::traffic::Step;

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
    let traffic = |consumers: usize| Traffic {
        step: Duration::from_hours(1),
        steps: vec![Step { at: now(), sums }; 2],
        total: sums,
        groups: Vec::new(),
        hosts: Vec::new(),
        models: Vec::new(),
        consumers: vec![Share { name: HOSTILE.into(), sums }; consumers],
        routes: vec![Share { name: String::new(), sums }],
    };
    let span = (now(), now());
    [(Dimension::Consumer, LINES + 1), (Dimension::Route, 0), (Dimension::Day, 0), (Dimension::Host, 0)]
        .map(|(by, consumers)| render(&Usage::new(&visit, by, span, traffic(consumers))))
        .into()
}
