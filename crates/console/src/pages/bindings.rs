//! Sticky bindings: which conversation is held where, and removing them.

use std::sync::Arc;

use axum::extract::State;
use relay_control::access::Role;
use relay_control::binding_list::{BindingFilter, BindingView};
use relay_control::page::Page;
use relay_domain::{GroupId, HostId, KeyId, RouteId};

use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::kit::{Action, Confirm, Head, Listing, Narrow, Pager, Table};
use crate::pages::fleet::draining::Held;
use crate::query::{Query, address, path};
use crate::shell::{Section, page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::{enumerated, words};

words! {
    BindingWords {
        title => "Bindings" / "会话绑定";
        intro => "Conversations and the routes that hold their prompt caches. Subjects are kept as hashes alone." / "会话与保存其提示词缓存的路由。会话标识只保存哈希值。";
        sticky_key => "Sticky key" / "绑定标识";
        consumer => "Consumer" / "使用方";
        group => "Group" / "分组";
        model => "Model" / "模型";
        route => "Route" / "路由";
        host => "Host" / "主机";
        scope => "Keyed by" / "粘性范围";
        bound => "Bound" / "绑定时间";
        used => "Last used" / "最近使用";
        ends => "Ends" / "失效时间";
        moved => "away from its best route" / "已离开最佳路由";
        operator => "operator" / "操作员";
        apply => "Filter" / "筛选";
        no_match => "No binding matches." / "没有匹配的绑定。";
        empty => "There is no binding yet. One is made when a sticky request succeeds." / "还没有绑定。带粘性的请求成功后会自动建立绑定。";
        purge => "Remove these" / "移除这些绑定";
        purge_all => "Remove all" / "移除全部绑定";
        purge_title => "Remove bindings" / "移除绑定";
        purge_what(filters, number) => "Every binding with {filters} is removed: {number} now." / "将移除所有符合以下条件的绑定：{filters}；当前共 {number} 个。";
        purge_all_what(number) => "Every binding is removed: {number} now." / "将移除全部绑定，当前共 {number} 个。";
        purge_cost => "The next request of each conversation is placed anew, on its home route; a prompt cache elsewhere is not used again." / "这些会话的下一个请求将重新选择路由，原主机上的提示词缓存不再使用。";
        cancel => "Cancel" / "取消";
    }
}

/// Names of the filters, in addresses and forms.
const FILTERS: [&str; 6] = ["consumer", "logical_group_id", "public_model", "route_id", "host_id", "sticky_key"];

/// `GET /bindings`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let found = console.control.bindings(&read_filter(|name| query.text(name))?, &query.page()?).await;
    Ok(page(&listing(&visit, &query, &found)))
}

/// `GET /bindings/purge`: what it will do.
pub(crate) async fn confirm(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Operator)?;
    let held = Held::of(&console, &read_filter(|name| query.text(name))?).await;
    if held.conversations == 0 {
        return Ok(see_other(&with_filters("/bindings", &query, &[("done", "nothing")])));
    }
    Ok(page(&confirmation(&visit, &query, &held)))
}

/// `POST /bindings/purge`
pub(crate) async fn purge(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Operator)?;
    let purged = console.control.purge_bindings(&read_filter(|name| form.text(name))?, actor).await?;
    let done = if purged == 0 { "nothing" } else { "purged" };
    Ok(see_other(&address("/bindings", [("done", done)])))
}

fn read_filter(text: impl Fn(&str) -> Option<String>) -> Result<BindingFilter, Fault> {
    fn read<T, E>(
        name: &'static str,
        text: Option<String>,
        new: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        text.map(|text| new(&text).map_err(|_| Fault::Parameter(name))).transpose()
    }
    Ok(BindingFilter {
        consumer: read("consumer", text("consumer"), KeyId::new)?,
        group: read("logical_group_id", text("logical_group_id"), GroupId::new)?,
        model: text("public_model").map(Arc::from),
        route_id: read("route_id", text("route_id"), RouteId::new)?,
        host_id: read("host_id", text("host_id"), HostId::new)?,
        sticky_key: read("sticky_key", text("sticky_key"), str::parse)?,
    })
}

fn labels(t: BindingWords) -> [&'static str; 6] {
    [t.consumer(), t.group(), t.model(), t.route(), t.host(), t.sticky_key()]
}

