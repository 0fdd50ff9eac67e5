//! The audit trail: who did what to what, with what was there before and after, and no secret in it (spec §8).

use std::collections::HashSet;

use relay_domain::{Fleet, Generation, Timestamp};
pub use relay_store::AuditFilter;
use relay_store::{AuditEntry, NewAuditEntry, StoreError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::Control;
use crate::diff::{Diff, EntryName};
use crate::page::{Page, PageRequest, QueryError};
use crate::view::{self, Fields};

/// Entries of the fleet that the entry of a publication shows at most. Each generation is kept whole, and the trail
/// is for reading.
pub(crate) const SHOWN: usize = 20;

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct AuditView {
    /// Its number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done, as a fixed word.
    pub action: String,
    /// One line for people.
    pub summary: String,
    /// The generation a publication made.
    #[schema(required, value_type = Option<u64>)]
    pub generation: Option<Generation>,
    /// Before and after, or the parameters.
    pub details: Value,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let AuditEntry { id, at, actor, action, summary, generation, details } = entry;
        Self { id, at, actor, action, summary, generation, details }
    }
}

/// A publication as the trail tells it.
#[derive(Clone, Debug)]
pub(crate) struct Act<'a> {
    /// Who.
    pub(crate) actor: &'a str,
    /// A fixed word: `hosts.create`.
    pub(crate) action: String,
    /// One line for people.
    pub(crate) summary: String,
}

impl Control {
    /// The entries that pass the filter, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn audit_trail(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<i64>,
    ) -> Result<Page<AuditView>, QueryError> {
        let entries = self.parts.store.audit(filter, request.cursor, request.read_limit()).await?;
        Ok(Page::of(entries, request.limit, |entry| entry.id.to_string()).map(Into::into))
    }

    /// Puts an act on record that publishes nothing.
    pub(crate) async fn audit(
        &self,
        actor: &str,
        action: &str,
        summary: String,
        details: Value,
    ) -> Result<(), StoreError> {
        self.audit_about(&[], actor, action, summary, details).await
    }

    /// Puts an act on record under what it was done to, each as `host:tokyo-1`.
    pub(crate) async fn audit_about(
        &self,
        subjects: &[String],
        actor: &str,
        action: &str,
        summary: String,
        details: Value,
    ) -> Result<(), StoreError> {
        let (actor, action, subjects) = (actor.to_owned(), action.to_owned(), subjects.to_owned());
        let entry = NewAuditEntry { at: self.now(), actor, action, summary, subjects, details };
        self.parts.store.record_audit(entry).await?;
        Ok(())
    }
}

/// All that a publication touches.
pub(crate) fn subjects(diff: &Diff) -> Vec<String> {
    let changed = diff.changed.iter().map(|entry| &entry.name);
    let names = diff.added.iter().chain(changed).chain(&diff.removed);
    names.map(|EntryName { noun, id }| format!("{noun}:{id}")).collect()
}

/// A diff with the entries that are new or gone, and how many more there are (`omitted`): the generation has them.
pub(crate) fn before_and_after(diff: &Diff, before: &Fleet, after: &Fleet) -> Value {
    let mut left = SHOWN;
    let mut shown = |entries: usize| {
        let taken = entries.min(left);
        left -= taken;
        taken
    };
    let changed = &diff.changed[..shown(diff.changed.len())];
    let removed = &diff.removed[..shown(diff.removed.len())];
    let added = &diff.added[..shown(diff.added.len())];
    let omitted = subjects(diff).len() - changed.len() - removed.len() - added.len();
    let whole = |names: &[EntryName], fleet: &Fleet, word: &str| {
        let entries = entries(names, fleet).into_iter();
        entries
            .map(|(EntryName { noun, id }, fields)| json!({ "noun": noun, "id": id, word: fields }))
            .collect::<Vec<_>>()
    };
    let mut shown = json!({
        "added": whole(added, after, "after"),
        "changed": changed,
        "removed": whole(removed, before, "before"),
    });
    if omitted > 0 {
        shown["omitted"] = omitted.into();
    }
    shown
}

/// The named entries of a fleet, as they are shown.
fn entries(names: &[EntryName], fleet: &Fleet) -> Vec<(EntryName, Fields)> {
    let wanted: HashSet<(&str, &str)> = names.iter().map(|name| (name.noun.as_str(), name.id.as_str())).collect();
    let mut found = Vec::with_capacity(names.len());
    let mut take = |noun: &str, id: &str, fields: &dyn Fn() -> Fields| {
        if wanted.contains(&(noun, id)) {
            found.push((EntryName { noun: noun.to_owned(), id: id.to_owned() }, fields()));
        }
    };
    fleet.hosts.iter().for_each(|host| take("host", host.id.as_str(), &|| view::host(host)));
    fleet.groups.iter().for_each(|group| take("group", group.id.as_str(), &|| view::group(group)));
    fleet.routes.iter().for_each(|route| take("route", route.id.as_str(), &|| view::route(route)));
    fleet.keys.iter().for_each(|key| take("key", key.id.as_str(), &|| view::key(key)));
    found
}
