//! Asking a host something: what it will do, how far it is, what came of it. Whoever asked may leave: it goes on.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use http::StatusCode;
use relay_control::access::Role;
use relay_control::hosts::{HostError, HostResult, WorkProgress};
use relay_control::page::PageRequest;
use relay_domain::{Host, Timestamp};

use super::host_results::{ResultWords, parts};
use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::Form;
use crate::kit::{Action, Confirm, Part};
use crate::query::path;
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;
use crate::works::Ask;

words! {
    WorkWords {
        title => "Hosts" / "主机";
        host => "Host" / "主机";
        probe => "Probe" / "探测能力";
        probe_what => "A dozen calls to the host's admin API find out what it can do. Nothing is changed there." / "通过十余次管理 API 调用探测主机能力，不会修改主机上的任何内容。";
        sync => "Sync" / "同步";
        sync_what => "The host's groups, models, subscriptions and keys are read, recorded and compared with what is meant to be there. Managed access that is broken is ensured anew." / "读取主机上的分组、模型、订阅和 key，记录并与预期配置比较；失效的托管访问会重新建立。";
        reconcile => "Reconcile" / "对账";
        reconcile_what => "Our log of the last 24 hours is joined with the host's bill, row by row." / "将最近 24 小时的决策日志与主机账单逐条核对。";
        cancel => "Cancel" / "取消";
        try_it => "Test" / "测试连接";
        try_what => "The host is asked for its models with the gateway key that routes send. It costs nothing." / "使用路由发送的网关 key 向主机查询模型列表，不产生费用。";
        may_leave => "It goes on by itself: you may leave this page, and find what came of it on the host's page." / "任务会在后台继续，可以离开本页，结果会显示在主机页面。";
        under_way => "Under way" / "进行中";
        ended => "Ended" / "完成时间";
        step_of(done, total) => "{done} of {total}" / "{done} / {total}";
        starting => "starting" / "正在启动";
        again => "Again" / "再次执行";
        run => "Run" / "执行";
        try_title(host) => "Test host {host}" / "测试主机 {host} 的连接";
        probe_title(host) => "Probe host {host}" / "探测主机 {host} 的能力";
        sync_title(host) => "Sync host {host}" / "同步主机 {host}";
        reconcile_title(host) => "Reconcile with host {host}" / "与主机 {host} 对账";
        begun_since(when) => "Begun {when}." / "开始于{when}。";
        asked_by => "Asked by" / "执行人";
        no_admin => "This asks the host's admin API, and no access to one is configured for this host." / "该操作需要主机的管理 API，而该主机未配置管理访问。";
        not_asked => "It was never asked." / "还没有执行过。";
    }
}

impl Ask {
    /// Its name, and what it does.
    fn told(self, t: WorkWords) -> (&'static str, &'static str) {
        match self {
            Self::Try => (t.try_it(), t.try_what()),
            Self::Probe => (t.probe(), t.probe_what()),
            Self::Sync => (t.sync(), t.sync_what()),
            Self::Reconcile => (t.reconcile(), t.reconcile_what()),
        }
    }

    /// It and its host.
    fn title(self, t: WorkWords, host: &str) -> String {
        match self {
            Self::Try => t.try_title(host),
            Self::Probe => t.probe_title(host),
            Self::Sync => t.sync_title(host),
            Self::Reconcile => t.reconcile_title(host),
        }
    }

    /// Whether it needs the host's admin API.
    fn needs_admin(self) -> bool {
        self != Self::Try
    }
}

fn asked(word: &str) -> Result<Ask, Fault> {
    Ask::named(word).ok_or(Fault::NotFound)
}

/// The page of work that is under way or done.
#[derive(Template)]
#[template(path = "fleet/work.html", blocks = ["live"])]
pub(crate) struct WorkPage {
    pub(crate) t: WorkWords,
    pub(crate) shell: Shell,
    pub(crate) title: String,
    pub(crate) noun: &'static str,
    pub(crate) host: String,
    pub(crate) host_href: String,
    pub(crate) actions: Vec<Action>,
    /// While it is under way.
    pub(crate) progress: Option<Progress>,
    /// What came of it.
    pub(crate) parts: Vec<Part>,
}

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) stage: String,
    /// Done, of all; none while that is not known.
    pub(crate) share: Option<(u64, u64)>,
    pub(crate) told: String,
    pub(crate) since: String,
}

/// `GET /hosts/{id}/ask/{what}`: what it will do.
pub(crate) async fn confirm(
    State(console): State<Console>,
    visit: Visit,
    Path((id, ask)): Path<(String, String)>,
) -> PageResult {
    visit.acting(Role::Operator)?;
    let ask = asked(&ask)?;
    let can_be_asked = can_be_asked(&console, &id, ask)?;
    Ok(page(&confirmation(&visit, &id, ask, can_be_asked)))
}

