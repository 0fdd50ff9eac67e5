//! Making, changing and removing channels.

use std::borrow::Cow;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use relay_control::access::Role;
use relay_control::expected::Expected;
use relay_control::notifications::ChannelError;
use relay_control::view::Fields;
use serde_json::Value;

use super::fields::{EVENTS, FieldWords, Kind, SERVICES, read, service_name, specs};
use super::{of_channel, told};
use crate::changes::value_text;
use crate::fault::{Fault, PageResult};
use crate::form::{self, Form};
use crate::kit::Confirm;
use crate::query::{Query, address};
use crate::shell::{Section, Shell, page, see_other};
use crate::state::Console;
use crate::terms;
use crate::visit::Visit;
use crate::words::words;

words! {
    EditWords {
        new_channel => "New notification channel" / "新建通知渠道";
        change(id) => "Change notification channel {id}" / "修改通知渠道 {id}";
        service => "Where messages go" / "通知服务";
        service_hint => "It cannot be changed afterwards." / "创建后不能更改。";
        next => "Next" / "下一步";
        id => "ID" / "ID";
        id_hint => "Lower-case letters, digits and hyphens." / "小写字母、数字和连字符。";
        enabled => "On" / "启用";
        told_of => "Told of" / "订阅事件";
        least => "From which severity on" / "最低级别";
        language => "Language of messages" / "消息语言";
        repeat => "Again, while it lasts" / "重复提醒间隔";
        repeat_hint => "Such as 12h, which is usual; at least 5m." / "例如 12h（默认），至少 5m。";
        quiet => "Quiet hours" / "免打扰时段";
        quiet_hint => "What is not critical waits until they are over." / "非严重事件会等到时段结束后再发送。";
        quiet_from => "from" / "开始";
        quiet_to => "to" / "结束";
        time_zone => "Time zone" / "时区";
        time_zone_hint => "Such as Asia/Shanghai: of quiet hours, and of the times in messages. Empty: UTC." / "例如 Asia/Shanghai，用于免打扰时段和消息中的时间；留空为 UTC。";
        allow_private => "The server has a private address, or speaks plain HTTP" / "服务器使用内网地址或明文 HTTP";
        rules => "What is told, and when" / "通知内容与时间";
        save => "Save" / "保存";
        cancel => "Cancel" / "取消";
        faults => "This cannot be saved yet" / "暂时无法保存";
        no_events => "Choose at least one event; to send nothing, switch the channel off." / "请至少选择一个事件；如不需要通知，请停用该渠道。";
        outdated => "Somebody changed this channel since you opened it. Open it again and repeat your change." / "打开页面之后该渠道已被他人修改，请重新打开后再次修改。";
        exists(id) => "There is a channel {id} already." / "已存在名为 {id} 的渠道。";
        delete => "Remove" / "删除";
        delete_title(id) => "Remove notification channel {id}" / "删除通知渠道 {id}";
        delete_what => "What is still to be sent to it is not sent. What was sent stays on record." / "尚未发送的消息将不再发送，已发送的记录会保留。";
    }
}

/// A field of the service.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: String,
    pub(crate) value: String,
    pub(crate) is_secret: bool,
    pub(crate) choices: Vec<(&'static str, Cow<'static, str>, bool)>,
}

