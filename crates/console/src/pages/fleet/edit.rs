//! Making, changing and removing hosts, groups, routes and keys: a form, what it would do, and doing it.
//!
//! A form is looked at before it is saved: the first button shows the plan (`Control::plan_edit`), and only
//! a form that is unchanged since can be saved. The entry's version travels along, so that what somebody
//! else changed meanwhile is not overwritten.

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use relay_control::access::Role;
use relay_control::edit::{Edit, EditError, Entry, Noun};
use relay_control::expected::Expected;
use relay_control::keys::DEFAULT_OVERLAP;
use relay_control::publication::{Planned, PublishError};
use relay_control::view::Fields;

use super::bound_to;
use super::fields::{FieldWords, Kind, Spec, read, specs};
use super::issued::{Issued, issued};
use crate::cell::Cell;
use crate::changes;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::{self, Form};
use crate::kit::{Confirm, Part, Table};
use crate::query::{address, path};
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    EditWords {
        new_entry(noun) => "New {noun}" / "新建{noun}";
        change(noun) => "Change {noun}" / "修改{noun}";
        look => "Show what it does" / "预览变更";
        look_again => "Show again" / "重新预览";
        save => "Save" / "保存";
        cancel => "Cancel" / "取消";
        plan => "What will change" / "将发生的变更";
        nothing => "Nothing differs from what is in force." / "与当前生效的配置没有差异。";
        warnings => "Probably not meant" / "可能并非本意";
        faults => "This cannot be saved yet" / "暂时无法保存";
        changed_since => "The form was changed after you looked at what it does. Look once more." / "预览之后表单又有修改，请重新预览。";
        delete_title(noun, id) => "Delete {noun} {id}" / "删除{noun} {id}";
        delete_what => "It is gone with the next generation. Its decisions and sums stay, and an older generation has it still." / "发布新版本后即删除。相关决策和统计仍会保留，旧版本中也仍然存在。";
        delete_referred(why) => "Others refer to it: {why}" / "还有其他对象引用它：{why}";
        cascade => "Delete those, too" / "一并删除这些对象";
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
    }
}

/// A field of the form.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: String,
    pub(crate) value: String,
    /// `text`, `number`, `flag`, `choice`, `area` or `secret`.
    pub(crate) kind: &'static str,
    pub(crate) choices: Vec<(&'static str, bool)>,
    /// Proposed values.
    pub(crate) known: Vec<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) is_fixed: bool,
}

/// What saving would do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) table: Table,
    pub(crate) warnings: Vec<String>,
}

/// The form.
#[derive(Template)]
#[template(path = "fleet/edit.html")]
pub(crate) struct EditPage {
    pub(crate) t: EditWords,
    pub(crate) shell: Shell,
    pub(crate) title: String,
    /// Where the form is sent, and the way back.
    pub(crate) action: String,
    pub(crate) cancel: String,
    pub(crate) inputs: Vec<Input>,
    pub(crate) version: String,
    /// Names what was looked at.
    pub(crate) seen: String,
    pub(crate) plan: Option<Plan>,
    /// What is wrong and belongs to no field.
    pub(crate) faults: Vec<String>,
}

/// The pages of edits, for each noun.
pub(crate) fn routes() -> Router<Console> {
    [Noun::Host, Noun::Group, Noun::Route, Noun::Key].into_iter().fold(Router::new(), |router, noun| {
        let list = list_of(noun);
        let make = get(move |State(console): State<Console>, visit: Visit| async move { new(noun, &console, &visit) })
            .post(move |State(console): State<Console>, visit: Visit, Form(form): Form| async move {
                create(noun, &console, &visit, &form).await
            });
        let change = get(move |State(console): State<Console>, visit: Visit, Path(id): Path<String>| async move {
            edit(noun, &console, &visit, &id)
        })
        .post(
            move |State(console): State<Console>, visit: Visit, Path(id): Path<String>, Form(form): Form| async move {
                update(noun, &console, &visit, &id, &form).await
            },
        );
        let act = get(
            move |State(console): State<Console>, visit: Visit, Path((id, act)): Path<(String, String)>| async move {
                confirm(noun, &console, &visit, &id, Act::named(&act)?).await
            },
        )
        .post(
            move |State(console): State<Console>,
                  visit: Visit,
                  Path((id, act)): Path<(String, String)>,
                  Form(form): Form| async move {
                perform(noun, &console, &visit, &id, Act::named(&act)?, &form).await
            },
        );
        router
            .route(&format!("{list}/new"), make)
            .route(&format!("{list}/{{id}}/edit"), change)
            .route(&format!("{list}/{{id}}/act/{{act}}"), act)
    })
}

/// The path of a noun's list.
pub(crate) fn list_of(noun: Noun) -> &'static str {
    match noun {
        Noun::Host => "/hosts",
        Noun::Group => "/groups",
        Noun::Route => "/routes",
        Noun::Key => "/keys",
    }
}

