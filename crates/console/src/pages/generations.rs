//! Generations of the fleet: what each changed, what differs from the one in force, going back to one.

use axum::extract::{Path, State};
use http::StatusCode;
use relay_control::access::Role;
use relay_control::diff::Diff;
use relay_control::generations::{Difference, GenerationError};
use relay_control::page::Page;
use relay_control::publication::PublishError;
use relay_control::records::{GenerationDetail, GenerationFilter, GenerationView};

use crate::cell::Cell;
use crate::changes;
use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::form::Form;
use crate::kit::{Action, Confirm, Head, Listing, Pager, Part, Sheet, Table};
use crate::query::{Query, address, path};
use crate::shell::{Section, page, see_other};
use crate::state::Console;
use crate::terms::{Badge, Tone};
use crate::visit::Visit;
use crate::words::words;

words! {
    GenerationWords {
        title => "Generations" / "配置版本";
        intro => "Every published version of hosts, groups, routes and keys. Each decision names the one it used." / "主机、分组、路由和 key 的每一次发布。每条决策都记录所用的版本。";
        generation => "Generation" / "配置版本";
        number => "No." / "版本";
        when => "When" / "时间";
        who => "Who" / "操作者";
        summary => "Summary" / "摘要";
        in_force => "in force" / "当前生效";
        what_it_changed => "What it changed" / "该版本的变更";
        no_change => "Nothing that is told field by field." / "没有可逐项列出的变更。";
        since => "What has changed since" / "与当前版本的差异";
        same => "The fleet in force is the same." / "与当前生效的配置相同。";
        forgotten => "The whole fleet of this generation is forgotten; only its record is left." / "该版本的完整配置已清理，仅保留发布记录。";
        roll_back => "Go back to it" / "回滚到该版本";
        roll_back_title(number) => "Go back to generation {number}" / "回滚到版本 {number}";
        roll_back_what => "Hosts, groups, routes and keys become what they were then, secrets included, and are published as a new generation. A key that was removed or rotated since works again as it did then. Requests in flight end as they began." / "主机、分组、路由和 key（包括密钥）将恢复为当时的状态，并作为新版本发布。此后被删除或轮换的 key 会重新按当时的方式生效。进行中的请求不受影响。";
        will_change => "What will change" / "将发生的变更";
        cancel => "Cancel" / "取消";
        empty => "Nothing has been published yet." / "还没有发布过任何配置。";
    }
}

/// `GET /generations`
pub(crate) async fn list(State(console): State<Console>, visit: Visit, query: Query) -> PageResult {
    let found = console.control.generations(&GenerationFilter::default(), &query.page()?).await?;
    Ok(page(&listing(&visit, &found, console.control.generation(), query.text("cursor").is_some())))
}

/// `GET /generations/{number}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(number): Path<u64>) -> PageResult {
    let control = &console.control;
    let detail = control.generation_detail(number).await?.ok_or(Fault::NotFound)?;
    let since = match control.difference(number, None).await {
        Ok(difference) => Some(difference),
        Err(GenerationError::Forgotten(_)) => None,
        Err(error) => return Err(fault(error)),
    };
    Ok(page(&sheet(&visit, &detail, since.as_ref(), control.generation())))
}

/// `GET /generations/{number}/rollback`: what it will do.
pub(crate) async fn confirm(State(console): State<Console>, visit: Visit, Path(number): Path<u64>) -> PageResult {
    visit.acting(Role::Admin)?;
    let since = console.control.difference(number, None).await.map_err(fault)?;
    Ok(page(&confirmation(&visit, number, &reversed(since.diff))))
}

/// `POST /generations/{number}/rollback`
pub(crate) async fn roll_back(
    State(console): State<Console>,
    visit: Visit,
    Path(number): Path<u64>,
    Form(_): Form,
) -> PageResult {
    let actor = visit.acting(Role::Admin)?;
    let done = console.control.roll_back(number, actor).await.map_err(fault)?;
    let done = if done.published { "rolled-back" } else { "nothing" };
    Ok(see_other(&address("/generations", [("done", done)])))
}

fn fault(error: GenerationError) -> Fault {
    match error {
        GenerationError::Unknown(_) => Fault::NotFound,
        GenerationError::Publish(PublishError::Store(error)) => error.into(),
        error => Fault::Refused(StatusCode::CONFLICT, error.to_string()),
    }
}

/// What going back changes: the other way round.
fn reversed(diff: Diff) -> Diff {
    let mut diff = Diff { added: diff.removed, removed: diff.added, changed: diff.changed };
    for field in diff.changed.iter_mut().flat_map(|entry| &mut entry.fields) {
        std::mem::swap(&mut field.from, &mut field.to);
    }
    diff
}

