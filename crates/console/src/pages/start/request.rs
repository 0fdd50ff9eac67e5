//! Step 5: the first request. The page waits for it, and tells what became of it.

use askama::Template;
use axum::extract::State;
use relay_control::access::Role;
use relay_control::decisions::{Decision, Filter};
use relay_control::page::PageRequest;
use relay_control::status::FleetCounts;
use relay_domain::KeyId;
use serde_json::json;

use super::steps::{Step, StepLink, links};
use super::{StartWords, counts};
use crate::cell::Cell;
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::pages::decisions::story;
use crate::pages::fleet::issued;
use crate::pages::playground::send::{ask, new_id, read};
use crate::process::ChatRequest;
use crate::query::{Query, address, path};
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::terms::{self, Badge};
use crate::visit::Visit;
#[cfg(test)]
use crate::words::Language;
use crate::words::words;

words! {
    RequestWords {
        heading => "Send a first request" / "发送第一个请求";
        lead => "Paste this into a terminal. The request appears below as it ends." / "将以下命令粘贴到终端执行，请求结束后会显示在下方。";
        secret => "Secret of key" / "key 的密钥";
        once => "It is shown this once: only its hash is kept." / "密钥只显示这一次，系统只保存其哈希值。";
        lost(key) => "Where the command says YOUR-KEY goes the secret of key {key}, which was shown once." / "请将命令中的 “YOUR-KEY” 替换为 key {key} 创建时显示过一次的密钥。";
        renew => "Make a new secret, and end the old one" / "生成新密钥并作废旧密钥";
        here => "Without a terminal:" / "没有终端时：";
        send => "Send it from here" / "从此页面发送";
        no_models => "The groups of this key have no models yet, so every request would be answered with 404." / "该 key 的分组还没有任何模型，所有请求都会返回 404。";
        to_models => "Choose models" / "选择模型";
        waiting(key) => "Waiting for a request with key {key}" / "正在等待 key {key} 的请求";
        nothing => "Nothing arrives?" / "没有收到请求？";
        refused => "curl says 401: the secret is another one, or was cut while copying." / "curl 返回 401：密钥不正确，或复制时不完整。";
        unreachable(gateway) => "curl cannot connect: the command names the gateway as {gateway}; from another machine write its address there." / "curl 无法连接：命令中的网关地址为 {gateway}；从其他机器访问时，请改为网关的实际地址。";
        not_found => "curl says 404: the model is none of the key's groups." / "curl 返回 404：该模型不在 key 的分组中。";
        arrived => "The first request has arrived" / "已收到第一个请求";
        newest => "The newest request of this key" / "该 key 的最新请求";
        failed => "A request has arrived, and failed" / "收到请求，但处理失败";
        remedy => "What to do" / "处理建议";
        story => "The whole story" / "查看完整决策";
        overview => "To the overview" / "前往概览";
        key_page => "To the key" / "查看 key";
        at => "Arrived" / "到达时间";
        ttft => "TTFT" / "首字延迟（TTFT）";
        total => "Total" / "总耗时";
        tokens => "Tokens in / out" / "输入 / 输出 token";
        tries => "Tries" / "尝试次数";
        fix_key => "The host refuses its API key. Enter the key anew on the host's page (Change), then send again." / "主机拒绝了其 API key。请在主机页面（修改）重新填写 key，然后重新发送。";
        fix_reach => "The host could not be reached. Test it on its page; check the base URL." / "无法连接主机。请在主机页面测试连接，并检查 Base URL。";
        fix_model => "The host does not offer this model to the key. Test the host to see its models, and change the route's “Model on the host”." / "主机未向该 key 提供此模型。请测试主机以查看其模型，并修改路由的“主机侧模型名”。";
        fix_no_route => "No group of the key has a route for this model. Choose it under “Models”, or ask for a model that has a route." / "该 key 的分组中没有此模型的路由。请在“模型与路由”一步选择该模型，或改为请求已有路由的模型。";
        fix_quota => "The host's key has no balance or quota left, or is limited. Top it up there, or add another host." / "主机的 key 余额或额度不足，或被限流。请在主机充值，或再添加一台主机。";
        fix_route => "No route may serve it: see under “Routes that were looked at” in its story why each was left out." / "没有可用的路由：请在完整决策的“候选路由”中查看每条路由被排除的原因。";
        fix_client => "The host refuses the request itself; its message says why." / "主机拒绝了请求本身，原因见其错误信息。";
        fix_other => "Send it again; if it fails again, its story says on which host and how." / "请重新发送；如果再次失败，完整决策会说明是哪台主机、如何失败。";
    }
}

/// The page that waits.
#[derive(Template)]
#[template(path = "start/request.html")]
pub(crate) struct Waiting {
    pub(crate) t: RequestWords,
    pub(crate) start: StartWords,
    pub(crate) shell: Shell,
    pub(crate) steps: Vec<StepLink>,
    pub(crate) key_id: String,
    pub(crate) secret: Option<String>,
    pub(crate) curl: String,
    /// Where one comes back to: to send the form once more would not show the secret again.
    pub(crate) here: String,
    /// Whether the key may call any.
    pub(crate) has_models: bool,
    /// Tells of requests of the key as they end.
    pub(crate) stream: String,
    pub(crate) first: First,
}

