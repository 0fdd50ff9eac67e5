//! Making and changing hosts, groups, routes and keys: a form, what it would do, and doing it.
//!
//! A form is looked at before it is saved: the first button shows the plan (`Control::plan_edit`), and only
//! a form that is unchanged since can be saved. The entry's version travels along, so that what somebody
//! else changed meanwhile is not overwritten.

use std::borrow::Cow;

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use http::StatusCode;
use relay_control::access::Role;
use relay_control::edit::{Edit, EditError, Entry, Noun};
use relay_control::expected::Expected;
use relay_control::publication::{Planned, PublishError};
use relay_control::view::Fields;

use super::acts;
use super::fields::{FieldWords, Kind, Spec, read, specs};
use super::issued::{Issued, issued};
use super::told;
use super::weight::{self, Weight};
use crate::changes;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::{self, Form};
use crate::kit::{Part, Table};
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
        look => "Preview change" / "预览变更";
        look_again => "Preview again" / "重新预览";
        save => "Save" / "保存";
        cancel => "Cancel" / "取消";
        plan => "What will change" / "将发生的变更";
        nothing => "Nothing differs from what is in force." / "与当前生效的配置没有差异。";
        faults => "This cannot be saved yet" / "暂时无法保存";
        changed_since => "The form was changed after the preview. Preview it again." / "预览之后表单又有修改，请重新预览。";
        effect => "Show its effect on traffic" / "显示对流量的影响";
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
    pub(crate) choices: Vec<(&'static str, Cow<'static, str>, bool)>,
    /// Proposed values.
    pub(crate) known: Vec<String>,
    pub(crate) faults: Vec<String>,
    pub(crate) is_fixed: bool,
}

/// What saving would do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What it would do to traffic, where there are no scripts that ask for it once the page stands.
    pub(crate) weight: Vec<Part>,
    /// Stands until that is known.
    pub(crate) weighing: &'static str,
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
        router
            .route(&format!("{list}/new"), make)
            .route(&format!("{list}/{{id}}/edit"), change)
            .merge(acts::routes(noun))
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

pub(super) fn section(noun: Noun) -> Section {
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
    if let Some(answer) = look_first(noun, console, visit, &shown, &edit).await {
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
    if let Some(answer) = look_first(noun, console, visit, &shown, &edit).await {
        return answer;
    }
    console.control.edit(&[edit], actor).await.map_err(fault)?;
    Ok(see_other(&address(&path(list_of(noun), id), [("done", "saved")])))
}

/// The form with its plan, or with its faults; none when it was looked at, and is as it was then.
async fn look_first(
    noun: Noun,
    console: &Console,
    visit: &Visit,
    shown: &Shown<'_>,
    edit: &Edit,
) -> Option<PageResult> {
    let mut form = EditPage::new(noun, visit, shown, &known(console));
    match console.control.plan_edit(std::slice::from_ref(edit)) {
        Ok(planned) => {
            let given = shown.form.and_then(|form| form.text("seen"));
            let step = shown.form.and_then(|form| form.text("step")).unwrap_or_default();
            let wants_to_save = step == "save";
            let weight =
                if step == "weigh" { weight::of(console, visit, std::slice::from_ref(edit)).await } else { Vec::new() };
            if visit.is_fragment {
                return Some(Ok(page(&Weight { shell: form.shell, parts: weight })));
            }
            if wants_to_save && given.as_deref() == Some(form.seen.as_str()) {
                return None;
            }
            if wants_to_save {
                form.faults.push(form.t.changed_since().to_owned());
            }
            form.plan = Some(Plan { weight, ..plan_of(visit.preferences.language, &planned) });
            Some(Ok(page(&form)))
        }
        Err(EditError::Faults(faults)) => {
            let more = told::more(visit.preferences.language, &faults);
            for fault in faults.into_kept() {
                // The path of a table's field, as the form has it, or else of the table.
                let input = form.inputs.iter_mut().find(|input| is_of(input.name, &fault.path));
                match input {
                    Some(input) => input.faults.push(told::at_field(visit.preferences.language, &fault)),
                    None => form.faults.push(told::at_entry(visit.preferences.language, &fault)),
                }
            }
            form.faults.extend(more);
            Some(Ok(unprocessable(&form)))
        }
        Err(EditError::Exists { id, .. }) => {
            // The first field names the entry.
            form.inputs[0].faults.push(told::taken(visit.preferences.language, &id));
            Some(Ok(unprocessable(&form)))
        }
        Err(error @ EditError::Outdated { .. }) => {
            form.faults.push(faults::said(visit.preferences.language, &error.to_string()));
            Some(Ok(unprocessable(&form)))
        }
        Err(error) => Some(Err(fault(error))),
    }
}

/// Whether what is wrong at `path` stands at the input `name`: a list is entered as one, as some tables are.
pub(crate) fn is_of(name: &str, path: &str) -> bool {
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
        weight: Vec::new(),
        weighing: weight::waiting(language),
    }
}

