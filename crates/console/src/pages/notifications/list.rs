//! The channels, and what was sent to them.

use axum::extract::{Path, State};
use relay_control::notifications::{ChannelFilter, DeliveryFilter, DeliveryState, DeliveryView};
use relay_control::page::{Page, PageRequest};
use relay_control::view::Fields;

use super::of_channel;
use crate::cell::Cell;
use crate::changes::{value_cell, value_text};
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::kit::{Action, Head, Listing, Narrow, Pager, Part, Sheet, Table};
use crate::query::{Query, address};
use crate::shell::{Section, page};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, enumerated, words};

words! {
    NotificationWords {
        title => "Notifications" / "通知";
        intro => "Who is told of what, and what was sent." / "向谁通知哪些事件，以及已发送的消息。";
        channels => "Channels" / "通知渠道";
        channel => "Channel" / "通知渠道";
        kind => "Type" / "类型";
        enabled => "on" / "已启用";
        disabled => "off" / "已停用";
        state => "State" / "状态";
        told_of => "Told of" / "订阅事件";
        everything => "everything" / "全部事件";
        settings => "Settings" / "设置";
        no_channels => "There is no channel: nobody is told of anything. Add one." / "尚未配置通知渠道，事件不会发送给任何人。";
        new_channel => "New channel" / "新建渠道";
        change => "Change" / "修改";
        remove => "Remove" / "删除";
        tested => "Test message" / "测试消息";
        tested_well => "The service took it." / "服务已接收。";
        setting => "Setting" / "设置项";
        value => "Value" / "取值";
        next_try(when) => "next try {when}" / "下次重试 {when}";
        deliveries => "Messages" / "消息记录";
        deliveries_intro => "What was sent and is to be sent, newest first." / "已发送和待发送的消息，最新在前。";
        all_deliveries => "All messages" / "全部消息";
        any => "any" / "不限";
        apply => "Filter" / "筛选";
        when => "When" / "时间";
        event => "Event" / "事件";
        subject => "Of what" / "对象";
        attempts => "Attempts" / "尝试次数";
        error => "Last error" / "最近错误";
        no_deliveries => "Nothing was sent yet." / "还没有发送过消息。";
        test => "Send a test message" / "发送测试消息";
    }
}

/// Channels at most on one page: nobody has more.
const CHANNELS: usize = 500;

/// `GET /notifications`
pub(crate) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    let control = &console.control;
    let channels = control
        .notification_channels(&ChannelFilter::default(), &PageRequest { limit: CHANNELS, cursor: None })
        .await?;
    let latest = PageRequest { limit: 10, cursor: None };
    let deliveries = control.notification_deliveries(&DeliveryFilter::default(), &latest).await?;
    Ok(page(&overview(&visit, &channels.items, &deliveries.items)))
}

/// `GET /notifications/channels/{id}`
pub(crate) async fn channel(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    query: Query,
) -> PageResult {
    let control = &console.control;
    let channel = control.notification_channel(&id).await?.ok_or(Fault::NotFound)?;
    let filter = DeliveryFilter { channel: Some(id), ..DeliveryFilter::default() };
    let deliveries = control.notification_deliveries(&filter, &PageRequest { limit: 20, cursor: None }).await?;
    let tested = query.parsed::<i64>("tested")?;
    let tested = deliveries.items.iter().find(|delivery| Some(delivery.id) == tested);
    Ok(page(&sheet(&visit, &channel.fields, tested, &deliveries.items)))
}

/// `GET /notifications/deliveries`
pub(crate) async fn deliveries(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let filter = DeliveryFilter {
        channel: query.text("channel_id"),
        kind: query.text("kind"),
        state: query.parsed::<DeliveryState>("state")?,
    };
    let found = console.control.notification_deliveries(&filter, &query.page()?).await?;
    Ok(page(&listing(&visit, &query, &found)))
}

fn text(fields: &Fields, name: &str) -> String {
    fields.get(name).map(value_text).unwrap_or_default()
}

