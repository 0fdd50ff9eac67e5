//! Step 4: a key. Its secret is shown once, on the page that waits for the first request.

use axum::extract::State;
use relay_control::access::Role;
use relay_control::edit::EditError;
use relay_control::status::FleetCounts;
use relay_control::view::Fields;
use serde_json::Value;

use super::steps::Step;
use super::{StepPage, counts, input, request};
use crate::fault::{Fault, PageResult};
use crate::form::{self, Form};
use crate::pages::fleet::edit;
use crate::pages::fleet::edit::Input;
use crate::query::address;
use crate::shell::{page, see_other};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    KeyStepWords {
        heading => "Who may call?" / "谁可以调用？";
        lead => "A key is what a consumer sends. It is shown once, on the next page, with a command to paste." / "使用方凭 key 调用。密钥只在下一页显示一次，并附有可直接粘贴的命令。";
        name => "A name for it" / "key 的名称";
        name_hint => "Such as first-key, or the name of a team; blank: one is made up." / "例如 “first-key” 或团队名称；留空则自动生成。";
        groups => "Groups it may call" / "可调用的分组";
        groups_hint => "Separated by commas." / "用逗号分隔。";
        save => "Make the key" / "新建 key";
        on => "Go on with a key there is" / "使用已有 key 继续";
        on_with(key) => "Go on with {key}" / "使用 {key} 继续";
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    let fleet = counts(&console);
    if fleet.groups == 0 {
        return Ok(see_other(Step::next(fleet).path()));
    }
    Ok(page(&shown(&visit, fleet, groups(&console), None)))
}

pub(super) async fn save(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let text = |name: &str| form.text(name).unwrap_or_default();
    let chosen = text("logical_groups");
    let chosen: Value = form::listed(&chosen).collect();
    let mut fields = Fields::from_iter([("logical_groups".to_owned(), chosen)]);
    if let Some(id) = form.text("key_id") {
        fields.insert("key_id".to_owned(), id.into());
    }
    match console.control.create_key(fields, actor).await {
        Ok(made) => Ok(page(&request::Waiting::new(&visit, &console, &made.key_id, Some(made.key)))),
        Err(error) => {
            let mut shown = shown(&visit, counts(&console), groups(&console), Some(&form));
            if let EditError::Exists { id, .. } = &error {
                let t = KeyStepWords(visit.preferences.language);
                shown.on = Some((address(Step::Request.path(), [("key", id.as_str())]), t.on_with(id)));
            }
            shown.refuse(error);
            Ok(page(&shown))
        }
    }
}

/// `POST /start/secret`: another secret for who did not keep the first one.
pub(super) async fn renew(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let id = form.text("key_id").ok_or(Fault::NotFound)?;
    let made = console.control.rotate_key(&id, std::time::Duration::ZERO, actor).await;
    let made = made.map_err(|error: EditError| edit::fault(error))?;
    Ok(page(&request::Waiting::new(&visit, &console, &made.key_id, Some(made.key))))
}

fn groups(console: &Console) -> Vec<String> {
    console.control.snapshot().groups().map(|group| group.id.to_string()).collect()
}

fn shown(visit: &Visit, fleet: FleetCounts, groups: Vec<String>, form: Option<&form::Fields>) -> StepPage {
    let t = KeyStepWords(visit.preferences.language);
    let text = |name: &str| form.and_then(|form| form.text(name));
    let id = if fleet.keys > 0 || form.is_some() { String::new() } else { "first-key".to_owned() };
    let chosen = text("logical_groups").or_else(|| groups.first().cloned()).unwrap_or_default();
    StepPage {
        heading: t.heading(),
        lead: t.lead(),
        inputs: vec![
            input("key_id", t.name(), t.name_hint(), text("key_id").unwrap_or(id)),
            Input { known: groups, ..input("logical_groups", t.groups(), t.groups_hint(), chosen) },
        ],
        button: t.save(),
        on: (fleet.keys > 0).then(|| (Step::Request.path().to_owned(), t.on().to_owned())),
        ..StepPage::new(visit, fleet, Step::Key)
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let fleet = FleetCounts { hosts: 1, groups: 1, routes: 1, keys: 1 };
    vec![render(&shown(&visit(language), fleet, vec![HOSTILE.into()], None))]
}