fn listing(visit: &Visit, found: &Page<GenerationView>, in_force: u64, is_later_page: bool) -> Listing {
    let language = visit.preferences.language;
    let t = GenerationWords(language);
    let row = |record: &GenerationView| {
        let number = record.generation.to_string();
        let link = Cell::link(path("/generations", &number), &number);
        vec![
            if record.generation == in_force { link.note(t.in_force()) } else { link },
            Cell::clock(visit, record.at),
            Cell::text(faults::who(language, &record.actor)),
            Cell::text(faults::summary(language, &record.summary)),
        ]
    };
    Listing {
        shell: visit.shell(Section::Generations),
        title: t.title(),
        intro: t.intro(),
        actions: Vec::new(),
        path: "/generations",
        narrows: Vec::new(),
        apply: "",
        table: Table {
            heads: [t.number(), t.when(), t.who(), t.summary()].map(Head::text).into(),
            rows: found.items.iter().map(row).collect(),
        },
        empty: t.empty(),
        begins: true,
        pager: Pager::by_time(
            is_later_page.then(|| "/generations".to_owned()),
            found.next_cursor.as_deref().map(|cursor| address("/generations", [("cursor", cursor)])),
        ),
    }
}

fn sheet(visit: &Visit, detail: &GenerationDetail, since: Option<&Difference>, in_force: u64) -> Sheet {
    let language = visit.preferences.language;
    let record = &detail.published;
    let t = GenerationWords(language);
    let is_in_force = record.generation == in_force;
    let facts = vec![
        (t.when(), Cell::when(visit, record.at)),
        (t.who(), Cell::text(faults::who(language, &record.actor))),
        (t.summary(), Cell::text(faults::summary(language, &record.summary))),
    ];
    let own: Diff = serde_json::from_value(detail.diff.clone()).unwrap_or_default();
    let mut parts =
        vec![Part::new(t.generation()).facts(facts), changes::part(language, t.what_it_changed(), &own, t.no_change())];
    match since {
        Some(since) if !is_in_force => {
            parts.push(changes::part(language, t.since(), &since.diff, t.same()));
        }
        None => parts.push(Part::new(t.since()).hint(t.forgotten())),
        Some(_) => {}
    }
    let shell = visit.shell(Section::Generations);
    let may_go_back = shell.may_administer() && since.is_some_and(|since| !since.diff.is_empty());
    let to = path("/generations", &record.generation.to_string()) + "/rollback";
    Sheet {
        noun: t.generation(),
        name: record.generation.to_string(),
        badges: is_in_force.then(|| Badge::new(Tone::Good, t.in_force())).into_iter().collect(),
        back: Some(("/generations", t.title())),
        actions: may_go_back.then(|| Action::new(to, t.roll_back())).into_iter().collect(),
        parts,
        shell,
    }
}

fn confirmation(visit: &Visit, number: u64, diff: &Diff) -> Confirm {
    let language = visit.preferences.language;
    let t = GenerationWords(language);
    let back = path("/generations", &number.to_string());
    Confirm {
        shell: visit.shell(Section::Generations),
        title: t.roll_back_title(number),
        sentences: vec![if diff.is_empty() { t.same() } else { t.roll_back_what() }.to_owned()],
        warnings: Vec::new(),
        parts: if diff.is_empty() {
            Vec::new()
        } else {
            vec![changes::part(language, t.will_change(), diff, t.same())]
        },
        action: format!("{back}/rollback"),
        hidden: Vec::new(),
        check: None,
        button: if diff.is_empty() { "" } else { t.roll_back() },
        is_danger: true,
        cancel: (back, t.cancel()),
    }
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    let record = GenerationView { generation: 3, at: now(), actor: HOSTILE.into(), summary: HOSTILE.into() };
    let detail = GenerationDetail { published: record.clone(), diff: serde_json::to_value(changes::sample()).unwrap() };
    let since = Difference { from: 3, to: 4, diff: changes::sample() };
    let visit = visit(language);
    let full = Page { items: vec![record], next_cursor: Some("3".into()) };
    let empty = Page { items: Vec::new(), next_cursor: None };
    vec![
        render(&listing(&visit, &full, 3, true)),
        render(&listing(&visit, &empty, 0, false)),
        render(&sheet(&visit, &detail, Some(&since), 4)),
        render(&sheet(&visit, &detail, None, 3)),
        render(&confirmation(&visit, 3, &since.diff)),
        render(&confirmation(&visit, 3, &Diff::default())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_changes_the_other_way_round() {
        let there = changes::sample();
        let back = reversed(there.clone());
        assert_eq!((&back.added, &back.removed), (&there.removed, &there.added));
        assert_eq!(back.changed[0].fields[0].to, there.changed[0].fields[0].from);
        assert_eq!(reversed(back), there);
    }
}