/// What became of the newest request of the key.
#[derive(Clone, Debug, Template)]
#[template(path = "start/first.html")]
pub(crate) struct First {
    pub(crate) t: RequestWords,
    pub(crate) start: StartWords,
    /// Where it is asked for again.
    pub(crate) refresh: String,
    pub(crate) waiting: String,
    pub(crate) hints: Vec<String>,
    pub(crate) arrived: Option<Arrived>,
}

#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) badge: Badge,
    pub(crate) heading: &'static str,
    pub(crate) sentences: Vec<String>,
    /// Why it failed, and what to do.
    pub(crate) failure: Option<(String, &'static str)>,
    pub(crate) facts: Vec<(&'static str, Cell)>,
    pub(crate) story: String,
    pub(crate) key: String,
}

/// `GET /start/request`: with the key that is named, or the first one.
pub(super) async fn show(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Admin)?;
    let snapshot = console.control.snapshot();
    let named = query.text("key");
    let key = named.or_else(|| snapshot.keys().first().map(|key| key.id.to_string()));
    let Some(key) = key else { return Ok(see_other(Step::Key.path())) };
    snapshot.key_by_id(&key).ok_or(Fault::NotFound)?;
    let mut shown = Waiting::new(&visit, &console, &key, None);
    shown.first = newest(&console, &visit, &key).await?;
    Ok(page(&shown))
}

/// `POST /start/send`: the same request as the command's, sent from here. The part that waits tells what became of it.
pub(super) async fn send(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let key = form.text("key_id").ok_or(Fault::NotFound)?;
    let key_id = KeyId::new(&key).map_err(|_| Fault::NotFound)?;
    let model = first_model(&console, &key).ok_or(Fault::NotFound)?;
    let body = json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] }).to_string().into();
    let request_id = new_id(&visit);
    let request = ChatRequest { key_id, scope: None, conversation: None, request_id: request_id.clone(), body };
    let answer = ask(&console, request, &model, actor).await?;
    // Dropped before its end it would be a client that went away.
    read(answer.into_body()).await;
    if !visit.is_fragment {
        return Ok(see_other(&address(Step::Request.path(), [("key", key.as_str())])));
    }
    let decision = console.control.decision(&request_id).await?;
    let has_older = of_key(&console, &key).await?.iter().any(|other| other.request_id != request_id);
    Ok(page(&First::new(&visit, &console.gateway, &key, decision.as_ref(), has_older)))
}

/// `GET /start/first?key=…`: the part that waits.
pub(super) async fn first(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Admin)?;
    let key = query.text("key").ok_or(Fault::NotFound)?;
    Ok(page(&newest(&console, &visit, &key).await?))
}

async fn newest(console: &Console, visit: &Visit, key: &str) -> Result<First, Fault> {
    let found = of_key(console, key).await?;
    Ok(First::new(visit, &console.gateway, key, found.first(), found.len() > 1))
}

/// The newest requests of a key, as many as tell whether there is one before the newest.
async fn of_key(console: &Console, key: &str) -> Result<Vec<Decision>, Fault> {
    let filter = Filter { consumer: Some(key.to_owned()), ..Filter::default() };
    Ok(console.control.decisions(filter, PageRequest { limit: 2, cursor: None }).await?.items)
}

impl Waiting {
    /// The page for a key; with its secret right after that was made.
    pub(super) fn new(visit: &Visit, console: &Console, key: &str, secret: Option<String>) -> Self {
        let model = first_model(console, key);
        Self::made(visit, counts(console), (&console.gateway, model.as_deref()), key, secret)
    }

    fn made(
        visit: &Visit,
        fleet: FleetCounts,
        (gateway, model): (&str, Option<&str>),
        key: &str,
        secret: Option<String>,
    ) -> Self {
        let language = visit.preferences.language;
        Self {
            t: RequestWords(language),
            start: StartWords(language),
            shell: visit.shell(Section::Overview),
            steps: links(language, fleet, Some(Step::Request)),
            key_id: key.to_owned(),
            here: address(Step::Request.path(), [("key", key)]),
            has_models: model.is_some(),
            curl: issued::curl(gateway, model.unwrap_or("MODEL"), secret.as_deref().unwrap_or("YOUR-KEY")),
            secret,
            stream: address("/api/v1/decisions/stream", [("consumer", key)]),
            first: First::new(visit, gateway, key, None, false),
        }
    }
}

/// A model that the key may call.
fn first_model(console: &Console, key: &str) -> Option<String> {
    let snapshot = console.control.snapshot();
    let key = snapshot.key_by_id(key)?;
    snapshot.models_of(&key.groups).first().map(|model| (*model).to_owned())
}