/// Whether there is what it asks: most hosts that are no sub2api have no admin API.
fn can_be_asked(console: &Console, id: &str, ask: Ask) -> Result<bool, Fault> {
    let snapshot = console.control.snapshot();
    let (_, host) = snapshot.host(id).ok_or(Fault::NotFound)?;
    Ok(host.admin.is_some() || !ask.needs_admin())
}

/// `POST /hosts/{id}/ask/{what}`: begins it.
pub(crate) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    Path((id, ask)): Path<(String, String)>,
    Form(_): Form,
) -> PageResult {
    let actor = visit.acting(Role::Operator)?.to_owned();
    let ask = asked(&ask)?;
    if !can_be_asked(&console, &id, ask)? {
        let why = WorkWords(visit.preferences.language).no_admin();
        return Err(Fault::Refused(StatusCode::CONFLICT, why.to_owned()));
    }
    let (control, host) = (Arc::clone(&console.control), id.clone());
    console.works.begin(&id, ask, visit.now, async move {
        // What comes of it, failures too, is kept by the control plane.
        match ask {
            Ask::Try => drop(control.try_host_in_force(&host, &actor).await),
            Ask::Probe => drop(control.probe_host(&host, &actor).await),
            Ask::Sync => drop(control.sync_host(&host, &actor).await),
            Ask::Reconcile => {
                let now = control.now();
                let since = now.saturating_sub(Duration::from_hours(24)).unwrap_or(now);
                drop(control.reconcile_host(&host, since, &actor).await);
            }
        }
    });
    Ok(see_other(&format!("{}/work/{}", path("/hosts", &id), ask.as_str())))
}

/// `GET /hosts/{id}/work/{what}`: how far it is, or what came of it.
pub(crate) async fn show(
    State(console): State<Console>,
    visit: Visit,
    Path((id, ask)): Path<(String, String)>,
) -> PageResult {
    let ask = asked(&ask)?;
    // Looked at before what is kept: what ends meanwhile is then there.
    let since = console.works.under_way(&id, ask);
    let under_way = console.control.work_on_host(&id, None, &all()).map_err(|_| Fault::NotFound)?.items;
    let kept = kept(&console, &id).await?;
    let stands = match since {
        Some(since) => Stands::UnderWay(since, &under_way),
        None => kept.iter().find(|kept| kept.work == ask.as_str()).map_or(Stands::NotAsked, Stands::Done),
    };
    let shown = work_page(&visit, &id, ask, &stands, can_be_asked(&console, &id, ask)?);
    Ok(if visit.is_fragment { page(&shown.as_live()) } else { page(&shown) })
}

/// A host has a few at most.
fn all<C>() -> PageRequest<C> {
    PageRequest { limit: 100, cursor: None }
}

/// What came last of each kind of work on a host.
async fn kept(console: &Console, id: &str) -> Result<Vec<HostResult>, Fault> {
    match console.control.host_results(id, None, &all()).await {
        Ok(kept) => Ok(kept.items),
        Err(HostError::Store(error)) => Err(error.into()),
        Err(_) => Err(Fault::NotFound),
    }
}

