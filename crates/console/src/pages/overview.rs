//! The first page: what is wrong right now, then traffic over time and by what people look for.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use relay_control::fleet_health::{FleetHealthView, HealthFilter};
use relay_control::status::{FleetCounts, Health};
use relay_control::traffic::{Recent, RollupFilter, RollupSums, Share, Step, Traffic, TrafficQuery};
use relay_domain::Timestamp;

use crate::chart::{Chart, Ink, Plot, Series, Shape};
use crate::fault::{Fault, PageResult};
use crate::format::{Format, NOTHING};
use crate::pages::health::{Trouble, troubles};
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
        tokens => "Tokens" / "Token 用量";
        cost => "Cost" / "成本";
        cache_hit => "Cache-hit share" / "缓存命中率";
        of_ended(failed) => "{failed} failed" / "失败 {failed}";
        mean => "mean" / "平均值";
        newest(number) => "p50, newest {number}" / "最近 {number} 个请求的 p50";
        p99(value) => "p99 {value}" / "p99 为 {value}";
        in_and_out(input, output) => "in {input}, out {output}" / "输入 {input}，输出 {output}";
        price_and_margin(price, margin) => "price {price}, margin {margin}" / "价格 {price}，毛利 {margin}";
        saved(money) => "{money} saved" / "节省 {money}";
        chart_requests => "Requests" / "请求数";
        chart_ttft => "Time to first token, mean" / "平均首字延迟";
        chart_tokens => "Tokens" / "Token 用量";
        chart_money => "Money" / "费用";
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
        cut(number) => "Only the newest {number} requests are drawn." / "仅绘制最近 {number} 个请求。";
        first_run => "To the first request" / "完成首次请求";
        first_run_intro => "Nothing can be served yet. Each step says what is wrong when it fails." / "目前还无法提供服务。每一步出错时都会说明原因。";
        step_host => "Add a host: where requests are sent" / "添加主机：请求发往的地方";
        step_group => "Make a group: what customers are given" / "新建分组：提供给客户的内容";
        step_route => "Join them with a route: which model is served by which host" / "新建路由：把分组的模型连接到主机";
        step_key => "Make a key for a consumer; its page has the commands to paste" / "为使用方新建 key，页面上有可直接粘贴的命令";
        step_request => "Send a request with it, and watch it arrive" / "用该 key 发送请求，查看它的决策记录";
        step_done => "done" / "已完成";
        no_traffic => "No requests in this time." / "该时间段内没有请求。";
    }
}

/// A number with its name.
#[derive(Clone, Debug)]
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) note: String,
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

/// A step to the first request.
#[derive(Clone, Debug)]
pub(crate) struct FirstStep {
    pub(crate) text: &'static str,
    pub(crate) href: &'static str,
    pub(crate) is_done: bool,
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
    /// What is left to do on a new installation; empty once it serves.
    pub(crate) first_steps: Vec<FirstStep>,
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
    pub(crate) is_empty: bool,
    /// The address that the live part is asked again at; none for a span that has passed.
    pub(crate) refresh: Option<String>,
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
    let (traffic, recent, health) = tokio::join!(control.traffic(traffic), control.recent(hour_ago), control.health());
    let fleet = control.fleet_health(&HealthFilter { troubled: true, ..HealthFilter::default() });
    let shown = Overview::new(&visit, &asked, &Seen { traffic: traffic?, recent: recent?, health, fleet });
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// What the use cases said.
struct Seen {
    traffic: Traffic,
    recent: Recent,
    health: Health,
    fleet: FleetHealthView,
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

