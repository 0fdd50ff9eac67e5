//! Consumer keys: the list, and the sheet of one. Secrets are not known here: only their hashes are kept.

use axum::extract::{Path, State};
use relay_control::edit::Noun;
use relay_control::view;
use relay_domain::{ConsumerKey, GroupId, Timestamp};

use super::listed::{ListWords, page_of};
use super::settings::field_table;
use super::{FleetWords, changing, listed, making, state};
use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::kit::{Action, Head, Listing, Narrow, Part, Sheet, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms::{Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, enumerated, words};

words! {
    KeyWords {
        title => "Consumer keys" / "使用方 key";
        intro => "Who may call the gateway, and for what." / "谁可以调用网关，可以调用什么。";
        key => "Key" / "使用方 key";
        label => "Label" / "备注";
        state => "State" / "状态";
        groups => "Groups" / "分组";
        group => "Group" / "分组";
        limits => "Limits" / "限制";
        none => "none" / "无";
        expires => "Expires" / "到期时间";
        never => "never" / "永不";
        expired => "expired" / "已过期";
        rotating => "two secrets" / "新旧密钥并存";
        no_match => "No key matches." / "没有匹配的 key。";
        overview => "Its overview" / "该 key 概览";
        empty => "There is no key yet, so nobody may call the gateway." / "还没有 key，任何人都无法调用网关。";
        rpm(number) => "{number} requests/min" / "{number} 请求/分钟";
        tpm(number) => "{number} tokens/min" / "{number} token/分钟";
        tpd(number) => "{number} tokens/day" / "{number} token/天";
        concurrency(number) => "{number} at once" / "并发 {number}";
        budgets(number) => "{number} budgets" / "{number} 项额度";
    }
}

/// `GET /keys`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let snapshot = console.control.snapshot();
    let group = query.text("logical_group_id");
    let is_meant =
        |key: &&ConsumerKey| group.as_deref().is_none_or(|group| key.groups.iter().any(|own| own.as_str() == group));
    let keys: Vec<&ConsumerKey> = snapshot.keys().iter().filter(is_meant).collect();
    Ok(page(&listing(&visit, &query, &keys)))
}

/// `GET /keys/{id}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let snapshot = console.control.snapshot();
    let key = snapshot.key_by_id(&id).ok_or(Fault::NotFound)?;
    Ok(page(&sheet(&visit, key)))
}

fn badges(language: Language, key: &ConsumerKey, now: Timestamp) -> Vec<Badge> {
    let t = KeyWords(language);
    let is_expired = key.expires_at.is_some_and(|at| at <= now);
    let own =
        if key.enabled && is_expired { Badge::new(Tone::Bad, t.expired()) } else { state(language, key.enabled, None) };
    let rotating =
        key.previous.filter(|previous| now < previous.until).map(|_| Badge::new(Tone::Warning, t.rotating()));
    std::iter::once(own).chain(rotating).collect()
}

fn limits(visit: &Visit, key: &ConsumerKey) -> String {
    let t = KeyWords(visit.preferences.language);
    let number = |limit: u64| visit.format().compact(i64::try_from(limit).unwrap_or(i64::MAX));
    let limits = &key.limits;
    let told = [
        limits.rpm.map(|limit| t.rpm(number(limit))),
        limits.tpm.map(|limit| t.tpm(number(limit))),
        limits.tpd.map(|limit| t.tpd(number(limit))),
        limits.concurrency.map(|limit| t.concurrency(limit)),
        (!limits.budgets.is_empty()).then(|| t.budgets(limits.budgets.len())),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    if told.is_empty() { t.none().to_owned() } else { enumerated(visit.preferences.language, &told) }
}

fn listing(visit: &Visit, query: &Query, keys: &[&ConsumerKey]) -> Listing {
    let language = visit.preferences.language;
    let t = KeyWords(language);
    let found =
        page_of((language, query), Noun::Key, &["logical_group_id"], keys.iter().copied(), |key| key.id.as_str());
    let row = |key: &&ConsumerKey| {
        let groups: Vec<&str> = key.groups.iter().map(GroupId::as_str).collect();
        let badges = badges(language, key, visit.now);
        let more = badges.get(1).map(|badge| badge.text.clone()).unwrap_or_default();
        vec![
            Cell::link(path("/keys", key.id.as_str()), key.id.as_str()).note(key.label.clone().unwrap_or_default()),
            Cell::badge(badges[0].clone()).note(more),
            Cell::text(enumerated(language, &groups)),
            Cell::text(limits(visit, key)),
            key.expires_at.map_or_else(|| Cell::text(t.never()), |at| Cell::when(visit, at)),
        ]
    };
    let shell = visit.shell(Section::Keys);
    Listing {
        actions: making(&shell, Noun::Key),
        shell,
        title: t.title(),
        intro: t.intro(),
        path: "/keys",
        narrows: vec![
            listed::narrow(language, query),
            Narrow::text("logical_group_id", t.group(), query.text("logical_group_id")),
        ],
        apply: ListWords(language).apply(),
        table: Table {
            heads: [t.key(), t.state(), t.groups(), t.limits(), t.expires()].map(Head::text).into(),
            rows: found.items.iter().map(row).collect(),
        },
        empty: if query.text("logical_group_id").is_none() {
            listed::empty(language, query, t.empty())
        } else {
            t.no_match()
        },
        begins: query.text("logical_group_id").is_none() && query.text("id").is_none(),
        pager: found.pager,
    }
}

fn sheet(visit: &Visit, key: &ConsumerKey) -> Sheet {
    let language = visit.preferences.language;
    let (t, fleet) = (KeyWords(language), FleetWords(language));
    let id = key.id.as_str();
    let groups = key.groups.iter().map(|group| vec![Cell::link(path("/groups", group.as_str()), group.as_str())]);
    let groups = Table { heads: vec![Head::text(t.group())], rows: groups.collect() };
    let shell = visit.shell(Section::Keys);
    let mut actions = changing(&shell, Noun::Key, id, key.enabled);
    actions.push(Action::new(address("/", [("consumer", id)]), t.overview()));
    actions.push(Action::new(address("/decisions", [("consumer", id)]), fleet.decisions()));
    Sheet {
        noun: t.key(),
        name: id.to_owned(),
        badges: badges(language, key, visit.now),
        back: Some(("/keys", t.title())),
        actions,
        parts: vec![
            Part::new(t.key()).facts(vec![
                (t.label(), Cell::text(key.label.clone().unwrap_or_default())),
                (t.limits(), Cell::text(limits(visit, key))),
                (t.expires(), key.expires_at.map_or_else(|| Cell::text(t.never()), |at| Cell::when(visit, at))),
            ]),
            Part::new(t.groups()).table(groups, t.none()),
            Part::new(fleet.settings()).stacked(field_table(language, Noun::Key, &view::key(key))),
        ],
        shell,
    }
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{now, render, visit};
    let mut key = super::samples::fleet().keys.remove(0);
    let plain = key.clone();
    key.expires_at = Some(now());
    key.limits.rpm = Some(600);
    key.limits.tpd = Some(1_000_000);
    let visit = visit(language);
    vec![
        render(&listing(&visit, &Query::parse("logical_group_id=%3Cb%3E"), &[&key, &plain])),
        render(&listing(&visit, &Query::default(), &[])),
        render(&sheet(&visit, &key)),
    ]
}
