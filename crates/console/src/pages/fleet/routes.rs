//! Routes: the list, and the sheet of one with its health.

use axum::extract::{Path, State};
use relay_control::edit::Noun;
use relay_control::fleet_health::RouteHealthView;
use relay_control::view::{self, Fields};
use relay_domain::Route;

use super::draining::{Draining, Held};
use super::listed::{ListWords, page_of};
use super::settings::field_table;
use super::{Among, FleetWords, Healths, changing, listed, making, route_state, route_table};
use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::kit::{Action, Listing, Narrow, Part, Sheet};
use crate::query::{Query, address, path};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    RouteWords {
        title => "Routes" / "路由";
        intro => "Which host serves which model of which group. Of one model the lowest tier is tried first, shared out by weight." / "哪个分组的哪个模型由哪台主机提供。同一模型先使用优先级数值最小的一层，层内按权重分配。";
        route => "Route" / "路由";
        group => "Group" / "分组";
        model => "Model" / "模型";
        host => "Host" / "主机";
        no_match => "No route matches." / "没有匹配的路由。";
        empty => "There is no route yet. A route says which host serves a group's model." / "还没有路由。路由决定某个分组的模型由哪台主机提供。";
        health => "Health" / "健康状态";
        never_used => "No attempt was made on it since the server started." / "服务器启动以来还没有使用过该路由。";
        breaker => "Breaker" / "熔断器";
        class => "Because of" / "触发原因";
        since => "Since" / "开始";
        back => "Expected back" / "预计恢复";
        answers => "Last 5 minutes" / "最近 5 分钟";
        answers_of(good, bad) => "{good} good, {bad} failed" / "成功 {good}，失败 {bad}";
        ttft => "TTFT p50 / p99" / "TTFT p50 / p99";
        last_used => "Last used" / "最近使用";
        cooling => "Key not used now" / "暂停使用的 key";
        flagged => "Flag" / "标记";
        held => "Conversations held here" / "绑定在此的会话";
        clear => "Clear cool-downs" / "清除冷却";
    }
}

const FILTERS: [&str; 3] = ["logical_group_id", "public_model", "shadow_host_id"];

/// `GET /routes`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let snapshot = console.control.snapshot();
    let is = |name: &str, value: &str| query.text(name).is_none_or(|wanted| wanted == value);
    let mut routes: Vec<&Route> = snapshot.routes().iter().map(|entry| &entry.route).collect();
    routes.retain(|route| {
        is("logical_group_id", route.group.as_str())
            && is("public_model", &route.public_model.to_string())
            && is("shadow_host_id", route.host.as_str())
    });
    Ok(page(&listing(&visit, &query, &routes, &Healths::of(&console.control))))
}

/// `GET /routes/{id}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let snapshot = console.control.snapshot();
    let index = snapshot.route_by_id(&id).ok_or(Fault::NotFound)?;
    let held = Held::of_route(&console, &id).await;
    Ok(page(&sheet(&visit, &snapshot.route(index).route, &Healths::of(&console.control), held)))
}

fn listing(visit: &Visit, query: &Query, routes: &[&Route], healths: &Healths) -> Listing {
    let language = visit.preferences.language;
    let t = RouteWords(language);
    let found = page_of((language, query), Noun::Route, &FILTERS, routes.iter().copied(), |route| route.id.as_str());
    let labels = [t.group(), t.model(), t.host()];
    let is_filtered = FILTERS.iter().any(|name| query.text(name).is_some());
    let shell = visit.shell(Section::Routes);
    Listing {
        actions: making(&shell, Noun::Route),
        shell,
        title: t.title(),
        intro: t.intro(),
        path: "/routes",
        narrows: std::iter::once(listed::narrow(language, query))
            .chain(FILTERS.into_iter().zip(labels).map(|(name, label)| Narrow::text(name, label, query.text(name))))
            .collect(),
        apply: ListWords(language).apply(),
        table: route_table(visit, found.items.into_iter(), healths, Among::All),
        empty: if is_filtered { t.no_match() } else { t.empty() },
        begins: !is_filtered,
        pager: found.pager,
    }
}

