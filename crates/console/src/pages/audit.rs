//! The audit trail: who did what.

use axum::extract::{Path, State};
use relay_control::audit::{AuditFilter, AuditView};
use relay_control::page::{Page, PageRequest};

use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::kit::{Action, Head, Listing, Narrow, Pager, Part, Sheet, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    AuditWords {
        title => "Audit" / "审计";
        intro => "Who did what: every change of the fleet, and every act that publishes nothing." / "谁做了什么：所有配置变更，以及不产生新版本的操作。";
        entry => "Audit entry" / "审计记录";
        number => "No." / "序号";
        when => "When" / "时间";
        who => "Who" / "操作者";
        action => "Action" / "操作";
        summary => "Summary" / "摘要";
        generation => "Generation" / "配置版本";
        subject => "About (such as host:tokyo-1)" / "对象（例如 host:tokyo-1）";
        from => "From (UTC)" / "开始（UTC）";
        to => "To (UTC)" / "结束（UTC）";
        apply => "Filter" / "筛选";
        details => "Details" / "详情";
        as_json(size) => "As JSON, {size}" / "JSON 原文，{size}";
        what_changed => "What it changed" / "查看变更内容";
        empty => "Nobody has done anything yet." / "还没有任何操作记录。";
    }
}

/// `GET /audit`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let filter = AuditFilter {
        actor: query.text("actor").map(|who| faults::label_of(&who).to_owned()),
        action: query.text("action"),
        subject: query.text("subject"),
        from: query.time("from")?,
        to: query.time("to")?,
    };
    let found = console.control.audit_trail(&filter, &query.page()?).await?;
    Ok(page(&listing(&visit, &query, &found)))
}

/// `GET /audit/{number}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<i64>) -> PageResult {
    // The trail is read downwards: the entry is the first one below the next number.
    let request = PageRequest { limit: 1, cursor: Some(id.saturating_add(1)) };
    let found = console.control.audit_trail(&AuditFilter::default(), &request).await?;
    let entry = found.items.into_iter().find(|entry| entry.id == id).ok_or(Fault::NotFound)?;
    Ok(page(&sheet(&visit, &entry)))
}

/// What was done in words; filters and the API name it as it stands below them.
fn action(language: Language, entry: &AuditView) -> Cell {
    Cell::text(terms::action(language, &entry.action)).note(format!("`{}`", entry.action))
}

fn generation(entry: &AuditView) -> Cell {
    match entry.generation {
        Some(number) => Cell::link(path("/generations", &number.to_string()), number.to_string()),
        None => Cell::text(""),
    }
}

fn listing(visit: &Visit, query: &Query, found: &Page<AuditView>) -> Listing {
    let language = visit.preferences.language;
    let t = AuditWords(language);
    let filters = [("actor", t.who()), ("action", t.action()), ("subject", t.subject())];
    let times = [("from", t.from()), ("to", t.to())];
    let names = filters.iter().chain(&times).map(|(name, _)| *name);
    let given: Vec<_> = names.map(|name| (name, query.text(name).unwrap_or_default())).collect();
    let with = |more: &[(&str, &str)]| {
        address("/audit", given.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()))
    };
    let row = |entry: &AuditView| {
        vec![
            Cell::link(path("/audit", &entry.id.to_string()), entry.id.to_string()),
            Cell::clock(visit, entry.at),
            Cell::text(faults::who(language, &entry.actor)),
            action(language, entry),
            Cell::text(faults::summary(language, &entry.summary)),
            generation(entry),
        ]
    };
    let heads = [t.number(), t.when(), t.who(), t.action(), t.summary(), t.generation()].map(Head::text).into();
    Listing {
        shell: visit.shell(Section::Audit),
        title: t.title(),
        intro: t.intro(),
        actions: Vec::new(),
        path: "/audit",
        narrows: filters
            .map(|(name, label)| Narrow::text(name, label, query.text(name)))
            .into_iter()
            .chain(times.map(|(name, label)| Narrow::time(name, label, query.text(name))))
            .collect(),
        apply: t.apply(),
        table: Table { heads, rows: found.items.iter().map(row).collect() },
        empty: t.empty(),
        begins: false,
        pager: Pager::by_time(
            query.text("cursor").map(|_| with(&[])),
            found.next_cursor.as_deref().map(|cursor| with(&[("cursor", cursor)])),
        ),
    }
}

/// Bytes of an entry's details that are shown at most: those of earlier versions may be a whole fleet.
const LONGEST_DETAILS: usize = 64 << 10;

/// Bytes of details from which on they are opened by who wants to read them.
const FOLDED: usize = 1 << 10;

fn sheet(visit: &Visit, entry: &AuditView) -> Sheet {
    let language = visit.preferences.language;
    let t = AuditWords(language);
    let facts = vec![
        (t.when(), Cell::when(visit, entry.at)),
        (t.who(), Cell::text(faults::who(language, &entry.actor))),
        (t.action(), action(language, entry)),
        (t.summary(), Cell::text(faults::summary(language, &entry.summary))),
        (t.generation(), generation(entry)),
    ];
    let to_generation = entry.generation.map(|number| path("/generations", &number.to_string()));
    let to_generation = to_generation.map(|generation| Action::new(generation, t.what_changed()));
    let mut details = serde_json::to_string_pretty(&entry.details).unwrap_or_default();
    if details.len() > LONGEST_DETAILS {
        details.truncate(details.floor_char_boundary(LONGEST_DETAILS));
        details.push_str("\n…");
    }
    let shown = Part::new(t.details());
    let shown = match details.len() {
        FOLDED.. => shown.folded(t.as_json(visit.format().bytes(details.len() as u64))),
        _ => shown,
    };
    Sheet {
        shell: visit.shell(Section::Audit),
        noun: t.entry(),
        name: entry.id.to_string(),
        badges: Vec::new(),
        back: Some(("/audit", t.title())),
        actions: Vec::new(),
        parts: vec![
            Part::new(t.entry()).facts(facts).actions(to_generation.into_iter().collect()),
            shown.code("details", details),
        ],
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let entry = AuditView {
        id: 7,
        at: now(),
        actor: HOSTILE.into(),
        action: HOSTILE.into(),
        summary: HOSTILE.into(),
        generation: Some(3),
        details: serde_json::json!({ "x": HOSTILE }),
    };
    let visit = visit(language);
    let full = Page { items: vec![entry.clone()], next_cursor: Some("7".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    vec![
        render(&listing(&visit, &Query::parse("cursor=9&actor=%3Cb%3E"), &full)),
        render(&listing(&visit, &Query::default(), &empty)),
        render(&sheet(&visit, &entry)),
    ]
}