/// The form; without a service, the choice of one.
#[derive(Template)]
#[template(path = "notifications/edit.html")]
pub(crate) struct ChannelPage {
    pub(crate) t: EditWords,
    pub(crate) shell: Shell,
    pub(crate) title: String,
    pub(crate) action: String,
    pub(crate) cancel: String,
    pub(crate) services: Vec<(&'static str, &'static str, bool)>,
    pub(crate) service: String,
    pub(crate) service_name: &'static str,
    /// The id is fixed.
    pub(crate) is_known: bool,
    pub(crate) version: String,
    pub(crate) inputs: Vec<Input>,
    /// Word, text and whether it is ticked.
    pub(crate) events: Vec<(&'static str, String, bool)>,
    pub(crate) severities: Vec<(&'static str, String, bool)>,
    pub(crate) languages: Vec<(&'static str, &'static str, bool)>,
    texts: Vec<(&'static str, String)>,
    flags: Vec<(&'static str, bool)>,
    /// Of which field, and what.
    found: Vec<(String, String)>,
}

/// `GET /notifications/new`
pub(crate) async fn new(visit: Visit, query: Query) -> PageResult {
    visit.acting(Role::Admin)?;
    let service = query.text("type").unwrap_or_default();
    Ok(page(&ChannelPage::new(&visit, &service, None, &Shown::Nothing)))
}

/// `POST /notifications/new`
pub(crate) async fn create(State(console): State<Console>, visit: Visit, Form(form): Form) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let service = form.text("type").unwrap_or_default();
    let mut shown = ChannelPage::new(&visit, &service, None, &Shown::Form(&form));
    let mut fields = read(&service, &form);
    fields.retain(|_, value| !value.is_null());
    fields.insert("type".to_owned(), Value::String(service));
    let id = form.text("id").unwrap_or_default();
    fields.insert("id".to_owned(), Value::String(id.clone()));
    if let Some(fault) = no_events(&shown, &fields) {
        shown.found.push(fault);
        return Ok(unprocessable(&shown));
    }
    match console.control.create_notification_channel(fields, actor).await {
        Ok(_) => Ok(see_other(&address(&of_channel(&id), [("done", "saved")]))),
        Err(error) => shown.refused(error),
    }
}

/// `GET /notifications/channels/{id}/edit`
pub(crate) async fn edit(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    visit.acting(Role::Admin)?;
    let channel = console.control.notification_channel(&id).await?.ok_or(Fault::NotFound)?;
    let service = value_text(&channel.fields["type"]);
    let known = Known { id: &id, version: &channel.version };
    Ok(page(&ChannelPage::new(&visit, &service, Some(known), &Shown::Channel(&channel.fields))))
}

/// `POST /notifications/channels/{id}/edit`
pub(crate) async fn update(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form,
) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let channel = console.control.notification_channel(&id).await?.ok_or(Fault::NotFound)?;
    let service = value_text(&channel.fields["type"]);
    let version = form.text("version").unwrap_or_default();
    let known = Known { id: &id, version: &version };
    let mut shown = ChannelPage::new(&visit, &service, Some(known), &Shown::Form(&form));
    let fields = read(&service, &form);
    if let Some(fault) = no_events(&shown, &fields) {
        shown.found.push(fault);
        return Ok(unprocessable(&shown));
    }
    let expected = Expected::one_of(vec![version.clone()]);
    match console.control.update_notification_channel(&id, fields, &expected, actor).await {
        Ok(_) => Ok(see_other(&address(&of_channel(&id), [("done", "saved")]))),
        Err(error) => shown.refused(error),
    }
}

/// `GET /notifications/channels/{id}/delete`
pub(crate) async fn confirm(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    visit.acting(Role::Admin)?;
    let channel = console.control.notification_channel(&id).await?.ok_or(Fault::NotFound)?;
    Ok(page(&confirmation(&visit, &id, channel.version)))
}

/// `POST /notifications/channels/{id}/delete`
pub(crate) async fn delete(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    Form(form): Form,
) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let expected = Expected::one_of(form.text("version").into_iter().collect());
    match console.control.delete_notification_channel(&id, &expected, actor).await {
        Ok(()) => Ok(see_other(&address("/notifications", [("done", "deleted")]))),
        Err(error) => Err(fault(error)),
    }
}

fn no_events(shown: &ChannelPage, fields: &Fields) -> Option<(String, String)> {
    let chosen = fields.get("events").and_then(Value::as_array)?;
    chosen.is_empty().then(|| ("events".to_owned(), shown.t.no_events().to_owned()))
}

fn fault(error: ChannelError) -> Fault {
    match error {
        ChannelError::Missing(_) => Fault::NotFound,
        ChannelError::Store(error) => error.into(),
        error => Fault::Refused(StatusCode::CONFLICT, error.to_string()),
    }
}

fn unprocessable(shown: &ChannelPage) -> Response {
    let mut response = page(shown);
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// What the form shows.
enum Shown<'a> {
    Nothing,
    Channel(&'a Fields),
    Form(&'a form::Fields),
}

/// A channel that is there already.
#[derive(Clone, Copy)]
struct Known<'a> {
    id: &'a str,
    version: &'a str,
}

impl Shown<'_> {
    fn text(&self, name: &str) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Form(form) => form.text(name).unwrap_or_default(),
            Self::Channel(fields) => match name {
                "quiet_from" => value_text(&fields.get("quiet_hours").unwrap_or(&Value::Null)["from"]),
                "quiet_to" => value_text(&fields.get("quiet_hours").unwrap_or(&Value::Null)["to"]),
                name => fields.get(name).map(value_text).unwrap_or_default(),
            },
        }
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        match self {
            Self::Nothing => default,
            Self::Form(form) => form.flag(name),
            Self::Channel(fields) => fields.get(name).and_then(Value::as_bool).unwrap_or(default),
        }
    }

    fn is_told_of(&self, event: &str) -> bool {
        match self {
            Self::Nothing => true,
            Self::Form(form) => form.flag(&format!("event.{event}")),
            Self::Channel(fields) => match fields.get("events") {
                Some(Value::Array(events)) => events.iter().any(|told| told == event),
                _ => true,
            },
        }
    }
}

