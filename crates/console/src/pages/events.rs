//! Events: what operators should hear of.

use axum::extract::State;
use relay_control::events::{EventFilter, EventView, Severity};
use relay_control::page::Page;
use relay_domain::HostId;

use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::kit::{Head, Listing, Narrow, Pager, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::words;

words! {
    EventWords {
        title => "Events" / "事件";
        intro => "What was noticed of hosts, keys, prices and subscriptions." / "关于主机、key、价格和订阅的各类事件。";
        severity => "At least" / "最低级别";
        any => "any" / "不限";
        kind => "Kind" / "类型";
        host => "Host" / "主机";
        apply => "Filter" / "筛选";
        when => "When" / "时间";
        what => "What" / "事件";
        subject => "Of what" / "对象";
        told => "Message" / "说明";
        empty => "Nothing has happened that anybody should hear of." / "没有需要关注的事件。";
    }
}

/// `GET /events`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let host = query.text("host_id").map(|host| HostId::new(&host).map_err(|_| Fault::Parameter("host_id")));
    let filter = EventFilter {
        kind: query.text("kind"),
        host: host.transpose()?,
        severity: query.parsed::<Severity>("severity")?,
    };
    let found = console.control.events(&filter, &query.page()?).await?;
    Ok(page(&listing(&visit, &query, &found)))
}

/// A row of a table of events.
pub(crate) fn row(visit: &Visit, event: &EventView) -> Vec<Cell> {
    let tone = match event.severity {
        "critical" => Tone::Bad,
        "warning" => Tone::Warning,
        _ => Tone::Quiet,
    };
    let (language, host) = (visit.preferences.language, event.host_id.as_deref());
    vec![
        Cell::when(visit, event.at),
        Cell::badge(Badge::new(tone, terms::severity(language, event.severity)))
            .note(terms::event(language, &event.kind)),
        host.map_or_else(|| Cell::text(""), |host| Cell::link(path("/hosts", host), host)),
        Cell::text(&event.subject),
        Cell::text(faults::said(language, &event.message)),
    ]
}

/// The headings of a table of events.
pub(crate) fn heads(visit: &Visit) -> Vec<Head> {
    let t = EventWords(visit.preferences.language);
    [t.when(), t.what(), t.host(), t.subject(), t.told()].map(Head::text).into()
}

fn listing(visit: &Visit, query: &Query, found: &Page<EventView>) -> Listing {
    let language = visit.preferences.language;
    let t = EventWords(language);
    let severities = [Severity::Warning, Severity::Critical];
    let severities =
        severities.map(|word| (word.as_str().to_owned(), terms::severity(language, word.as_str()).into_owned()));
    let filters = ["severity", "kind", "host_id"].map(|name| (name, query.text(name).unwrap_or_default()));
    let with = |more: &[(&str, &str)]| {
        address("/events", filters.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()))
    };
    Listing {
        shell: visit.shell(Section::Events),
        title: t.title(),
        intro: t.intro(),
        actions: Vec::new(),
        path: "/events",
        narrows: vec![
            Narrow::choice("severity", t.severity(), query.text("severity"), t.any(), severities),
            Narrow::text("kind", t.kind(), query.text("kind")),
            Narrow::text("host_id", t.host(), query.text("host_id")),
        ],
        apply: t.apply(),
        table: Table { heads: heads(visit), rows: found.items.iter().map(|event| row(visit, event)).collect() },
        empty: t.empty(),
        begins: false,
        pager: Pager::by_time(
            query.text("cursor").map(|_| with(&[])),
            found.next_cursor.as_deref().map(|cursor| with(&[("cursor", cursor)])),
        ),
    }
}

#[cfg(test)]
pub(crate) fn sample() -> EventView {
    use crate::pages::rendering::{HOSTILE, now};
    EventView {
        event_id: 1,
        at: now(),
        kind: HOSTILE.into(),
        severity: "critical",
        host_id: Some(HOSTILE.into()),
        subject: HOSTILE.into(),
        message: HOSTILE.into(),
        details: serde_json::Value::Null,
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{render, visit};
    let full = Page { items: vec![sample()], next_cursor: Some("1".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    let visit = visit(language);
    vec![
        render(&listing(&visit, &Query::parse("severity=critical&kind=%3Cb%3E&cursor=9"), &full)),
        render(&listing(&visit, &Query::parse(""), &empty)),
    ]
}
