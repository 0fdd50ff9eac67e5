//! Step 3: routes, for models that the host really lists.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use relay_control::access::Role;
use relay_control::edit::{Edit, Noun};
use relay_control::hosts::{HostError, HostTrial};
use relay_control::status::FleetCounts;
use relay_control::view::Fields;
use relay_domain::CredentialMode;
use serde_json::{Value, json};

use super::steps::Step;
use super::{StepPage, Verdict, counts, input};
use crate::fault::{Fault, PageResult};
use crate::form::{self, Form};
use crate::pages::fleet::edit::Input;
use crate::pages::fleet::trial;
use crate::query::{Query, address};
use crate::shell::{page, see_other};
use crate::state::Console;
use crate::terms::Tone;
use crate::visit::Visit;
use crate::words::words;

words! {
    RouteStepWords {
        heading => "Which models?" / "开放哪些模型？";
        lead => "A route joins a model of the group with a host. Choose from what the host lists; each becomes a route." / "路由把分组的模型连接到主机。请从主机列出的模型中选择，每个模型生成一条路由。";
        host => "Host" / "主机";
        group => "Group" / "分组";
        asking => "The host is asked for its models." / "正在向主机查询模型列表。";
        listed(number) => "The host lists {number} models. Tick those that customers may call." / "主机列出了 {number} 个模型，请勾选要开放的模型。";
        cut(number) => "Only the first {number} stand here; name others under “More”." / "此处只列出前 {number} 个，其余请在“更多选项”中填写。";
        routed => "has a route" / "已有路由";
        unknown_host(host) => "There is no host “{host}”: enter one of those that exist." / "没有名为“{host}”的主机，请填写已有的主机。";
        others => "Other models" / "其他模型";
        others_hint => "Names that the host does not list, separated by commas; gpt-5* for all that begin so." / "主机未列出的模型名，用逗号分隔；gpt-5* 表示所有以此开头的模型。";
        none_chosen => "Choose a model at least." / "请至少选择一个模型。";
        save => "Make the routes" / "新建路由";
        on => "Go on with the routes there are" / "使用已有路由继续";
    }
}

/// Models proposed at most.
const PROPOSED: usize = 300;

/// The models to choose from, once the host has told them.
#[derive(Template)]
#[template(path = "start/models.html")]
pub(crate) struct Models {
    verdict: Verdict,
    choices: Vec<Choice>,
    routed: &'static str,
}

/// A model to choose.
struct Choice {
    name: String,
    is_ticked: bool,
    /// There is a route for it already.
    is_routed: bool,
}

pub(super) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Admin)?;
    let fleet = counts(&console);
    if fleet.hosts == 0 || fleet.groups == 0 {
        return Ok(see_other(Step::next(fleet).path()));
    }
    Ok(page(&shown(&visit, fleet, &Known::of(&console), query.text("host"), None)))
}

pub(super) async fn models(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let text = |name: &str| query.text(name).unwrap_or_default();
    let (host, group) = (text("shadow_host_id"), text("logical_group_id"));
    let t = RouteStepWords(visit.preferences.language);
    let tried = match console.control.try_host_in_force(&host, actor).await {
        Ok(tried) => tried,
        Err(HostError::Unknown(host)) => return Ok(page(&Models::none(t, vec![t.unknown_host(host)]))),
        Err(error) => return Err(Fault::Unavailable(error.to_string())),
    };
    let snapshot = console.control.snapshot();
    let routes = snapshot.routes().iter().map(|entry| &entry.route);
    let routed: BTreeSet<String> = routes
        .filter(|route| route.host.as_str() == host && route.group.as_str() == group)
        .map(|route| route.public_model.to_string())
        .collect();
    Ok(page(&listed(t, tried, &query.into_fields().texts("model"), &routed)))
}

impl Models {
    fn none(t: RouteStepWords, lines: Vec<String>) -> Self {
        Self { verdict: Verdict { tone: Tone::Bad, lines }, choices: Vec::new(), routed: t.routed() }
    }
}

fn listed(t: RouteStepWords, tried: HostTrial, ticked: &[String], routed: &BTreeSet<String>) -> Models {
    let models = match tried.models {
        Ok(models) => models,
        Err(fault) => {
            let (wrong, remedy) = trial::told(t.0, &fault);
            return Models::none(t, vec![wrong, remedy.to_owned()]);
        }
    };
    let cut = (models.len() > PROPOSED).then(|| t.cut(PROPOSED));
    let lines = std::iter::once(t.listed(models.len())).chain(cut).collect();
    let choice = |name: String| Choice { is_ticked: ticked.contains(&name), is_routed: routed.contains(&name), name };
    let choices = models.into_iter().take(PROPOSED).map(choice).collect();
    Models { verdict: Verdict { tone: Tone::Good, lines }, choices, routed: t.routed() }
}

