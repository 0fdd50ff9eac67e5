//! What a change would do to recent traffic: the blast radius of `plan`, for forms and buttons.
//!
//! It takes longer than a page may, so the page stands first and asks for it then (`Part::later`, or `hx-post` of the
//! form); the replay is bounded by time and number, and says what it left out.

use std::time::Duration;

use askama::Template;
use relay_control::blast_radius::ReplayWindow;
use relay_control::edit::{Edit, WeighError, Weighed};
use relay_control::replay::{BlastRadius, Change, HostTraffic, Traffic};

use crate::cell::Cell;
use crate::faults;
use crate::format::{Format, NOTHING};
use crate::kit::{Head, Part, Table};
use crate::query::path;
use crate::shell::Shell;
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, enumerated, words};

words! {
    WeightWords {
        title => "What it does to recent traffic" / "对近期流量的影响";
        waiting => "Recent decisions are planned again with the change; it takes two seconds at most." / "正在按变更后的配置重新规划近期决策，最多需要两秒。";
        failed(why) => "It is not known: {why}" / "无法计算：{why}";
        assumed => "Recent requests planned again, as if the change had been made before them and every host had been well; so these numbers may differ from what hosts served." / "将近期请求重新规划：假设变更在此之前就已生效，且各主机一直正常；因此数字可能与主机实际处理的情况有出入。";
        no_change => "Nothing would change." / "没有变化。";
        no_traffic => "There were no decisions in the last 24 hours, so nothing is known of its effect." / "最近 24 小时没有决策记录，无法评估影响。";
        none_there => "None of these requests went there, or would: this says nothing about it." / "样本中没有相关请求，无法据此评估。";
        moved => "Requests that go elsewhere or nowhere" / "改由其他主机处理或无法处理的请求";
        moved_of(share, moved, requests) => "{share} ({moved} of {requests} requests)" / "{share}（{requests} 个请求中的 {moved} 个）";
        broken => "Bound conversations that would have broken" / "会因此中断的已绑定会话";
        broken_of(broken, bound) => "{broken} of {bound}" / "{bound} 个中的 {broken} 个";
        refilled(money) => "filling their prompt caches again costs {money} once" / "重建提示词缓存的一次性成本 {money}";
        cost => "Expected cost" / "预计成本";
        cost_change(before, after, change) => "{before} → {after} ({change})" / "{before} → {after}（{change}）";
        cost_same => "the same" / "不变";
        priced(number) => "of {number} requests whose price is known" / "按价格已知的 {number} 个请求计算";
        unserved => "Requests that nobody would serve" / "将无法服务的请求";
        unserved_of(after, before) => "{after} (now {before})" / "{after}（当前 {before}）";
        hosts => "Traffic of each host" / "各主机流量";
        host => "Host" / "主机";
        share => "Share" / "占比";
        requests => "Requests" / "请求数";
        away => "Moves away" / "移出";
        here => "Moves here" / "移入";
        bound => "Bound" / "已绑定会话";
        breaks => "Would break" / "会中断";
        peak => "Peak in flight" / "并发峰值";
        peak_minute => "Peak a minute" / "每分钟峰值";
        refused => "What would not be served, and was" / "变更后将无法服务的请求";
        group => "Group" / "分组";
        model => "Model" / "模型";
        consumer => "Consumer" / "使用方";
        why => "Why" / "原因";
        capacity => "More than a host admits" / "超出主机容量";
        group_on_host => "Group on the host" / "主机侧分组";
        what => "What" / "项目";
        limit => "Admits" / "上限";
        concurrency => "requests at once" / "并发请求";
        rpm => "requests a minute" / "每分钟请求";
        dead => "Routes that could serve nothing any more" / "将失效的路由";
        route => "Route" / "路由";
        findings => "Models that the host does not list" / "主机未列出的模型";
        and_also => "; " / "；";
        covered(number, from, to) => "{number} decisions, {from} to {to}" / "{number} 条决策，{from}至{to}";
        looked_at => "Looked at" / "评估范围";
        newest => "the newest; there are more" / "最新部分，更早的未评估";
        out_of_time => "the time was up; later ones were not looked at" / "时间已到，较新的部分未评估";
        fidelity(share) => "the fleet in force, replayed, gives the route of then for {share} of them" / "用当前配置重放时，{share} 与当时路由一致";
    }
}

/// Decisions looked at: as many as two seconds are enough for on a small machine.
const AT_MOST: u64 = 200_000;
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Lines of a table at most.
const LINES: usize = 20;

