//! First run: from an empty installation to the first request, one step a page. Each step is tried at once, and
//! says what is wrong and what to do when it fails. What is entered here is an edit like any other.

pub(crate) mod group;
pub(crate) mod host;
pub(crate) mod key;
pub(crate) mod request;
pub(crate) mod route;
pub(crate) mod steps;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use relay_control::access::Role;
use relay_control::edit::EditError;
use relay_control::status::FleetCounts;

use self::steps::{Step, StepLink, links};
use super::fleet::edit::Input;
use crate::fault::PageResult;
use crate::faults;
use crate::shell::{Section, Shell, see_other};
use crate::state::Console;
use crate::terms::Tone;
use crate::visit::Visit;
use crate::words::words;

words! {
    /// Words that all steps share.
    StartWords {
        title => "To the first request" / "完成首次请求";
        done => "done" / "已完成";
        more => "More" / "更多选项";
        leave => "Leave; it can be gone on with at any time" / "离开，可随时回来继续";
    }
}

/// What came of trying something.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) tone: Tone,
    pub(crate) lines: Vec<String>,
}

/// A step with a form.
#[derive(Template)]
#[template(path = "start/step.html")]
pub(crate) struct StepPage {
    pub(crate) t: StartWords,
    pub(crate) shell: Shell,
    pub(crate) steps: Vec<StepLink>,
    pub(crate) heading: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) action: &'static str,
    pub(crate) inputs: Vec<Input>,
    /// What is seldom needed.
    pub(crate) more: Vec<Input>,
    /// Where the models to choose from are asked for.
    pub(crate) models: Option<(String, &'static str)>,
    pub(crate) button: &'static str,
    /// Saves although the trial failed.
    pub(crate) anyway: Option<&'static str>,
    /// Goes on without: address and text.
    pub(crate) on: Option<(&'static str, String)>,
}

impl StepPage {
    fn new(visit: &Visit, fleet: FleetCounts, step: Step) -> Self {
        let language = visit.preferences.language;
        Self {
            t: StartWords(language),
            shell: visit.shell(Section::Overview),
            steps: links(language, fleet, Some(step)),
            heading: "",
            lead: "",
            verdict: None,
            action: step.path(),
            inputs: Vec::new(),
            more: Vec::new(),
            models: None,
            button: "",
            anyway: None,
            on: None,
        }
    }

    /// Puts faults to their fields; those of none into the verdict.
    fn refuse(&mut self, error: EditError) {
        let language = self.shell.language;
        let EditError::Faults(found) = error else {
            let lines = vec![faults::said(language, &error.to_string())];
            self.verdict = Some(Verdict { tone: Tone::Bad, lines });
            return;
        };
        let mut others = Vec::new();
        for fault in found.0 {
            let told = faults::with_remedy(language, &fault.message, &fault.remedy);
            match self.inputs.iter_mut().chain(&mut self.more).find(|input| input.name == fault.path) {
                Some(input) => input.faults.push(told),
                None => others.push(faults::of_entry(language, &fault.entry, &told)),
            }
        }
        if !others.is_empty() {
            self.verdict = Some(Verdict { tone: Tone::Bad, lines: others });
        }
    }
}

/// A field of a step.
fn input(name: &'static str, label: &'static str, hint: &'static str, value: String) -> Input {
    Input {
        name,
        label,
        hint: hint.to_owned(),
        value,
        kind: "text",
        choices: Vec::new(),
        known: Vec::new(),
        faults: Vec::new(),
        is_fixed: false,
    }
}

/// How much of a fleet there is.
fn counts(console: &Console) -> FleetCounts {
    let snapshot = console.control.snapshot();
    FleetCounts {
        hosts: snapshot.hosts().len(),
        groups: snapshot.groups().count(),
        routes: snapshot.routes().len(),
        keys: snapshot.keys().len(),
    }
}

/// All pages of the first run.
pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/start", get(go_on))
        .route("/start/host", get(host::show).post(host::save))
        .route("/start/group", get(group::show).post(group::save))
        .route("/start/route", get(route::show).post(route::save))
        .route("/start/models", get(route::models))
        .route("/start/key", get(key::show).post(key::save))
        .route("/start/secret", post(key::renew))
        .route("/start/request", get(request::show))
        .route("/start/first", get(request::first))
}

/// `GET /start`: where one left off.
async fn go_on(State(console): State<Console>, visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(see_other(Step::next(counts(&console)).path()))
}
