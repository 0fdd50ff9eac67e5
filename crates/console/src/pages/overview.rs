//! The first page: what is wrong right now, then traffic over time and by what people look for.

mod charts;
mod tiles;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use relay_control::fleet_health::{FleetHealthView, HealthFilter};
use relay_control::status::{FleetCounts, Health};
use relay_control::traffic::{Recent, RollupFilter, RollupSums, Share, StepsTimed, Traffic, TrafficQuery};
use relay_domain::Timestamp;

use self::charts::Drawn;
use self::tiles::{Tile, tiles};
use crate::chart::Chart;
use crate::fault::{Fault, PageResult};
use crate::format::{Format, NOTHING};
use crate::pages::health::{Trouble, no_fault, troubles};
use crate::pages::start::steps::{StepLink, links};
use crate::query::{Query, address};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::visit::Visit;
#[cfg(test)]
use crate::words::Language;
use crate::words::words;

words! {
    OverviewWords {
        title => "Overview" / "概览";
        wrong_now => "What is wrong right now" / "当前问题";
        all_well => "Nothing is wrong: every host and route serves, and the log is written." / "一切正常：所有主机和路由均可服务，决策日志写入正常。";
        all_well_empty => "There is no route yet, so nothing can be served." / "还没有任何路由，暂时无法提供服务。";
        range => "Time range" / "时间范围";
        hour => "1 hour" / "1 小时";
        day => "24 hours" / "24 小时";
        week => "7 days" / "7 天";
        month => "30 days" / "30 天";
        from => "From (UTC)" / "开始（UTC）";
        to => "To (UTC)" / "结束（UTC）";
        apply => "Show" / "查看";
        other_range => "Other times" / "自定义";
        zoom_hint => "Drag across a chart to zoom in." / "在图表上拖动可放大时间段。";
        filtered => "Only" / "筛选";
        clear => "Show everything" / "清除筛选";
        requests => "Requests" / "请求数";
        success => "Success" / "成功率";
        ttft => "TTFT" / "首字延迟（TTFT）";
        overhead => "Our overhead" / "自身开销";
        overhead_last_hour => "Our overhead, last hour" / "自身开销（最近一小时）";
        tokens => "Tokens" / "Token 用量";
        cost => "Cost" / "成本";
        cache_hit => "Cache-hit share" / "缓存命中率";
        of_ended(failed) => "{failed} failed" / "失败 {failed}";
        p50 => "median" / "中位数";
        p95 => "95 %" / "95 % 分位";
        mean => "mean" / "平均值";
        mean_and(median, p99) => "mean; median {median}, p99 {p99}" / "平均值；中位数 {median}，p99 {p99}";
        mean_and_of_newest(number, median, p99) => "mean; of the newest {number}: median {median}, p99 {p99}" / "平均值；最近 {number} 个请求：中位数 {median}，p99 {p99}";
        median(p99) => "median; p99 {p99}" / "中位数；p99 {p99}";
        median_of_newest(number, p99) => "median of the newest {number}; p99 {p99}" / "最近 {number} 个请求的中位数；p99 {p99}";
        in_and_out(input, output) => "in {input}, out {output}" / "输入 {input}，输出 {output}";
        price_and_margin(price, margin) => "price {price}, margin {margin}" / "价格 {price}，毛利 {margin}";
        no_price => "no price is known" / "没有已知价格";
        without_price(number) => "{number} requests have no price and are left out" / "{number} 个请求没有价格，未计入";
        saved(money) => "{money} saved" / "节省 {money}";
        chart_requests => "Requests" / "请求数";
        chart_success => "Success" / "成功率";
        chart_ttft => "Time to first token" / "首字延迟（TTFT）";
        chart_overhead => "Our overhead" / "自身开销";
        chart_tokens => "Tokens" / "Token 用量";
        chart_money => "Cost and price" / "成本与价格";
        chart_cache => "Cache-hit share" / "缓存命中率";
        answered => "answered" / "成功";
        failed => "failed" / "失败";
        other => "client left, or resolved only" / "客户端断开或仅解析";
        input => "input" / "输入";
        output => "output" / "输出";
        price => "price" / "价格";
        cost_line => "cost" / "成本";
        by_group => "By group" / "按分组";
        by_host => "By host" / "按主机";
        by_model => "By model" / "按模型";
        by_consumer => "By consumer" / "按使用方";
        name => "Name" / "名称";
        share => "Share" / "占比";
        none_named => "(none)" / "（无）";
        more(number) => "and {number} more" / "其余 {number} 项";
        cut(number, since) => "Many requests: percentiles above are of the newest {number}, everything else is of the whole time, by the hour since {since} UTC." / "请求较多：上方的百分位取自最近 {number} 个请求，其余为整段时间，自 {since} UTC 起按小时统计。";
        first_run => "To the first request" / "完成首次请求";
        first_run_intro => "Nothing can be served yet. Five steps, some five minutes; each is tried at once, and says what is wrong when it fails." / "目前还无法提供服务。共五步，约五分钟；每一步都会立即验证，出错时说明原因。";
        first_run_go => "Begin" / "开始";
        first_run_go_on => "Go on" / "继续";
        step_done => "done" / "已完成";
        counting => "The sums of this time are still being added up and follow." / "该时间段的数据仍在汇总，稍后自动显示。";
        no_traffic => "No requests in this time." / "该时间段内没有请求。";
    }
}