/// Where a kind of work stands.
enum Stands<'a> {
    UnderWay(Timestamp, &'a [WorkProgress]),
    Done(&'a HostResult),
    NotAsked,
}

/// The buttons, for those who may.
fn buttons(shell: &Shell, id: &str, has_admin: bool) -> Vec<Action> {
    let t = WorkWords(shell.language);
    let asks = Ask::ALL.into_iter().filter(|ask| shell.may_operate() && (has_admin || !ask.needs_admin()));
    asks.map(|ask| Action::new(asking(id, ask), ask.told(t).0)).collect()
}

/// On the page of a host: the work that was begun here, and what came last of each kind, whoever asked for it.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn lately(console: &Console, visit: &Visit, host: &Host) -> Result<Part, Fault> {
    let (language, id) = (visit.preferences.language, host.id.as_str());
    let shell = visit.shell(Section::Hosts);
    let t = WorkWords(language);
    let under_way = Ask::ALL.map(|ask| console.works.under_way(id, ask));
    let kept = kept(console, id).await?;
    let of = |(ask, since): (Ask, Option<Timestamp>)| {
        let link = || Cell::link(format!("{}/work/{}", path("/hosts", id), ask.as_str()), ask.told(t).0);
        if let Some(since) = since {
            return Some((t.under_way(), link().note(visit.format().relative(since, visit.now))));
        }
        let kept = kept.iter().find(|kept| kept.work == ask.as_str())?;
        let in_short = ResultWords(language).in_short(&kept.outcome()?);
        let when = visit.format().relative(kept.at, visit.now);
        Some((t.ended(), link().note(format!("{in_short} · {when}"))))
    };
    let facts: Vec<(&'static str, Cell)> = Ask::ALL.into_iter().zip(under_way).filter_map(of).collect();
    let hint = if facts.is_empty() { t.not_asked() } else { "" };
    let part = Part::new(ResultWords(language).looked()).hint(hint).facts(facts).live(path("/hosts", id));
    Ok(part.actions(buttons(&shell, id, host.admin.is_some())))
}

fn asking(id: &str, ask: Ask) -> String {
    format!("{}/ask/{}", path("/hosts", id), ask.as_str())
}

fn confirmation(visit: &Visit, id: &str, ask: Ask, can_be_asked: bool) -> Confirm {
    let t = WorkWords(visit.preferences.language);
    let (name, what) = ask.told(t);
    Confirm {
        shell: visit.shell(Section::Hosts),
        title: ask.title(t, id),
        sentences: if can_be_asked {
            vec![what.to_owned(), t.may_leave().to_owned()]
        } else {
            vec![what.to_owned(), t.no_admin().to_owned()]
        },
        warnings: Vec::new(),
        parts: Vec::new(),
        action: asking(id, ask),
        hidden: Vec::new(),
        check: None,
        button: if can_be_asked { name } else { "" },
        is_danger: false,
        cancel: (path("/hosts", id), t.cancel()),
    }
}

fn work_page(visit: &Visit, id: &str, ask: Ask, stands: &Stands<'_>, can_be_asked: bool) -> WorkPage {
    let language = visit.preferences.language;
    let t = WorkWords(language);
    let shell = visit.shell(Section::Hosts);
    let (mut progress, mut shown, mut actions) = (None, Vec::new(), Vec::new());
    match stands {
        Stands::UnderWay(since, under_way) => progress = Some(how_far(t, visit, ask, *since, under_way)),
        Stands::Done(kept) => {
            let facts = vec![
                (t.ended(), Cell::when(visit, kept.at)),
                (t.asked_by(), Cell::text(faults::who(language, &kept.actor))),
            ];
            shown.push(Part::new(ask.told(t).0).facts(facts));
            shown.extend(kept.outcome().map(|came| parts(visit, &came)).unwrap_or_default());
        }
        Stands::NotAsked => {
            shown.push(Part::new(ask.told(t).0).hint(if can_be_asked { t.not_asked() } else { t.no_admin() }));
        }
    }
    if can_be_asked && progress.is_none() && shell.may_operate() {
        let run = if matches!(stands, Stands::NotAsked) { t.run() } else { t.again() };
        actions.push(Action::new(asking(id, ask), run));
    }
    actions.insert(0, Action::new(path("/hosts", id), t.host()));
    WorkPage {
        t,
        shell,
        title: ask.title(t, id),
        noun: ask.told(t).0,
        host: id.to_owned(),
        host_href: path("/hosts", id),
        actions,
        progress,
        parts: shown,
    }
}

fn how_far(t: WorkWords, visit: &Visit, ask: Ask, since: Timestamp, under_way: &[WorkProgress]) -> Progress {
    let at = under_way.iter().find(|progress| progress.work == ask.as_str());
    let share = at.filter(|at| at.total > 0).map(|at| (at.done, at.total));
    Progress {
        stage: at
            .map(|at| at.stage.as_str())
            .filter(|stage| !stage.is_empty())
            .map_or_else(|| t.starting().to_owned(), |stage| faults::said(visit.preferences.language, stage)),
        share,
        told: share.map(|(done, total)| t.step_of(done, total)).unwrap_or_default(),
        since: t.begun_since(visit.format().relative(since, visit.now)),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let visit = visit(language);
    let mut pages: Vec<String> =
        Ask::ALL.map(|ask| render(&confirmation(&visit, HOSTILE, ask, ask != Ask::Sync))).into();
    let under_way = [WorkProgress { work: "sync", stage: HOSTILE.into(), done: 1, total: 3 }];
    for stands in [Stands::UnderWay(now(), &under_way), Stands::NotAsked] {
        pages.push(render(&work_page(&visit, HOSTILE, Ask::Sync, &stands, false)));
    }
    for kept in super::host_results::sample() {
        let ask = Ask::named(&kept.work).unwrap();
        assert!(kept.outcome().is_some(), "{kept:?}");
        pages.push(render(&work_page(&visit, HOSTILE, ask, &Stands::Done(&kept), true)));
    }
    pages
}
