//! What is done to a host, group, route or key without a form: enabling, disabling, draining, deleting, a new secret.
//! Each says first what it will do.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use relay_control::Control;
use relay_control::access::Role;
use relay_control::diff::{Diff, EntryName};
use relay_control::edit::{Edit, EditError, Noun};
use relay_control::keys::DEFAULT_OVERLAP;
use relay_control::publication::Planned;
use relay_control::view::Fields;

use super::draining::Held;
use super::edit::{fault, list_of, section};
use super::issued::{Issued, issued};
use super::weight::{self, Weight};
use crate::changes;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::{self, Form};
use crate::format::Format;
use crate::kit::{Check, Confirm, Part};
use crate::query::{address, path};
use crate::shell::{page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::{Language, enumerated, words};

words! {
    ActWords {
        cancel => "Cancel" / "取消";
        plan => "What will change" / "将发生的变更";
        nothing => "Nothing differs from what is in force." / "与当前生效的配置没有差异。";
        delete_title(noun, id) => "Delete {noun} {id}" / "删除{noun} {id}";
        delete_what => "It is gone with the next generation. Its decisions and sums stay, and an older generation has it still." / "发布新版本后即删除。相关决策和统计仍会保留，旧版本中也仍然存在。";
        delete_referred(names) => "Others refer to it, and it can only be deleted with them: {names}." / "还有其他对象引用它，只能一并删除：{names}。";
        and_more(names, number) => "{names} and {number} more" / "{names} 以及另外 {number} 项";
        cascade(number) => "Also delete these: {number}" / "一并删除这些对象：{number} 项";
        cascade_routes(number) => "Also delete its {number} routes" / "一并删除它的 {number} 条路由";
        delete => "Delete" / "删除";
        enable_title(noun, id) => "Enable {noun} {id}" / "启用{noun} {id}";
        enable_what => "It serves again, from the next request on." / "从下一个请求起重新提供服务。";
        enable => "Enable" / "启用";
        disable_title(noun, id) => "Disable {noun} {id}" / "停用{noun} {id}";
        disable_what => "It serves no further request. Requests in flight end as they began; conversations that are held there go elsewhere, and their prompt caches are lost." / "不再接收新请求，进行中的请求不受影响；绑定在此的会话会转到其他路由，提示词缓存随之失效。";
        disable => "Disable" / "停用";
        drain_title(id) => "Drain route {id}" / "排空路由 {id}";
        drain_what => "Its weight becomes 0: conversations that are held there stay, and new ones go elsewhere." / "权重将设为 0：已绑定的会话留在原处，新会话转到其他路由。";
        drain_bound(number) => "Conversations held there now: {number}" / "当前绑定的会话数：{number}";
        drain => "Drain" / "排空";
        rotate_title(id) => "New secret for key {id}" / "轮换 key {id} 的密钥";
        rotate_what => "A new secret is made and shown once. The present one is good for 24 hours more." / "将生成新密钥并只显示一次，现有密钥在 24 小时内仍然有效。";
        rotate_at_once => "End the present one at once" / "立即作废现有密钥";
        rotate => "Make a new secret" / "生成新密钥";
        drain_host_title(id) => "Drain host {id}" / "排空主机 {id}";
        drain_host_what => "The weight of every route to it becomes 0: conversations that are held there stay, and new ones go to other hosts." / "指向该主机的所有路由权重将设为 0：已绑定的会话留在原处，新会话转到其他主机。";
    }
}

/// The pages of one noun.
pub(super) fn routes(noun: Noun) -> Router<Console> {
    let act =
        get(move |State(console): State<Console>, visit: Visit, Path((id, act)): Path<(String, String)>| async move {
            confirm(noun, &console, &visit, &id, Act::named(noun, &act)?).await
        })
        .post(
            move |State(console): State<Console>,
                  visit: Visit,
                  Path((id, act)): Path<(String, String)>,
                  Form(form): Form| async move {
                perform(noun, &console, &visit, &id, Act::named(noun, &act)?, &form).await
            },
        );
    Router::new().route(&format!("{}/{{id}}/act/{{act}}", list_of(noun)), act)
}

/// What is done to an entry without a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Enable,
    Disable,
    Drain,
    Delete,
    Rotate,
}

