//! The playground: a chat as a consumer, or only where it would go.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use relay_control::explain::HypotheticalError;
use relay_domain::{ModelPattern, Scope};

use super::asked::Asked;
use super::told::Told;
use crate::fault::PageResult;
use crate::faults;
use crate::form::Form;
use crate::query::Query;
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    /// The playground.
    ChatWords {
        title => "Playground" / "调试台";
        intro => "Send a chat as one of the consumer keys, and see where it goes and why. It counts against that key's limits, costs what any request costs, and is in the decision log and the audit trail." / "以某个使用方 key 的身份发送对话，查看它的去向和原因。请求会占用该 key 的限额，按正常请求计费，并记入决策日志和审计。";
        intro_viewer => "See where a request of a consumer key would go, and why. Nothing is sent, bound or logged." / "查看某个使用方 key 的请求会去向哪里以及原因。不会发送、绑定或记录任何内容。";
        to_actions => "The three actions" / "三个运维动作";
        key => "As consumer key" / "使用方 key";
        key_hint => "Its id; the secret is not needed." / "填 key 的 ID，不需要密钥本身。";
        group => "Group" / "分组";
        as_the_key => "as the key looks it up" / "按 key 的查找顺序";
        model => "Model" / "模型";
        scope => "Stickiness by" / "粘性范围";
        as_the_group => "as the group has it" / "按分组设置";
        subject => "Conversation" / "会话标识";
        subject_hint => "Sent as X-Relay-Conversation. Empty: told by the first messages. By user, it is the key's own." / "以 X-Relay-Conversation 发送；留空则由开头的消息推断。粘性范围为用户时，取 key 自身的标识。";
        system => "System message" / "系统消息";
        message => "Message" / "消息";
        temperature => "Temperature" / "温度";
        max_tokens => "Most tokens" / "最大 token 数";
        stream => "Stream the answer" / "流式返回";
        send => "Send" / "发送";
        stop => "Stop" / "停止";
        resolve => "Only resolve" / "仅解析路由";
        fresh => "New conversation" / "新会话";
        conversation => "Conversation" / "对话";
        nothing_said => "Nothing has been said yet." / "还没有内容。";
        user => "You" / "用户";
        assistant => "Answer" / "回答";
        reasoning => "Reasoning" / "推理过程";
        waiting => "Waiting for the first output…" / "等待首个输出…";
        streaming => "Answering…" / "正在输出…";
        done => "Done." / "已完成。";
        stopped => "Stopped: the request to the host was dropped." / "已停止，发往主机的请求已断开。";
        broken => "The answer broke off." / "回答中途断开。";
        failed => "Refused" / "请求失败";
        first_output => "First output" / "首个输出";
        total => "Total" / "总耗时";
        plan => "Where it goes, and why" / "去向与原因";
        plan_empty => "Send something, or only resolve it: the plan comes here." / "发送消息或仅解析路由后，此处显示选路结果。";
        needs_key => "Choose a consumer key." / "请选择使用方 key。";
        needs_key_or_group => "Choose a consumer key, or a group." / "请选择使用方 key 或分组。";
        needs_model => "Name a model." / "请填写模型。";
        needs_message => "Write a message." / "请填写消息。";
        bad_temperature => "The temperature is a number from 0 to 2." / "温度应为 0 到 2 之间的数。";
        bad_max_tokens => "The number of tokens is a whole number from 1." / "token 数应为大于 0 的整数。";
        no_key(key) => "There is no key {key}." / "没有名为 {key} 的 key。";
        cut => "The answer is longer than what is shown here." / "回答过长，此处仅显示一部分。";
    }
}

/// Names that fields propose, at most.
const PROPOSED: usize = 200;

/// An answer that was waited for.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) text: String,
    /// Status and code, when it is an error.
    pub(crate) error: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "playground/chat.html", blocks = ["told"])]
pub(crate) struct ChatPage {
    pub(crate) t: ChatWords,
    pub(crate) shell: Shell,
    pub(crate) asked: Asked,
    pub(crate) keys: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) models: Vec<String>,
    /// Word, text and whether it is chosen.
    pub(crate) scopes: Vec<(&'static str, String, bool)>,
    pub(crate) faults: Vec<String>,
    pub(crate) reply: Option<Reply>,
    pub(crate) told: Option<Told>,
}

