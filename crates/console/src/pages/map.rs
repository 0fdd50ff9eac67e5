//! The fleet as one picture: groups → routes → hosts, edges as wide as their traffic of the last day,
//! colored by health.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State;
use relay_control::traffic::{RollupSums, UsualSpan};
use relay_domain::{Group, Host, Route};

use crate::fault::PageResult;
use crate::pages::fleet::listed::natural;
use crate::pages::fleet::{Healths, route_state, state};
use crate::query::{Query, address, path};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms::Tone;
use crate::visit::Visit;
#[cfg(test)]
use crate::words::Language;
use crate::words::words;

words! {
    MapWords {
        title => "Fleet map" / "流量拓扑";
        intro => "Groups, routes and hosts. Edges are as wide as their traffic of the last 24 hours, colored by health. A click leads to each, to see and change it." / "分组、路由与主机。连线粗细表示最近 24 小时的流量，颜色表示健康状态。点击可查看和修改。";
        groups => "Groups" / "分组";
        routes => "Routes" / "路由";
        hosts => "Hosts" / "主机";
        well => "well" / "正常";
        troubled => "not well" / "异常";
        left_alone => "out of rotation, cooling down" / "已避开，冷却中";
        off => "off, or without traffic" / "停用或无流量";
        told_of(name, told) => "{name}: {told}" / "{name}：{told}";
        requests(number) => "{number} requests" / "{number} 个请求";
        tier_and_weight(tier, weight) => "tier {tier}, weight {weight}" / "优先级 {tier}，权重 {weight}";
        more(number) => "The busiest routes are drawn; {number} more are not. Choose a group to see its own." / "仅显示流量最大的路由，另有 {number} 条未显示，可选择单个分组查看。";
        more_of_group(number) => "The busiest routes are drawn; {number} more are not." / "仅显示流量最大的路由，另有 {number} 条未显示。";
        list => "List of routes" / "路由列表";
        group => "Group" / "分组";
        all => "all" / "全部";
        apply => "Show" / "查看";
        counting => "The traffic is still being added up and follows." / "流量仍在汇总，稍后自动显示。";
        empty => "There is no route to draw. A route joins a group's model with a host." / "还没有路由。路由把分组的模型连接到主机。";
    }
}

/// Routes drawn at most; a picture of more shows nothing.
const ROUTES: usize = 60;

/// Letters of the small line of a box.
const NOTE: usize = 34;

const NODE_WIDTH: usize = 210;
const NODE_HEIGHT: usize = 40;
const ROW: usize = 54;
const TOP: usize = 28;
/// Left edges of the three columns.
const COLUMNS: [usize; 3] = [10, 360, 710];
/// All edges of a box together at most; a little less than its height.
const WIDEST: f64 = 34.0;
const NARROWEST: f64 = 1.5;

/// A box of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) href: String,
    pub(crate) name: String,
    pub(crate) note: String,
    pub(crate) tone: Tone,
    pub(crate) x: usize,
    pub(crate) y: usize,
    /// Everything about it, for the hint.
    pub(crate) title: String,
}

/// A curve between two boxes.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) d: String,
    pub(crate) width: String,
    pub(crate) tone: Tone,
    pub(crate) title: String,
}

/// The page.
#[derive(Template)]
#[template(path = "map.html", blocks = ["live"])]
pub(crate) struct Map {
    pub(crate) t: MapWords,
    pub(crate) shell: Shell,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) height: usize,
    /// The traffic is not known yet.
    pub(crate) is_counting: bool,
    pub(crate) more: Option<String>,
    /// The list of the routes that are meant.
    pub(crate) list: String,
    /// Groups to choose from, and whether each is chosen.
    pub(crate) groups: Vec<(String, bool)>,
    /// Middle of each column's head, with its text.
    pub(crate) heads: Vec<(usize, &'static str)>,
}

/// `GET /map`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let control = &console.control;
    let group = query.text("group");
    let snapshot = control.snapshot();
    let is_meant = |route: &&Route| group.as_deref().is_none_or(|group| route.group.as_str() == group);
    let routes: Vec<&Route> = snapshot.routes().iter().map(|entry| &entry.route).filter(is_meant).collect();
    let only = group.is_some().then(|| routes.iter().map(|route| route.id.to_string()).collect());
    let span = (UsualSpan::Day.from(visit.now), visit.now);
    let traffic = control.traffic_by_route(span, only, visit.patience()).await?;
    let fleet = Drawn { groups: snapshot.groups().collect(), hosts: snapshot.hosts().iter().collect(), routes };
    let shown = Map::new(&visit, fleet, traffic.as_ref(), &Healths::of(control), group.as_deref());
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// What is drawn.
struct Drawn<'a> {
    groups: Vec<&'a Group>,
    routes: Vec<&'a Route>,
    hosts: Vec<&'a Host>,
}

