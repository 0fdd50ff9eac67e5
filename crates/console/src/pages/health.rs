//! How hosts and routes are, what is wrong first, and clearing cool-downs.

mod badges;

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use http::StatusCode;
use relay_control::access::Role;
use relay_control::fleet_health::{BreakerView, ClearError, FleetHealthView, HealthFilter, RouteHealthView};
use relay_control::status::Health;
use relay_domain::Timestamp;

use self::badges::tried_hosts;
pub(crate) use self::badges::{host_badge, no_fault, route_badge};
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::format::{Format, NOTHING};
use crate::kit::{Check, Confirm};
use crate::query::{Query, path};
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    HealthWords {
        title => "Health" / "健康状态";
        intro => "Hosts and routes as requests and probes have found them." / "根据实际请求和探测得出的主机与路由状态。";
        server => "Server" / "服务器";
        hosts => "Hosts" / "主机";
        routes => "Routes" / "路由";
        host => "Host" / "主机";
        route => "Route" / "路由";
        state => "State" / "状态";
        why => "Why" / "原因";
        since => "Since" / "开始";
        back => "Expected back" / "预计恢复";
        answers => "Last 5 min" / "最近 5 分钟";
        answers_of(good, bad) => "{good} good, {bad} failed" / "成功 {good}，失败 {bad}";
        ttft => "TTFT p50 / p99" / "TTFT p50 / p99";
        last_used => "Last used" / "最近使用";
        only_troubled => "Only what is not well" / "仅显示异常";
        well(hosts, routes) => "Nothing is wrong with {hosts} and {routes}." / "未发现异常：{hosts}、{routes}。";
        show_well => "Show them" / "一并显示";
        clear => "Clear" / "清除";
        clear_all => "Clear all cool-downs" / "清除全部冷却";
        clear_title => "Clear cool-downs" / "清除冷却";
        clear_what_all => "Every host and route that is out of rotation may be tried again. Several are spread over some seconds, so that they do not all get their load at once." / "所有被暂时避开的主机和路由都将允许重新尝试。多个对象会在几秒内依次放开，避免瞬间涌入全部流量。";
        clear_what(name) => "{name} may be tried again at once. If it still fails, it is taken out of rotation again." / "{name} 将立即允许重新尝试；如果仍然失败，会再次被避开。";
        clear_at_once => "All at once, without spreading" / "一次性全部放开，不分散";
        clear_do => "Clear" / "确认清除";
        cancel => "Cancel" / "取消";
        nothing_troubled => "Nothing is wrong." / "一切正常。";
        no_fault(number) => "No fault is known. Routes that nothing has tried yet: {number}" / "未发现问题。尚无请求的路由：{number}";
        routes_left(count) => "{count} more routes; what is not well comes first." / "另有 {count} 条路由未列出；异常的排在最前。";
        no_routes => "No route leads anywhere yet." / "还没有任何路由。";
        probes => "Probes" / "探测";
        probe_mode(mode, idle) => "Probing: {mode}; a route that was used within {idle} is not probed." / "探测方式：{mode}；{idle}内使用过的路由不探测。";
        probe_cost(today, most) => "{today} of {most} completions sent today." / "今天已发送 {today} / {most} 次补全。";
        log => "Decision log" / "决策日志";
        log_rows(written, queued) => "{written} rows written since the start, {queued} waiting." / "启动以来已写入 {written} 行，{queued} 行等待写入。";
        server_failing => "The server cannot serve" / "服务器无法提供服务";
        host_open(host) => "Host {host} is out of rotation" / "主机 {host} 已被避开";
        route_open(route) => "Route {route} is out of rotation" / "路由 {route} 已被避开";
        host_half_open(host) => "Host {host} is being tried again" / "正在试探恢复主机 {host}";
        route_half_open(route) => "Route {route} is being tried again" / "正在试探恢复路由 {route}";
        host_banned(host) => "Host {host} refuses our address" / "主机 {host} 拒绝了本机地址";
        key_cooling(route) => "A key on route {route} is not used now" / "路由 {route} 上的某个 key 暂停使用";
        route_flagged(route) => "Route {route} does not fit its host" / "路由 {route} 与主机不匹配";
        since_when(when) => "since {when}" / "始于 {when}";
        back_when(when) => "expected back {when}" / "预计 {when}恢复";
        class_and_opener(opener, class) => "{opener} ({class})" / "{opener}（{class}）";
    }
}

