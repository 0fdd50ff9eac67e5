//! The wire formats of every surface as files: what a client sent, what the host
//! got of it, and what the client got, whole, streamed, cut and refused.

use std::fmt::Write as _;

use relay_testkit::{Cut, Reply};

use super::{ALL, GEMINI, SHADOW, STREAMED, Surface};
use crate::rig::{MODEL, Rig, Setup};

struct Script(String);

impl Script {
    fn note(&mut self, what: &str, text: &str) {
        let text = text.replace('\r', "\\r");
        writeln!(self.0, "== {what}\n{}\n", text.trim_end_matches('\n')).expect("writes");
    }

    async fn run(&mut self, rig: &Rig, surface: Surface, what: &str, stream: bool, reply: Option<Reply>) {
        self.note(
            &format!("{what}: client to relay, POST {}", surface.target(MODEL, stream)),
            &surface.body(MODEL, "Hi there", stream),
        );
        let Some(reply) = reply else {
            let mut answer = surface.call(rig, "Hi there", stream).key("wrong").send().await;
            let text = answer.text().await;
            return self.note(&format!("{what}: relay to client, {}", answer.status), &text);
        };
        rig.hosts[0].script(reply);
        let mut answer = surface.call(rig, "Hi there", stream).send().await;
        let text = answer.text().await;
        let received = rig.hosts[0].received().pop().expect("came");
        self.note(
            &format!("{what}: relay to host, POST {}", received.target),
            &String::from_utf8_lossy(&received.body),
        );
        self.note(&format!("{what}: relay to client, {}", answer.status), &text);
    }
}

#[tokio::test]
async fn every_surface_on_the_wire() {
    for surface in ALL {
        let rig = Setup::hosts(1).shadow_model(SHADOW).forgiving().start().await;
        let mut script = Script(String::new());
        script.run(&rig, surface, "whole", false, Some(Reply::echo())).await;
        if STREAMED.iter().any(|streamed| streamed.name == surface.name) {
            script.run(&rig, surface, "streamed", true, Some(Reply::echo())).await;
            let cut = if surface.name == GEMINI.name { 2 } else { 5 };
            script.run(&rig, surface, "cut", true, Some(Reply::echo().truncate_after(cut, Cut::Eof))).await;
        }
        let refusal = Reply::raw("application/json", r#"{"code":"X","message":"No such tool."}"#).status(400);
        script.run(&rig, surface, "refused by the host", false, Some(refusal)).await;
        script.run(&rig, surface, "refused by the relay", false, None).await;
        insta::assert_snapshot!(surface.name, script.0);
    }
}