fn state(t: NotificationWords, channel: &Fields) -> Badge {
    match channel.get("enabled").and_then(serde_json::Value::as_bool) {
        Some(false) => Badge::new(Tone::Quiet, t.disabled()),
        _ => Badge::new(Tone::Good, t.enabled()),
    }
}

/// Which events, in words.
fn told_of(language: Language, channel: &Fields) -> String {
    let events = channel.get("events").and_then(serde_json::Value::as_array);
    let Some(events) = events else { return NotificationWords(language).everything().to_owned() };
    let words = events.iter().filter_map(serde_json::Value::as_str).map(|word| terms::event(language, word));
    enumerated(language, &words.collect::<Vec<_>>())
}

fn overview(visit: &Visit, channels: &[Fields], deliveries: &[DeliveryView]) -> Sheet {
    let t = NotificationWords(visit.preferences.language);
    let row = |channel: &Fields| {
        let id = text(channel, "id");
        let events = told_of(visit.preferences.language, channel);
        vec![
            Cell::link(of_channel(&id), id),
            Cell::text(text(channel, "type")),
            Cell::badge(state(t, channel)),
            Cell::text(events),
        ]
    };
    let heads = [t.channel(), t.kind(), t.state(), t.told_of()].map(Head::text).into();
    let channels = Table { heads, rows: channels.iter().map(row).collect() };
    let shell = visit.shell(Section::Notifications);
    Sheet {
        noun: t.title(),
        name: String::new(),
        badges: Vec::new(),
        back: None,
        actions: [
            shell.may_administer().then(|| Action::new("/notifications/new", t.new_channel()).primary()),
            Some(Action::new("/notifications/deliveries", t.all_deliveries())),
        ]
        .into_iter()
        .flatten()
        .collect(),
        parts: vec![
            Part::new(t.channels()).hint(t.intro()).table(channels, t.no_channels()),
            Part::new(t.deliveries()).table(delivery_table(visit, deliveries), t.no_deliveries()),
        ],
        shell,
    }
}

fn delivery_table(visit: &Visit, deliveries: &[DeliveryView]) -> Table {
    let language = visit.preferences.language;
    let t = NotificationWords(language);
    let row = |delivery: &DeliveryView| {
        let tone = match delivery.state {
            "delivered" => Tone::Good,
            "failed" => Tone::Bad,
            "pending" => Tone::Warning,
            _ => Tone::Quiet,
        };
        vec![
            Cell::when(visit, delivery.created_at),
            Cell::link(of_channel(&delivery.channel_id), &delivery.channel_id),
            Cell::text(terms::event(language, &delivery.kind)).note(terms::phase(language, &delivery.phase)),
            Cell::text(&delivery.subject),
            Cell::badge(Badge::new(tone, terms::delivery(language, delivery.state))),
            Cell::number(delivery.attempts.to_string())
                .note(delivery.next_at.map(|at| t.next_try(visit.format().moment(at).text)).unwrap_or_default()),
            Cell::text(faults::said(language, delivery.last_error.as_deref().unwrap_or_default())),
        ]
    };
    let mut heads: Vec<Head> = [t.when(), t.channel(), t.event(), t.subject(), t.state()].map(Head::text).into();
    heads.extend([Head::number(t.attempts()), Head::text(t.error())]);
    Table { heads, rows: deliveries.iter().map(row).collect() }
}

fn listing(visit: &Visit, query: &Query, found: &Page<DeliveryView>) -> Listing {
    let language = visit.preferences.language;
    let t = NotificationWords(language);
    let states = ["pending", "delivered", "failed", "superseded"];
    let states = states.map(|word| (word.to_owned(), terms::delivery(language, word).into_owned()));
    let filters = ["channel_id", "kind", "state"].map(|name| (name, query.text(name).unwrap_or_default()));
    let with = |more: &[(&str, &str)]| {
        let filters = filters.iter().map(|(name, value)| (*name, value.as_str()));
        address("/notifications/deliveries", filters.chain(more.iter().copied()))
    };
    Listing {
        shell: visit.shell(Section::Notifications),
        title: t.deliveries(),
        intro: t.deliveries_intro(),
        actions: vec![Action::new("/notifications", t.channels())],
        path: "/notifications/deliveries",
        narrows: vec![
            Narrow::text("channel_id", t.channel(), query.text("channel_id")),
            Narrow::text("kind", t.event(), query.text("kind")),
            Narrow::choice("state", t.state(), query.text("state"), t.any(), states),
        ],
        apply: t.apply(),
        table: delivery_table(visit, &found.items),
        empty: t.no_deliveries(),
        begins: false,
        pager: Pager::by_time(
            query.text("cursor").map(|_| with(&[])),
            found.next_cursor.as_deref().map(|cursor| with(&[("cursor", cursor)])),
        ),
    }
}