/// Routes shown at most: a page of thousands is slow to load, and nobody reads it.
const MOST_ROUTES: usize = 200;

/// Something that is wrong now.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) tone: Tone,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) href: String,
}

/// Everything that is wrong, the gravest first.
pub(crate) fn troubles(language: Language, now: Timestamp, health: &Health, fleet: &FleetHealthView) -> Vec<Trouble> {
    let teller = Teller { t: HealthWords(language), format: Format(language), language, now };
    let mut found: Vec<Trouble> = health.reasons.iter().map(|reason| teller.server(reason)).collect();
    for host in &fleet.hosts {
        let page = path("/hosts", &host.host_id);
        found.extend(teller.breaker(&host.breaker, &page, |t, open| {
            if open { t.host_open(&host.host_id) } else { t.host_half_open(&host.host_id) }
        }));
        found.extend(host.address_banned.as_ref().map(|cooling| Trouble {
            tone: Tone::Bad,
            title: teller.t.host_banned(&host.host_id),
            detail: teller.span(Some(cooling.since), Some(cooling.expected_back)),
            href: page.clone(),
        }));
    }
    for route in &fleet.routes {
        teller.route(route, &mut found);
    }
    found.sort_by_key(|trouble| trouble.tone != Tone::Bad);
    found
}

struct Teller {
    t: HealthWords,
    format: Format,
    language: Language,
    now: Timestamp,
}

impl Teller {
    fn server(&self, reason: &str) -> Trouble {
        let (title, href) = (self.t.server_failing().to_owned(), "/health".to_owned());
        Trouble { tone: Tone::Bad, title, detail: reason.to_owned(), href }
    }

    fn span(&self, since: Option<Timestamp>, back: Option<Timestamp>) -> String {
        let since = since.map(|at| self.t.since_when(self.format.relative(at, self.now)));
        let back = back.map(|at| self.t.back_when(self.format.relative(at, self.now)));
        since.into_iter().chain(back).collect::<Vec<_>>().join(" · ")
    }

    fn breaker(
        &self,
        breaker: &BreakerView,
        page: &str,
        title: impl FnOnce(HealthWords, bool) -> String,
    ) -> Option<Trouble> {
        let is_open = breaker.state == "open";
        if breaker.state == "closed" {
            return None;
        }
        Some(Trouble {
            tone: if is_open { Tone::Bad } else { Tone::Warning },
            title: title(self.t, is_open),
            detail: join(&[self.opener(breaker), self.span(breaker.since, breaker.expected_back)]),
            href: page.to_owned(),
        })
    }

    fn opener(&self, breaker: &BreakerView) -> String {
        let opener = breaker.opened_by.map(|word| terms::opened_by(self.language, word));
        match (opener, breaker.class) {
            (Some(opener), Some(class)) => self.t.class_and_opener(opener, class),
            (Some(opener), None) => opener.into_owned(),
            (None, class) => class.unwrap_or_default().to_owned(),
        }
    }

    fn route(&self, route: &RouteHealthView, found: &mut Vec<Trouble>) {
        let page = path("/routes", &route.route_id);
        found.extend(self.breaker(&route.breaker, &page, |t, open| {
            if open { t.route_open(&route.route_id) } else { t.route_half_open(&route.route_id) }
        }));
        let cooling = route.credentials.iter().map(|cooling| Trouble {
            tone: if cooling.reason == "rate_limited" { Tone::Warning } else { Tone::Bad },
            title: self.t.key_cooling(&route.route_id),
            detail: join(&[
                terms::cooling(self.language, cooling.reason).into_owned(),
                self.span(Some(cooling.since), Some(cooling.expected_back)),
            ]),
            href: page.clone(),
        });
        found.extend(cooling);
        let flags = route.flags.iter().map(|flag| Trouble {
            tone: Tone::Warning,
            title: self.t.route_flagged(&route.route_id),
            detail: join(&[terms::flag(self.language, flag.flag).into_owned(), self.span(Some(flag.since), None)]),
            href: page.clone(),
        });
        found.extend(flags);
    }

