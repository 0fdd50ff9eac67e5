//! Step 2: a group, what customers are given.

use axum::extract::State;
use relay_control::access::Role;
use relay_control::edit::{Edit, Noun};
use relay_control::status::FleetCounts;
use relay_control::view::Fields;
use serde_json::json;

use super::steps::Step;
use super::{StepPage, counts, input};
use crate::fault::PageResult;
use crate::form::{self, Form};
use crate::pages::fleet::edit::Input;
use crate::shell::{page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    GroupStepWords {
        heading => "What are customers given?" / "提供给客户什么？";
        lead => "A group is a named pool of models. Keys are given groups; routes decide which host serves a group's model." / "分组是一组模型的集合。key 被授予分组，路由决定分组的模型由哪台主机提供。";
        name => "A name for it" / "分组名称";
        name_hint => "Such as default, or pro." / "例如 “default” 或 “pro”。";
        scope => "Stays on one host" / "会话粘性";
        scope_hint => "conversation: each conversation stays where its prompt cache is. user: all of a user's. none: every request goes by weight alone." / "会话：每个会话固定在有其提示词缓存的主机；用户：同一用户的请求固定在一台主机；无：每个请求只按权重分配。";
        save => "Make the group" / "新建分组";
        on => "Go on with the groups there are" / "使用已有分组继续";
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(page(&shown(&visit, counts(&console), None)))
}

pub(super) async fn save(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let mut fields = Fields::new();
    if let Some(id) = form.text("logical_group_id") {
        fields.insert("logical_group_id".to_owned(), id.into());
    }
    let scope = form.text("sticky.scope").unwrap_or_else(|| "conversation".to_owned());
    fields.insert("sticky".to_owned(), json!({ "scope": scope }));
    match console.control.edit(&[Edit::create(Noun::Group, fields)], actor).await {
        Ok(_) => Ok(see_other(Step::Route.path())),
        Err(error) => {
            let mut shown = shown(&visit, counts(&console), Some(&form));
            shown.refuse(error);
            Ok(page(&shown))
        }
    }
}

fn shown(visit: &Visit, fleet: FleetCounts, form: Option<&form::Fields>) -> StepPage {
    let t = GroupStepWords(visit.preferences.language);
    let text = |name: &str| form.and_then(|form| form.text(name)).unwrap_or_default();
    let id = if form.is_some() || fleet.groups > 0 { text("logical_group_id") } else { "default".to_owned() };
    let scope = text("sticky.scope");
    let words = ["conversation", "user", "none"];
    let choices = terms::choices(visit.preferences.language, "sticky.scope", &words, &scope);
    StepPage {
        heading: t.heading(),
        lead: t.lead(),
        inputs: vec![
            input("logical_group_id", t.name(), t.name_hint(), id),
            Input { kind: "choice", choices, ..input("sticky.scope", t.scope(), t.scope_hint(), scope) },
        ],
        button: t.save(),
        on: (fleet.groups > 0).then(|| (Step::Route.path().to_owned(), t.on().to_owned())),
        ..StepPage::new(visit, fleet, Step::Group)
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{render, visit};
    let fleet = FleetCounts { hosts: 1, groups: 1, routes: 0, keys: 0 };
    vec![render(&shown(&visit(language), fleet, None))]
}
