//! Hosts: the list, and the sheet of one.

use axum::extract::{Path, State};
use http::StatusCode;
use relay_control::edit::Noun;
use relay_control::events::{EventFilter, EventView, ObservationFilter, ObservationView};
use relay_control::hosts::{HostCapabilities, HostError};
use relay_control::page::PageRequest;
use relay_control::view;
use relay_domain::{Host, Route};

use super::draining::{self, Draining};
use super::host_results::capabilities;
use super::listed::{ListWords, page_of};
use super::settings::field_table;
use super::{Among, FleetWords, Healths, changing, host_history, host_state, host_work, listed, making, routes_part};
use crate::cell::Cell;
use crate::changes::value_text;
use crate::chart::Chart;
use crate::fault::{Fault, PageResult};
use crate::kit::{Action, Head, Listing, Part, Sheet, Table};
use crate::pages::events;
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    HostWords {
        title => "Hosts" / "主机";
        intro => "Upstream deployments that requests are sent to." / "请求最终发往的上游部署。";
        host => "Host" / "主机";
        state => "State" / "状态";
        kind => "Kind" / "类型";
        address => "Address" / "地址";
        routes => "Routes" / "路由";
        empty => "There is no host yet. A host is where requests are sent." / "还没有主机。主机是请求发往的地方。";
        full => "relay and admin API" / "转发与管理 API";
        relay_only => "relay only" / "仅转发";
        watched => "Balances, multipliers and capacity, as they changed" / "余额、倍率与容量的变化";
        history => "Multipliers and balances over time" / "倍率与余额走势";
        what => "What" / "项目";
        subject => "Of what" / "对象";
        value => "Value" / "数值";
        when => "When" / "时间";
        nothing_watched => "Nothing was observed yet." / "还没有观测数据。";
        events => "Events" / "事件";
        no_events => "No event." / "没有事件。";
        clear => "Clear cool-downs" / "清除冷却";
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
    let page_of_host = path("/hosts", &id);
    let known = Known {
        draining: draining::of_host(&console, host, &routes).await,
        history: host_history::charts(control, &visit, &host.id).await?,
        work: host_work::lately(&console, &visit, host).await?,
        page: page_of_host,
        host,
        routes,
        healths: Healths::of(control),
        capabilities: control.host_capabilities(&id).await.map_err(fault)?,
        observations: control.observations(&watched, &latest).await?.items,
        events: control.events(&happened, &latest).await?.items,
    };
    Ok(page(&sheet(&visit, known)))
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
    let found = page_of((language, query), Noun::Host, &[], hosts.iter(), |host| host.id.as_str());
    let row = |host: &&Host| {
        let id = host.id.as_str();
        let kind = if host.kind.as_str() == "sub2api" { t.full() } else { t.relay_only() };
        vec![
            Cell::link(path("/hosts", id), id),
            Cell::badge(host_state(language, host, routes, healths)),
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
        narrows: vec![listed::narrow(language, query)],
        apply: ListWords(language).apply(),
        table: Table { heads, rows: found.items.iter().map(row).collect() },
        begins: query.text("id").is_none(),
        empty: listed::empty(language, query, t.empty()),
        pager: found.pager,
    }
}

/// What is known of a host.
struct Known<'a> {
    host: &'a Host,
    routes: Vec<&'a Route>,
    healths: Healths,
    draining: Option<Draining>,
    history: Vec<Chart>,
    work: Part,
    capabilities: HostCapabilities,
    observations: Vec<ObservationView>,
    events: Vec<EventView>,
    /// The address of its page.
    page: String,
}

fn sheet(visit: &Visit, known: Known<'_>) -> Sheet {
    let language = visit.preferences.language;
    let (t, fleet) = (HostWords(language), FleetWords(language));
    let id = known.host.id.as_str();
    let shell = visit.shell(Section::Hosts);
    let mut actions = changing(&shell, Noun::Host, id, known.host.enabled);
    actions.push(Action::new(address("/decisions", [("host_id", id)]), fleet.decisions()));
    if shell.may_operate() {
        actions.push(Action::new(address("/health/clear", [("host_id", id)]), t.clear()));
    }
    let observed = known.observations.iter().map(|seen| {
        vec![
            Cell::when(visit, seen.at),
            Cell::text(terms::observation(language, &seen.kind)),
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
    let all_routes = address("/routes", [("shadow_host_id", id)]);
    let draining = known.draining.map(|draining| draining.part(visit, &known.page));
    let history = (!known.history.is_empty()).then(|| Part::new(t.history()).charts(known.history));
    Sheet {
        noun: t.host(),
        name: id.to_owned(),
        badges: vec![host_state(language, known.host, &known.routes, &known.healths)],
        back: Some(("/hosts", t.title())),
        actions,
        parts: draining
            .into_iter()
            .chain([known.work])
            .chain(history)
            .chain([
                Part::new(t.watched()).table(observed, t.nothing_watched()),
                Part::new(t.events()).table(happened, t.no_events()),
                capabilities(language, &known.capabilities),
                Part::new(fleet.settings()).stacked(field_table(language, Noun::Host, &view::host(known.host))),
                routes_part(visit, &known.routes, &known.healths, Among::OfHost, all_routes),
            ])
            .collect(),
        shell,
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
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
    let routes: Vec<&Route> = fleet.routes.iter().collect();
    let known = |observations: Vec<ObservationView>| Known {
        host: &fleet.hosts[1],
        routes: routes.clone(),
        healths: Healths::sample(),
        draining: Some(Draining::sample()),
        history: host_history::drawn(&visit, &observations),
        work: Part::new(""),
        capabilities: HostCapabilities { host_id: "tokyo".into(), capabilities: None },
        observations,
        events: vec![events::sample()],
        page: "/hosts/tokyo".into(),
    };
    let changed = ObservationView { kind: "multiplier".into(), value: 0.8.into(), ..observation.clone() };
    vec![
        render(&listing(&visit, &Query::default(), &fleet.hosts, &routes, &Healths::sample())),
        render(&listing(&visit, &Query::default(), &[], &[], &Healths::sample())),
        render(&sheet(&visit, known(vec![observation]))),
        render(&sheet(&visit, known(vec![changed]))),
    ]
}