    /// Why a route or host is not well, in one cell.
    fn reasons(&self, route: &RouteHealthView) -> String {
        let breaker = Some(self.opener(&route.breaker)).filter(|text| !text.is_empty());
        let cooling =
            route.credentials.iter().map(|cooling| terms::cooling(self.language, cooling.reason).into_owned());
        let flags = route.flags.iter().map(|flag| terms::flag(self.language, flag.flag).into_owned());
        let all: Vec<String> = breaker.into_iter().chain(cooling).chain(flags).collect();
        if all.is_empty() { NOTHING.to_owned() } else { all.join(" · ") }
    }
}

fn join(parts: &[String]) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(" · ")
}

/// A host or route in the tables.
#[derive(Clone, Debug)]
pub(crate) struct HealthLine {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) host: String,
    pub(crate) badge: Badge,
    pub(crate) why: String,
    pub(crate) since: String,
    pub(crate) back: String,
    pub(crate) answers: String,
    pub(crate) ttft: String,
    pub(crate) last_used: String,
    /// Whether there is something to clear.
    pub(crate) is_left_alone: bool,
}

/// The page.
#[derive(Template)]
#[template(path = "health.html", blocks = ["live"])]
pub(crate) struct HealthPage {
    pub(crate) t: HealthWords,
    pub(crate) shell: Shell,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) hosts: Vec<HealthLine>,
    pub(crate) routes: Vec<HealthLine>,
    /// How many routes are not shown, in words.
    pub(crate) routes_left: Option<String>,
    /// What is well and left out, in words; nothing when all is shown.
    pub(crate) well: Option<String>,
    pub(crate) is_all: bool,
    pub(crate) has_routes: bool,
    /// Said in place of "nothing is wrong" where not everything was tried.
    pub(crate) no_fault: Option<String>,
    pub(crate) probe_mode: String,
    pub(crate) probe_cost: String,
    pub(crate) log: String,
}

/// `GET /health`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let shown = HealthPage::new(
        &visit,
        &console.control.health().await,
        &console.control.fleet_health(&HealthFilter::default()),
        console.control.untried_routes(),
        query.text("all").is_some(),
    );
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// `GET /health/clear`: what it will do.
pub(crate) async fn confirm(visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Operator)?;
    Ok(page(&confirmation(&visit, query.text("host_id"), query.text("route_id"))))
}

/// `POST /health/clear`
pub(crate) async fn clear(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Operator)?;
    let (route, host) = (form.text("route_id"), form.text("host_id"));
    let cleared = console.control.clear_cooldowns(route.as_deref(), host.as_deref(), form.flag("at_once"), actor).await;
    match cleared {
        Ok(cleared) if cleared.routes.is_empty() && cleared.hosts.is_empty() => Ok(see_other("/health?done=nothing")),
        Ok(_) => Ok(see_other("/health?done=cleared")),
        Err(ClearError::Store(error)) => Err(error.into()),
        Err(error) => Err(Fault::Refused(StatusCode::NOT_FOUND, error.to_string())),
    }
}

/// What clearing will do.
fn confirmation(visit: &Visit, host: Option<String>, route: Option<String>) -> Confirm {
    let t = HealthWords(visit.preferences.language);
    let name = route.as_deref().or(host.as_deref());
    Confirm {
        shell: visit.shell(Section::Health),
        title: t.clear_title().to_owned(),
        sentences: vec![name.map_or_else(|| t.clear_what_all().to_owned(), |name| t.clear_what(name))],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: "/health/clear".to_owned(),
        check: name.is_none().then(|| Check {
            name: "at_once",
            text: t.clear_at_once().to_owned(),
            is_required: false,
        }),
        hidden: vec![("host_id", host.unwrap_or_default()), ("route_id", route.unwrap_or_default())],
        button: t.clear_do(),
        is_danger: false,
        cancel: ("/health".to_owned(), t.cancel()),
    }
}