fn with_filters(path: &str, query: &Query, more: &[(&str, &str)]) -> String {
    let filters = FILTERS.map(|name| (name, query.text(name).unwrap_or_default()));
    address(path, filters.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()))
}

fn listing(visit: &Visit, query: &Query, found: &Page<BindingView>) -> Listing {
    let language = visit.preferences.language;
    let t = BindingWords(language);
    let row = |binding: &BindingView| {
        let decisions = address("/decisions", [("sticky_key", binding.sticky_key.as_str())]);
        let route = Cell::link(path("/routes", &binding.route_id), &binding.route_id);
        vec![
            Cell::link(decisions, &binding.sticky_key[..binding.sticky_key.len().min(12)]),
            Cell::text(binding.consumer.as_deref().unwrap_or_else(|| t.operator())),
            Cell::text(&binding.public_model).note(&binding.logical_group_id),
            if binding.moved { route.note(t.moved()) } else { route },
            Cell::text(&binding.host_id),
            Cell::text(terms::scope(language, binding.scope)),
            Cell::when(visit, binding.bound_at),
            Cell::when(visit, binding.last_used_at),
            Cell::when(visit, binding.expires_at),
        ]
    };
    let heads =
        [t.sticky_key(), t.consumer(), t.model(), t.route(), t.host(), t.scope(), t.bound(), t.used(), t.ends()];
    let shell = visit.shell(Section::Bindings);
    let is_filtered = FILTERS.iter().any(|name| query.text(name).is_some());
    let purge = if is_filtered { t.purge() } else { t.purge_all() };
    let purge = Action::new(with_filters("/bindings/purge", query, &[]), purge).danger();
    Listing {
        title: t.title(),
        intro: t.intro(),
        actions: (shell.may_operate() && !found.items.is_empty()).then_some(purge).into_iter().collect(),
        path: "/bindings",
        narrows: FILTERS
            .into_iter()
            .zip(labels(t))
            .map(|(name, label)| Narrow::text(name, label, query.text(name)))
            .collect(),
        apply: t.apply(),
        table: Table { heads: heads.map(Head::text).into(), rows: found.items.iter().map(row).collect() },
        empty: if is_filtered { t.no_match() } else { t.empty() },
        begins: !is_filtered,
        pager: Pager::by_id(
            String::new(),
            query.text("cursor").map(|_| with_filters("/bindings", query, &[])),
            found.next_cursor.as_deref().map(|cursor| with_filters("/bindings", query, &[("cursor", cursor)])),
        ),
        shell,
    }
}

fn confirmation(visit: &Visit, query: &Query, held: &Held) -> Confirm {
    let t = BindingWords(visit.preferences.language);
    let filters = FILTERS.into_iter().zip(labels(t));
    let told = filters.filter_map(|(name, label)| Some(format!("{label} = {}", query.text(name)?)));
    let told: Vec<String> = told.collect();
    Confirm {
        shell: visit.shell(Section::Bindings),
        title: t.purge_title().to_owned(),
        sentences: vec![
            if told.is_empty() {
                t.purge_all_what(held.told(visit))
            } else {
                t.purge_what(enumerated(visit.preferences.language, &told), held.told(visit))
            },
            t.purge_cost().to_owned(),
        ],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: "/bindings/purge".to_owned(),
        hidden: FILTERS.into_iter().filter_map(|name| Some((name, query.text(name)?))).collect(),
        check: None,
        button: if told.is_empty() { t.purge_all() } else { t.purge() },
        is_danger: true,
        cancel: (with_filters("/bindings", query, &[]), t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let binding = BindingView {
        sticky_key: "0123456789abcdef0123456789abcdef".into(),
        consumer: Some(HOSTILE.into()),
        logical_group_id: HOSTILE.into(),
        public_model: HOSTILE.into(),
        scope: "conversation",
        route_id: HOSTILE.into(),
        host_id: HOSTILE.into(),
        bound_at: now(),
        expires_at: now(),
        last_used_at: now(),
        moved: true,
    };
    let visit = visit(language);
    let full = Page { items: vec![binding], next_cursor: Some("c".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    let query = Query::parse("public_model=%3Cscript%3Ealert&cursor=x");
    vec![
        render(&listing(&visit, &query, &full)),
        render(&listing(&visit, &Query::default(), &empty)),
        render(&confirmation(&visit, &query, &Held::default())),
        render(&confirmation(&visit, &Query::default(), &Held::default())),
    ]
}