pub(crate) fn fault(error: EditError) -> Fault {
    match error {
        EditError::Unknown { .. } => Fault::NotFound,
        EditError::Publish(PublishError::Store(error)) => error.into(),
        EditError::Faults(faults) => Fault::Faulty(faults),
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
        let word = terms::object(language, noun.as_str());
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
        Kind::Choice(words) => ("choice", terms::choices(language, spec.path, words, &value)),
    };
    let stays =
        (spec.kind == Kind::Secret && shown.entry.is_some_and(|entry| spec.is_stored(entry))).then(|| t.stays());
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

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let planned = || Plan {
        table: changes::table(language, &changes::sample()),
        warnings: vec![HOSTILE.into()],
        weight: weight::sample(language),
        weighing: weight::waiting(language),
    };
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
    let new = [Noun::Host, Noun::Group, Noun::Route, Noun::Key]
        .map(|noun| render(&EditPage::new(noun, &visit, &Shown::entry(None), &known)));
    let once = render(&super::issued::sample(language));
    [render(&full), once].into_iter().chain(new).collect()
}

#[cfg(test)]
mod tests {
    use relay_control::fleet_document::{Faults, FleetDocument, NoSecrets, Reading, read};
    use relay_domain::{Fleet, KeyHash, Secret, Timestamp};
    use serde_json::json;

    use super::*;

    /// What is wrong with this fleet.
    fn faults(document: serde_json::Value) -> Faults {
        let reading = Reading {
            current: &Fleet::default(),
            resolver: &NoSecrets,
            hash_key: &|_: &Secret| KeyHash([0; 32]),
            generate_key: &|| Secret::new("k"),
            now: Timestamp::UNIX_EPOCH,
        };
        read(&FleetDocument::from_json(document).unwrap(), &reading).unwrap_err()
    }

    #[test]
    fn an_act_without_a_form_tells_faults_in_the_language_of_the_page() {
        let route = json!({
            "route_id": "r", "logical_group_id": "gone", "public_model": "gpt-5", "shadow_host_id": "h",
            "credential": "caller",
        });
        let host = json!({ "host_id": "h", "kind": "openai", "base_url": "https://h.example" });
        let key = json!({ "key_id": "k", "secret": "k", "logical_groups": ["gone"] });
        let found = faults(json!({ "host": [host], "route": [route], "key": [key] }));
        let fault = fault(EditError::Faults(found));
        assert_eq!(fault.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let told = |language| fault.told(language);
        let english = ["route \"r\"", "key \"k\""]
            .map(|entry| format!("{entry}: There is no group “gone”; choose one that exists."));
        assert_eq!(told(Language::English), ("This cannot be done", english.into()));
        let chinese =
            ["路由 “r”", "使用方 key “k”"].map(|entry| format!("{entry}：没有名为 “gone” 的分组，请从已有的中选择。"));
        assert_eq!(told(Language::Chinese), ("无法完成该操作", chinese.into()));
    }

    #[test]
    fn of_an_act_with_very_many_faults_the_rest_is_counted() {
        let fault = fault(EditError::Faults(faults(json!({ "route": vec![json!({}); 1_000] }))));
        for (language, more) in [(Language::English, "Faults beside these: "), (Language::Chinese, "另有 ")] {
            let (_, lines) = fault.told(language);
            assert!(lines.len() == 1_001 && lines[1_000].starts_with(more), "{:?}", lines.last());
        }
    }

    #[test]
    fn a_fault_stands_at_the_input_of_its_field_wherever_in_the_value_it_is() {
        for (noun, path, input) in [
            (Noun::Key, "models", "models"),
            (Noun::Key, "models[1]", "models"),
            (Noun::Key, "logical_groups[0]", "logical_groups"),
            (Noun::Key, "budgets[1]", "budgets"),
            (Noun::Group, "budgets[1].money", "budgets"),
            (Noun::Group, "limits.rpm", "limits.rpm"),
            (Noun::Host, "login", "login.email"),
        ] {
            let found = specs(noun).iter().find(|spec| is_of(spec.path, path)).map(|spec| spec.path);
            assert_eq!(found, Some(input), "{path}");
        }
    }
}
