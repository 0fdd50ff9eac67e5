//! The three actions by hand: the JSON that is sent, the JSON that is answered, and a curl to paste. They go to
//! the API itself, as whoever is logged in.

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use relay_control::access::Role;
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use crate::fault::{Fault, PageResult};
use crate::form::{Fields, Form};
use crate::query::{Query, path};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    ActionWords {
        title => "Actions" / "运维动作";
        intro => "What a program of yours would send to the API: resolve a route and bind it, or send a small completion over it. One attempt, unless it may fail over." / "与程序调用 API 相同：解析并绑定路由，或通过该路由发送一次小的补全请求。默认只尝试一次，除非允许故障转移。";
        only_operators => "Operators and administrators may run them." / "仅操作员和管理员可以执行。";
        back => "Playground" / "调试台";
        action => "Action" / "动作";
        resolve => "Resolve a route, and bind it" / "解析路由并绑定";
        proxy => "Resolve, then forward a completion" / "解析后转发补全请求";
        route => "The same, with OpenAI's names in a flat answer" / "同上，使用 OpenAI 字段名的扁平结构";
        group => "Group" / "分组";
        model => "Model" / "模型";
        scope => "Scope" / "粘性范围";
        subject => "Subject" / "标识";
        user_key => "User, for the record" / "用户（仅记录）";
        conversation_key => "Conversation, for the record" / "会话（仅记录）";
        request_id => "Request ID" / "请求 ID";
        sync => "Answer only once it is on disk" / "写入磁盘后再返回";
        forward => "To forward" / "转发参数";
        forward_hint => "Of the two forwarding actions; one of the first two is needed." / "仅用于两个转发动作，前两项至少填写一项。";
        gateway_key => "Gateway key" / "网关 key";
        gateway_key_hint => "A key that the host accepts. It is sent, and not shown or kept." / "主机接受的 key，仅用于发送，不会显示或保存。";
        subscription_user => "Subscription user on the host" / "主机侧订阅用户";
        messages => "Messages" / "消息";
        messages_hint => "Text of the user, or a JSON list of messages. Empty: ping." / "用户文本，或 JSON 消息列表；留空则发送 “ping”。";
        max_tokens => "Most tokens" / "最大 token 数";
        temperature => "Temperature" / "温度";
        failover => "May fail over to the next candidates" / "允许故障转移到后续候选";
        run => "Run it" / "执行";
        sent => "Sent" / "请求";
        answered => "Answered" / "响应";
        curl => "As a command" / "命令行";
        curl_hint => "With an admin token in RELAY_MANAGER_ADMIN_TOKEN." / "管理 token 取自 RELAY_MANAGER_ADMIN_TOKEN。";
        story => "Its decision" / "查看决策";
        too_long => "The answer is too long to be shown." / "响应过长，无法显示。";
    }
}

/// The actions: word in the address, and what it does.
const ACTIONS: [&str; 3] = ["resolve-route", "proxy-route-chat-completions", "route-chat-completions"];

/// Longest answer that is shown, in bytes.
const MAX_SHOWN: usize = 1024 * 1024;

/// Stands for a key in what is shown.
const KEY_VARIABLE: &str = "$GATEWAY_API_KEY";

/// What became of a call.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: Badge,
    pub(crate) sent: String,
    pub(crate) answer: String,
    pub(crate) curl: String,
    /// The page of its decision.
    pub(crate) story: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "playground/actions.html")]
