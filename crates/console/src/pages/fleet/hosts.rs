//! Hosts: the list, the sheet of one, and asking a host something: what it can do, what is on it, what it billed.

use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use relay_control::access::Role;
use relay_control::edit::Noun;
use relay_control::events::{EventFilter, EventView, ObservationFilter, ObservationView};
use relay_control::hosts::{HostCapabilities, HostError, Reconciled, Synced};
use relay_control::page::PageRequest;
use relay_control::view;
use relay_domain::{Host, Route};

use super::{FleetWords, Healths, changing, field_table, making, page_of, route_table, state};
use crate::cell::Cell;
use crate::changes::value_text;
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::kit::{Action, Confirm, Head, Listing, Part, Sheet, Table};
use crate::pages::events;
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    HostWords {
        title => "Hosts" / "主机";
        intro => "Upstream deployments that requests are sent to." / "请求最终发往的上游部署。";
        host => "Host" / "主机";
        state => "State" / "状态";
        kind => "Kind" / "类型";
        address => "Address" / "地址";
        routes => "Routes" / "路由";
        empty => "There is no host. A host is where requests are sent." / "还没有主机。主机是请求发往的地方。";
        full => "relay and admin API" / "转发与管理 API";
        relay_only => "relay only" / "仅转发";
        capabilities => "What it can do" / "主机能力";
        capability => "Capability" / "能力";
        found => "Found" / "探测结果";
        never_probed => "It was never probed." / "尚未探测。";
        watched => "Balances, multipliers and capacity over time" / "余额、倍率与容量变化";
        what => "What" / "项目";
        subject => "Of what" / "对象";
        value => "Value" / "数值";
        when => "When" / "时间";
        nothing_watched => "Nothing was observed yet." / "还没有观测数据。";
        events => "Events" / "事件";
        no_events => "No event." / "没有事件。";
        probe => "Probe" / "探测能力";
        probe_what => "A dozen calls to the host's admin API find out what it can do. Nothing is changed there." / "通过十余次管理 API 调用探测主机能力，不会修改主机上的任何内容。";
        sync => "Sync" / "同步";
        sync_what => "The host's groups, models, subscriptions and keys are read, recorded and compared with what is meant to be there. Managed access that is broken is ensured anew." / "读取主机上的分组、模型、订阅和 key，记录并与预期配置比较；失效的托管访问会重新建立。";
        reconcile => "Reconcile" / "对账";
        reconcile_what => "Our log of the last 24 hours is joined with the host's bill, row by row." / "将最近 24 小时的决策日志与主机账单逐条核对。";
        may_take => "It may take as long as the host needs to answer, up to some minutes for large ones." / "耗时取决于主机响应速度，数据量大时可能需要几分钟。";
        cancel => "Cancel" / "取消";
        clear => "Clear cool-downs" / "清除冷却";
        synced => "Synced" / "同步结果";
        seen => "Seen" / "已读取";
        seen_of(groups, models, subscriptions, keys) => "{groups} groups, {models} models, {subscriptions} subscriptions, {keys} keys" / "{groups} 个分组，{models} 个模型，{subscriptions} 个订阅，{keys} 个 key";
        ensured => "Ensured anew" / "重新建立的访问";
        problems => "Could not be read" / "未能读取";
        drift => "What differs" / "差异";
        message => "Message" / "说明";
        remedy => "What to do" / "处理建议";
        no_drift => "Nothing differs from what is meant to be." / "与预期一致，没有差异。";
        reconciled => "Reconciled" / "对账结果";
        side => "Side" / "来源";
        ours => "our log" / "本地日志";
        theirs => "the host's bill" / "主机账单";
        requests => "Requests" / "请求数";
        input => "Input" / "输入";
        output => "Output" / "输出";
        cost => "Cost (USD)" / "成本（USD）";
        matched => "The same on both sides" / "两边一致";
        missing_on_host => "Missing on the host" / "主机账单缺失";
        missing_here => "Missing here" / "本地日志缺失";
        double => "Billed twice" / "重复计费";
        differing => "Other token counts" / "Token 数不一致";
        unexplained => "Not explained (USD)" / "无法解释的费用（USD）";
        not_joinable => "This host names requests in a way that cannot be joined with our log." / "该主机的请求标识无法与本地日志关联。";
        truncated => "There were more rows than are read." / "记录过多，仅读取了一部分。";
        differences => "Differences" / "差异明细";
        no_differences => "Every row is on both sides." / "所有记录两边都有。";
        request => "Request" / "请求";
    }
}