impl ChannelPage {
    fn new(visit: &Visit, service: &str, known: Option<Known<'_>>, shown: &Shown<'_>) -> Self {
        let language = visit.preferences.language;
        let (t, f) = (EditWords(language), FieldWords(language));
        let input = |spec: &super::fields::Spec| {
            let is_secret = spec.kind == Kind::Secret;
            let value = if is_secret { String::new() } else { shown.text(spec.name) };
            let stays = (is_secret && known.is_some()).then(|| f.stays());
            let hint = spec.hint.map(|hint| hint(f)).into_iter().chain(stays).collect::<Vec<_>>().join(" ");
            let choices = match spec.kind {
                Kind::Choice(words) => terms::choices(language, spec.name, words, &value),
                _ => Vec::new(),
            };
            Input { name: spec.name, label: (spec.label)(f), hint, value, is_secret, choices }
        };
        let chosen = |name: &str, word: &str| shown.text(name) == word;
        // Whoever makes a channel probably wants to be told in the language that they read here.
        let told_in = match shown {
            Shown::Nothing => language.tag().to_owned(),
            Shown::Channel(_) | Shown::Form(_) => shown.text("language"),
        };
        let severities = ["info", "warning", "critical"].into_iter();
        let texts = ["id", "repeat", "quiet_from", "quiet_to", "time_zone"];
        let name = SERVICES.contains(&service).then(|| service_name(language, service));
        Self {
            t,
            shell: visit.shell(Section::Notifications),
            title: known.map_or_else(|| t.new_channel().to_owned(), |known| t.change(known.id)),
            action: known.map_or_else(|| "/notifications/new".to_owned(), |known| of_channel(known.id) + "/edit"),
            cancel: known.map_or_else(|| "/notifications".to_owned(), |known| of_channel(known.id)),
            services: SERVICES.map(|word| (word, service_name(language, word), word == service)).into(),
            service: name.map(|_| service.to_owned()).unwrap_or_default(),
            service_name: name.unwrap_or_default(),
            is_known: known.is_some(),
            version: known.map(|known| known.version.to_owned()).unwrap_or_default(),
            inputs: specs(service).iter().map(input).collect(),
            events: EVENTS
                .into_iter()
                .map(|event| (event, terms::event(language, event).into_owned(), shown.is_told_of(event)))
                .collect(),
            severities: severities
                .map(|word| (word, terms::severity(language, word).into_owned(), chosen("min_severity", word)))
                .collect(),
            languages: vec![("en", "English", told_in == "en"), ("zh-CN", "简体中文", told_in == "zh-CN")],
            texts: texts
                .into_iter()
                .map(|name| (name, if name == "id" { id_of(known, shown) } else { shown.text(name) }))
                .collect(),
            flags: vec![
                ("enabled", shown.flag("enabled", true)),
                ("allow_private", shown.flag("allow_private", false)),
            ],
            found: Vec::new(),
        }
    }

