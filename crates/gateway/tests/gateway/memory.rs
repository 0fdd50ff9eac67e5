//! Bodies in flight stay within a budget, and whoever comes when it is used up is told so (spec §10).

use relay_testkit::{Gate, Reply};

use crate::rig::{Rig, Setup, patiently, request};

/// Room for one body, of those that are counted.
const ROOM: u64 = 320 * 1024;

async fn rig() -> Rig {
    Setup::hosts(1).options(|options| options.max_buffered = ROOM).start().await
}

fn large() -> String {
    request(&"x".repeat(200 * 1024), false)
}

#[tokio::test]
async fn a_body_beyond_the_budget_is_refused_and_fits_when_the_others_are_done() {
    let rig = rig().await;
    let busy = Gate::new();
    rig.hosts[0].script(Reply::echo().hold(&busy));
    let first = rig.chat(large()).spawn();
    busy.reached().await;
    let mut refused = rig.chat(large()).send().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(refused.error_code().await, "overloaded");
    let small = rig.say("still served").send().await;
    assert_eq!(small.status, 200);
    assert_eq!(rig.calls(), [2], "what is refused asks no host");
    busy.open();
    assert_eq!(patiently("the first answer", first).await.expect("no panic").status, 200);
    let again = rig.chat(large()).send().await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn nobody_is_let_in_while_it_is_used_up() {
    let rig = rig().await;
    let busy = Gate::new();
    rig.hosts[0].script(Reply::echo().hold(&busy));
    let first = rig.chat(request(&"x".repeat(300 * 1024), false)).spawn();
    busy.reached().await;
    let mut refused = rig.say("small").send().await;
    assert_eq!((refused.status, refused.error_code().await.as_str()), (503, "overloaded"));
    busy.open();
    assert_eq!(patiently("the first answer", first).await.expect("no panic").status, 200);
    assert_eq!(rig.say("small").send().await.status, 200);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_passes_unread_and_whole() {
    let rig = rig().await;
    let words = "word ".repeat(200 * 1024);
    rig.hosts[0].script(Reply::chat(&words));
    let mut answer = rig.say("much").send().await;
    assert_eq!(answer.status, 200);
    let json = answer.json().await;
    assert_eq!(json["choices"][0]["message"]["content"].as_str().map(str::len), Some(words.len()));
    assert_eq!(rig.say("next").send().await.status, 200, "it is given back");
}