pub(crate) struct ActionsPage {
    pub(crate) t: ActionWords,
    pub(crate) shell: Shell,
    /// Word, text and whether it is chosen.
    pub(crate) actions: Vec<(&'static str, &'static str, bool)>,
    pub(crate) scopes: Vec<(&'static str, String, bool)>,
    entered: Fields,
    pub(crate) answered: Option<Answered>,
}

/// `GET /playground/actions`
pub(crate) async fn show(visit: Visit, query: Query) -> PageResult {
    Ok(page(&ActionsPage::new(&visit, query.into_fields(), None)))
}

/// `POST /playground/actions`
pub(crate) async fn run(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    visit.acting(Role::Operator)?;
    let action = form.text("action").unwrap_or_default();
    let action = ACTIONS.into_iter().find(|known| *known == action).ok_or(Fault::Parameter("action"))?;
    let sent = body(action, &form);
    let mut request = Request::post(format!("/api/v1/{action}"))
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(sent.to_string()))
        .map_err(|error| Fault::Unavailable(error.to_string()))?;
    request.extensions_mut().insert(visit.session.access.clone());
    let Ok(response) = console.api.clone().oneshot(request).await;
    let status = response.status();
    let answer = to_bytes(response.into_body(), MAX_SHOWN).await.ok();
    let answered = Answered::new(&visit, action, &console.process.admin, &sent, status, answer.as_deref());
    Ok(page(&ActionsPage::new(&visit, form, Some(answered))))
}

/// What an action is sent: fields that were filled in, and no others.
fn body(action: &str, form: &Fields) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Option<Value>| value.and_then(|value| body.insert(name.to_owned(), value));
    let text = |name: &str| form.text(name).map(Value::String);
    let flag = |name: &str| form.flag(name).then_some(Value::Bool(true));
    put("request_id", text("request_id"));
    put("logical_group_id", text("logical_group_id"));
    put(if action == "route-chat-completions" { "model" } else { "public_model" }, text("model"));
    put("scope", text("scope"));
    put("subject_id", text("subject_id"));
    put("user_key", text("user_key"));
    put("conversation_key", text("conversation_key"));
    put("sync", flag("sync"));
    if action != ACTIONS[0] {
        put("gateway_api_key", text("gateway_api_key"));
        put("subscription_user_id", text("subscription_user_id"));
        put("messages", form.text("messages").map(|text| messages(&text)));
        put("max_tokens", form.text("max_tokens").map(|text| number(&text)));
        put("temperature", form.text("temperature").map(|text| number(&text)));
        put("failover", flag("failover"));
    }
    Value::Object(body)
}

/// What is no number goes on as it is, to be refused by name.
fn number(text: &str) -> Value {
    serde_json::from_str(text).ok().filter(Value::is_number).unwrap_or_else(|| text.into())
}

fn messages(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(list @ Value::Array(_)) => list,
        _ => json!([{ "role": "user", "content": text }]),
    }
}