fn sheet(visit: &Visit, channel: &Fields, tested: Option<&DeliveryView>, deliveries: &[DeliveryView]) -> Sheet {
    let language = visit.preferences.language;
    let t = NotificationWords(language);
    let id = text(channel, "id");
    let settings = channel.iter().filter(|(name, _)| *name != "events");
    let settings = settings.map(|(name, value)| vec![Cell::code(name.as_str()), setting(language, name, value)]);
    let events = vec![Cell::code("events"), Cell::text(told_of(language, channel))];
    let settings = Table {
        heads: [t.setting(), t.value()].map(Head::text).into(),
        rows: settings.chain(std::iter::once(events)).collect(),
    };
    let shell = visit.shell(Section::Notifications);
    let page = of_channel(&id);
    let actions = [
        shell.may_operate().then(|| Action::new(format!("{page}/test"), t.test()).primary()),
        shell.may_administer().then(|| Action::new(format!("{page}/edit"), t.change())),
        shell.may_administer().then(|| Action::new(format!("{page}/delete"), t.remove()).danger()),
    ];
    let outcome = tested.map(|delivery| Part::new(t.tested()).facts(outcome(language, delivery)));
    let rest = [
        Part::new(t.settings()).table(settings, ""),
        Part::new(t.deliveries()).table(delivery_table(visit, deliveries), t.no_deliveries()),
    ];
    Sheet {
        noun: t.channel(),
        name: id,
        badges: vec![state(t, channel)],
        back: Some(("/notifications", t.title())),
        actions: actions.into_iter().flatten().collect(),
        parts: outcome.into_iter().chain(rest).collect(),
        shell,
    }
}

/// The value of a setting.
fn setting(language: Language, name: &str, value: &serde_json::Value) -> Cell {
    match value {
        serde_json::Value::String(word) if matches!(name, "min_severity" | "tls") => {
            Cell::text(terms::choice(language, name, word))
        }
        value => value_cell(language, value),
    }
}

/// What became of a test message.
fn outcome(language: Language, delivery: &DeliveryView) -> Vec<(&'static str, Cell)> {
    let t = NotificationWords(language);
    match &delivery.last_error {
        None => vec![(t.state(), Cell::badge(Badge::new(Tone::Good, t.tested_well())))],
        Some(error) => vec![
            (t.state(), Cell::badge(Badge::new(Tone::Bad, terms::delivery(language, delivery.state)))),
            (t.error(), Cell::text(faults::said(language, error))),
        ],
    }
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let delivery = DeliveryView {
        id: 1,
        channel_id: HOSTILE.into(),
        kind: HOSTILE.into(),
        subject: HOSTILE.into(),
        phase: "firing".into(),
        state: "failed",
        attempts: 3,
        created_at: now(),
        next_at: None,
        finished_at: Some(now()),
        last_error: Some(HOSTILE.into()),
    };
    let channel = serde_json::json!({ "id": HOSTILE, "type": "webhook", "enabled": false, "url": HOSTILE });
    let channel = channel.as_object().cloned().unwrap_or_default();
    let visit = visit(language);
    let full = Page { items: vec![delivery.clone()], next_cursor: Some("1".into()) };
    vec![
        render(&overview(&visit, std::slice::from_ref(&channel), std::slice::from_ref(&delivery))),
        render(&overview(&visit, &[], &[])),
        render(&sheet(&visit, &channel, Some(&delivery), std::slice::from_ref(&delivery))),
        render(&listing(&visit, &Query::parse("cursor=1&state=failed"), &full)),
    ]
}