impl HealthPage {
    fn new(visit: &Visit, health: &Health, fleet: &FleetHealthView, untried: usize, is_all: bool) -> Self {
        let language = visit.preferences.language;
        let (t, format) = (HealthWords(language), visit.format());
        let teller = Teller { t, format, language, now: visit.now };
        let when = |at: Option<Timestamp>| at.map_or_else(|| NOTHING.to_owned(), |at| format.relative(at, visit.now));
        let tried = tried_hosts(fleet);
        let hosts = fleet.hosts.iter().map(|host| {
            let banned = host.address_banned.as_ref();
            HealthLine {
                id: host.host_id.clone(),
                href: path("/hosts", &host.host_id),
                host: host.host_id.clone(),
                badge: host_badge(language, host, tried.contains(host.host_id.as_str())),
                why: Some(teller.opener(&host.breaker)).filter(|why| !why.is_empty()).unwrap_or_else(|| NOTHING.into()),
                since: when(host.breaker.since.or(banned.map(|cooling| cooling.since))),
                back: when(host.breaker.expected_back.or(banned.map(|cooling| cooling.expected_back))),
                answers: String::new(),
                ttft: String::new(),
                last_used: String::new(),
                is_left_alone: host.breaker.state != "closed" || banned.is_some(),
            }
        });
        let hosts: Vec<HealthLine> = hosts.filter(|host| is_all || host.is_left_alone).collect();
        let (well, troubled): (Vec<_>, Vec<_>) = fleet.routes.iter().partition(|route| route.is_well());
        let counted = |noun, count| terms::counted(language, noun, count);
        let left_out = t.well(counted("host", fleet.hosts.len() - hosts.len()), counted("route", well.len()));
        let is_left_out = !is_all && (hosts.len() < fleet.hosts.len() || !well.is_empty());
        let shown = troubled.len() + if is_all { well.len() } else { 0 };
        let routes = troubled.into_iter().chain(well).take(shown.min(MOST_ROUTES));
        let routes = routes.map(|route| route_line(&teller, route));
        let left = shown.saturating_sub(MOST_ROUTES);
        let ProbeTexts { mode, cost } = probe_texts(t, format, fleet);
        Self {
            t,
            shell: visit.shell(Section::Health),
            troubles: troubles(language, visit.now, health, fleet),
            hosts,
            routes: routes.collect(),
            routes_left: (left > 0).then(|| t.routes_left(format.number(i64::try_from(left).unwrap_or(i64::MAX)))),
            well: is_left_out.then_some(left_out),
            is_all,
            has_routes: health.fleet.routes > 0,
            no_fault: no_fault(language, untried),
            probe_mode: mode,
            probe_cost: cost,
            log: t.log_rows(
                format.compact(i64::try_from(health.log.written).unwrap_or(i64::MAX)),
                format
                    .number(i64::try_from(health.log.accepted.saturating_sub(health.log.written)).unwrap_or(i64::MAX)),
            ),
        }
    }
}

/// A route's line.
fn route_line(teller: &Teller, route: &RouteHealthView) -> HealthLine {
    let Teller { t, format, language, now } = *teller;
    let when = |at: Option<Timestamp>| at.map_or_else(|| NOTHING.to_owned(), |at| format.relative(at, now));
    let cooling = route.credentials.iter().max_by_key(|cooling| cooling.expected_back);
    let flag = route.flags.first();
    let ms = |ms| format.about_millis(ms);
    HealthLine {
        id: route.route_id.clone(),
        href: path("/routes", &route.route_id),
        host: route.host_id.clone(),
        badge: route_badge(language, route),
        why: teller.reasons(route),
        since: when(route.breaker.since.or(cooling.map(|cooling| cooling.since)).or(flag.map(|flag| flag.since))),
        back: when(route.breaker.expected_back.or(cooling.map(|cooling| cooling.expected_back))),
        answers: match (route.succeeded, route.failed) {
            (0, 0) => NOTHING.to_owned(),
            (good, bad) => t.answers_of(good, bad),
        },
        ttft: format!("{} / {}", ms(route.ttft_ms_p50), ms(route.ttft_ms_p99)),
        last_used: when(route.last_used_at),
        is_left_alone: route.breaker.state != "closed" || cooling.is_some(),
    }
}