/// Observations and events shown.
const RECENT: usize = 20;

/// `GET /hosts`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let snapshot = console.control.snapshot();
    let routes: Vec<&Route> = snapshot.routes().iter().map(|entry| &entry.route).collect();
    Ok(page(&listing(&visit, &query, snapshot.hosts(), &routes, &Healths::of(&console.control))))
}

/// `GET /hosts/{id}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let control = &console.control;
    let snapshot = control.snapshot();
    let (_, host) = snapshot.host(&id).ok_or(Fault::NotFound)?;
    let routes: Vec<&Route> =
        snapshot.routes().iter().map(|entry| &entry.route).filter(|route| route.host == host.id).collect();
    let latest = PageRequest { limit: RECENT, cursor: None };
    let watched = ObservationFilter { host: Some(host.id.clone()), ..ObservationFilter::default() };
    let happened = EventFilter { host: Some(host.id.clone()), ..EventFilter::default() };
    let known = Known {
        host,
        routes,
        healths: Healths::of(control),
        capabilities: control.host_capabilities(&id).await.map_err(fault)?,
        observations: control.observations(&watched, &latest).await?.items,
        events: control.events(&happened, &latest).await?.items,
    };
    Ok(page(&sheet(&visit, &known)))
}

/// What a host is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Probe,
    Sync,
    Reconcile,
}

impl Ask {
    fn named(word: &str) -> Result<Self, Fault> {
        match word {
            "probe" => Ok(Self::Probe),
            "sync" => Ok(Self::Sync),
            "reconcile" => Ok(Self::Reconcile),
            _ => Err(Fault::NotFound),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Sync => "sync",
            Self::Reconcile => "reconcile",
        }
    }

    /// Its name, and what it does.
    fn told(self, t: HostWords) -> (&'static str, &'static str) {
        match self {
            Self::Probe => (t.probe(), t.probe_what()),
            Self::Sync => (t.sync(), t.sync_what()),
            Self::Reconcile => (t.reconcile(), t.reconcile_what()),
        }
    }
}

/// `GET /hosts/{id}/ask/{what}`: what it will do.
pub(crate) async fn confirm(visit: Visit, Path((id, ask)): Path<(String, String)>) -> PageResult {
    visit.acting(Role::Operator)?;
    Ok(page(&confirmation(&visit, &id, Ask::named(&ask)?)))
}

/// `POST /hosts/{id}/ask/{what}`: does it, and shows what came of it.
pub(crate) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    Path((id, ask)): Path<(String, String)>,
    Form(_): Form,
) -> PageResult {
    let actor = visit.acting(Role::Operator)?;
    let control = &console.control;
    let t = HostWords(visit.preferences.language);
    let (noun, parts) = match Ask::named(&ask)? {
        Ask::Probe => {
            let found = control.probe_host(&id, actor).await.map_err(fault)?;
            (t.capabilities(), vec![capabilities(visit.preferences.language, &found)])
        }
        Ask::Sync => (t.synced(), synced(&visit, &control.sync_host(&id, actor).await.map_err(fault)?)),
        Ask::Reconcile => {
            let since = visit.now.saturating_sub(Duration::from_hours(24)).unwrap_or(visit.now);
            let joined = control.reconcile_host(&id, since, actor).await.map_err(fault)?;
            (t.reconciled(), reconciled(&visit, &joined))
        }
    };
    Ok(page(&answer(&visit, noun, &id, parts)))
}

