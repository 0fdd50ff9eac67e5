//! Hosts, groups, routes and keys: lists, and the sheet of each.

pub(crate) mod acts;
pub(crate) mod draining;
pub(crate) mod edit;
mod fields;
pub(crate) mod groups;
mod host_history;
mod host_results;
pub(crate) mod host_work;
pub(crate) mod hosts;
pub(crate) mod issued;
pub(crate) mod keys;
pub(crate) mod listed;
pub(crate) mod routes;
mod settings;
pub(crate) mod told;
pub(crate) mod trial;
mod weight;

use relay_control::Control;
use relay_control::edit::Noun;
use relay_control::fleet_health::{FleetHealthView, HealthFilter, RouteHealthView};
use relay_domain::{Host, Route};

use crate::cell::Cell;
use crate::kit::{Action, Head, Part, Table};
use crate::pages::health;
use crate::query::path;
use crate::shell::Shell;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    /// Words that all nouns of the fleet share.
    FleetWords {
        enabled => "enabled" / "已启用";
        disabled => "disabled" / "已停用";
        draining => "draining" / "排空中";
        settings => "Settings" / "配置";
        route => "Route" / "路由";
        model => "Model" / "模型";
        host => "Host" / "主机";
        tier => "Tier" / "优先级";
        weight => "Weight" / "权重";
        on_host => "On the host" / "主机侧";
        routes => "Routes" / "路由";
        all(routes) => "All {routes}" / "全部 {routes}";
        credential => "Key sent" / "所用 key";
        state => "State" / "状态";
        decisions => "Its decisions" / "相关决策";
        new_host => "New host" / "新建主机";
        new_group => "New group" / "新建分组";
        new_route => "New route" / "新建路由";
        new_key => "New key" / "新建 key";
        change => "Change" / "修改";
        enable => "Enable" / "启用";
        disable => "Disable" / "停用";
        drain => "Drain" / "排空";
        rotate => "New secret" / "轮换密钥";
        delete => "Delete" / "删除";
        no_routes => "No route." / "没有路由。";
    }
}

/// The button that makes a new entry, for those who may.
pub(crate) fn making(shell: &Shell, noun: Noun) -> Vec<Action> {
    let t = FleetWords(shell.language);
    let text = match noun {
        Noun::Host => t.new_host(),
        Noun::Group => t.new_group(),
        Noun::Route => t.new_route(),
        Noun::Key => t.new_key(),
    };
    let action = Action::new(format!("{}/new", edit::list_of(noun)), text).primary();
    shell.may_administer().then_some(action).into_iter().collect()
}

/// The buttons that change an entry, for those who may.
pub(crate) fn changing(shell: &Shell, noun: Noun, id: &str, is_enabled: bool) -> Vec<Action> {
    if !shell.may_administer() {
        return Vec::new();
    }
    let t = FleetWords(shell.language);
    let own = path(edit::list_of(noun), id);
    let act = |word: &str, text| Action::new(format!("{own}/act/{word}"), text);
    let mut actions = vec![Action::new(format!("{own}/edit"), t.change()).primary()];
    match noun {
        Noun::Route | Noun::Host => actions.push(act("drain", t.drain())),
        Noun::Key => actions.push(act("rotate", t.rotate())),
        Noun::Group => {}
    }
    actions.push(if is_enabled { act("disable", t.disable()) } else { act("enable", t.enable()) });
    actions.push(act("delete", t.delete()).danger());
    actions
}

/// The health of the fleet, to look up by id.
pub(crate) struct Healths(FleetHealthView);

impl Healths {
    pub(crate) fn of(control: &Control) -> Self {
        Self(control.fleet_health(&HealthFilter::default()))
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self(crate::pages::health::sample_trouble().1)
    }

    pub(crate) fn route(&self, id: &str) -> Option<&RouteHealthView> {
        self.0.routes.iter().find(|route| route.route_id == id)
    }

    /// The badge of a host that is enabled.
    pub(crate) fn host_badge(&self, language: Language, id: &str) -> Option<Badge> {
        let host = self.0.hosts.iter().find(|host| host.host_id == id)?;
        let was_tried = self.0.routes.iter().any(|route| route.was_tried() && route.host_id == id);
        Some(health::host_badge(language, host, was_tried))
    }

    /// The badge of a route that is enabled.
    pub(crate) fn route_badge(&self, language: Language, id: &str) -> Option<Badge> {
        self.route(id).map(|route| health::route_badge(language, route))
    }
}

/// Whether something is enabled, and how it is then.
pub(crate) fn state(language: Language, is_enabled: bool, health: Option<Badge>) -> Badge {
    let t = FleetWords(language);
    match health {
        _ if !is_enabled => Badge::new(Tone::Quiet, t.disabled()),
        Some(badge) => badge,
        None => Badge::new(Tone::Good, t.enabled()),
    }
}

/// Whether no fault is known.
fn is_well(health: Option<&Badge>) -> bool {
    health.is_none_or(|badge| matches!(badge.tone, Tone::Good | Tone::Quiet))
}

