//! Decisions, newest first: filters, keyset pages, a live tail.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use relay_control::Control;
use relay_control::decisions::{Decision, Filter};
use relay_control::page::{Page, PageRequest};
use relay_domain::Timestamp;

use crate::fault::{Fault, PageResult};
use crate::format::{Format, Moment, NOTHING};
use crate::query::{Query, address, path};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms::{self, Badge};
use crate::visit::Visit;
#[cfg(test)]
use crate::words::Language;
use crate::words::words;

words! {
    ListWords {
        title => "Decisions" / "决策";
        intro => "Where each request went, and how it ended." / "每个请求去了哪里，结果如何。";
        filters => "Filters" / "筛选条件";
        consumer => "Consumer" / "使用方";
        group => "Group" / "分组";
        model => "Model" / "模型";
        route => "Route" / "路由";
        host => "Host" / "主机";
        verdict => "Verdict" / "结果";
        any => "any" / "不限";
        sticky_key => "Sticky key" / "绑定标识";
        request_id => "Request ID" / "请求 ID";
        from => "From (UTC)" / "开始（UTC）";
        to => "To (UTC)" / "结束（UTC）";
        apply => "Filter" / "筛选";
        clear => "Clear" / "清除";
        live => "Live" / "实时";
        stop_live => "Stop" / "停止";
        live_hint => "New decisions appear by themselves." / "新决策会自动出现。";
        time => "Time" / "时间";
        request => "Request" / "请求";
        served_by => "Served by" / "主机 / 路由";
        sticky => "Sticky" / "粘性";
        tries => "Tries" / "尝试";
        ttft => "TTFT" / "TTFT";
        latency => "Total" / "总耗时";
        tokens => "Tokens" / "Token";
        cost => "Cost" / "成本";
        operator => "operator" / "操作员";
        fallback => "fallback" / "降级";
        table => "Decisions, newest first" / "决策列表，最新在前";
        looked_through => "Looked through back to" / "已查找至";
        comma => ", " / "，";
        nothing_matches => "nothing matches." / "没有匹配项。";
        look_on => "Look further back" / "查找更早的记录";
        no_match => "No decision matches." / "没有匹配的决策。";
        none => "There is no decision yet. Each request through the gateway, and each action, leaves one here." / "还没有决策。每个经过网关的请求和每次操作都会在这里留下一条记录。";
    }
}

const VERDICTS: [&str; 9] = [
    "complete",
    "failed",
    "truncated",
    "idle_cut",
    "error_in_stream",
    "client_gone",
    "resolved",
    "interrupted",
    "open",
];

/// Values proposed for a field at most: more make a page heavy and a list useless.
const PROPOSED: usize = 200;

/// A line of the list.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) href: String,
    pub(crate) at: Moment,
    pub(crate) ago: String,
    pub(crate) request_id: String,
    /// As much of it as tells it from its neighbors.
    pub(crate) short_id: String,
    pub(crate) consumer: String,
    pub(crate) group: String,
    pub(crate) model: String,
    pub(crate) route: String,
    pub(crate) host: String,
    pub(crate) verdict: Badge,
    pub(crate) class: String,
    pub(crate) sticky: Badge,
    pub(crate) tries: usize,
    pub(crate) is_fallback: bool,
    pub(crate) ttft: String,
    pub(crate) latency: String,
    pub(crate) tokens: String,
    pub(crate) cost: String,
}

/// A text field of the filters.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// Proposed values.
    pub(crate) known: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "decisions/list.html", blocks = ["live"])]
