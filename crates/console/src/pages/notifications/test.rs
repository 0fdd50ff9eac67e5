//! A test message, and what became of it.

use axum::extract::{Path, State};
use relay_control::access::Role;

use super::of_channel;
use crate::fault::{Fault, PageResult};
use crate::form::Form;
use crate::kit::Confirm;
use crate::query::address;
use crate::shell::{Section, page, see_other};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    TestWords {
        title(channel) => "Send a test message to {channel}" / "向 {channel} 发送测试消息";
        what => "The service gets one message at once, whether the channel is on or not. It may take some seconds." / "无论该渠道是否启用，都会立即发送一条消息，可能需要几秒钟。";
        send => "Send a test message" / "发送测试消息";
        cancel => "Cancel" / "取消";
    }
}

/// `GET /notifications/channels/{id}/test`
pub(crate) async fn confirm(visit: Visit, Path(id): Path<String>) -> PageResult {
    visit.acting(Role::Operator)?;
    Ok(page(&confirmation(&visit, &id)))
}

/// `POST /notifications/channels/{id}/test`: what the service said is on the channel's page.
pub(crate) async fn send(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    Form(_): Form,
) -> PageResult {
    let actor = visit.acting(Role::Operator)?;
    let tested = console.control.test_notification_channel(&id, actor).await?.ok_or(Fault::NotFound)?;
    let delivery = tested.delivery_id.to_string();
    let done = if tested.delivered { "tested" } else { "" };
    Ok(see_other(&address(&of_channel(&id), [("tested", delivery.as_str()), ("done", done)])))
}

fn confirmation(visit: &Visit, id: &str) -> Confirm {
    let t = TestWords(visit.preferences.language);
    Confirm {
        shell: visit.shell(Section::Notifications),
        title: t.title(id),
        sentences: vec![t.what().to_owned()],
        warnings: Vec::new(),
        parts: Vec::new(),
        action: of_channel(id) + "/test",
        hidden: Vec::new(),
        check: None,
        button: t.send(),
        is_danger: false,
        cancel: (of_channel(id), t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, render, visit};
    vec![render(&confirmation(&visit(language), HOSTILE))]
}