/// The part of a page that is asked for later.
#[derive(Template)]
#[template(path = "fleet/weight.html")]
pub(crate) struct Weight {
    pub(crate) shell: Shell,
    pub(crate) parts: Vec<Part>,
}

/// Its heading.
pub(super) fn title(language: Language) -> &'static str {
    WeightWords(language).title()
}

/// What stands there until it is known.
pub(super) fn waiting(language: Language) -> &'static str {
    WeightWords(language).waiting()
}

/// What edits would do to the traffic of the last day.
pub(super) async fn of(console: &Console, visit: &Visit, edits: &[Edit]) -> Vec<Part> {
    let window = ReplayWindow { at_most: AT_MOST, time_limit: TIME_LIMIT, ..ReplayWindow::recent(visit.now) };
    let weighed = console.control.weigh_edit(edits, window).await;
    told(visit, weighed)
}

fn told(visit: &Visit, weighed: Result<Weighed, WeighError>) -> Vec<Part> {
    let teller = Teller { t: WeightWords(visit.preferences.language), format: visit.format(), visit };
    let t = teller.t;
    let weighed = match weighed {
        Ok(weighed) => weighed,
        Err(error) => return vec![Part::new(t.title()).hint(t.failed(faults::said(t.0, &error.to_string())))],
    };
    let mut parts = match &weighed.blast_radius {
        None => vec![Part::new(t.title()).hint(t.no_change())],
        Some(radius) if radius.covered.decisions == 0 => vec![Part::new(t.title()).hint(t.no_traffic())],
        Some(radius) => {
            let mut parts = teller.radius(radius);
            if !weighed.is_in_traffic {
                t.none_there().clone_into(&mut parts[0].hint);
            }
            parts
        }
    };
    if !weighed.dead_routes.is_empty() {
        parts.push(teller.dead(&weighed));
    }
    if !weighed.findings.is_empty() {
        let language = visit.preferences.language;
        let said = |text: &str| Cell::text(faults::said(language, text));
        let rows = weighed.findings.iter().take(LINES).map(|finding| {
            vec![said(&finding.subject), said(&finding.message).note(faults::said(language, &finding.remedy))]
        });
        let table = Table { heads: [t.route(), t.why()].map(Head::text).into(), rows: rows.collect() };
        parts.push(Part::new(t.findings()).table(table, ""));
    }
    parts
}

struct Teller<'a> {
    t: WeightWords,
    format: Format,
    visit: &'a Visit,
}