/// `GET /playground`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let asked = Asked { is_streamed: true, ..Asked::read(|name| query.text(name)) };
    let mut shown = ChatPage::new(&console, &visit, asked);
    // Where there is no choice nobody has to make it.
    for (field, names) in [(&mut shown.asked.key, &shown.keys), (&mut shown.asked.model, &shown.models)] {
        if let ([only], true) = (names.as_slice(), field.is_empty()) {
            field.clone_from(only);
        }
    }
    Ok(page(&shown))
}

/// `POST /playground/resolve`: where it would go. Nothing is sent, bound or logged, so that viewers may ask.
pub(crate) async fn resolve(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let asked = Asked::read(|name| form.text(name));
    let mut shown = ChatPage::new(&console, &visit, asked);
    let faults = shown.asked.unresolvable(shown.t);
    if !faults.is_empty() {
        shown.faults = faults.into_iter().map(str::to_owned).collect();
        return Ok(unprocessable(&shown));
    }
    match console.control.explain_hypothetical(&shown.asked.question(), visit.preferences.language).await {
        Ok(found) => {
            shown.told = Some(Told::of_question(&visit, &found));
            Ok(page(&shown))
        }
        Err(HypotheticalError::NotFound(why)) => {
            shown.faults.push(faults::said(visit.preferences.language, &why));
            Ok(unprocessable(&shown))
        }
    }
}

/// The form with what is wrong with it.
pub(super) fn unprocessable(shown: &ChatPage) -> Response {
    let mut response = page(shown);
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

impl ChatPage {
    pub(super) fn new(console: &Console, visit: &Visit, asked: Asked) -> Self {
        let snapshot = console.control.snapshot();
        let exact = snapshot.routes().iter().filter_map(|entry| match &entry.route.public_model {
            ModelPattern::Exact(model) => Some(model.clone()),
            ModelPattern::Prefix(_) => None,
        });
        let models: std::collections::BTreeSet<String> = exact.collect();
        Self {
            keys: snapshot.keys().iter().take(PROPOSED).map(|key| key.id.to_string()).collect(),
            groups: snapshot.groups().take(PROPOSED).map(|group| group.id.to_string()).collect(),
            models: models.into_iter().take(PROPOSED).collect(),
            ..Self::bare(visit, asked)
        }
    }

    /// Without proposals.
    pub(super) fn bare(visit: &Visit, asked: Asked) -> Self {
        let language = visit.preferences.language;
        let t = ChatWords(language);
        let of_group = ("", t.as_the_group().to_owned(), asked.scope.is_empty());
        let scopes = [Scope::Conversation, Scope::User, Scope::None].map(Scope::as_str).into_iter();
        let scopes = scopes.map(|word| (word, terms::scope(language, word).into_owned(), word == asked.scope));
        Self {
            t,
            shell: visit.shell(Section::Playground),
            scopes: std::iter::once(of_group).chain(scopes).collect(),
            asked,
            keys: Vec::new(),
            groups: Vec::new(),
            models: Vec::new(),
            faults: Vec::new(),
            reply: None,
            told: None,
        }
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use relay_control::access::Role;

    use crate::pages::rendering::{HOSTILE, decisions, render, visit, visit_as};
    let hostile = |_: &str| Some(HOSTILE.to_owned());
    let history = serde_json::json!([{ "role": "user", "content": HOSTILE }]).to_string();
    let asked = Asked::read(|name| if name == "history" { Some(history.clone()) } else { hostile(name) });
    let visit = visit(language);
    let mut pages = vec![
        render(&ChatPage::bare(&visit, Asked::default())),
        render(&ChatPage::bare(&visit_as(language, Role::Viewer), Asked::default())),
    ];
    let tolds = decisions().into_iter().map(|decision| Told::of_decision(&visit, &decision));
    for told in tolds.chain(super::told::sample_questions().iter().map(|found| Told::of_question(&visit, found))) {
        let reply = Reply { text: HOSTILE.into(), error: Some(HOSTILE.into()) };
        pages.push(render(&ChatPage {
            keys: vec![HOSTILE.into()],
            groups: vec![HOSTILE.into()],
            models: vec![HOSTILE.into()],
            faults: vec![HOSTILE.into()],
            reply: Some(reply),
            told: Some(told),
            ..ChatPage::bare(&visit, asked.clone())
        }));
    }
    pages
}