fn fault(error: HostError) -> Fault {
    match error {
        HostError::Unknown(_) => Fault::NotFound,
        HostError::Store(error) => error.into(),
        error @ HostError::Admin { .. } => Fault::Refused(StatusCode::BAD_GATEWAY, error.to_string()),
        error => Fault::Refused(StatusCode::CONFLICT, error.to_string()),
    }
}

fn listing(visit: &Visit, query: &Query, hosts: &[Host], routes: &[&Route], healths: &Healths) -> Listing {
    let language = visit.preferences.language;
    let t = HostWords(language);
    let found = page_of(hosts.iter(), &query.page(), |host| host.id.as_str());
    let row = |host: &&Host| {
        let id = host.id.as_str();
        let kind = if host.kind.as_str() == "sub2api" { t.full() } else { t.relay_only() };
        vec![
            Cell::link(path("/hosts", id), id),
            Cell::badge(state(language, host.enabled, healths.host_badge(language, id))),
            Cell::text(host.kind.as_str()).note(kind),
            Cell::text(host.base_url.to_string()),
            Cell::number(routes.iter().filter(|route| route.host == host.id).count().to_string()),
        ]
    };
    let mut heads: Vec<Head> = [t.host(), t.state(), t.kind(), t.address()].map(Head::text).into();
    heads.push(Head::number(t.routes()));
    let shell = visit.shell(Section::Hosts);
    Listing {
        actions: making(&shell, Noun::Host),
        shell,
        title: t.title(),
        intro: t.intro(),
        path: "/hosts",
        narrows: Vec::new(),
        apply: "",
        table: Table { heads, rows: found.items.iter().map(row).collect() },
        empty: t.empty(),
        newest: None,
        older: found.next_cursor.as_deref().map(|cursor| address("/hosts", [("cursor", cursor)])),
    }
}

/// What is known of a host.
struct Known<'a> {
    host: &'a Host,
    routes: Vec<&'a Route>,
    healths: Healths,
    capabilities: HostCapabilities,
    observations: Vec<ObservationView>,
    events: Vec<EventView>,
}

fn sheet(visit: &Visit, known: &Known<'_>) -> Sheet {
    let language = visit.preferences.language;
    let (t, fleet) = (HostWords(language), FleetWords(language));
    let id = known.host.id.as_str();
    let shell = visit.shell(Section::Hosts);
    let mut actions = changing(&shell, Noun::Host, id, known.host.enabled);
    actions.push(Action::new(address("/decisions", [("host_id", id)]), fleet.decisions()));
    if shell.may_operate() {
        actions.push(Action::new(address("/health/clear", [("host_id", id)]), t.clear()));
        if known.host.admin.is_some() {
            let asks = [Ask::Probe, Ask::Sync, Ask::Reconcile];
            actions.extend(asks.map(|ask| Action::new(asking(id, ask), ask.told(t).0)));
        }
    }
    let observed = known.observations.iter().map(|seen| {
        vec![
            Cell::when(visit, seen.at),
            Cell::code(&seen.kind),
            Cell::text(&seen.subject),
            Cell::text(value_text(&seen.value)),
        ]
    });
    let observed =
        Table { heads: [t.when(), t.what(), t.subject(), t.value()].map(Head::text).into(), rows: observed.collect() };
    let happened = Table {
        heads: events::heads(visit),
        rows: known.events.iter().map(|event| events::row(visit, event)).collect(),
    };
    Sheet {
        noun: t.host(),
        name: id.to_owned(),
        badges: vec![state(language, known.host.enabled, known.healths.host_badge(language, id))],
        back: Some(("/hosts", t.title())),
        actions,
        parts: vec![
            Part::new(t.routes())
                .table(route_table(visit, known.routes.iter().copied(), &known.healths), fleet.no_routes()),
            Part::new(t.watched()).table(observed, t.nothing_watched()),
            Part::new(t.events()).table(happened, t.no_events()),
            capabilities(language, &known.capabilities),
            Part::new(fleet.settings()).table(field_table(language, &view::host(known.host)), ""),
        ],
        shell,
    }
}

