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
use super::fleet::edit::{Input, is_of};
use super::fleet::told;
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
        leave => "Continue later" / "稍后继续";
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
    pub(crate) on: Option<(String, String)>,
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
        match error {
            EditError::Faults(found) => {
                let more = told::more(language, &found);
                for mut fault in found.into_kept() {
                    // Of several new routes each is named before its field: `route[r-1].public_model`.
                    if let Some((_, field)) = fault.path.rsplit_once("].") {
                        fault.path = field.to_owned();
                    }
                    self.mark(&fault.path, told::at_field(language, &fault));
                }
                if let Some(more) = more {
                    self.fail(vec![more]);
                }
            }
            EditError::Exists { noun, id } => self.mark(noun.id_field(), told::taken(language, &id)),
            error => self.fail(vec![faults::said(language, &error.to_string())]),
        }
    }

    /// Says at a field what is wrong with it; of a field that the step does not ask for, above the form.
    fn mark(&mut self, field: &str, told: String) {
        // What is wrong with a route itself was entered among the other models: those of the list are the host's own.
        let field = if matches!(field, "public_model" | "route_id") { "others" } else { field };
        match self.inputs.iter_mut().chain(&mut self.more).find(|input| is_of(input.name, field)) {
            Some(input) if input.faults.contains(&told) => {}
            Some(input) => input.faults.push(told),
            None => self.fail(vec![told]),
        }
    }

    /// Says above the form what is wrong.
    fn fail(&mut self, told: Vec<String>) {
        let lines = self.verdict.take().map(|verdict| verdict.lines).into_iter().flatten().chain(told).collect();
        self.verdict = Some(Verdict { tone: Tone::Bad, lines });
    }

    /// What is seldom needed stands open when something was entered there.
    fn is_more_open(&self) -> bool {
        self.more.iter().any(|input| !input.value.is_empty() || !input.faults.is_empty())
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
        .route("/start/send", post(request::send))
        .route("/start/first", get(request::first))
}

/// `GET /start`: where one left off.
async fn go_on(State(console): State<Console>, visit: Visit) -> PageResult {
    visit.acting(Role::Admin)?;
    Ok(see_other(Step::next(counts(&console)).path()))
}