    /// The last hour is drawn by the minute, from the requests themselves.
    fn is_recent(&self) -> bool {
        self.range == Some("1h") && !self.is_filtered()
    }
}

impl Overview {
    fn new(visit: &Visit, asked: &Asked, seen: &Seen) -> Self {
        let language = visit.preferences.language;
        let (t, format) = (OverviewWords(language), visit.format());
        let Seen { traffic, recent, health, fleet } = seen;
        let (steps, step, total) = if asked.is_recent() {
            (&recent.steps, recent.step, &recent.total)
        } else {
            (&traffic.steps, traffic.step, &traffic.total)
        };
        let field = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M").to_string();
        let is_cut = asked.is_recent() && recent.is_cut;
        Self {
            t,
            shell: visit.shell(Section::Overview),
            troubles: troubles(language, visit.now, health, fleet),
            has_routes: health.fleet.routes > 0,
            first_steps: first_steps(t, health.fleet, traffic.total.requests > 0),
            ranges: ranges(t, asked),
            from: field(asked.from),
            to: field(asked.to),
            narrowed: narrowed(t, asked),
            everything: address("/", asked.range.map(|range| ("range", range))),
            tiles: tiles(t, format, total, recent),
            charts: charts(t, format, steps, step),
            lists: lists(t, format, asked, traffic),
            note: is_cut.then(|| t.cut(format.number(recent.total.requests))),
            is_empty: total.requests == 0,
            refresh: asked.range.map(|_| asked.address(&[])),
        }
    }
}

fn first_steps(t: OverviewWords, fleet: FleetCounts, has_traffic: bool) -> Vec<FirstStep> {
    let counts = [fleet.hosts, fleet.groups, fleet.routes, fleet.keys];
    if counts.iter().all(|count| *count > 0) {
        return Vec::new();
    }
    let texts = [t.step_host(), t.step_group(), t.step_route(), t.step_key()];
    let hrefs = ["/hosts/new", "/groups/new", "/routes/new", "/keys/new"];
    let steps = texts.into_iter().zip(hrefs).zip(counts);
    let steps = steps.map(|((text, href), count)| FirstStep { text, href, is_done: count > 0 });
    let last = FirstStep { text: t.step_request(), href: "/decisions?live=1", is_done: has_traffic };
    steps.chain([last]).collect()
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

fn failed(sums: &RollupSums) -> i64 {
    sums.failed + sums.cut + sums.interrupted
}

fn success(format: Format, sums: &RollupSums) -> String {
    format.percent(sums.complete, sums.complete + failed(sums))
}

fn mean(sum: i64, count: i64) -> Option<u64> {
    sum.checked_div(count).and_then(|mean| u64::try_from(mean).ok())
}

fn tiles(t: OverviewWords, format: Format, total: &RollupSums, recent: &Recent) -> Vec<Tile> {
    let sample = format.number(recent.total.requests);
    let percentile = |pair: Option<(u64, u64)>, at: fn((u64, u64)) -> u64| format.optional_micros(pair.map(at));
    let ttft = match recent.first_output_us {
        Some(_) => t.p99(percentile(recent.first_output_us, |pair| pair.1)),
        None => t.mean().to_owned(),
    };
    vec![
        Tile {
            name: t.requests(),
            value: format.compact(total.requests),
            note: t.of_ended(format.number(failed(total))),
        },
        Tile { name: t.success(), value: success(format, total), note: t.of_ended(format.number(failed(total))) },
        Tile {
            name: t.ttft(),
            value: format.optional_micros(mean(total.first_output_us_sum, total.first_output_count)),
            note: format!("{} · {ttft}", t.mean()),
        },
        Tile {
            name: t.overhead(),
            value: percentile(recent.overhead_us, |pair| pair.0),
            note: format!("{} · {}", t.newest(sample), t.p99(percentile(recent.overhead_us, |pair| pair.1))),
        },
        Tile {
            name: t.tokens(),
            value: format.compact(total.input_tokens + total.output_tokens),
            note: t.in_and_out(format.compact(total.input_tokens), format.compact(total.output_tokens)),
        },
        Tile {
            name: t.cost(),
            value: format.money(total.cost_nanos),
            note: t.price_and_margin(
                format.money(total.price_nanos),
                format.money(total.price_nanos.saturating_sub(total.cost_nanos)),
            ),
        },
        Tile {
            name: t.cache_hit(),
            value: format.percent(total.cached_input_tokens, total.input_tokens),
            note: t.saved(format.money(total.cache_saved_nanos)),
        },
    ]
}

fn charts(t: OverviewWords, format: Format, steps: &[Step], step: Duration) -> Vec<Chart> {
    let times: Vec<Timestamp> = steps.iter().map(|step| step.at).collect();
    let series = |name, ink, value: fn(&RollupSums) -> Option<f64>| Series {
        name,
        ink,
        values: steps.iter().map(|step| value(&step.sums)).collect(),
    };
    let count = |value: f64| format.compact(value.round() as i64);
    let micros = |value: f64| format.micros(value.max(0.0) as u64);
    let money = |value: f64| format.money(value as i64);
    let percent = |value: f64| format!("{} %", value.round());
    let plot = |id, title, shape, series, write: &dyn Fn(f64) -> String| {
        Plot { id, title, shape, steps: &times, step, series, write }.draw(format)
    };
    let requests = vec![
        series(t.answered(), Ink::Good, |sums| Some(sums.complete as f64)),
        series(t.failed(), Ink::Bad, |sums| Some(failed(sums) as f64)),
        series(t.other(), Ink::Quiet, |sums| Some((sums.client_gone + sums.resolved) as f64)),
    ];
    let ttft = vec![series(t.ttft(), Ink::First, |sums| {
        mean(sums.first_output_us_sum, sums.first_output_count).map(|us| us as f64)
    })];
    let tokens = vec![
        series(t.input(), Ink::First, |sums| Some(sums.input_tokens as f64)),
        series(t.output(), Ink::Second, |sums| Some(sums.output_tokens as f64)),
    ];
    let prices = vec![
        series(t.price(), Ink::First, |sums| (sums.priced > 0).then_some(sums.price_nanos as f64)),
        series(t.cost_line(), Ink::Second, |sums| (sums.priced > 0).then_some(sums.cost_nanos as f64)),
    ];
    let cache = vec![series(t.cache_hit(), Ink::First, |sums| {
        (sums.input_tokens > 0).then(|| sums.cached_input_tokens as f64 * 100.0 / sums.input_tokens as f64)
    })];
    vec![
        plot("requests", t.chart_requests(), Shape::Columns, requests, &count),
        plot("ttft", t.chart_ttft(), Shape::Lines, ttft, &micros),
        plot("tokens", t.chart_tokens(), Shape::Columns, tokens, &count),
        plot("money", t.chart_money(), Shape::Lines, prices, &money),
        plot("cache", t.chart_cache(), Shape::Lines, cache, &percent),
    ]
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
        money: if share.sums.priced > 0 { format.money(share.sums.cost_nanos) } else { NOTHING.to_owned() },
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
    let recent = |sums: RollupSums, is_cut| Recent {
        steps: vec![step(0, sums)],
        step: Duration::from_mins(1),
        total: sums,
        is_cut,
        overhead_us: Some((92, 810)),
        first_output_us: Some((320_000, 2_400_000)),
    };
    let traffic = |steps: Vec<Step>, total, shares: &[Share]| Traffic {
        step: Duration::from_hours(1),
        steps,
        total,
        groups: shares.to_vec(),
        hosts: shares.to_vec(),
        models: shares.to_vec(),
        consumers: shares.to_vec(),
        routes: shares.to_vec(),
    };
    let (health, fleet) = crate::pages::health::sample_trouble();
    let full = Seen {
        traffic: traffic((0..24).map(|hour| step(hour, sums)).collect(), sums, &shares),
        recent: recent(sums, true),
        health,
        fleet,
    };
    let (health, fleet) = crate::pages::health::sample_wellness();
    let empty = Seen {
        traffic: traffic(vec![step(0, RollupSums::default())], RollupSums::default(), &[]),
        recent: Recent { overhead_us: None, first_output_us: None, ..recent(RollupSums::default(), false) },
        health,
        fleet,
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