impl Act {
    fn named(noun: Noun, word: &str) -> Result<Self, Fault> {
        match (word, noun) {
            ("enable", _) => Ok(Self::Enable),
            ("disable", _) => Ok(Self::Disable),
            ("drain", Noun::Host | Noun::Route) => Ok(Self::Drain),
            ("delete", _) => Ok(Self::Delete),
            ("rotate", Noun::Key) => Ok(Self::Rotate),
            _ => Err(Fault::NotFound),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Drain => "drain",
            Self::Delete => "delete",
            Self::Rotate => "rotate",
        }
    }

    /// The edits, unless it is something of its own.
    fn edits(self, control: &Control, noun: Noun, id: &str, cascade: bool) -> Result<Option<Vec<Edit>>, EditError> {
        let patch = |name: &str, value: serde_json::Value| {
            Edit::update(noun, id, Fields::from_iter([(name.to_owned(), value)]))
        };
        Ok(Some(match self {
            Self::Enable => vec![patch("enabled", true.into())],
            Self::Disable => vec![patch("enabled", false.into())],
            Self::Drain if noun == Noun::Host => control.draining(id)?,
            Self::Drain => vec![patch("weight", 0.into())],
            Self::Delete => vec![Edit::delete(noun, id, cascade)],
            Self::Rotate => return Ok(None),
        }))
    }

    /// What it would do, for who only looks: what refers to the entry goes with it, and that is told.
    fn tried(self, control: &Control, noun: Noun, id: &str) -> Result<Option<Tried>, EditError> {
        let by = if self == Self::Delete { control.referrers(noun, id) } else { Vec::new() };
        let Some(edits) = self.edits(control, noun, id, !by.is_empty())? else { return Ok(None) };
        let planned = control.plan_edit(&edits)?;
        Ok(Some(Tried { edits, planned, by }))
    }
}

/// What an act would do.
struct Tried {
    edits: Vec<Edit>,
    planned: Planned,
    /// What refers to the entry and goes with it.
    by: Vec<EntryName>,
}

/// What an act would change, and what it is warned of.
struct Told {
    diff: Diff,
    warnings: Vec<String>,
}

impl Told {
    fn of(language: Language, planned: Planned) -> Self {
        let warnings = planned.warnings.iter().map(|warning| faults::line(language, warning)).collect();
        Self { diff: planned.diff, warnings }
    }
}

/// Entries named at most: all of them stand in the plan.
const NAMED: usize = 5;

/// What refers to an entry: in words, and what to agree to.
struct Referred {
    names: String,
    cascade: String,
}

/// What refers to an entry; none when nothing does.
fn referred(language: Language, by: &[EntryName]) -> Option<Referred> {
    let (t, number) = (ActWords(language), Format(language).number(i64::try_from(by.len()).unwrap_or(i64::MAX)));
    let are_routes = by.len() > 1 && by.iter().all(|entry| entry.noun == Noun::Route.as_str());
    let cascade = if are_routes { t.cascade_routes(number) } else { t.cascade(number) };
    Some(Referred { names: names(language, by)?, cascade })
}

fn names(language: Language, by: &[EntryName]) -> Option<String> {
    let named = |entry: &EntryName| format!("{} {}", terms::noun(language, &entry.noun), entry.id);
    let names = enumerated(language, &by.iter().take(NAMED).map(named).collect::<Vec<_>>());
    match by.len() {
        0 => None,
        1..=NAMED => Some(names),
        more => Some(ActWords(language).and_more(names, more - NAMED)),
    }
}

async fn confirm(noun: Noun, console: &Console, visit: &Visit, id: &str, act: Act) -> PageResult {
    visit.acting(Role::Admin)?;
    let control = &*console.control;
    control.entry(noun, id).ok_or(Fault::NotFound)?;
    let tried = act.tried(control, noun, id).map_err(fault)?;
    if visit.is_fragment {
        let edits = tried.map(|tried| tried.edits).unwrap_or_default();
        let parts = weight::of(console, visit, &edits).await;
        return Ok(page(&Weight { shell: visit.shell(section(noun)), parts }));
    }
    let held = match (act, noun) {
        (Act::Drain | Act::Disable | Act::Delete, Noun::Route) => Some(Held::of_route(console, id).await),
        (Act::Drain | Act::Disable | Act::Delete, Noun::Host) => Some(Held::of_host(console, id).await),
        _ => None,
    };
    let language = visit.preferences.language;
    let referred = tried.as_ref().and_then(|tried| referred(language, &tried.by));
    let planned = tried.map(|tried| Told::of(language, tried.planned));
    Ok(page(&confirmation(visit, (noun, id, act), planned, referred, held.map(|held| held.told(visit)))))
}

