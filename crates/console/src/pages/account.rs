//! The sessions of whoever is logged in, and ending them.

use axum::extract::State;
use relay_control::sessions::Session;

use crate::browser;
use crate::cell::Cell;
use crate::fault::PageResult;
use crate::kit::{Action, Confirm, Head, Listing, Pager, Table};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    AccountWords {
        title => "Sessions" / "登录会话";
        intro => "Browsers that are logged in with your token. A session ends after 12 hours without use, and after 7 days in any case." / "使用您的 token 登录的浏览器。会话在 12 小时未使用后失效，最长有效 7 天。";
        browser => "Browser" / "浏览器";
        this_one => "this one" / "当前";
        begun => "Begun" / "登录时间";
        used => "Last used" / "最近使用";
        ends => "Ends" / "失效时间";
        everywhere => "Log out everywhere" / "退出全部会话";
        everywhere_only => "The session of your token ends: this one. Whoever knows the token can log in again: to prevent that, revoke it." / "您的 token 只有当前这一个会话，该会话将立即失效。知道该 token 的人仍可重新登录；如需阻止，请吊销 token。";
        everywhere_what(number) => "All {number} sessions of your token end, this one included. Whoever knows the token can log in again: to prevent that, revoke it." / "您的 token 的全部 {number} 个会话将立即失效，包括当前会话。知道该 token 的人仍可重新登录；如需阻止，请吊销 token。";
        cancel => "Cancel" / "取消";
        none => "No session." / "没有会话。";
    }
}

/// `GET /account`
pub(crate) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    Ok(page(&listing(&visit, &console.control.sessions_of(visit.session.token_id).await?)))
}

/// `GET /account/everywhere`: what it will do; the form goes to `/logout`.
pub(crate) async fn confirm(State(console): State<Console>, visit: Visit) -> PageResult {
    let sessions = console.control.sessions_of(visit.session.token_id).await?.len();
    Ok(page(&confirmation(&visit, sessions)))
}

fn listing(visit: &Visit, sessions: &[Session]) -> Listing {
    let t = AccountWords(visit.preferences.language);
    let row = |session: &Session| {
        let browser = Cell::brief(browser::named(visit.preferences.language, &session.user_agent), &session.user_agent);
        vec![
            if session.id == visit.session.id { browser.note(t.this_one()) } else { browser },
            Cell::when(visit, session.created_at),
            Cell::when(visit, session.last_seen_at),
            Cell::when(visit, session.expires_at),
        ]
    };
    Listing {
        shell: visit.shell(Section::Account),
        title: t.title(),
        intro: t.intro(),
        actions: vec![Action::new("/account/everywhere", t.everywhere()).danger()],
        path: "/account",
        narrows: Vec::new(),
        apply: "",
        table: Table {
            heads: [t.browser(), t.begun(), t.used(), t.ends()].map(Head::text).into(),
            rows: sessions.iter().map(row).collect(),
        },
        empty: t.none(),
        begins: false,
        pager: Pager::default(),
    }
}

fn confirmation(visit: &Visit, sessions: usize) -> Confirm {
    let t = AccountWords(visit.preferences.language);
    Confirm {
        shell: visit.shell(Section::Account),
        title: t.everywhere().to_owned(),
        sentences: vec![if sessions == 1 { t.everywhere_only().to_owned() } else { t.everywhere_what(sessions) }],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: "/logout".to_owned(),
        hidden: vec![("everywhere", "1".to_owned())],
        check: None,
        button: t.everywhere(),
        is_danger: true,
        cancel: ("/account".to_owned(), t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{render, visit};
    let visit = visit(language);
    let other = Session { id: 2, ..visit.session.clone() };
    let sessions = [visit.session.clone(), other];
    vec![render(&listing(&visit, &sessions)), render(&confirmation(&visit, 2))]
}