    /// What a field shows.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.texts.iter().find(|(own, _)| own == &name).map_or("", |(_, text)| text.as_str())
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.flags.iter().any(|(own, flag)| own == &name && *flag)
    }

    /// What is wrong with a field.
    pub(crate) fn faults_of(&self, name: &str) -> Vec<&str> {
        let of = self.found.iter().filter(|(field, _)| is_of(name, field));
        of.map(|(_, message)| message.as_str()).collect()
    }

    /// What is wrong and has no field here.
    pub(crate) fn other_faults(&self) -> Vec<String> {
        let shown = ["id", "repeat", "quiet_hours", "time_zone", "events", "min_severity", "language", "allow_private"];
        let has_field = |field: &str| {
            shown.into_iter().chain(self.inputs.iter().map(|input| input.name)).any(|name| is_of(name, field))
        };
        let others = self.found.iter().filter(|(field, _)| !has_field(field));
        others.map(|(field, message)| format!("{field} {message}").trim().to_owned()).collect()
    }

    fn refused(mut self, error: ChannelError) -> PageResult {
        match error {
            ChannelError::Invalid(faults) => {
                let language = self.shell.language;
                self.found
                    .extend(faults.into_iter().map(|fault| (fault.field, told::at_field(language, &fault.wrong))));
            }
            ChannelError::Exists(id) => self.found.push(("id".to_owned(), self.t.exists(id))),
            ChannelError::Outdated { .. } => self.found.push((String::new(), self.t.outdated().to_owned())),
            error => return Err(fault(error)),
        }
        Ok(unprocessable(&self))
    }
}

fn id_of(known: Option<Known<'_>>, shown: &Shown<'_>) -> String {
    known.map_or_else(|| shown.text("id"), |known| known.id.to_owned())
}

fn is_of(name: &str, field: &str) -> bool {
    name == field || field.split('[').next() == Some(name)
}

fn confirmation(visit: &Visit, id: &str, version: String) -> Confirm {
    let t = EditWords(visit.preferences.language);
    Confirm {
        shell: visit.shell(Section::Notifications),
        title: t.delete_title(id),
        sentences: vec![t.delete_what().to_owned()],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: of_channel(id) + "/delete",
        hidden: vec![("version", version)],
        check: None,
        button: t.delete(),
        is_danger: true,
        cancel: (of_channel(id), t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    let visit = visit(language);
    let known = || Some(Known { id: HOSTILE, version: HOSTILE });
    let channel = serde_json::json!({
        "id": HOSTILE, "type": "email", "smtp_host": HOSTILE, "to": [HOSTILE], "events": ["drift"],
        "quiet_hours": { "from": HOSTILE, "to": HOSTILE }, "time_zone": HOSTILE, "url": HOSTILE,
    });
    let channel = channel.as_object().cloned().unwrap_or_default();
    let mut pages = vec![
        render(&ChannelPage::new(&visit, "", None, &Shown::Nothing)),
        render(&confirmation(&visit, HOSTILE, HOSTILE.to_owned())),
    ];
    for service in SERVICES {
        let mut shown = ChannelPage::new(&visit, service, known(), &Shown::Channel(&channel));
        let fields = ["id", "events", "to", "url", "quiet_hours", "somewhere"];
        shown.found = fields.into_iter().map(|field| (field.to_owned(), HOSTILE.to_owned())).collect();
        pages.push(render(&shown));
        pages.push(render(&ChannelPage::new(&visit, service, None, &Shown::Nothing)));
    }
    pages
}