fn confirmation(
    visit: &Visit,
    (noun, id, act): (Noun, &str, Act),
    planned: Option<Told>,
    referred: Option<Referred>,
    bound: Option<String>,
) -> Confirm {
    let language = visit.preferences.language;
    let t = ActWords(language);
    let word = terms::object(language, noun.as_str());
    let (title, what, button) = match act {
        Act::Enable => (t.enable_title(word, id), t.enable_what(), t.enable()),
        Act::Disable => (t.disable_title(word, id), t.disable_what(), t.disable()),
        Act::Drain if noun == Noun::Host => (t.drain_host_title(id), t.drain_host_what(), t.drain()),
        Act::Drain => (t.drain_title(id), t.drain_what(), t.drain()),
        Act::Delete => (t.delete_title(word, id), t.delete_what(), t.delete()),
        Act::Rotate => (t.rotate_title(id), t.rotate_what(), t.rotate()),
    };
    let back = path(list_of(noun), id);
    let bound = bound.map(|bound| t.drain_bound(bound));
    let check = match (act, &referred) {
        (Act::Delete, Some(referred)) => {
            Some(Check { name: "cascade", text: referred.cascade.clone(), is_required: true })
        }
        (Act::Rotate, _) => Some(Check { name: "at_once", text: t.rotate_at_once().to_owned(), is_required: false }),
        _ => None,
    };
    let told = referred.map(|referred| t.delete_referred(referred.names));
    let (mut parts, mut warnings) = (Vec::new(), Vec::new());
    if let Some(planned) = planned {
        warnings = planned.warnings;
        // The effect on traffic first: it is what one decides by, and the plan may be long.
        let here = format!("{back}/act/{}", act.as_str());
        parts.push(Part::new(weight::title(language)).hint(weight::waiting(language)).later(here));
        parts.push(changes::part(language, t.plan(), &planned.diff, t.nothing()));
    }
    Confirm {
        shell: visit.shell(section(noun)),
        title,
        sentences: std::iter::once(what.to_owned()).chain(told).chain(bound).collect(),
        warnings,
        parts,
        action: format!("{back}/act/{}", act.as_str()),
        hidden: Vec::new(),
        check,
        button,
        is_danger: matches!(act, Act::Delete | Act::Disable),
        cancel: (back, t.cancel()),
    }
}

async fn perform(noun: Noun, console: &Console, visit: &Visit, id: &str, act: Act, form: &form::Fields) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let control = &console.control;
    let Some(edits) = act.edits(control, noun, id, form.flag("cascade")).map_err(fault)? else {
        let overlap = if form.flag("at_once") { std::time::Duration::ZERO } else { DEFAULT_OVERLAP };
        let made = control.rotate_key(id, overlap, actor).await.map_err(fault)?;
        let until = made.previous_secret_until;
        return Ok(page(&issued(visit, console, Issued { key_id: made.key_id, key: made.key, until })));
    };
    match (act, noun) {
        (Act::Drain, Noun::Host) => control.drain_host(id, actor).await.map_err(fault)?,
        _ => control.edit(&edits, actor).await.map_err(fault)?,
    };
    let to = if act == Act::Delete { list_of(noun).to_owned() } else { path(list_of(noun), id) };
    Ok(see_other(&address(&to, [("done", if act == Act::Delete { "deleted" } else { "saved" })])))
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let planned = || Told { diff: changes::sample(), warnings: vec![HOSTILE.into()] };
    let confirmed = |noun, act| {
        let referred =
            (act == Act::Delete).then(|| Referred { names: HOSTILE.to_owned(), cascade: HOSTILE.to_owned() });
        let held = (act == Act::Drain).then(|| "7".to_owned());
        render(&confirmation(&visit, (noun, HOSTILE, act), Some(planned()), referred, held))
    };
    let mut pages: Vec<String> =
        [Act::Enable, Act::Disable, Act::Drain, Act::Delete, Act::Rotate].map(|act| confirmed(Noun::Route, act)).into();
    pages.push(confirmed(Noun::Host, Act::Drain));
    pages
}