/// The badge of a host.
pub(crate) fn host_state(language: Language, host: &Host, routes: &[&Route], healths: &Healths) -> Badge {
    let health = healths.host_badge(language, host.id.as_str());
    if is_well(health.as_ref()) && draining::is_draining(host, routes) {
        return Badge::new(Tone::Warning, FleetWords(language).draining());
    }
    state(language, host.enabled, health)
}

/// The badge of a route.
pub(crate) fn route_state(language: Language, route: &Route, healths: &Healths) -> Badge {
    let health = healths.route_badge(language, route.id.as_str());
    if route.enabled && route.weight == 0 && is_well(health.as_ref()) {
        return Badge::new(Tone::Warning, FleetWords(language).draining());
    }
    state(language, route.enabled, health)
}

/// Where a table of routes stands: what is the same for all of them is not said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    All,
    OfHost,
    OfGroup,
}

/// A table of routes.
pub(crate) fn route_table<'a>(
    visit: &Visit,
    routes: impl Iterator<Item = &'a Route>,
    healths: &Healths,
    among: Among,
) -> Table {
    let language = visit.preferences.language;
    let t = FleetWords(language);
    let row = |route: &Route| {
        let name = Cell::link(path("/routes", route.id.as_str()), route.id.as_str());
        let on_host = [route.shadow_group.as_str(), route.shadow_model.as_str()];
        let on_host: Vec<&str> = on_host.into_iter().filter(|part| !part.is_empty()).collect();
        let (on_host, model) = (on_host.join(" / "), Cell::text(route.public_model.to_string()));
        vec![
            if route.name == route.id.as_str() { name } else { name.note(&route.name) },
            Cell::badge(route_state(language, route, healths)),
            if among == Among::OfGroup { model } else { model.note(route.group.as_str()) },
            match among {
                Among::OfHost => Cell::text(on_host),
                _ => Cell::link(path("/hosts", route.host.as_str()), route.host.as_str()).note(on_host),
            },
            Cell::number(route.priority.to_string()),
            Cell::number(route.weight.to_string()),
            Cell::text(terms::credential(language, route.credential.as_str())),
        ]
    };
    let host = if among == Among::OfHost { t.on_host() } else { t.host() };
    let mut heads: Vec<Head> = [t.route(), t.state(), t.model(), host].map(Head::text).into();
    heads.extend([Head::number(t.tier()), Head::number(t.weight()), Head::text(t.credential())]);
    Table { heads, rows: routes.map(row).collect() }
}

/// Routes shown on the page of a host or group; all of them are a list of their own.
const ROUTES: usize = 20;

/// The routes of a host or group: the first ones, and the way to all.
pub(crate) fn routes_part(visit: &Visit, routes: &[&Route], healths: &Healths, among: Among, all: String) -> Part {
    let language = visit.preferences.language;
    let t = FleetWords(language);
    let table = route_table(visit, routes.iter().copied().take(ROUTES), healths, among);
    let to_all = Action::new(all, t.all(terms::counted(language, "route", routes.len())));
    let to_all = (routes.len() > ROUTES).then_some(to_all);
    Part::new(t.routes()).table(table, t.no_routes()).actions(to_all.into_iter().collect())
}

#[cfg(test)]
pub(crate) mod samples {
    use relay_domain::{
        BaseUrl, ConsumerKey, CredentialMode, Fleet, Group, GroupId, Host, HostId, HostKind, KeyHash, KeyId,
        ModelPattern, Route, RouteCost, RouteId,
    };

    use crate::pages::rendering::HOSTILE;

    /// One of each noun; ids are slugs, what else is text is hostile.
    pub(crate) fn fleet() -> Fleet {
        let host = Host {
            id: HostId::new("tokyo").unwrap(),
            kind: HostKind::Sub2api,
            base_url: BaseUrl::parse("https://tokyo.example").unwrap(),
            allow_private: false,
            enabled: true,
            admin: None,
            gateway_key: None,
            ask_usage: true,
        };
        let route = Route {
            id: RouteId::new("gpt-tokyo").unwrap(),
            name: HOSTILE.into(),
            group: GroupId::new("gpt").unwrap(),
            public_model: ModelPattern::parse("gpt-5").unwrap(),
            host: host.id.clone(),
            shadow_group: HOSTILE.into(),
            shadow_model: HOSTILE.into(),
            priority: 1,
            weight: 0,
            credential: CredentialMode::HostKey,
            enabled: true,
            cost: RouteCost::default(),
        };
        let mut key = ConsumerKey::new(KeyId::new("team-a").unwrap(), KeyHash([0; 32]));
        key.label = Some(HOSTILE.into());
        key.groups = [GroupId::new("gpt").unwrap()].into();
        let off = Host { id: HostId::new("osaka").unwrap(), enabled: false, ..host.clone() };
        Fleet {
            hosts: vec![off, host],
            groups: vec![Group::new(GroupId::new("gpt").unwrap())],
            routes: vec![route],
            keys: vec![key],
            ..Fleet::default()
        }
    }
}