/// Where boxes of a column are, by id.
type Places = HashMap<String, (usize, Tone)>;

impl Map {
    fn new(
        visit: &Visit,
        fleet: Drawn<'_>,
        traffic: Option<&HashMap<String, RollupSums>>,
        healths: &Healths,
        only: Option<&str>,
    ) -> Self {
        let t = MapWords(visit.preferences.language);
        let of = |route: &Route| traffic.and_then(|sums| sums.get(route.id.as_str())).map_or(0, |sums| sums.requests);
        let Drawn { groups, mut routes, hosts } = fleet;
        // The busiest are drawn when not all can be; then neighbors belong together.
        routes.sort_by_key(|route| std::cmp::Reverse(of(route)));
        let more = routes.len().saturating_sub(ROUTES);
        routes.truncate(ROUTES);
        routes.sort_by(|a, b| {
            let key = |route: &Route| (route.group.clone(), route.public_model.to_string(), route.priority);
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        let choices = groups.iter().map(|group| {
            let id = group.id.to_string();
            let is_chosen = only == Some(&*id);
            (id, is_chosen)
        });
        let mut choices: Vec<_> = choices.collect();
        choices.sort_by(|(a, _), (b, _)| natural(a, b));
        let groups: Vec<&Group> =
            groups.into_iter().filter(|group| routes.iter().any(|route| route.group == group.id)).collect();
        let hosts: Vec<&Host> =
            hosts.into_iter().filter(|host| routes.iter().any(|route| route.host == host.id)).collect();
        let rows = routes.len().max(groups.len()).max(hosts.len());
        let pen = Pen { visit, t, healths, rows };
        let mut nodes = Vec::new();
        let group_places = pen.groups(&groups, &mut nodes);
        let host_places = pen.hosts(&hosts, &mut nodes);
        let edges = pen.routes(&routes, &of, (&group_places, &host_places), &mut nodes);
        let middle = |column: usize| COLUMNS[column] + NODE_WIDTH / 2;
        Self {
            t,
            shell: visit.shell(Section::Map),
            nodes,
            edges,
            height: TOP + rows * ROW,
            is_counting: traffic.is_none(),
            more: (more > 0).then(|| {
                let more = visit.format().number(i64::try_from(more).unwrap_or(i64::MAX));
                if only.is_some() { t.more_of_group(more) } else { t.more(more) }
            }),
            list: address("/routes", [("logical_group_id", only.unwrap_or_default())]),
            groups: choices,
            heads: vec![(middle(0), t.groups()), (middle(1), t.routes()), (middle(2), t.hosts())],
        }
    }
}

struct Pen<'a> {
    visit: &'a Visit,
    t: MapWords,
    healths: &'a Healths,
    rows: usize,
}

impl Pen<'_> {
    /// The top of box `at` of `count`, spread over the height; a box alone is near the top, where it is seen
    /// and its edges have room.
    fn y(&self, at: usize, count: usize) -> usize {
        if count == 1 {
            return TOP + (self.rows.min(5) * ROW - NODE_HEIGHT) / 2;
        }
        TOP + (self.rows * ROW * (2 * at + 1)) / (2 * count.max(1)) - NODE_HEIGHT / 2
    }

    fn groups(&self, groups: &[&Group], nodes: &mut Vec<Node>) -> Places {
        let language = self.visit.preferences.language;
        let mut places = Places::new();
        for (at, group) in groups.iter().enumerate() {
            let (id, y) = (group.id.as_str(), self.y(at, groups.len()));
            let badge = state(language, group.enabled, None);
            places.insert(id.to_owned(), (y, badge.tone));
            nodes.push(node(self.t, (COLUMNS[0], y), path("/groups", id), id, &badge.text, badge.tone));
        }
        places
    }

    fn hosts(&self, hosts: &[&Host], nodes: &mut Vec<Node>) -> Places {
        let language = self.visit.preferences.language;
        let mut places = Places::new();
        for (at, host) in hosts.iter().enumerate() {
            let (id, y) = (host.id.as_str(), self.y(at, hosts.len()));
            let badge = state(language, host.enabled, self.healths.host_badge(language, id));
            places.insert(id.to_owned(), (y, badge.tone));
            nodes.push(node(self.t, (COLUMNS[2], y), path("/hosts", id), id, &badge.text, badge.tone));
        }
        places
    }

