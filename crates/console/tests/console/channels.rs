//! Notification channels by form.

use http::StatusCode;

use crate::support::{ADMIN, Console, OPERATOR};

const EVENTS: [(&str, &str); 2] = [("event.host_down", "1"), ("event.panic_mode", "1")];

fn webhook<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [
        ("type", "webhook"),
        ("id", "ops"),
        ("url", "https://hooks.example/canary-1"),
        ("secret", "canary-2"),
        ("enabled", "1"),
    ];
    fields.into_iter().chain(EVENTS).chain(more.iter().copied()).collect()
}

#[tokio::test]
async fn a_channel_is_made_changed_and_removed_and_its_secrets_are_never_shown() {
    let console = Console::start().await;
    let mut admin = console.logged_in(ADMIN).await;
    assert!(admin.get("/notifications").await.ok().contains("/notifications/new"));
    let form = admin.get("/notifications/new?type=webhook").await.ok();
    assert!(form.contains("name=\"event.drift\" value=\"1\" checked"), "everything, unless one says otherwise");
    let quiet = [("quiet_from", "23:00"), ("quiet_to", "08:00"), ("time_zone", "Asia/Shanghai")];
    let made = admin.submit("/account", "/notifications/new", &webhook(&quiet)).await;
    assert_eq!(made.location(), "/notifications/channels/ops?done=saved");
    let shown = admin.get("/notifications/channels/ops").await.ok();
    for expected in ["a host is down, a model has no route left", "Asia/Shanghai", "https://hooks.example/…"] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
    let edit = "/notifications/channels/ops/edit";
    let page = admin.get(edit).await.ok();
    let version = page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let fields = [("event.drift", "1"), ("version", version.as_str())];
    assert_eq!(admin.submit(edit, edit, &fields).await.location(), "/notifications/channels/ops?done=saved");
    let channel = console.control.notification_channel("ops").await.unwrap().unwrap();
    assert_eq!(channel.fields["events"], serde_json::json!(["drift"]));
    assert_eq!((&channel.fields["enabled"], &channel.fields["secret"]), (&false.into(), &"stored".into()));
    assert!(channel.fields.get("quiet_hours").is_none(), "what was emptied is as usual");
    let late = admin.submit(edit, edit, &fields).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY, "somebody else was faster");
    for path in ["/notifications", "/notifications/channels/ops", edit, "/audit"] {
        assert!(!admin.get(path).await.ok().contains("canary"), "{path}");
    }
    let delete = "/notifications/channels/ops/delete";
    let page = admin.get(delete).await.ok();
    let version = page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let gone = admin.submit(delete, delete, &[("version", &version)]).await;
    assert_eq!(gone.location(), "/notifications?done=deleted");
    assert_eq!(admin.get("/notifications/channels/ops").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_stand_at_their_fields_and_what_was_entered_stays() {
    let console = Console::start().await;
    let mut admin = console.logged_in(ADMIN).await;
    let fields = [("type", "dingtalk"), ("id", "Ops 1"), ("url", "http://10.0.0.1/x"), ("repeat", "1s"), EVENTS[0]];
    let refused = admin.submit("/account", "/notifications/new", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("value=\"Ops 1\"") && refused.text.contains("value=\"1s\""));
    assert!(!refused.text.contains("10.0.0.1"), "a secret is not shown again");
    assert_eq!(refused.text.matches("aria-invalid=\"true\"").count(), 3, "{}", refused.text);
    admin.post("/preferences", &[("language", "zh")]).await;
    let refused = admin.submit("/account", "/notifications/new", &fields).await;
    assert!(refused.text.contains("只能使用小写字母、数字和连字符，最多 64 个。"), "{}", refused.text);
    let none = [("type", "dingtalk"), ("id", "ops"), ("url", "https://x.example")];
    let refused = admin.submit("/account", "/notifications/new", &none).await;
    assert!(refused.text.contains("请至少选择一个事件"));
}

#[tokio::test]
async fn a_test_message_tells_its_outcome_on_the_channels_page() {
    let console = Console::start().await;
    let mut admin = console.logged_in(ADMIN).await;
    let fields: Vec<_> = webhook(&[]).into_iter().filter(|(name, _)| *name != "url").collect();
    let fields: Vec<_> = fields.into_iter().chain([("url", "https://127.0.0.1:1/hook")]).collect();
    admin.submit("/account", "/notifications/new", &fields).await.location();
    let mut operator = console.logged_in(OPERATOR).await;
    let test = "/notifications/channels/ops/test";
    let sent = operator.submit(test, test, &[]).await.location().to_owned();
    assert!(sent.starts_with("/notifications/channels/ops?tested="), "{sent}");
    let page = operator.get(&sent).await.ok();
    assert!(page.contains("Test message") && page.contains("badge bad"), "{page}");
    assert!(!page.contains("/notifications/channels/ops/edit"), "changing is for admins");
    assert_eq!(operator.get("/notifications/channels/ops/edit").await.status, StatusCode::FORBIDDEN);
}
