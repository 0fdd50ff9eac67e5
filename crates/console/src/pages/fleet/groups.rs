//! Groups: the list, and the sheet of one with its routes and keys.

use axum::extract::{Path, State};
use relay_control::edit::Noun;
use relay_control::view;
use relay_domain::{ConsumerKey, Group, Route};

use super::listed::{ListWords, page_of};
use super::settings::field_table;
use super::{Among, FleetWords, Healths, changing, listed, making, routes_part, state};
use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::kit::{Action, Head, Listing, Part, Sheet, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::{enumerated, words};

words! {
    GroupWords {
        title => "Groups" / "分组";
        intro => "What a customer is given: a named pool of public models." / "面向客户开放的一组模型。";
        group => "Group" / "分组";
        state => "State" / "状态";
        models => "Models" / "模型";
        models_of(number) => "{number} models" / "{number} 个模型";
        routes => "Routes" / "路由";
        keys => "Keys" / "使用方 key";
        sticky => "Sticky by" / "粘性范围";
        ttl => "for" / "有效期";
        empty => "There is no group yet. A group is what keys may call." / "还没有分组。使用方 key 通过分组调用模型。";
        no_keys => "No key may call it." / "没有 key 可以调用该分组。";
        key => "Key" / "使用方 key";
        label => "Label" / "备注";
        overview => "Its overview" / "该分组概览";
    }
}

/// Models named in a cell; more are counted.
const NAMED: usize = 3;

/// `GET /groups`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let snapshot = console.control.snapshot();
    let groups: Vec<&Group> = snapshot.groups().collect();
    let routes: Vec<&Route> = snapshot.routes().iter().map(|entry| &entry.route).collect();
    let keys: Vec<&ConsumerKey> = snapshot.keys().iter().collect();
    Ok(page(&listing(&visit, &query, &groups, &routes, &keys)))
}

/// `GET /groups/{id}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let snapshot = console.control.snapshot();
    let group = snapshot.group(&id).ok_or(Fault::NotFound)?;
    let routes: Vec<&Route> = snapshot.routes().iter().map(|entry| &entry.route).collect();
    let keys: Vec<&ConsumerKey> = snapshot.keys().iter().collect();
    Ok(page(&sheet(&visit, group, &routes, &keys, &Healths::of(&console.control))))
}

fn listing(visit: &Visit, query: &Query, groups: &[&Group], routes: &[&Route], keys: &[&ConsumerKey]) -> Listing {
    let language = visit.preferences.language;
    let t = GroupWords(language);
    let found = page_of((language, query), Noun::Group, &[], groups.iter().copied(), |group| group.id.as_str());
    let row = |group: &&Group| {
        let own: Vec<&&Route> = routes.iter().filter(|route| route.group == group.id).collect();
        let mut models: Vec<String> = own.iter().map(|route| route.public_model.to_string()).collect();
        models.sort_unstable();
        models.dedup();
        let named = enumerated(language, &models);
        let models =
            if models.len() > NAMED { Cell::brief(t.models_of(models.len()), named) } else { Cell::text(named) };
        let callers = keys.iter().filter(|key| key.groups.contains(&group.id)).count();
        let ttl = visit.format().span(group.sticky.ttl);
        vec![
            Cell::link(path("/groups", group.id.as_str()), group.id.as_str()),
            Cell::badge(state(language, group.enabled, None)),
            models,
            Cell::number(own.len().to_string()),
            Cell::number(callers.to_string()),
            Cell::text(terms::scope(language, group.sticky.scope.as_str())).note(format!("{} {ttl}", t.ttl())),
        ]
    };
    let mut heads: Vec<Head> = [t.group(), t.state(), t.models()].map(Head::text).into();
    heads.extend([Head::number(t.routes()), Head::number(t.keys()), Head::text(t.sticky())]);
    let shell = visit.shell(Section::Groups);
    Listing {
        actions: making(&shell, Noun::Group),
        shell,
        title: t.title(),
        intro: t.intro(),
        path: "/groups",
        narrows: vec![listed::narrow(language, query)],
        apply: ListWords(language).apply(),
        table: Table { heads, rows: found.items.iter().map(row).collect() },
        begins: query.text("id").is_none(),
        empty: listed::empty(language, query, t.empty()),
        pager: found.pager,
    }
}

fn sheet(visit: &Visit, group: &Group, routes: &[&Route], keys: &[&ConsumerKey], healths: &Healths) -> Sheet {
    let language = visit.preferences.language;
    let (t, fleet) = (GroupWords(language), FleetWords(language));
    let id = group.id.as_str();
    let mut own: Vec<&Route> = routes.iter().copied().filter(|route| route.group == group.id).collect();
    own.sort_by(|a, b| {
        (a.public_model.to_string(), a.priority, &a.id).cmp(&(b.public_model.to_string(), b.priority, &b.id))
    });
    let callers = keys.iter().filter(|key| key.groups.contains(&group.id)).map(|key| {
        let label = key.label.clone().unwrap_or_default();
        vec![Cell::link(path("/keys", key.id.as_str()), key.id.as_str()), Cell::text(label)]
    });
    let callers = Table { heads: [t.key(), t.label()].map(Head::text).into(), rows: callers.take(200).collect() };
    let shell = visit.shell(Section::Groups);
    let mut actions = changing(&shell, Noun::Group, id, group.enabled);
    actions.push(Action::new(address("/", [("group", id)]), t.overview()));
    actions.push(Action::new(address("/decisions", [("logical_group_id", id)]), fleet.decisions()));
    Sheet {
        shell,
        noun: t.group(),
        name: id.to_owned(),
        badges: vec![state(language, group.enabled, None)],
        back: Some(("/groups", t.title())),
        actions,
        parts: vec![
            Part::new(t.keys()).table(callers, t.no_keys()),
            Part::new(fleet.settings()).stacked(field_table(language, Noun::Group, &view::group(group))),
            routes_part(visit, &own, healths, Among::OfGroup, address("/routes", [("logical_group_id", id)])),
        ],
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{render, visit};
    let fleet = super::samples::fleet();
    let visit = visit(language);
    let groups: Vec<&Group> = fleet.groups.iter().collect();
    let routes: Vec<&Route> = fleet.routes.iter().collect();
    let keys: Vec<&ConsumerKey> = fleet.keys.iter().collect();
    vec![
        render(&listing(&visit, &Query::default(), &groups, &routes, &keys)),
        render(&listing(&visit, &Query::default(), &[], &[], &[])),
        render(&sheet(&visit, groups[0], &routes, &keys, &Healths::sample())),
        render(&sheet(&visit, groups[0], &[], &[], &Healths::sample())),
    ]
}