impl Teller<'_> {
    fn number(&self, number: u64) -> String {
        self.format.number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn share(&self, share: f64) -> String {
        self.format.percent((share * 1e6).round() as i64, 1_000_000)
    }

    fn radius(&self, radius: &BlastRadius) -> Vec<Part> {
        let first = Part::new(self.t.title()).hint(self.t.assumed()).facts(self.facts(radius));
        let mut parts = vec![first, self.hosts(radius)];
        if !radius.refused.is_empty() {
            parts.push(self.refused(radius));
        }
        if !radius.capacity.is_empty() {
            parts.push(self.capacity(radius));
        }
        parts
    }

    fn facts(&self, radius: &BlastRadius) -> Vec<(&'static str, Cell)> {
        let t = self.t;
        let (traffic, conversations) = (&radius.traffic, &radius.conversations);
        let moved =
            t.moved_of(self.share(traffic.moved_share), self.number(traffic.moved), self.number(traffic.requests));
        let broken = t.broken_of(self.number(conversations.broken), self.number(conversations.bound));
        let lost = conversations.cache_lost_nanos;
        let refilled = if lost > 0 { t.refilled(self.format.short_money(lost)) } else { String::new() };
        vec![
            (t.unserved(), self.unserved(traffic)),
            (t.moved(), Cell::text(moved)),
            (t.broken(), Cell::text(broken).note(refilled)),
            (t.cost(), self.cost(radius)),
            (t.looked_at(), self.covered(radius)),
        ]
    }

    /// What is lost stands out.
    fn unserved(&self, traffic: &Traffic) -> Cell {
        let text = self.t.unserved_of(self.number(traffic.unserved_after), self.number(traffic.unserved_before));
        if traffic.unserved_after > 0 { Cell::badge(Badge::new(Tone::Bad, text)) } else { Cell::text(text) }
    }

    fn cost(&self, radius: &BlastRadius) -> Cell {
        let (t, cost) = (self.t, &radius.cost);
        if cost.priced == 0 {
            return Cell::text(NOTHING);
        }
        let change = match cost.change_share {
            _ if cost.change_nanos == 0 => t.cost_same().to_owned(),
            Some(share) => {
                let percent = format!("{:.1}", share.abs() * 100.0);
                format!("{}{} %", if share > 0.0 { '+' } else { '−' }, percent.trim_end_matches(".0"))
            }
            None => self.format.short_money(cost.change_nanos),
        };
        let [before, after] = [cost.before_nanos, cost.after_nanos].map(|nanos| self.format.short_money(nanos));
        Cell::text(t.cost_change(before, after, change)).note(t.priced(self.number(cost.priced)))
    }

    fn covered(&self, radius: &BlastRadius) -> Cell {
        let (t, covered) = (self.t, &radius.covered);
        let at = |at| self.format.relative(at, self.visit.now);
        let left_out = match covered.truncated.as_deref() {
            Some("time") => Some(t.out_of_time().to_owned()),
            Some(_) => Some(t.newest().to_owned()),
            None => None,
        };
        let fidelity = (radius.fidelity.compared > 0).then(|| t.fidelity(self.share(radius.fidelity.share)));
        let notes: Vec<String> = left_out.into_iter().chain(fidelity).collect();
        let (oldest, newest) = covered.seen.unwrap_or((covered.from, covered.to));
        Cell::text(t.covered(self.number(covered.decisions), at(oldest), at(newest))).note(notes.join(t.and_also()))
    }

    fn hosts(&self, radius: &BlastRadius) -> Part {
        let t = self.t;
        let mut heads = vec![Head::text(t.host())];
        let numbers = [t.share(), t.requests(), t.away(), t.here(), t.bound(), t.breaks(), t.peak(), t.peak_minute()];
        heads.extend(numbers.map(Head::number));
        let rows = radius.hosts.iter().map(|host| self.host(host, radius)).collect();
        Part::new(t.hosts()).table(Table { heads, rows }, "")
    }

    fn host(&self, host: &HostTraffic, radius: &BlastRadius) -> Vec<Cell> {
        let held = radius.conversations.hosts.iter().find(|held| held.host_id == host.host_id);
        let broken = held.map_or(0, |held| held.broken);
        let reasons =
            held.map(|held| held.reasons.iter().map(|broken| self.reason(&broken.reason)).collect::<Vec<_>>());
        vec![
            Cell::link(path("/hosts", &host.host_id), &host.host_id),
            Cell::number(changed(host.share, |share| self.share(share))),
            Cell::number(changed(host.requests, |number| self.number(number))),
            Cell::number(self.number(host.moved_away)),
            Cell::number(self.number(host.moved_here)),
            Cell::number(self.number(held.map_or(0, |held| held.bound))),
            Cell::number(self.number(broken))
                .note(enumerated(self.visit.preferences.language, &reasons.unwrap_or_default())),
            Cell::number(changed(host.peak_concurrency, |number| self.number(number.into()))),
            Cell::number(changed(host.peak_rpm, |number| self.number(number.into()))),
        ]
    }

    fn reason(&self, word: &str) -> String {
        let language = self.visit.preferences.language;
        let broken = terms::breaks(language, word);
        if broken == word { terms::refusal(language, word).into_owned() } else { broken.into_owned() }
    }

    fn refused(&self, radius: &BlastRadius) -> Part {
        let t = self.t;
        let rows = radius.refused.iter().take(LINES).map(|refused| {
            vec![
                Cell::text(&refused.logical_group_id),
                Cell::text(&refused.public_model),
                Cell::text(refused.consumer.clone().unwrap_or_default()),
                Cell::text(self.reason(&refused.reason)),
                Cell::number(self.number(refused.requests)),
            ]
        });
        let mut heads: Vec<Head> = [t.group(), t.model(), t.consumer(), t.why()].map(Head::text).into();
        heads.push(Head::number(t.requests()));
        Part::new(t.refused()).table(Table { heads, rows: rows.collect() }, "")
    }

    fn capacity(&self, radius: &BlastRadius) -> Part {
        let t = self.t;
        let rows = radius.capacity.iter().take(LINES).map(|over| {
            vec![
                Cell::link(path("/hosts", &over.host_id), &over.host_id),
                Cell::text(&over.shadow_group_id),
                Cell::text(if over.what == "rpm" { t.rpm() } else { t.concurrency() }),
                Cell::number(self.number(over.limit.into())),
                Cell::number(changed(over.peak, |number| self.number(number.into()))),
                Cell::when(self.visit, over.observed_at),
            ]
        });
        let mut heads: Vec<Head> = [t.host(), t.group_on_host(), t.what()].map(Head::text).into();
        heads.extend([Head::number(t.limit()), Head::number(t.peak()), Head::text(t.looked_at())]);
        Part::new(t.capacity()).table(Table { heads, rows: rows.collect() }, "")
    }

    fn dead(&self, weighed: &Weighed) -> Part {
        let t = self.t;
        let rows = weighed.dead_routes.iter().take(LINES).map(|dead| {
            vec![
                Cell::link(path("/routes", &dead.route_id), &dead.route_id),
                Cell::text(&dead.public_model).note(&dead.logical_group_id),
                Cell::text(&dead.host_id),
                Cell::text(self.reason(&dead.reason)),
            ]
        });
        let heads = [t.route(), t.model(), t.host(), t.why()].map(Head::text).into();
        Part::new(t.dead()).table(Table { heads, rows: rows.collect() }, "")
    }
}

