//! Step 1: a host. It is tried before it is saved.

use axum::extract::State;
use axum::response::Response;
use relay_control::access::Role;
use relay_control::edit::{Edit, EditError, Noun};
use relay_control::hosts::HostTrial;
use relay_control::status::FleetCounts;
use relay_control::view::Fields;
use serde_json::Value;

use super::steps::Step;
use super::{StepPage, counts, input};
use crate::fault::PageResult;
use crate::form::{self, Form};
use crate::pages::fleet::edit::Input;
use crate::pages::fleet::trial;
use crate::shell::{page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    HostStepWords {
        heading => "Where are requests sent?" / "请求发往哪里？";
        lead => "A host is one deployment that serves models: sub2api, or any OpenAI-compatible server. It is asked for its models before it is saved." / "主机是一台提供模型的上游部署：sub2api，或任何 OpenAI 兼容的服务。保存前会先向它查询模型列表。";
        name => "A name for it" / "主机名称";
        name_hint => "Letters, digits and hyphens, such as tokyo-1." / "字母、数字和连字符，例如 tokyo-1。";
        kind => "What it is" / "类型";
        base_url => "Base URL" / "Base URL 地址";
        base_url_hint => "Without /v1, such as https://tokyo-1.example.com" / "不含 /v1，例如 https://tokyo-1.example.com";
        key => "API key of the host" / "主机的 API key";
        key_hint => "Made on the host; sent with every request, never shown again." / "在主机上创建，随每个请求发送，保存后不再显示。";
        private => "May have a private or loopback address" / "允许内网或回环地址";
        private_hint => "For a host in your own network, or on this machine." / "适用于内网或本机上的主机。";
        save => "Test and save" / "测试并保存";
        not_saved => "The test failed, so nothing was saved yet. Correct what is marked below, or save all the same and correct it later." / "测试未通过，尚未保存。请更正下方标出的内容；也可以仍然保存，稍后再更正。";
        anyway => "Save all the same" / "仍然保存";
        on => "Go on with the hosts there are" / "使用已有主机继续";
    }
}

pub(super) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(page(&shown(&visit, counts(&console), None)))
}

pub(super) async fn save(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let control = &console.control;
    let edit = Edit::create(Noun::Host, fields(&form));
    let mut shown = shown(&visit, counts(&console), Some(&form));
    let tried = match control.try_edited_host(&edit).await {
        Ok(tried) => tried,
        Err(error) => return Ok(refused(shown, error)),
    };
    if tried.models.is_ok() || form.flag("anyway") {
        return match control.edit(&[edit], actor).await {
            Ok(_) => Ok(see_other(Step::next(counts(&console)).path())),
            Err(error) => Ok(refused(shown, error)),
        };
    }
    failed(&mut shown, &visit, &tried);
    Ok(page(&shown))
}

fn refused(mut shown: StepPage, error: EditError) -> Response {
    shown.refuse(error);
    page(&shown)
}

fn failed(shown: &mut StepPage, visit: &Visit, tried: &HostTrial) {
    let language = visit.preferences.language;
    let Err(fault) = &tried.models else { return };
    let (wrong, remedy) = trial::told(language, fault);
    let t = HostStepWords(language);
    shown.fail(vec![t.not_saved().to_owned()]);
    shown.mark(trial::field(fault), trial::joined(language, &wrong, remedy));
    shown.anyway = Some(t.anyway());
}

fn fields(form: &form::Fields) -> Fields {
    let mut fields = Fields::new();
    for name in ["host_id", "kind", "base_url", "gateway_key"] {
        if let Some(text) = form.text(name) {
            fields.insert(name.to_owned(), Value::String(text));
        }
    }
    fields.insert("allow_private".to_owned(), form.flag("allow_private").into());
    fields
}

fn shown(visit: &Visit, fleet: FleetCounts, form: Option<&form::Fields>) -> StepPage {
    let t = HostStepWords(visit.preferences.language);
    let text = |name: &str| form.and_then(|form| form.text(name)).unwrap_or_default();
    let kind = text("kind");
    let choices = terms::choices(visit.preferences.language, "kind", &["sub2api", "openai"], &kind);
    StepPage {
        heading: t.heading(),
        lead: t.lead(),
        inputs: vec![
            input("host_id", t.name(), t.name_hint(), text("host_id")),
            Input { kind: "choice", choices, ..input("kind", t.kind(), "", kind) },
            input("base_url", t.base_url(), t.base_url_hint(), text("base_url")),
            Input { kind: "secret", ..input("gateway_key", t.key(), t.key_hint(), text("gateway_key")) },
            Input { kind: "flag", ..input("allow_private", t.private(), t.private_hint(), text("allow_private")) },
        ],
        button: t.save(),
        on: (fleet.hosts > 0).then(|| (Step::Group.path().to_owned(), t.on().to_owned())),
        ..StepPage::new(visit, fleet, Step::Host)
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use std::time::Duration;

    use relay_control::hosts::TrialFault;

    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let fleet = FleetCounts { hosts: 0, groups: 0, routes: 0, keys: 0 };
    let entered = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(["host_id", "kind", "base_url", "gateway_key"].map(|name| (name, HOSTILE)))
        .finish();
    let mut wrong = shown(&visit, FleetCounts { hosts: 1, ..fleet }, Some(&form::Fields::parse(entered.as_bytes())));
    let models = Err(TrialFault::Refused(404, HOSTILE.into()));
    failed(&mut wrong, &visit, &HostTrial { took: Duration::from_secs(1), models });
    vec![render(&shown(&visit, fleet, None)), render(&wrong)]
}