fn asking(id: &str, ask: Ask) -> String {
    format!("{}/ask/{}", path("/hosts", id), ask.as_str())
}

fn capabilities(language: Language, found: &HostCapabilities) -> Part {
    let t = HostWords(language);
    let document = found.capabilities.as_ref().and_then(|found| serde_json::to_value(found).ok());
    let fields = document.as_ref().and_then(serde_json::Value::as_object);
    let rows = fields
        .into_iter()
        .flatten()
        .map(|(name, value)| vec![Cell::code(name.as_str()), Cell::text(value_text(value))]);
    let table = Table { heads: [t.capability(), t.found()].map(Head::text).into(), rows: rows.collect() };
    Part::new(t.capabilities()).table(table, t.never_probed())
}

fn confirmation(visit: &Visit, id: &str, ask: Ask) -> Confirm {
    let t = HostWords(visit.preferences.language);
    let (name, what) = ask.told(t);
    Confirm {
        shell: visit.shell(Section::Hosts),
        title: format!("{name}: {id}"),
        sentences: vec![what.to_owned(), t.may_take().to_owned()],
        parts: Vec::new(),
        action: asking(id, ask),
        hidden: Vec::new(),
        check: None,
        button: name,
        is_danger: false,
        cancel: (path("/hosts", id), t.cancel()),
    }
}

fn answer(visit: &Visit, noun: &'static str, id: &str, parts: Vec<Part>) -> Sheet {
    let t = HostWords(visit.preferences.language);
    Sheet {
        shell: visit.shell(Section::Hosts),
        noun,
        name: id.to_owned(),
        badges: Vec::new(),
        back: Some(("/hosts", t.title())),
        actions: vec![Action::new(path("/hosts", id), t.host())],
        parts,
    }
}

fn synced(visit: &Visit, found: &Synced) -> Vec<Part> {
    let t = HostWords(visit.preferences.language);
    let drift = found.drift.iter().map(|drift| {
        vec![Cell::text(&drift.subject).note(drift.kind), Cell::text(&drift.message), Cell::text(&drift.remedy)]
    });
    let drift = Table { heads: [t.subject(), t.message(), t.remedy()].map(Head::text).into(), rows: drift.collect() };
    let seen = t.seen_of(found.groups, found.models, found.subscriptions, found.keys);
    let mut facts = vec![(t.seen(), Cell::text(seen)), (t.ensured(), Cell::text(found.ensured.to_string()))];
    facts.extend(found.problems.iter().map(|problem| (t.problems(), Cell::text(problem))));
    vec![Part::new(t.synced()).facts(facts), Part::new(t.drift()).table(drift, t.no_drift())]
}