/// A line of "by …".
#[derive(Clone, Debug)]
pub(crate) struct ShareLine {
    pub(crate) name: String,
    /// The same page, narrowed to it; empty where there is no such thing.
    pub(crate) href: String,
    pub(crate) requests: String,
    pub(crate) success: String,
    pub(crate) money: String,
    /// Of a hundred, for the bar.
    pub(crate) percent: String,
}

/// One "by …".
#[derive(Clone, Debug)]
pub(crate) struct ShareList {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<ShareLine>,
    pub(crate) more: Option<String>,
}

/// A choice of the range picker.
#[derive(Clone, Debug)]
pub(crate) struct RangeLink {
    pub(crate) href: String,
    pub(crate) text: &'static str,
    pub(crate) is_chosen: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "overview.html", blocks = ["live"])]
pub(crate) struct Overview {
    pub(crate) t: OverviewWords,
    pub(crate) shell: Shell,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) has_routes: bool,
    /// Said in place of "nothing is wrong" where not everything was tried.
    pub(crate) no_fault: Option<String>,
    /// What is left to do on a new installation; empty once it serves.
    pub(crate) first_steps: Vec<StepLink>,
    /// Some of it is done.
    pub(crate) has_begun: bool,
    pub(crate) ranges: Vec<RangeLink>,
    /// For the fields of the range: `YYYY-MM-DDTHH:MM`.
    pub(crate) from: String,
    pub(crate) to: String,
    /// What the page is narrowed to: name and value.
    pub(crate) narrowed: Vec<(&'static str, String)>,
    pub(crate) everything: String,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) lists: Vec<ShareList>,
    pub(crate) note: Option<String>,
    /// Where the live part is asked for again, and when.
    pub(crate) refresh: Option<(String, &'static str)>,
    /// Neither of the ranges to choose from.
    pub(crate) is_own_span: bool,
}

/// What is asked for.
struct Asked {
    /// `1h`, `24h`, `7d`, `30d`, or none for a span of its own.
    range: Option<&'static str>,
    from: Timestamp,
    to: Timestamp,
    filter: RollupFilter,
}

const RANGES: [(&str, u64); 4] = [("1h", 1), ("24h", 24), ("7d", 7 * 24), ("30d", 30 * 24)];

/// Names of the filters in the address.
const FILTERS: [&str; 4] = ["group", "host", "model", "consumer"];

/// Lines of a "by …".
const LINES: usize = 8;