impl First {
    fn new(visit: &Visit, gateway: &str, key: &str, decision: Option<&Decision>, has_older: bool) -> Self {
        let language = visit.preferences.language;
        let t = RequestWords(language);
        Self {
            t,
            start: StartWords(language),
            refresh: address("/start/first", [("key", key)]),
            waiting: t.waiting(key),
            hints: vec![t.unreachable(gateway), t.refused().to_owned(), t.not_found().to_owned()],
            arrived: decision.map(|decision| Arrived::new(t, visit, key, decision, has_older)),
        }
    }
}

impl Arrived {
    fn new(t: RequestWords, visit: &Visit, key: &str, decision: &Decision, has_older: bool) -> Self {
        let (language, format) = (visit.preferences.language, visit.format());
        let is_well = matches!(decision.verdict.as_str(), "complete" | "open" | "client_gone" | "resolved");
        let tokens = |tokens: Option<u64>| {
            tokens.map_or_else(|| "–".to_owned(), |tokens| format.number(i64::try_from(tokens).unwrap_or(i64::MAX)))
        };
        let both = format!("{} / {}", tokens(decision.usage.input), tokens(decision.usage.output));
        let facts = vec![
            // What was sent from the page came after the page was asked for.
            (t.at(), Cell::when(visit, decision.at.min(visit.now))),
            (t.ttft(), Cell::text(format.optional_micros(decision.first_output_us))),
            (t.total(), Cell::text(format.optional_micros(decision.latency_us))),
            (t.tokens(), Cell::text(both)),
            (t.tries(), Cell::text(decision.attempts.len().to_string())),
        ];
        Self {
            badge: terms::verdict_badge(language, &decision.verdict),
            heading: match (is_well, has_older) {
                (false, _) => t.failed(),
                (true, true) => t.newest(),
                (true, false) => t.arrived(),
            },
            sentences: story::sentences(story::StoryWords(language), decision),
            failure: (!is_well).then(|| (story::error(language, decision).unwrap_or_default(), remedy_of(t, decision))),
            facts,
            story: path("/decisions", &decision.request_id),
            key: path("/keys", key),
        }
    }
}

fn remedy_of(t: RequestWords, decision: &Decision) -> &'static str {
    match decision.error_class.as_deref().unwrap_or_default() {
        "model_not_found" if decision.attempts.is_empty() => t.fix_no_route(),
        class => remedy(t, class),
    }
}

/// What to do about a class of error (docs/failure.md).
fn remedy(t: RequestWords, class: &str) -> &'static str {
    let has = |part: &str| class.contains(part);
    match class {
        _ if has("auth") || has("credential") => t.fix_key(),
        _ if has("unreachable") || has("transport") || has("timeout") => t.fix_reach(),
        _ if has("not_offered") || has("model") => t.fix_model(),
        _ if has("quota") || has("rate_limited") => t.fix_quota(),
        _ if has("route") => t.fix_route(),
        _ if has("client") => t.fix_client(),
        _ => t.fix_other(),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, decisions, render, visit};
    let visit = visit(language);
    let fleet = FleetCounts { hosts: 1, groups: 1, routes: 1, keys: 1 };
    let made = |secret| Waiting::made(&visit, fleet, ("http://g", Some(HOSTILE)), HOSTILE, secret);
    let bare = Waiting::made(&visit, fleet, ("http://g", None), HOSTILE, None);
    let mut pages = vec![render(&made(Some(HOSTILE.into()))), render(&made(None)), render(&bare)];
    for decision in decisions() {
        let mut page = made(None);
        page.first = First::new(&visit, "http://g", HOSTILE, Some(&decision), true);
        pages.push(render(&page));
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::rendering::{decisions, visit};

    #[test]
    fn the_first_request_is_called_so_and_a_later_one_the_newest_and_then_nobody_is_sent_away() {
        let visit = visit(Language::English);
        let decisions = decisions();
        let part = |decision, has_older| {
            First::new(&visit, "http://g", "team-a", decision, has_older).render().unwrap_or_default()
        };
        let waiting = part(None, false);
        assert!(waiting.contains("Continue later") && !waiting.contains("request has arrived"), "{waiting}");
        for (has_older, heading) in [(false, "The first request has arrived"), (true, "The newest request of this key")]
        {
            let arrived = part(Some(&decisions[0]), has_older);
            assert!(arrived.contains(heading) && !arrived.contains("Leave;"), "{arrived}");
        }
    }

    #[test]
    fn a_failed_request_says_what_to_do_about_its_class() {
        let t = RequestWords(Language::English);
        let cases = [
            ("gateway_auth_error", t.fix_key()),
            ("upstream_unreachable", t.fix_reach()),
            ("upstream_not_offered", t.fix_model()),
            ("gateway_quota_exhausted", t.fix_quota()),
            ("no_eligible_route", t.fix_route()),
            ("", t.fix_other()),
        ];
        for (class, expected) in cases {
            assert_eq!(remedy(t, class), expected, "{class}");
        }
    }
}