pub(super) async fn save(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let text = |name: &str| form.text(name).unwrap_or_default();
    let (host, group) = (text("shadow_host_id"), text("logical_group_id"));
    let others = text("others");
    let mut models: Vec<String> = form.texts("model");
    models.extend(form::listed(&others).map(str::to_owned));
    models.sort_unstable();
    models.dedup();
    let edits: Vec<Edit> = models.iter().map(|model| Edit::create(Noun::Route, route(&host, &group, model))).collect();
    let mut shown = shown(&visit, counts(&console), &Known::of(&console), Some(host), Some(&form));
    if edits.is_empty() {
        let t = RouteStepWords(visit.preferences.language);
        shown.fail(vec![t.none_chosen().to_owned()]);
        return Ok(page(&shown));
    }
    match console.control.edit(&edits, actor).await {
        Ok(_) => Ok(see_other(Step::Key.path())),
        Err(error) => {
            shown.refuse(error);
            Ok(page(&shown))
        }
    }
}

fn route(host: &str, group: &str, model: &str) -> Fields {
    let fields = json!({
        "route_id": slug(&format!("{group}-{model}-{host}")), "logical_group_id": group, "public_model": model,
        "shadow_host_id": host, "credential": CredentialMode::HostKey.as_str(),
    });
    let Value::Object(fields) = fields else { return Fields::new() };
    fields
}

/// Ids hold lower-case letters, digits, dots, dashes and underscores.
fn slug(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c.to_ascii_lowercase() } else { '-' };
    text.chars().map(allowed).take(64).collect()
}

/// Names of the fleet to choose from, the newest last.
struct Known {
    hosts: Vec<String>,
    groups: Vec<String>,
}

impl Known {
    fn of(console: &Console) -> Self {
        let snapshot = console.control.snapshot();
        Self {
            hosts: snapshot.hosts().iter().map(|host| host.id.to_string()).collect(),
            groups: snapshot.groups().map(|group| group.id.to_string()).collect(),
        }
    }
}

fn shown(
    visit: &Visit,
    fleet: FleetCounts,
    known: &Known,
    host: Option<String>,
    form: Option<&form::Fields>,
) -> StepPage {
    let t = RouteStepWords(visit.preferences.language);
    let text = |name: &str| form.and_then(|form| form.text(name)).unwrap_or_default();
    let host = host.or_else(|| known.hosts.first().cloned()).unwrap_or_default();
    let ticked = form.map(|form| form.texts("model")).unwrap_or_default();
    let group = form.and_then(|form| form.text("logical_group_id")).or_else(|| known.groups.first().cloned());
    StepPage {
        heading: t.heading(),
        lead: t.lead(),
        inputs: vec![
            Input { known: known.hosts.clone(), ..input("shadow_host_id", t.host(), "", host) },
            Input {
                known: known.groups.clone(),
                ..input("logical_group_id", t.group(), "", group.unwrap_or_default())
            },
        ],
        more: vec![input("others", t.others(), t.others_hint(), text("others"))],
        models: Some((address("/start/models", ticked.iter().map(|model| ("model", model.as_str()))), t.asking())),
        button: t.save(),
        on: (fleet.routes > 0).then(|| (Step::Key.path().to_owned(), t.on().to_owned())),
        ..StepPage::new(visit, fleet, Step::Route)
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use std::time::Duration;

    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let fleet = FleetCounts { hosts: 1, groups: 1, routes: 1, keys: 0 };
    let known = Known { hosts: vec![HOSTILE.into()], groups: vec![HOSTILE.into()] };
    let tried = HostTrial { took: Duration::from_secs(1), models: Ok(vec![HOSTILE.into()]) };
    let fragment =
        render(&listed(RouteStepWords(language), tried, &[HOSTILE.into()], &BTreeSet::from([HOSTILE.to_owned()])));
    assert!(!fragment.contains("<script") && fragment.contains("type=\"checkbox\""), "{fragment}");
    vec![render(&shown(&visit, fleet, &known, None, None))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_named_for_its_group_model_and_host() {
        let fields = route("tokyo-1", "pro", "claude-sonnet-4.5[1m]");
        assert_eq!(fields["route_id"], "pro-claude-sonnet-4.5-1m--tokyo-1");
        assert_eq!(
            (&fields["public_model"], &fields["credential"]),
            (&json!("claude-sonnet-4.5[1m]"), &json!("host_key"))
        );
    }
}
