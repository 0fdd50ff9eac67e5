//! Admin tokens and their roles: who may come in here. A token is shown once, when it is made.

use askama::Template;
use axum::extract::{Path, State};
use http::StatusCode;
use relay_control::access::Role;
use relay_control::expected::Expected;
use relay_control::page::{Page, PageRequest};
use relay_control::tokens::{IssuedToken, TokenError, TokenView};

use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::Form;
use crate::kit::{Action, Confirm, Head, Listing, Pager, Part, Sheet, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
#[cfg(test)]
use crate::words::Language;
use crate::words::words;

words! {
    TokenWords {
        title => "Tokens" / "管理 token";
        intro => "Who may use this console, the API and the command line, and how far. The label is the actor in the audit trail." / "谁可以使用控制台、API 和命令行，以及权限范围。备注名会作为操作者记入审计。";
        token => "Token" / "管理 token";
        label => "Label" / "备注名";
        label_hint => "A person or program; no two may have the same." / "对应的人或程序，不能重复。";
        role => "Role" / "角色";
        made => "Made" / "创建时间";
        none => "There is no token." / "没有 token。";
        new_token => "New token" / "新建 token";
        make => "Create" / "创建";
        cancel => "Cancel" / "取消";
        act => "Action" / "操作";
        remove => "Revoke" / "吊销";
        remove_title(label) => "Revoke the token of {label}" / "吊销 {label} 的 token";
        remove_what => "Whoever has it is refused from now on, and its sessions end." / "持有者将立即无法使用，相关登录会话也会失效。";
        once => "It is shown this once: only its hash is kept." / "token 只显示这一次，系统只保存其哈希值。";
        viewer => "looks" / "只能查看";
        operator => "looks, and acts on traffic and health" / "可查看，可处理流量与健康状态";
        admin => "everything, fleet and tokens included" / "全部权限，包括资源配置和 token";
    }
}

const ROLES: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

/// The form of a new token.
#[derive(Template)]
#[template(path = "token_new.html")]
pub(crate) struct NewToken {
    pub(crate) t: TokenWords,
    pub(crate) shell: Shell,
    pub(crate) label: String,
    /// Word, text and what it may do; whether it is chosen.
    pub(crate) roles: Vec<(&'static str, String, &'static str, bool)>,
    pub(crate) fault: Option<String>,
}

/// `GET /tokens`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(page(&listing(&visit, &console.control.tokens(None, &query.page()?).await?, query.text("cursor").is_some())))
}

/// `GET /tokens/new`
pub(crate) async fn new(visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(page(&NewToken::new(&visit, String::new(), Role::Viewer, None)))
}

/// `POST /tokens/new`
pub(crate) async fn create(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let role = form.text("role").and_then(|word| word.parse().ok()).ok_or(Fault::Parameter("role"))?;
    let label = form.text("label").unwrap_or_default();
    match console.control.create_token(&label, role, actor).await {
        Ok(made) => Ok(page(&once(&visit, &made))),
        Err(TokenError::Store(error)) => Err(error.into()),
        Err(error) => {
            let fault = faults::said(visit.preferences.language, &error.to_string());
            let mut response = page(&NewToken::new(&visit, label, role, Some(fault)));
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// `GET /tokens/{number}/remove`
pub(crate) async fn confirm(State(console): State<Console>, visit: Visit, Path(id): Path<i64>) -> PageResult {
    visit.acting(Role::Admin)?;
    // The list is read upwards: the token is the first one above the number before.
    let request = PageRequest { limit: 1, cursor: Some(id.saturating_sub(1)) };
    let found = console.control.tokens(None, &request).await?.items.into_iter().find(|token| token.token_id == id);
    Ok(page(&confirmation(&visit, &found.ok_or(Fault::NotFound)?)))
}

/// `POST /tokens/{number}/remove`
pub(crate) async fn remove(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<i64>,
    Form(_): Form,
) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    match console.control.delete_token(id, &Expected::default(), actor).await {
        Ok(()) => Ok(see_other(&address("/tokens", [("done", "deleted")]))),
        Err(TokenError::Unknown(_)) => Err(Fault::NotFound),
        Err(TokenError::Store(error)) => Err(error.into()),
        Err(error) => Err(Fault::Refused(StatusCode::CONFLICT, error.to_string())),
    }
}

impl NewToken {
    fn new(visit: &Visit, label: String, chosen: Role, fault: Option<String>) -> Self {
        let language = visit.preferences.language;
        let t = TokenWords(language);
        let may = [t.viewer(), t.operator(), t.admin()];
        let roles = ROLES
            .into_iter()
            .zip(may)
            .map(|(role, may)| (role.as_str(), terms::role(language, role.as_str()).into_owned(), may, role == chosen));
        Self { t, shell: visit.shell(Section::Tokens), label, roles: roles.collect(), fault }
    }
}

fn listing(visit: &Visit, found: &Page<TokenView>, is_later_page: bool) -> Listing {
    let language = visit.preferences.language;
    let t = TokenWords(language);
    let row = |token: &TokenView| {
        vec![
            Cell::text(faults::who(language, &token.label)),
            Cell::text(terms::role(language, token.role)),
            Cell::when(visit, token.created_at),
            Cell::link(path("/tokens", &token.token_id.to_string()) + "/remove", t.remove()),
        ]
    };
    Listing {
        shell: visit.shell(Section::Tokens),
        title: t.title(),
        intro: t.intro(),
        actions: vec![Action::new("/tokens/new", t.new_token()).primary()],
        path: "/tokens",
        narrows: Vec::new(),
        apply: "",
        table: Table {
            heads: [t.label(), t.role(), t.made(), t.act()].map(Head::text).into(),
            rows: found.items.iter().map(row).collect(),
        },
        empty: t.none(),
        begins: false,
        pager: Pager::by_id(
            String::new(),
            is_later_page.then(|| "/tokens".to_owned()),
            found.next_cursor.as_deref().map(|cursor| address("/tokens", [("cursor", cursor)])),
        ),
    }
}

fn once(visit: &Visit, made: &IssuedToken) -> Sheet {
    let t = TokenWords(visit.preferences.language);
    Sheet {
        shell: visit.shell(Section::Tokens),
        noun: t.token(),
        name: made.view.label.clone(),
        badges: Vec::new(),
        back: Some(("/tokens", t.title())),
        actions: Vec::new(),
        parts: vec![Part::new(t.token()).hint(t.once()).code("secret", made.token.clone())],
    }
}

fn confirmation(visit: &Visit, token: &TokenView) -> Confirm {
    let language = visit.preferences.language;
    let t = TokenWords(language);
    Confirm {
        shell: visit.shell(Section::Tokens),
        title: t.remove_title(faults::who(language, &token.label)),
        sentences: vec![t.remove_what().to_owned()],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: path("/tokens", &token.token_id.to_string()) + "/remove",
        hidden: Vec::new(),
        check: None,
        button: t.remove(),
        is_danger: true,
        cancel: ("/tokens".to_owned(), t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let view = TokenView { token_id: 1, label: HOSTILE.into(), role: "operator", created_at: now() };
    let visit = visit(language);
    let full = Page { items: vec![view.clone()], next_cursor: Some("1".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    vec![
        render(&listing(&visit, &full, true)),
        render(&listing(&visit, &empty, false)),
        render(&NewToken::new(&visit, HOSTILE.into(), Role::Admin, Some(HOSTILE.into()))),
        render(&confirmation(&visit, &view)),
        render(&once(&visit, &IssuedToken { view, token: HOSTILE.into() })),
    ]
}