impl Answered {
    fn new(visit: &Visit, action: &str, admin: &str, sent: &Value, status: StatusCode, answer: Option<&[u8]>) -> Self {
        let t = ActionWords(visit.preferences.language);
        let mut shown = sent.clone();
        if let Some(key) = shown.get_mut("gateway_api_key") {
            *key = KEY_VARIABLE.into();
        }
        let json = answer.and_then(|answer| serde_json::from_slice::<Value>(answer).ok());
        let id = json.as_ref().and_then(|json| {
            let places = ["/request_id", "/resolve/request_id", "/error/request_id"];
            places.into_iter().find_map(|place| json.pointer(place)?.as_str())
        });
        let text = json.as_ref().map(pretty);
        let failed = json.as_ref().is_some_and(|json| json["forward"]["ok"] == false);
        let tone = if status.is_success() && !failed { Tone::Good } else { Tone::Bad };
        Self {
            status: Badge::new(tone, status.as_u16().to_string()),
            sent: pretty(&shown),
            story: id.filter(|_| status.is_success() || status.is_server_error()).map(|id| path("/decisions", id)),
            answer: text.unwrap_or_else(|| t.too_long().to_owned()),
            curl: curl(&format!("{admin}/api/v1/{action}"), &shown),
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// For a POSIX shell. The key is put in by the shell, from its variable.
fn curl(url: &str, body: &Value) -> String {
    let quoted = pretty(body).replace('\'', "'\\''").replace(KEY_VARIABLE, &format!("'\"{KEY_VARIABLE}\"'"));
    format!(
        "curl {url} \\\n  -H \"Authorization: Bearer $RELAY_MANAGER_ADMIN_TOKEN\" \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
    )
}

impl ActionsPage {
    fn new(visit: &Visit, entered: Fields, answered: Option<Answered>) -> Self {
        let language = visit.preferences.language;
        let t = ActionWords(language);
        let chosen = entered.text("action").unwrap_or_else(|| ACTIONS[0].to_owned());
        let scope = entered.text("scope").unwrap_or_else(|| "conversation".to_owned());
        let does = [t.resolve(), t.proxy(), t.route()];
        let actions = ACTIONS.into_iter().zip(does).map(|(word, does)| (word, does, word == chosen));
        Self {
            t,
            shell: visit.shell(Section::Playground),
            actions: actions.collect(),
            scopes: scopes(language, &scope),
            entered,
            answered,
        }
    }

    /// Names and labels of plain fields, in three places of the form.
    pub(crate) fn first(&self) -> [(&'static str, &'static str); 2] {
        [("logical_group_id", self.t.group()), ("model", self.t.model())]
    }

    pub(crate) fn more(&self) -> [(&'static str, &'static str); 4] {
        let t = self.t;
        [
            ("subject_id", t.subject()),
            ("user_key", t.user_key()),
            ("conversation_key", t.conversation_key()),
            ("request_id", t.request_id()),
        ]
    }

    pub(crate) fn forwarding(&self) -> [(&'static str, &'static str); 3] {
        let t = self.t;
        [
            ("subscription_user_id", t.subscription_user()),
            ("max_tokens", t.max_tokens()),
            ("temperature", t.temperature()),
        ]
    }

    /// What a field shows: what was entered.
    pub(crate) fn value(&self, name: &str) -> String {
        self.entered.text(name).unwrap_or_default()
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.entered.flag(name)
    }
}

fn scopes(language: Language, chosen: &str) -> Vec<(&'static str, String, bool)> {
    let words = ["conversation", "user", "none"].into_iter();
    words.map(|word| (word, terms::scope(language, word).into_owned(), word == chosen)).collect()
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit, visit_as};
    let visit = visit(language);
    let names = ["logical_group_id", "model", "subject_id", "user_key", "gateway_api_key", "messages", "temperature"];
    let fields = names.into_iter().map(|name| (name, HOSTILE)).chain([("action", ACTIONS[1]), ("sync", "1")]);
    let mut encoded = url::form_urlencoded::Serializer::new(String::new());
    encoded.extend_pairs(fields);
    let form = Fields::parse(encoded.finish().as_bytes());
    let sent = body(ACTIONS[1], &form);
    let answer = json!({ "resolve": { "request_id": HOSTILE }, "forward": { "ok": false, "response": HOSTILE } });
    let answer = answer.to_string();
    let answered = [Some(answer.as_bytes()), None]
        .map(|answer| Answered::new(&visit, ACTIONS[1], "http://admin.example", &sent, StatusCode::OK, answer));
    let mut pages = vec![
        render(&ActionsPage::new(&visit, Fields::default(), None)),
        render(&ActionsPage::new(&visit_as(language, Role::Viewer), Fields::default(), None)),
    ];
    pages.extend(answered.map(|answered| render(&ActionsPage::new(&visit, form.clone(), Some(answered)))));
    pages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_sent_what_was_filled_in_under_its_own_names() {
        let form = Fields::parse(
            b"logical_group_id=g&model=m&scope=none&gateway_api_key=sk-1&max_tokens=9&temperature=hot&messages=hi",
        );
        assert_eq!(body(ACTIONS[0], &form), json!({ "logical_group_id": "g", "public_model": "m", "scope": "none" }));
        let expected = json!({
            "logical_group_id": "g", "model": "m", "scope": "none", "gateway_api_key": "sk-1",
            "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 9, "temperature": "hot",
        });
        assert_eq!(body(ACTIONS[2], &form), expected);
        let form = Fields::parse(b"messages=[{\"role\":\"system\"}]");
        assert_eq!(body(ACTIONS[1], &form)["messages"], json!([{ "role": "system" }]));
    }

    #[test]
    fn the_command_survives_quotes_and_takes_the_key_from_the_shell() {
        let text = curl("http://a.example/x", &json!({ "a": "it's", "gateway_api_key": KEY_VARIABLE }));
        assert!(text.contains(r"it'\''s") && text.contains("\"'\"$GATEWAY_API_KEY\"'\""), "{text}");
    }
}