fn section(noun: Noun) -> Section {
    match noun {
        Noun::Host => Section::Hosts,
        Noun::Group => Section::Groups,
        Noun::Route => Section::Routes,
        Noun::Key => Section::Keys,
    }
}

fn new(noun: Noun, console: &Console, visit: &Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(page(&EditPage::new(noun, visit, &Shown::entry(None), &known(console))))
}

fn edit(noun: Noun, console: &Console, visit: &Visit, id: &str) -> PageResult {
    visit.acting(Role::Admin)?;
    let entry = console.control.entry(noun, id).ok_or(Fault::NotFound)?;
    Ok(page(&EditPage::new(noun, visit, &Shown::entry(Some(&entry)), &known(console))))
}

async fn create(noun: Noun, console: &Console, visit: &Visit, form: &form::Fields) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let fields = read(noun, form, true);
    let edit = Edit::create(noun, fields.clone());
    let shown = Shown { id: None, form: Some(form), entry: None, version: String::new() };
    if let Some(answer) = look_first(noun, console, visit, &shown, &edit) {
        return answer;
    }
    if noun == Noun::Key {
        let made = console.control.create_key(fields, actor).await.map_err(fault)?;
        return Ok(page(&issued(visit, console, Issued { key_id: made.key_id, key: made.key, until: None })));
    }
    let id = edit.id().to_owned();
    console.control.edit(&[edit], actor).await.map_err(fault)?;
    Ok(see_other(&address(&path(list_of(noun), &id), [("done", "saved")])))
}

async fn update(noun: Noun, console: &Console, visit: &Visit, id: &str, form: &form::Fields) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let entry = console.control.entry(noun, id).ok_or(Fault::NotFound)?;
    let version = form.text("version").unwrap_or_default();
    let edit = Edit::update(noun, id, read(noun, form, false)).expecting(Expected::one_of(vec![version.clone()]));
    let shown = Shown { id: Some(id), form: Some(form), entry: Some(&entry.fields), version };
    if let Some(answer) = look_first(noun, console, visit, &shown, &edit) {
        return answer;
    }
    console.control.edit(&[edit], actor).await.map_err(fault)?;
    Ok(see_other(&address(&path(list_of(noun), id), [("done", "saved")])))
}

/// The form with its plan, or with its faults; none when it was looked at, and is as it was then.
fn look_first(noun: Noun, console: &Console, visit: &Visit, shown: &Shown<'_>, edit: &Edit) -> Option<PageResult> {
    let mut form = EditPage::new(noun, visit, shown, &known(console));
    match console.control.plan_edit(std::slice::from_ref(edit)) {
        Ok(planned) => {
            let given = shown.form.and_then(|form| form.text("seen"));
            let wants_to_save = shown.form.is_some_and(|form| form.text("step").as_deref() == Some("save"));
            if wants_to_save && given.as_deref() == Some(form.seen.as_str()) {
                return None;
            }
            if wants_to_save {
                form.faults.push(form.t.changed_since().to_owned());
            }
            form.plan = Some(plan_of(visit.preferences.language, &planned));
            Some(Ok(page(&form)))
        }
        Err(EditError::Faults(faults)) => {
            for fault in faults.0 {
                let told = faults::with_remedy(visit.preferences.language, &fault.message, &fault.remedy);
                // The path of a table's field, as the form has it, or else of the table.
                let input = form.inputs.iter_mut().find(|input| is_of(input.name, &fault.path));
                match input {
                    Some(input) => input.faults.push(told),
                    None => form.faults.push(format!("{}: {told}", fault.entry)),
                }
            }
            Some(Ok(unprocessable(&form)))
        }
        Err(error @ (EditError::Exists { .. } | EditError::Outdated { .. })) => {
            form.faults.push(faults::said(visit.preferences.language, &error.to_string()));
            Some(Ok(unprocessable(&form)))
        }
        Err(error) => Some(Err(fault(error))),
    }
}

fn is_of(name: &str, path: &str) -> bool {
    let path = path.split('[').next().unwrap_or(path);
    name == path || name.split('.').next() == Some(path)
}

fn unprocessable(form: &EditPage) -> axum::response::Response {
    let mut response = page(form);
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

fn plan_of(language: Language, planned: &Planned) -> Plan {
    Plan {
        table: changes::table(language, &planned.diff),
        warnings: planned.warnings.iter().map(|warning| faults::line(language, warning)).collect(),
    }
}

fn fault(error: EditError) -> Fault {
    match error {
        EditError::Unknown { .. } => Fault::NotFound,
        EditError::Publish(PublishError::Store(error)) => error.into(),
        EditError::Faults(faults) => Fault::Refused(StatusCode::UNPROCESSABLE_ENTITY, faults.to_string()),
        error => Fault::Refused(StatusCode::CONFLICT, error.to_string()),
    }
}

/// What a form shows: what was entered, or the entry, or nothing yet.
struct Shown<'a> {
    id: Option<&'a str>,
    form: Option<&'a form::Fields>,
    entry: Option<&'a Fields>,
    version: String,
}

