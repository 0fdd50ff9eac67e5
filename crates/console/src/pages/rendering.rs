//! Every template is rendered with every sample in every language, and what is planted in the
//! samples comes out as text.

use askama::Template;
use relay_control::access::{Access, Role};
use relay_control::decisions::Decision;
use relay_control::fleet_document::{self, Wrong};
use relay_control::sessions::Session;
use relay_domain::Timestamp;
use relay_ledger::{DecisionAttempt, DecisionCandidate, DecisionUsage};

use crate::entry::FaultPage;
use crate::fault::Fault;
use crate::preferences::Preferences;
use crate::shell::Section;
use crate::visit::Visit;
use crate::words::Language;

/// What somebody could put wherever text of theirs is shown.
pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&#39;{{7*7}}";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_790_003_600).unwrap()
}

/// An admin's visit.
pub(crate) fn visit(language: Language) -> Visit {
    visit_as(language, Role::Admin)
}

pub(crate) fn visit_as(language: Language, role: Role) -> Visit {
    Visit {
        session: Session {
            id: 1,
            token_id: 1,
            access: Access { actor: HOSTILE.into(), role },
            user_agent: HOSTILE.into(),
            created_at: now(),
            last_seen_at: now(),
            expires_at: now(),
        },
        form_token: "form-token".into(),
        preferences: Preferences { language, ..Preferences::default() },
        here: format!("/?q={HOSTILE}"),
        is_fragment: false,
        now: now(),
    }
}

/// One that went well after a failover, one that failed everywhere, one that is open, one that was resolved.
pub(crate) fn decisions() -> Vec<Decision> {
    let hostile = || Some(HOSTILE.to_owned());
    let attempt = |end: &str, class: Option<&str>| DecisionAttempt {
        route_id: HOSTILE.into(),
        host_id: HOSTILE.into(),
        end: end.into(),
        class: class.map(str::to_owned),
        status: class.map(|_| 503),
        us: 250_000,
    };
    let candidate = |verdict: &str, reason| DecisionCandidate {
        route_id: HOSTILE.into(),
        host_id: HOSTILE.into(),
        tier: 1,
        weight: 60,
        verdict: verdict.into(),
        reason,
    };
    let complete = Decision {
        seq: 1,
        segment: "s".into(),
        writer: "w".into(),
        at: now(),
        request_id: HOSTILE.into(),
        client_request_id: hostile(),
        upstream_request_id: hostile(),
        generation: 3,
        surface: "chat_completions".into(),
        consumer: hostile(),
        logical_group_id: HOSTILE.into(),
        public_model: HOSTILE.into(),
        scope: "conversation".into(),
        sticky_key: hostile(),
        sticky_type: hostile(),
        sticky_source: hostile(),
        sticky_hit: true,
        sticky_action: "rebind".into(),
        route_id: hostile(),
        host_id: hostile(),
        shadow_group_id: hostile(),
        shadow_model: hostile(),
        planned_route_id: hostile(),
        fallback_used: true,
        stream: true,
        user_key: hostile(),
        conversation_key: hostile(),
        seed: 7,
        verdict: "complete".into(),
        ended_at: Some(now()),
        error_class: None,
        error_message: None,
        client_status: Some(200),
        upstream_status: Some(200),
        latency_us: Some(2_500_000),
        first_output_us: Some(700_000),
        overhead_us: Some(180),
        request_bytes: Some(2_048),
        response_bytes: Some(900),
        usage: DecisionUsage {
            input: Some(1_200),
            cached_input: Some(900),
            cache_write: None,
            output: Some(310),
            reasoning: Some(0),
            provenance: Some("host".into()),
        },
        price_nanos: Some(12_000_000),
        cost_nanos: Some(4_000_000),
        cache_saved_nanos: Some(-1_000),
        key_source: Some("host_key".into()),
        key_fingerprint: hostile(),
        possible_double_bill: true,
        panic: true,
        candidates: vec![candidate("first", None), candidate("next", None), candidate("excluded", hostile())],
        attempts: vec![attempt("refused", Some("gateway_5xx")), attempt("answered", None)],
    };
    let failed = Decision {
        verdict: "failed".into(),
        error_class: hostile(),
        error_message: hostile(),
        consumer: None,
        route_id: None,
        host_id: None,
        attempts: vec![attempt("maybe_executed", Some("timeout"))],
        ..complete.clone()
    };
    let open = Decision {
        verdict: "open".into(),
        ended_at: None,
        latency_us: None,
        first_output_us: None,
        overhead_us: None,
        usage: DecisionUsage::default(),
        price_nanos: None,
        cost_nanos: None,
        cache_saved_nanos: None,
        attempts: Vec::new(),
        candidates: Vec::new(),
        sticky_key: None,
        ..complete.clone()
    };
    let resolved = Decision { verdict: "resolved".into(), fallback_used: false, ..complete.clone() };
    vec![complete, failed, open, resolved]
}