    /// The routes' boxes, and the curves on both sides of them, which lie beside each other where they meet.
    fn routes(
        &self,
        routes: &[&Route],
        requests: &dyn Fn(&Route) -> i64,
        (groups, hosts): (&Places, &Places),
        nodes: &mut Vec<Node>,
    ) -> Vec<Edge> {
        let language = self.visit.preferences.language;
        let mut stacks = Stacks::new(routes, requests);
        let mut edges = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            let (id, y) = (route.id.as_str(), self.y(at, routes.len()));
            let badge = route_state(language, route, self.healths);
            let count = requests(route);
            let place = self.t.tier_and_weight(route.priority, route.weight);
            let room = NOTE.saturating_sub(place.chars().count() + 3);
            let note = format!("{} · {place}", shortened(&route.public_model.to_string(), room));
            let told = self.t.requests(self.visit.format().number(count));
            let title = self.t.told_of(id, format!("{} · {told}", badge.text));
            nodes.push(Node {
                title: title.clone(),
                ..node(self.t, (COLUMNS[1], y), path("/routes", id), id, &note, badge.tone)
            });
            let tone = if count == 0 && badge.tone == Tone::Good { Tone::Quiet } else { badge.tone };
            let width = stacks.width(count);
            let middle = |y: usize| (y + NODE_HEIGHT / 2) as f64;
            let mut edge = |from: (usize, f64), to: (usize, f64), tone| {
                edges.push(Edge { d: curve(from, to), width: format!("{width:.1}"), tone, title: title.clone() });
            };
            if let Some((group, _)) = groups.get(route.group.as_str()) {
                let place = middle(*group) + stacks.next(("group", route.group.as_str()), width);
                edge((COLUMNS[0] + NODE_WIDTH, place), (COLUMNS[1], middle(y)), tone);
            }
            if let Some((host, host_tone)) = hosts.get(route.host.as_str()) {
                let tone = if *host_tone == Tone::Bad { Tone::Bad } else { tone };
                let place = middle(*host) + stacks.next(("host", route.host.as_str()), width);
                edge((COLUMNS[1] + NODE_WIDTH, middle(y)), (COLUMNS[2], place), tone);
            }
        }
        edges
    }
}

/// Where edges meet a group or a host: beside each other, in the order of the routes.
struct Stacks<'a> {
    /// Width of a request.
    scale: f64,
    /// Of each group and host how far from its middle the next edge begins, and what to take of that for all to
    /// begin at its box: hundreds of thin edges overlap there.
    next: HashMap<(&'static str, &'a str), (f64, f64)>,
}

impl<'a> Stacks<'a> {
    fn new(routes: &[&'a Route], requests: &dyn Fn(&Route) -> i64) -> Self {
        let ends = |route: &&'a Route| [("group", route.group.as_str()), ("host", route.host.as_str())];
        let mut counts: HashMap<(&'static str, &'a str), i64> = HashMap::new();
        for route in routes {
            for end in ends(route) {
                *counts.entry(end).or_default() += requests(route);
            }
        }
        let busiest = counts.values().copied().max().unwrap_or(0).max(1) as f64;
        let mut stacks = Self { scale: WIDEST / busiest, next: HashMap::new() };
        for route in routes {
            let half = stacks.width(requests(route)) / 2.0;
            for end in ends(route) {
                stacks.next.entry(end).or_default().0 -= half;
            }
        }
        for (first, fit) in stacks.next.values_mut() {
            *fit = (WIDEST / (-2.0 * *first).max(1.0)).min(1.0);
        }
        stacks
    }

    fn width(&self, requests: i64) -> f64 {
        (requests as f64 * self.scale).max(NARROWEST)
    }

    /// The middle of the next edge, from the middle of the box.
    fn next(&mut self, end: (&'static str, &'a str), width: f64) -> f64 {
        let (next, fit) = self.next.entry(end).or_default();
        *next += width;
        (*next - width / 2.0) * *fit
    }
}

fn node(t: MapWords, (x, y): (usize, usize), href: String, name: &str, note: &str, tone: Tone) -> Node {
    Node { href, name: shortened(name, 24), title: t.told_of(name, note), note: shortened(note, NOTE), tone, x, y }
}

/// As much as a box holds.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// From the right middle of one box to the left middle of another.
fn curve((x1, y1): (usize, f64), (x2, y2): (usize, f64)) -> String {
    let middle = usize::midpoint(x1, x2);
    format!("M{x1} {y1:.1}C{middle} {y1:.1} {middle} {y2:.1} {x2} {y2:.1}")
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let fleet = crate::pages::fleet::samples::fleet();
    let sums = RollupSums { requests: 70, ..RollupSums::default() };
    let traffic = HashMap::from([("gpt-tokyo".to_owned(), sums)]);
    let drawn = |routes| Drawn { groups: fleet.groups.iter().collect(), hosts: fleet.hosts.iter().collect(), routes };
    let visit = visit(language);
    let many = (0..=ROUTES).map(|_| &fleet.routes[0]).collect();
    let map = |fleet, traffic, only| render(&Map::new(&visit, fleet, traffic, &Healths::sample(), only));
    vec![
        map(drawn(fleet.routes.iter().collect()), Some(&traffic), None),
        map(drawn(many), Some(&traffic), Some(HOSTILE)),
        map(drawn(fleet.routes.iter().collect()), None, None),
        map(drawn(Vec::new()), Some(&traffic), None),
    ]
}