fn reconciled(visit: &Visit, found: &Reconciled) -> Vec<Part> {
    let (t, format) = (HostWords(visit.preferences.language), visit.format());
    let number = |number: u64| format.number(i64::try_from(number).unwrap_or(i64::MAX));
    let side = |name: &str, sums: &relay_control::hosts::Sums| {
        let mut row = vec![Cell::text(name)];
        row.extend([sums.requests, sums.input_tokens, sums.output_tokens].map(|value| Cell::number(number(value))));
        row.push(Cell::number(format!("{:.4}", sums.cost_usd)));
        row
    };
    let mut heads = vec![Head::text(t.side())];
    heads.extend([t.requests(), t.input(), t.output(), t.cost()].map(Head::number));
    let sides = Table { heads, rows: vec![side(t.ours(), &found.ours), side(t.theirs(), &found.theirs)] };
    let counts = [
        (t.matched(), found.matched),
        (t.missing_on_host(), found.missing_on_host),
        (t.missing_here(), found.missing_here),
        (t.double(), found.double),
        (t.differing(), found.differing),
    ];
    let mut facts: Vec<_> = counts.into_iter().map(|(name, count)| (name, Cell::text(number(count)))).collect();
    facts.push((t.unexplained(), Cell::text(format!("{:.4}", found.unexplained_usd))));
    let hint = match (found.can_be_joined, found.is_truncated) {
        (false, _) => t.not_joinable(),
        (true, true) => t.truncated(),
        (true, false) => "",
    };
    let rows = found.differences.iter().take(200).map(|difference| {
        let ours = difference.request_id.as_deref();
        vec![
            Cell::code(difference.kind),
            ours.map_or_else(|| Cell::text(""), |id| Cell::link(path("/decisions", id), id))
                .note(&difference.host_request_id),
            Cell::text(&difference.message),
        ]
    });
    let rows = Table { heads: [t.what(), t.request(), t.message()].map(Head::text).into(), rows: rows.collect() };
    vec![
        Part::new(t.reconciled()).hint(hint).table(sides, "").facts(facts),
        Part::new(t.differences()).table(rows, t.no_differences()),
    ]
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use relay_control::hosts::{Difference, Drift, JoinedBy, Sums, Unjoined};

    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let fleet = super::samples::fleet();
    let visit = visit(language);
    let observation = ObservationView {
        observation_id: 1,
        at: now(),
        host_id: HOSTILE.into(),
        kind: HOSTILE.into(),
        subject: HOSTILE.into(),
        value: HOSTILE.into(),
    };
    let known = Known {
        host: &fleet.hosts[1],
        routes: fleet.routes.iter().collect(),
        healths: Healths::sample(),
        capabilities: HostCapabilities { host_id: "tokyo".into(), capabilities: None },
        observations: vec![observation],
        events: vec![events::sample()],
    };
    let drift = Drift {
        kind: "group_missing",
        subject: HOSTILE.into(),
        message: HOSTILE.into(),
        remedy: HOSTILE.into(),
        desired: serde_json::Value::Null,
        recorded: serde_json::Value::Null,
        observed: serde_json::Value::Null,
    };
    let found = Synced {
        host_id: "tokyo".into(),
        at: now(),
        groups: 1,
        models: 2,
        subscriptions: 3,
        keys: 4,
        drift: vec![drift],
        ensured: 1,
        problems: vec![HOSTILE.into()],
    };
    let difference = Difference {
        kind: "double",
        request_id: Some(HOSTILE.into()),
        host_request_id: HOSTILE.into(),
        message: HOSTILE.into(),
    };
    let joined = Reconciled {
        host_id: "tokyo".into(),
        since: now(),
        until: now(),
        can_be_joined: true,
        joined_by: JoinedBy::ClientRequestId,
        unjoined: Unjoined::default(),
        ours: Sums::default(),
        theirs: Sums::default(),
        matched: 1,
        missing_on_host: 0,
        missing_here: 0,
        double: 1,
        differing: 0,
        unexplained_usd: 0.5,
        differences: vec![difference],
        is_truncated: true,
    };
    let t = HostWords(language);
    let mut pages = vec![
        render(&listing(&visit, &Query::default(), &fleet.hosts, &known.routes, &known.healths)),
        render(&listing(&visit, &Query::default(), &[], &[], &known.healths)),
        render(&sheet(&visit, &known)),
        render(&answer(&visit, t.synced(), HOSTILE, synced(&visit, &found))),
        render(&answer(&visit, t.reconciled(), HOSTILE, reconciled(&visit, &joined))),
    ];
    pages.extend([Ask::Probe, Ask::Sync, Ask::Reconcile].map(|ask| render(&confirmation(&visit, HOSTILE, ask))));
    pages
}