fn sheet(visit: &Visit, route: &Route, healths: &Healths, held: Held) -> Sheet {
    let language = visit.preferences.language;
    let t = RouteWords(language);
    let id = route.id.as_str();
    let fields: Fields = view::route(route);
    let facts = healths.route(id).map(|health| health_facts(visit, health)).unwrap_or_default();
    let was_tried = healths.route(id).is_some_and(RouteHealthView::was_tried);
    let hint = if was_tried { "" } else { t.never_used() };
    let told = std::iter::once((t.held(), Cell::text(held.told(visit))));
    let health = Part::new(t.health()).hint(hint).facts(told.chain(facts).collect()).live(path("/routes", id));
    let shell = visit.shell(Section::Routes);
    let mut actions = changing(&shell, Noun::Route, id, route.enabled);
    actions.push(Action::new(address("/decisions", [("route_id", id)]), FleetWords(language).decisions()));
    if shell.may_operate() {
        actions.push(Action::new(address("/health/clear", [("route_id", id)]), t.clear()));
    }
    let is_draining = route.enabled && route.weight == 0;
    let draining = is_draining.then(|| Draining::new(held).part(visit, &path("/routes", id)));
    let settings = Part::new(FleetWords(language).settings()).stacked(field_table(language, Noun::Route, &fields));
    Sheet {
        noun: t.route(),
        name: id.to_owned(),
        badges: vec![route_state(language, route, healths)],
        back: Some(("/routes", t.title())),
        actions,
        parts: draining.into_iter().chain([health, settings]).collect(),
        shell,
    }
}

fn health_facts(visit: &Visit, health: &RouteHealthView) -> Vec<(&'static str, Cell)> {
    let language = visit.preferences.language;
    let (t, format) = (RouteWords(language), visit.format());
    let ms = |ms| format.about_millis(ms);
    let opener = health.breaker.opened_by.map(|word| terms::opened_by(language, word).into_owned());
    let class = health.breaker.class.unwrap_or_default();
    let breaker = match health.breaker.state {
        "closed" if !health.was_tried() => terms::untried_badge(language),
        state => terms::breaker_badge(language, state),
    };
    let mut facts = vec![(t.breaker(), Cell::badge(breaker))];
    if let Some(opener) = opener {
        facts.push((t.class(), Cell::text(opener).note(class)));
        facts.push((t.since(), Cell::optional_when(visit, health.breaker.since)));
        facts.push((t.back(), Cell::optional_when(visit, health.breaker.expected_back)));
    }
    facts.extend(health.credentials.iter().map(|cooling| {
        let until = format.relative(cooling.expected_back, visit.now);
        (t.cooling(), Cell::text(terms::cooling(language, cooling.reason)).note(format!("{} {until}", t.back())))
    }));
    facts.extend(health.flags.iter().map(|flag| (t.flagged(), Cell::text(terms::flag(language, flag.flag)))));
    let answers = match (health.succeeded, health.failed) {
        (0, 0) => Cell::text(""),
        (good, bad) => Cell::text(t.answers_of(good, bad)),
    };
    facts.extend([
        (t.answers(), answers),
        (t.ttft(), Cell::text(format!("{} / {}", ms(health.ttft_ms_p50), ms(health.ttft_ms_p99)))),
        (t.last_used(), Cell::optional_when(visit, health.last_used_at)),
    ]);
    facts
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{render, visit};
    let fleet = super::samples::fleet();
    let (visit, healths) = (visit(language), Healths::sample());
    let routes: Vec<&Route> = fleet.routes.iter().collect();
    let health_of_one = healths.route(crate::pages::rendering::HOSTILE).map(|health| health_facts(&visit, health));
    let mut with_health = sheet(&visit, routes[0], &healths, Held::default());
    with_health.parts.push(Part::new("").facts(health_of_one.unwrap_or_default()));
    vec![
        render(&listing(&visit, &Query::parse("public_model=%3Cb%3E"), &routes, &healths)),
        render(&listing(&visit, &Query::default(), &[], &healths)),
        render(&with_health),
    ]
}