struct ProbeTexts {
    mode: String,
    cost: String,
}

fn probe_texts(t: HealthWords, format: Format, fleet: &FleetHealthView) -> ProbeTexts {
    let probes = &fleet.probes;
    ProbeTexts {
        mode: t.probe_mode(terms::probing(t.0, probes.mode), format.span(Duration::from_secs(probes.idle_seconds))),
        cost: t.probe_cost(probes.completions_today, probes.completions_per_day),
    }
}

#[cfg(test)]
pub(crate) use samples::{sample_trouble, sample_wellness, samples};

#[cfg(test)]
mod samples {
    use relay_control::fleet_health::{CoolingView, FlagView, HostHealthView};
    use relay_control::probing::ProbesView;
    use relay_control::status::FleetCounts;
    use relay_ledger::LedgerStats;

    use super::*;
    use crate::pages::rendering::{HOSTILE, now, render, visit};

    fn health(reasons: &[&str], routes: usize) -> Health {
        Health {
            status: "ok",
            reasons: reasons.iter().map(ToString::to_string).collect(),
            generation: 4,
            backend: "memory",
            fleet: FleetCounts { hosts: 1, groups: 1, routes, keys: 1 },
            log: LedgerStats::default(),
        }
    }

    fn breaker(state: &'static str) -> BreakerView {
        let is_open = state == "open";
        BreakerView {
            state,
            opened_by: is_open.then_some("consecutive"),
            class: is_open.then_some("gateway_5xx"),
            since: is_open.then_some(now()),
            expected_back: is_open.then_some(now()),
        }
    }

    fn probes() -> ProbesView {
        ProbesView { mode: "models", idle_seconds: 300, completions_today: 0, completions_per_day: 100 }
    }

    fn route(state: &'static str, credentials: Vec<CoolingView>, flags: Vec<FlagView>) -> RouteHealthView {
        RouteHealthView {
            route_id: HOSTILE.into(),
            host_id: HOSTILE.into(),
            breaker: breaker(state),
            credentials,
            flags,
            succeeded: 12,
            failed: 3,
            ttft_ms_p50: Some(310),
            ttft_ms_p99: None,
            last_used_at: Some(now()),
        }
    }

    /// One of everything that can be wrong.
    pub(crate) fn sample_trouble() -> (Health, FleetHealthView) {
        let cooling = |reason| CoolingView {
            credential: HOSTILE.into(),
            reason,
            quota: None,
            since: now(),
            expected_back: now(),
        };
        let host =
            |state, address_banned| HostHealthView { host_id: HOSTILE.into(), breaker: breaker(state), address_banned };
        let fleet = FleetHealthView {
            hosts: vec![host("open", None), host("half_open", Some(cooling("address_banned")))],
            routes: vec![
                route("open", vec![], vec![]),
                route("closed", vec![cooling("rate_limited"), cooling("quota")], vec![]),
                route("closed", vec![], vec![FlagView { flag: "drift", since: now() }]),
            ],
            next_cursor: None,
            probes: probes(),
        };
        (health(&["the decision log cannot be written"], 3), fleet)
    }

    /// Nothing wrong, and nothing there.
    pub(crate) fn sample_wellness() -> (Health, FleetHealthView) {
        (health(&[], 0), FleetHealthView { hosts: vec![], routes: vec![], next_cursor: None, probes: probes() })
    }

    pub(crate) fn samples(language: Language) -> Vec<String> {
        let visit = visit(language);
        let pages = [sample_trouble(), sample_wellness()]
            .map(|(health, fleet)| render(&HealthPage::new(&visit, &health, &fleet, 2, true)));
        let confirmations = [None, Some(HOSTILE.to_owned())].map(|host| render(&confirmation(&visit, host, None)));
        pages.into_iter().chain(confirmations).collect()
    }
}