/// `1 → 2`, or one number when it stays.
fn changed<T: Copy + PartialEq>(change: Change<T>, write: impl Fn(T) -> String) -> String {
    if change.before == change.after {
        return write(change.before);
    }
    format!("{} → {}", write(change.before), write(change.after))
}

#[cfg(test)]
pub(super) fn sample(language: Language) -> Vec<Part> {
    use relay_control::fleet_document::DeadRoute;
    use relay_control::page::QueryError;
    use relay_control::replay::{Broken, Conversations, Cost, Covered, HostConversations, OverCapacity, Refused};

    use crate::pages::rendering::{HOSTILE, now, visit};
    let text = || HOSTILE.to_owned();
    let host = HostTraffic {
        host_id: text(),
        requests: Change { before: 8, after: 12 },
        share: Change { before: 0.6, after: 1.0 },
        moved_away: 0,
        moved_here: 4,
        tokens: Change::default(),
        peak_concurrency: Change { before: 2, after: 2 },
        peak_rpm: Change::default(),
    };
    let held = HostConversations {
        host_id: text(),
        bound: 3,
        broken: 1,
        reasons: vec![Broken { reason: text(), conversations: 1 }],
    };
    let refused = Refused {
        logical_group_id: text(),
        public_model: text(),
        consumer: Some(text()),
        reason: "no_route_for_model".into(),
        requests: 4,
    };
    let over = OverCapacity {
        host_id: text(),
        shadow_group_id: text(),
        what: "rpm".into(),
        limit: 10,
        peak: Change { before: 8, after: 12 },
        observed_at: now(),
    };
    let radius = |truncated: Option<&str>, decisions| BlastRadius {
        covered: Covered {
            from: now(),
            to: now(),
            decisions,
            truncated: truncated.map(str::to_owned),
            not_planned: 0,
            seen: Some((now(), now())),
        },
        traffic: relay_control::replay::Traffic::default(),
        hosts: vec![host.clone()],
        flows: Vec::new(),
        refused: vec![refused.clone()],
        conversations: Conversations { bound: 3, broken: 1, cache_lost_nanos: 5, hosts: vec![held.clone()], kept: 2 },
        cost: Cost { priced: 2, before_nanos: 5, after_nanos: 9, change_nanos: 4, change_share: Some(0.8) },
        latency: relay_control::replay::Latency::default(),
        capacity: vec![over.clone()],
        fidelity: relay_control::replay::Fidelity::default(),
        used_routes: std::collections::BTreeSet::new(),
    };
    let dead = DeadRoute {
        route_id: text(),
        host_id: text(),
        logical_group_id: text(),
        public_model: text(),
        reason: "host_disabled".into(),
    };
    let weighed = |blast_radius| Weighed {
        blast_radius,
        is_in_traffic: false,
        dead_routes: vec![dead.clone()],
        findings: Vec::new(),
    };
    let visit = visit(language);
    let cases = [
        Ok(weighed(Some(radius(Some("time"), 9)))),
        Ok(weighed(Some(radius(None, 0)))),
        Ok(weighed(None)),
        Err(WeighError::Query(QueryError::Aborted)),
    ];
    cases.into_iter().flat_map(|case| told(&visit, case)).collect()
}