fn faults(language: Language) -> Vec<String> {
    let wrong = Wrong::NoSuch("group", HOSTILE.into(), Some(HOSTILE.into()));
    let of_document = fleet_document::Fault { path: HOSTILE.into(), entry: HOSTILE.into(), wrong };
    let faults = [
        Fault::Faulty(of_document.into()),
        Fault::NotFound,
        Fault::Forbidden(Role::Operator),
        Fault::ForeignForm,
        Fault::UnreadableForm,
        Fault::Parameter("from"),
        Fault::Refused(http::StatusCode::CONFLICT, HOSTILE.into()),
        Fault::Unavailable(HOSTILE.into()),
    ];
    let page = |fault: Fault| {
        let (title, why) = fault.told(language);
        render(&FaultPage {
            shell: visit(language).shell(Section::Elsewhere),
            status: fault.status().as_u16(),
            title,
            why,
        })
    };
    faults.map(page).into()
}

/// The HTML of a page.
pub(crate) fn render(page: &impl Template) -> String {
    page.render().unwrap()
}

/// The pages of one module.
type Samples = fn(Language) -> Vec<String>;

/// Every module of pages.
const MODULES: &[(&str, Samples)] = &[
    ("login", super::login::samples),
    ("overview", super::overview::samples),
    ("start/host", super::start::host::samples),
    ("start/group", super::start::group::samples),
    ("start/route", super::start::route::samples),
    ("start/key", super::start::key::samples),
    ("start/request", super::start::request::samples),
    ("decisions/list", super::decisions::list::samples),
    ("decisions/story", super::decisions::story::samples),
    ("map", super::map::samples),
    ("health", super::health::samples),
    ("usage", super::usage::samples),
    ("fleet/acts", super::fleet::acts::samples),
    ("fleet/edit", super::fleet::edit::samples),
    ("fleet/host_work", super::fleet::host_work::samples),
    ("fleet/hosts", super::fleet::hosts::samples),
    ("fleet/groups", super::fleet::groups::samples),
    ("fleet/routes", super::fleet::routes::samples),
    ("fleet/keys", super::fleet::keys::samples),
    ("bindings", super::bindings::samples),
    ("generations", super::generations::samples),
    ("events", super::events::samples),
    ("notifications/list", super::notifications::list::samples),
    ("notifications/edit", super::notifications::edit::samples),
    ("notifications/test", super::notifications::test::samples),
    ("playground/chat", super::playground::chat::samples),
    ("playground/send", super::playground::send::samples),
    ("playground/actions", super::playground::actions::samples),
    ("settings", super::settings::samples),
    ("status", super::status::samples),
    ("status/board", super::status::samples),
    ("audit", super::audit::samples),
    ("tokens", super::tokens::samples),
    ("account", super::account::samples),
];

fn pages() -> Vec<(&'static str, String)> {
    let mut pages: Vec<_> = Language::ALL.into_iter().flat_map(faults).map(|html| ("fault", html)).collect();
    for (name, samples) in MODULES {
        pages.extend(Language::ALL.into_iter().flat_map(samples).map(|html| (*name, html)));
    }
    pages
}

/// Where it is planted, it is text: never markup, never out of its attribute.
#[test]
fn every_page_renders_in_both_languages_and_hostile_text_stays_text() {
    for (name, html) in pages() {
        for planted in ["<script>alert", "<img src=x"] {
            assert!(!html.contains(planted), "{name} lets {planted} through");
        }
        assert!(html.contains("</html>") && html.contains("<main"), "{name} is not whole");
        assert_eq!(html.matches("<h1").count(), 1, "{name} has one heading of the first rank");
    }
}

/// The policy forbids them, so that a browser would ignore them: whoever writes one should hear of it here.
#[test]
fn no_page_has_inline_styles_or_scripts() {
    for (name, html) in pages() {
        for inline in [" style=", "<style", " onclick=", " onchange=", " onsubmit=", "javascript:"] {
            assert!(!html.contains(inline), "{name} has {inline}");
        }
        let scripts = html.matches("<script").count();
        assert_eq!(scripts, html.matches("<script src=\"/assets/").count(), "{name} has an inline script");
    }
}

/// Each form that changes something carries the token; the login page and the preferences have none to carry.
#[test]
fn every_form_that_changes_something_carries_the_token() {
    for (name, html) in pages() {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let is_open = form.contains("action=\"/login\"") || form.contains("action=\"/preferences\"");
            if form.contains("method=\"post\"") && !is_open {
                assert!(form.contains("name=\"csrf\" value=\"form-token\""), "{name}: {form}");
            }
        }
    }
}

/// A page that is rendered nowhere here would be looked at by nobody.
#[test]
fn every_module_of_pages_is_rendered_here() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pages");
    let mut found = std::collections::BTreeSet::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                if !text.contains("-> PageResult") && !text.contains("fn samples(") {
                    continue;
                }
                let name = path.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().into_owned();
                if name != "rendering" && !name.ends_with("mod") {
                    found.insert(name);
                }
            }
        }
    }
    let listed = MODULES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}