/// `GET /`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let asked = Asked::read(&query, visit.now)?;
    let control = &console.control;
    let hour_ago = visit.now.saturating_sub(Duration::from_hours(1)).unwrap_or(visit.now);
    let traffic = TrafficQuery { from: asked.from, to: asked.to, filter: asked.filter.clone() };
    let traffic = control.traffic(traffic, visit.patience());
    let (traffic, recent, health) = tokio::join!(traffic, control.recent(hour_ago), control.health());
    let (traffic, recent) = (traffic?, recent?);
    // The last hour is drawn by the minute while all of its requests can be looked at.
    let minutes = recent.by_the_minute.as_ref().filter(|_| asked.is_last_hour()).cloned();
    let traffic = minutes.or(traffic);
    let is_counting = traffic.is_none();
    let traffic = traffic.unwrap_or_else(|| Traffic::empty(asked.from, asked.to));
    let times = traffic.steps.iter().map(|step| step.at).collect();
    let timings = control.timings(times, traffic.step, asked.filter.clone()).await?;
    let fleet = control.fleet_health(&HealthFilter { troubled: true, ..HealthFilter::default() });
    let untried = control.untried_routes();
    let seen = Seen { traffic, is_counting, recent, timings, health, fleet, untried };
    let shown = Overview::new(&visit, &asked, &seen);
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// What the use cases said.
struct Seen {
    /// What is shown.
    traffic: Traffic,
    /// The traffic is not known yet.
    is_counting: bool,
    recent: Recent,
    /// Of each step that is drawn.
    timings: StepsTimed,
    health: Health,
    fleet: FleetHealthView,
    /// Routes that nothing has tried yet.
    untried: usize,
}

impl Asked {
    fn read(query: &Query, now: Timestamp) -> Result<Self, Fault> {
        let filter = RollupFilter {
            logical_group_id: query.text("group"),
            host_id: query.text("host"),
            public_model: query.text("model"),
            consumer: query.text("consumer"),
            route_id: None,
        };
        let back = |hours: u64| now.saturating_sub(Duration::from_hours(hours)).unwrap_or(now);
        if let Some(from) = query.time("from")? {
            let to = query.time("to")?.unwrap_or(now);
            let to = if to > from { to } else { from.saturating_add(Duration::from_hours(1)).unwrap_or(to) };
            return Ok(Self { range: None, from, to, filter });
        }
        let range = query.text("range").unwrap_or_else(|| "24h".to_owned());
        let (range, hours) = RANGES.into_iter().find(|(name, _)| *name == range).unwrap_or(RANGES[1]);
        Ok(Self { range: Some(range), from: back(hours), to: now, filter })
    }