pub(crate) struct List {
    pub(crate) t: ListWords,
    pub(crate) shell: Shell,
    pub(crate) fields: Vec<Field>,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Word, text, chosen.
    pub(crate) verdicts: Vec<(&'static str, String, bool)>,
    pub(crate) is_filtered: bool,
    pub(crate) lines: Vec<Line>,
    /// How far back was looked, where nothing matches yet.
    pub(crate) reached: Option<Moment>,
    pub(crate) newest: Option<String>,
    pub(crate) older: Option<String>,
    /// Where to ask for the live part again, while it is live.
    pub(crate) refresh: Option<String>,
    /// What says that there is something new: the stream of the API; none where that has nothing to say.
    pub(crate) stream: Option<String>,
    /// Starts or stops the tail.
    pub(crate) toggle: String,
}

const FIELDS: [&str; 7] =
    ["consumer", "logical_group_id", "public_model", "route_id", "host_id", "sticky_key", "request_id"];

/// For how long a page looks for what is rare before it is shown with what it has.
const PATIENCE: Duration = Duration::from_millis(40);

/// `GET /decisions`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let filter = read_filter(&query)?;
    let found = console.control.decisions_within(PATIENCE, filter, query.page()?).await?;
    let reached = reached(&console.control, &found).await?;
    let shown = List::new(&visit, &query, &found, reached, &Known::of(&console.control));
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// How far back a page without a match has looked: when the next one begins.
async fn reached(control: &Control, found: &Page<Decision>) -> Result<Option<Timestamp>, Fault> {
    let next = found.next_cursor.as_deref().filter(|_| found.items.is_empty()).and_then(|next| next.parse().ok());
    let Some(cursor) = next else { return Ok(None) };
    let next = PageRequest { limit: 1, cursor: Some(cursor) };
    let next = control.decisions(Filter::default(), next).await?;
    Ok(next.items.first().map(|decision| decision.at))
}

fn read_filter(query: &Query) -> Result<Filter, Fault> {
    Ok(Filter {
        consumer: query.text("consumer"),
        logical_group_id: query.text("logical_group_id"),
        public_model: query.text("public_model"),
        route_id: query.text("route_id"),
        host_id: query.text("host_id"),
        verdict: query.text("verdict"),
        sticky_key: query.text("sticky_key"),
        request_id: query.text("request_id"),
        from: query.time("from")?,
        to: query.time("to")?,
    })
}

/// Names of the fleet in force, to choose from.
#[derive(Default)]
struct Known([Vec<String>; 5]);

impl Known {
    fn of(control: &Control) -> Self {
        let snapshot = control.snapshot();
        let routes = || snapshot.routes().iter().map(|entry| &entry.route);
        let mut models: Vec<String> = routes().take(4 * PROPOSED).map(|route| route.public_model.to_string()).collect();
        models.sort_unstable();
        models.dedup();
        models.truncate(PROPOSED);
        Self([
            snapshot.keys().iter().take(PROPOSED).map(|key| key.id.to_string()).collect(),
            snapshot.groups().take(PROPOSED).map(|group| group.id.to_string()).collect(),
            models,
            routes().take(PROPOSED).map(|route| route.id.to_string()).collect(),
            snapshot.hosts().iter().take(PROPOSED).map(|host| host.id.to_string()).collect(),
        ])
    }
}

/// The address with the present filters and something more.
fn with_filters(query: &Query, more: &[(&str, &str)]) -> String {
    let names = FIELDS.iter().chain(&["verdict", "from", "to"]);
    let filters: Vec<(&str, String)> = names.filter_map(|name| Some((*name, query.text(name)?))).collect();
    let filters = filters.iter().map(|(name, value)| (*name, value.as_str()));
    address("/decisions", filters.chain(more.iter().copied()))
}

/// The stream of what matches. It tells of requests that end, so a list of those that are open is asked for in time.
fn stream(query: &Query) -> String {
    let names = FIELDS.iter().chain(&["verdict"]);
    let filters: Vec<(&str, String)> = names.filter_map(|name| Some((*name, query.text(name)?))).collect();
    address("/api/v1/decisions/stream", filters.iter().map(|(name, value)| (*name, value.as_str())))
}

impl List {
    fn new(visit: &Visit, query: &Query, found: &Page<Decision>, reached: Option<Timestamp>, known: &Known) -> Self {
        let language = visit.preferences.language;
        let t = ListWords(language);
        let labels = [t.consumer(), t.group(), t.model(), t.route(), t.host(), t.sticky_key(), t.request_id()];
        let text = |name: &str| query.text(name).unwrap_or_default();
        let fields = FIELDS.iter().zip(labels).enumerate().map(|(at, (name, label))| Field {
            name,
            label,
            value: text(name),
            known: known.0.get(at).cloned().unwrap_or_default(),
        });
        let fields: Vec<Field> = fields.collect();
        let chosen = text("verdict");
        let is_first = query.text("cursor").is_none();
        let is_live = query.text("live").is_some() && is_first;
        let (from, to) = (text("from"), text("to"));
        Self {
            t,
            shell: visit.shell(Section::Decisions),
            is_filtered: fields.iter().any(|field| !field.value.is_empty())
                || [&chosen, &from, &to].iter().any(|text| !text.is_empty()),
            fields,
            verdicts: VERDICTS.map(|word| (word, terms::verdict(language, word).into_owned(), word == chosen)).into(),
            lines: found.items.iter().map(|decision| line(decision, visit, t)).collect(),
            reached: reached.map(|at| visit.format().moment(at)),
            newest: (!is_first).then(|| with_filters(query, &[])),
            older: found.next_cursor.as_deref().map(|cursor| with_filters(query, &[("cursor", cursor)])),
            stream: (is_live && chosen != "open").then(|| stream(query)),
            refresh: is_live.then(|| with_filters(query, &[("live", "1")])),
            toggle: with_filters(query, &[("live", if is_live { "" } else { "1" })]),
            from,
            to,
        }
    }
}

fn line(decision: &Decision, visit: &Visit, t: ListWords) -> Line {
    let language = visit.preferences.language;
    let format = visit.format();
    Line {
        href: path("/decisions", &decision.request_id),
        at: format.moment(decision.at),
        ago: format.relative(decision.at, visit.now),
        request_id: decision.request_id.clone(),
        short_id: short(&decision.request_id),
        consumer: decision.consumer.clone().unwrap_or_else(|| t.operator().to_owned()),
        group: decision.logical_group_id.clone(),
        model: decision.public_model.clone(),
        route: decision.route_id.clone().unwrap_or_default(),
        host: decision.host_id.clone().unwrap_or_else(|| NOTHING.to_owned()),
        verdict: terms::verdict_badge(language, &decision.verdict),
        class: decision.error_class.clone().unwrap_or_default(),
        sticky: terms::sticky_badge(language, &decision.sticky_action),
        tries: decision.attempts.len(),
        is_fallback: decision.fallback_used,
        ttft: format.optional_micros(decision.first_output_us),
        latency: format.optional_micros(decision.latency_us),
        tokens: tokens(format, decision),
        cost: decision.cost_nanos.map_or_else(|| NOTHING.to_owned(), |nanos| format.money(nanos)),
    }
}

/// Both ends of a long id: those of our own begin with the time, so neighbors differ at the end.
fn short(id: &str) -> String {
    const END: usize = 8;
    let letters: Vec<char> = id.chars().collect();
    if letters.len() <= 2 * END + 1 {
        return id.to_owned();
    }
    letters[..END].iter().chain(&['…']).chain(&letters[letters.len() - END..]).collect()
}

/// `input → output`; what is not known is no zero.
fn tokens(format: Format, decision: &Decision) -> String {
    let number = |tokens: Option<u64>| {
        tokens.map_or_else(|| NOTHING.to_owned(), |tokens| format.compact(i64::try_from(tokens).unwrap_or(i64::MAX)))
    };
    match (decision.usage.input, decision.usage.output) {
        (None, None) => NOTHING.to_owned(),
        (input, output) => format!("{} → {}", number(input), number(output)),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, decisions, visit};
    let visit = visit(language);
    let full = Page { items: decisions(), next_cursor: Some("c".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    let cut = Page { items: Vec::new(), next_cursor: Some("c".into()) };
    let known = Known([const { Vec::new() }; 5].map(|_: Vec<String>| vec![HOSTILE.to_owned()]));
    let query = Query::parse;
    let pages = [
        List::new(&visit, &query("live=1"), &full, None, &known),
        List::new(&visit, &query("live=1&verdict=open"), &full, None, &known),
        List::new(
            &visit,
            &query("cursor=x&consumer=%3Cb%3E&verdict=failed&from=2026-11-01T00:00"),
            &full,
            None,
            &known,
        ),
        List::new(&visit, &query(""), &empty, None, &Known::default()),
        List::new(&visit, &query("host_id=a"), &cut, Some(visit.now), &Known::default()),
    ];
    pages.iter().map(crate::pages::rendering::render).collect()
}

#[cfg(test)]
mod tests {
    use super::{Known, List, Page, Query, short};
    use crate::words::Language;

    #[test]
    fn a_page_without_a_match_says_how_far_back_it_looked() {
        let visit = crate::pages::rendering::visit(Language::English);
        let found = Page { items: Vec::new(), next_cursor: Some("c".into()) };
        let list = List::new(&visit, &Query::parse("host_id=a"), &found, Some(visit.now), &Known::default());
        let page = crate::pages::rendering::render(&list);
        let time = format!("data-exact>{}</time>, nothing matches.", visit.format().moment(visit.now).text);
        assert!(page.contains("Looked through back to <time") && page.contains(&time), "{page}");
    }

    #[test]
    fn a_long_id_keeps_both_ends() {
        assert_eq!(short("01a21a0c99d8770bb611669a0c3e5d7f"), "01a21a0c…0c3e5d7f");
        assert_eq!(short("request-17"), "request-17");
    }
}