impl<'a> Shown<'a> {
    fn entry(entry: Option<&'a Entry>) -> Self {
        let version = entry.map(|entry| entry.version.clone()).unwrap_or_default();
        let fields = entry.map(|entry| &entry.fields);
        let id = fields.and_then(|fields| fields.values().next()).and_then(serde_json::Value::as_str);
        Self { id, form: None, entry: fields, version }
    }
}

impl EditPage {
    fn new(noun: Noun, visit: &Visit, shown: &Shown<'_>, known: &dyn Fn(&str) -> Vec<String>) -> Self {
        let language = visit.preferences.language;
        let t = EditWords(language);
        let word = terms::noun(language, noun.as_str());
        let list = list_of(noun);
        let inputs: Vec<Input> = specs(noun)
            .iter()
            .enumerate()
            .map(|(position, spec)| Input {
                known: known(spec.path),
                ..input(language, *spec, shown, position == 0 && shown.id.is_some())
            })
            .collect();
        Self {
            t,
            shell: visit.shell(section(noun)),
            title: match shown.id {
                Some(id) => format!("{} {id}", t.change(word)),
                None => t.new_entry(word),
            },
            action: shown.id.map_or_else(|| format!("{list}/new"), |id| format!("{}/edit", path(list, id))),
            cancel: shown.id.map_or_else(|| list.to_owned(), |id| path(list, id)),
            seen: seen(&inputs),
            inputs,
            version: shown.version.clone(),
            plan: None,
            faults: Vec::new(),
        }
    }
}