    fn filters(&self) -> [(&'static str, &str); 4] {
        let RollupFilter { logical_group_id, host_id, public_model, consumer, .. } = &self.filter;
        let values = [logical_group_id, host_id, public_model, consumer].map(|value| value.as_deref().unwrap_or(""));
        std::array::from_fn(|at| (FILTERS[at], values[at]))
    }

    fn is_filtered(&self) -> bool {
        self.filters().iter().any(|(_, value)| !value.is_empty())
    }

    /// The address of this page with one filter more, or another range.
    fn address(&self, change: &[(&str, &str)]) -> String {
        let (from, to) = (self.from.to_string(), self.to.to_string());
        let span = match self.range {
            Some(range) => vec![("range", range)],
            None => vec![("from", from.as_str()), ("to", to.as_str())],
        };
        let mut parameters = span;
        parameters.extend(self.filters());
        let is_span = |name: &str| matches!(name, "range" | "from" | "to");
        for (name, value) in change {
            parameters.retain(|(own, _)| own != name && !(is_span(own) && is_span(name)));
            parameters.push((name, value));
        }
        address("/", parameters)
    }

    /// All of the last hour, which is what [`Recent`] tells of.
    fn is_last_hour(&self) -> bool {
        self.range == Some("1h") && !self.is_filtered()
    }
}

impl Overview {
    fn new(visit: &Visit, asked: &Asked, seen: &Seen) -> Self {
        let language = visit.preferences.language;
        let (t, format) = (OverviewWords(language), visit.format());
        let Seen { traffic, is_counting, recent, timings, health, fleet, untried } = seen;
        let total = &traffic.total;
        let drawn = Drawn { t, format, timings: &timings.steps, steps: (&traffic.steps, traffic.step) };
        let field = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
        let is_cut = asked.is_last_hour() && recent.by_the_minute.is_none();
        // Numbers and charts of nothing are left out while nobody can be served yet.
        let is_bare = is_new(health.fleet) && !is_counting && total.requests == 0;
        Self {
            t,
            shell: visit.shell(Section::Overview),
            troubles: troubles(language, visit.now, health, fleet),
            has_routes: health.fleet.routes > 0,
            no_fault: no_fault(language, *untried),
            has_begun: health.fleet.hosts + health.fleet.groups + health.fleet.keys > 0,
            first_steps: if is_new(health.fleet) { links(language, health.fleet, None) } else { Vec::new() },
            ranges: ranges(t, asked),
            from: field(asked.from),
            to: field(asked.to),
            narrowed: narrowed(t, asked),
            everything: address("/", asked.range.map(|range| ("range", range))),
            tiles: if is_bare { Vec::new() } else { tiles(t, format, asked, total, recent) },
            charts: if is_bare { Vec::new() } else { drawn.charts() },
            lists: lists(t, format, asked, traffic),
            note: match (is_cut, total.requests) {
                _ if is_bare => None,
                _ if *is_counting => Some(t.counting().to_owned()),
                (true, _) => Some(t.cut(thousands(format, recent), since(traffic))),
                (false, 0) => Some(t.no_traffic().to_owned()),
                (false, _) => None,
            },
            // What has passed does not change; what could not be read in time is asked for soon.
            refresh: match (asked.range, timings.is_cut || *is_counting) {
                (Some(_), false) => Some("every 10s"),
                (Some(_), true) => Some("every 10s, load delay:1s"),
                (None, true) => Some("load delay:1s"),
                (None, false) => None,
            }
            .map(|when| (asked.address(&[]), when)),
            is_own_span: asked.range.is_none(),
        }
    }
}

/// Whether something is missing without which nobody can be served.
fn is_new(fleet: FleetCounts) -> bool {
    [fleet.hosts, fleet.groups, fleet.routes, fleet.keys].contains(&0)
}

fn ranges(t: OverviewWords, asked: &Asked) -> Vec<RangeLink> {
    let texts = [t.hour(), t.day(), t.week(), t.month()];
    let links = RANGES.iter().zip(texts).map(|((name, _), text)| RangeLink {
        href: asked.address(&[("range", name)]),
        text,
        is_chosen: asked.range == Some(name),
    });
    links.collect()
}

fn narrowed(t: OverviewWords, asked: &Asked) -> Vec<(&'static str, String)> {
    let names = [t.by_group(), t.by_host(), t.by_model(), t.by_consumer()];
    let filters = names.into_iter().zip(asked.filters());
    filters.filter(|(_, (_, value))| !value.is_empty()).map(|(name, (_, value))| (name, value.to_owned())).collect()
}

/// When hours began to be counted, in UTC.
fn since(traffic: &Traffic) -> String {
    traffic.steps.first().map(|step| step.at.strftime("%H:%M").to_string()).unwrap_or_default()
}

fn thousands(format: Format, recent: &Recent) -> String {
    format.number(i64::try_from(recent.looked_at).unwrap_or(i64::MAX))
}

fn failed(sums: &RollupSums) -> i64 {
    sums.failed + sums.cut + sums.interrupted
}

fn success(format: Format, sums: &RollupSums) -> String {
    format.percent(sums.complete, sums.complete + failed(sums))
}

fn lists(t: OverviewWords, format: Format, asked: &Asked, traffic: &Traffic) -> Vec<ShareList> {
    let lists = [
        (t.by_group(), &traffic.groups),
        (t.by_host(), &traffic.hosts),
        (t.by_model(), &traffic.models),
        (t.by_consumer(), &traffic.consumers),
    ];
    let all = traffic.total.requests.max(1) as f64;
    let line = |filter: &str, share: &Share| ShareLine {
        name: if share.name.is_empty() { t.none_named().to_owned() } else { share.name.clone() },
        href: if share.name.is_empty() { String::new() } else { asked.address(&[(filter, &share.name)]) },
        requests: format.compact(share.sums.requests),
        success: success(format, &share.sums),
        money: if share.sums.priced > 0 { format.short_money(share.sums.cost_nanos) } else { NOTHING.to_owned() },
        percent: format!("{:.1}", share.sums.requests as f64 * 100.0 / all),
    };
    let list = |((title, shares), filter): ((&'static str, &Vec<Share>), &&str)| ShareList {
        title,
        lines: shares.iter().take(LINES).map(|share| line(filter, share)).collect(),
        more: shares.len().checked_sub(LINES).filter(|more| *more > 0).map(|more| t.more(more)),
    };
    lists.into_iter().zip(&FILTERS).map(list).collect()
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use relay_control::traffic::Step;
    let visit = crate::pages::rendering::visit(language);
    let sums = RollupSums {
        requests: 1_200,
        complete: 1_180,
        failed: 12,
        client_gone: 8,
        first_output_us_sum: 480_000_000,
        first_output_count: 1_190,
        input_tokens: 2_400_000,
        cached_input_tokens: 1_800_000,
        output_tokens: 310_000,
        priced: 1_180,
        price_nanos: 8_120_000_000,
        cost_nanos: 3_010_000_000,
        cache_saved_nanos: 900_000_000,
        ..RollupSums::default()
    };
    let step = |hour: i64, sums| Step { at: Timestamp::from_second(1_790_000_000 + hour * 3_600).unwrap(), sums };
    let hostile = crate::pages::rendering::HOSTILE;
    let shares: Vec<Share> = (0..12)
        .map(|number| Share { name: format!("{hostile}-{number}"), sums })
        .chain([Share { name: String::new(), sums }])
        .collect();
    let recent = Recent {
        by_the_minute: None,
        looked_at: 3_000,
        overhead_us: Some((92, 810)),
        first_output_us: Some((320_000, 2_400_000)),
    };
    let traffic = |steps: Vec<Step>, total, shares: &[Share]| Traffic {
        step: Duration::from_hours(1),
        steps,
        hours: Vec::new(),
        total,
        groups: shares.to_vec(),
        hosts: shares.to_vec(),
        models: shares.to_vec(),
        consumers: shares.to_vec(),
    };
    let (health, fleet) = crate::pages::health::sample_trouble();
    let full = Seen {
        traffic: traffic((0..24).map(|hour| step(hour, sums)).collect(), sums, &shares),
        is_counting: false,
        recent: recent.clone(),
        timings: StepsTimed {
            steps: vec![
                relay_control::traffic::StepTimings { overhead_us: Some((90, 200)), first_output_us: None };
                24
            ],
            is_cut: true,
        },
        health,
        fleet,
        untried: 0,
    };
    let (health, fleet) = crate::pages::health::sample_wellness();
    let empty = Seen {
        traffic: traffic(vec![step(0, RollupSums::default())], RollupSums::default(), &[]),
        is_counting: true,
        recent: Recent { overhead_us: None, first_output_us: None, ..recent },
        timings: StepsTimed::default(),
        health,
        fleet,
        untried: 1,
    };
    let asked = |query: &str| Asked::read(&Query::parse(query), visit.now).unwrap();
    let pages = [
        Overview::new(&visit, &asked("range=24h"), &full),
        Overview::new(&visit, &asked("range=1h"), &full),
        Overview::new(&visit, &asked("from=2026-11-01T00:00&to=2026-11-02T00:00&model=%3Cb%3E"), &full),
        Overview::new(&visit, &asked(""), &empty),
    ];
    pages.iter().map(crate::pages::rendering::render).collect()
}