/// Names the values of a form: another value, another name.
fn seen(inputs: &[Input]) -> String {
    let mut hasher = blake3::Hasher::new();
    for input in inputs {
        for text in [input.name, input.value.as_str()] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

fn input(language: Language, spec: Spec, shown: &Shown<'_>, is_fixed: bool) -> Input {
    let t = FieldWords(language);
    let value = match shown.form {
        Some(_) if is_fixed => shown.id.unwrap_or_default().to_owned(),
        Some(form) => form.text(spec.path).unwrap_or_default(),
        None => spec.shown(shown.entry),
    };
    let (kind, choices) = match spec.kind {
        Kind::Text | Kind::List => ("text", Vec::new()),
        Kind::Number => ("number", Vec::new()),
        Kind::Flag => ("flag", Vec::new()),
        Kind::Secret => ("secret", Vec::new()),
        Kind::Budgets => ("area", Vec::new()),
        Kind::Choice(words) => ("choice", words.iter().map(|word| (*word, *word == value)).collect()),
    };
    let stays = (spec.kind == Kind::Secret && shown.entry.is_some()).then(|| t.stays());
    let hints = spec.hint.map(|hint| hint(t)).into_iter().chain(stays);
    Input {
        name: spec.path,
        label: (spec.label)(t),
        hint: hints.collect::<Vec<_>>().join(" "),
        value,
        kind,
        choices,
        known: Vec::new(),
        faults: Vec::new(),
        is_fixed,
    }
}

/// Names of the fleet in force that fit a field.
fn known(console: &Console) -> impl Fn(&str) -> Vec<String> {
    const PROPOSED: usize = 200;
    let snapshot = console.control.snapshot();
    move |field| match field {
        "shadow_host_id" => snapshot.hosts().iter().take(PROPOSED).map(|host| host.id.to_string()).collect(),
        "logical_groups" | "logical_group_id" => {
            snapshot.groups().take(PROPOSED).map(|group| group.id.to_string()).collect()
        }
        _ => Vec::new(),
    }
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
    fn named(word: &str) -> Result<Self, Fault> {
        match word {
            "enable" => Ok(Self::Enable),
            "disable" => Ok(Self::Disable),
            "drain" => Ok(Self::Drain),
            "delete" => Ok(Self::Delete),
            "rotate" => Ok(Self::Rotate),
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

    /// The edit, unless it is one of its own.
    fn edit(self, noun: Noun, id: &str, cascade: bool) -> Option<Edit> {
        let patch = |name: &str, value: serde_json::Value| Fields::from_iter([(name.to_owned(), value)]);
        match self {
            Self::Enable => Some(Edit::update(noun, id, patch("enabled", true.into()))),
            Self::Disable => Some(Edit::update(noun, id, patch("enabled", false.into()))),
            Self::Drain => Some(Edit::update(noun, id, patch("weight", 0.into()))),
            Self::Delete => Some(Edit::delete(noun, id, cascade)),
            Self::Rotate => None,
        }
    }
}

async fn confirm(noun: Noun, console: &Console, visit: &Visit, id: &str, act: Act) -> PageResult {
    visit.acting(Role::Admin)?;
    console.control.entry(noun, id).ok_or(Fault::NotFound)?;
    let plan = |cascade| act.edit(noun, id, cascade).map(|edit| console.control.plan_edit(&[edit])).transpose();
    let (planned, referred) = match plan(false) {
        Err(error @ EditError::Referred { .. }) => (plan(true).map_err(fault)?, Some(error.to_string())),
        planned => (planned.map_err(fault)?, None),
    };
    let bound = if act == Act::Drain { Some(bound_to(console, visit, id).await?) } else { None };
    let planned = planned.map(|planned| plan_of(visit.preferences.language, &planned));
    Ok(page(&confirmation(visit, (noun, id, act), planned, referred, bound)))
}

fn confirmation(
    visit: &Visit,
    (noun, id, act): (Noun, &str, Act),
    planned: Option<Plan>,
    referred: Option<String>,
    bound: Option<String>,
) -> Confirm {
    let language = visit.preferences.language;
    let t = EditWords(language);
    let word = terms::noun(language, noun.as_str());
    let (title, what, button) = match act {
        Act::Enable => (t.enable_title(word, id), t.enable_what(), t.enable()),
        Act::Disable => (t.disable_title(word, id), t.disable_what(), t.disable()),
        Act::Drain => (t.drain_title(id), t.drain_what(), t.drain()),
        Act::Delete => (t.delete_title(word, id), t.delete_what(), t.delete()),
        Act::Rotate => (t.rotate_title(id), t.rotate_what(), t.rotate()),
    };
    let back = path(list_of(noun), id);
    let bound = bound.map(|bound| t.drain_bound(bound));
    let check = match (act, &referred) {
        (Act::Delete, Some(_)) => Some(("cascade", t.cascade())),
        (Act::Rotate, _) => Some(("at_once", t.rotate_at_once())),
        _ => None,
    };
    let told = referred.map(|why| t.delete_referred(why));
    let mut parts = Vec::new();
    if let Some(planned) = planned {
        parts.push(Part::new(t.plan()).table(planned.table, t.nothing()));
        if !planned.warnings.is_empty() {
            let facts = planned.warnings.iter().map(|warning| (t.warnings(), Cell::text(warning)));
            parts.push(Part::new(t.warnings()).facts(facts.collect()));
        }
    }
    Confirm {
        shell: visit.shell(section(noun)),
        title,
        sentences: std::iter::once(what.to_owned()).chain(told).chain(bound).collect(),
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
    let Some(edit) = act.edit(noun, id, form.flag("cascade")) else {
        let overlap = if form.flag("at_once") { std::time::Duration::ZERO } else { DEFAULT_OVERLAP };
        let made = console.control.rotate_key(id, overlap, actor).await.map_err(fault)?;
        let until = made.previous_secret_until;
        return Ok(page(&issued(visit, console, Issued { key_id: made.key_id, key: made.key, until })));
    };
    console.control.edit(&[edit], actor).await.map_err(fault)?;
    let to = if act == Act::Delete { list_of(noun).to_owned() } else { path(list_of(noun), id) };
    Ok(see_other(&address(&to, [("done", if act == Act::Delete { "deleted" } else { "saved" })])))
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let planned = || Plan { table: changes::table(language, &changes::sample()), warnings: vec![HOSTILE.into()] };
    let entered: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(specs(Noun::Route).iter().map(|spec| (spec.path, HOSTILE)))
        .finish();
    let entered = form::Fields::parse(entered.as_bytes());
    let known = |_: &str| vec![HOSTILE.to_owned()];
    let shown = Shown { id: Some(HOSTILE), form: Some(&entered), entry: None, version: HOSTILE.into() };
    let mut full = EditPage::new(Noun::Route, &visit, &shown, &known);
    full.faults.push(HOSTILE.into());
    full.inputs[1].faults.push(HOSTILE.into());
    full.plan = Some(planned());
    let acts = [Act::Enable, Act::Disable, Act::Drain, Act::Delete, Act::Rotate].map(|act| {
        let referred = (act == Act::Delete).then(|| HOSTILE.to_owned());
        let bound = (act == Act::Drain).then(|| "7".to_owned());
        render(&confirmation(&visit, (Noun::Route, HOSTILE, act), Some(planned()), referred, bound))
    });
    let new = [Noun::Host, Noun::Group, Noun::Route, Noun::Key]
        .map(|noun| render(&EditPage::new(noun, &visit, &Shown::entry(None), &known)));
    let once = render(&super::issued::sample(language));
    [render(&full), once].into_iter().chain(acts).chain(new).collect()
}
