//! Hosts, groups, routes and keys, one at a time: made, changed and removed over the API.
//!
//! An edit is laid over the fleet in force as a document, and the whole is read like any fleet
//! file: the same checks, the same faults, the same linter. What comes of it is a generation
//! like any other, written with its audit entry and in force when the answer is given (spec §8).
//!
//! A call cannot make the server read a variable or a file of its own: secrets come by value, with
//! or without the reference that an export is to write.

mod change;
mod document;
mod error;
mod noun;
mod patch;
mod weigh;

use relay_domain::{ConsumerKey, KeyOrigin, Route};
use serde_json::{Value, json};

pub use error::EditError;
pub use noun::{Entry, Noun};
pub use weigh::{WeighError, Weighed};

use crate::Control;
use crate::audit;
use crate::control::InForce;
use crate::diff::EntryName;
use crate::expected::Expected;
use crate::publication::{Applied, Planned};
use crate::view::{self, Fields};

/// What an edit does.
#[derive(Clone)]
enum Act {
    Create(Fields),
    Update(Fields),
    /// With `cascade`, also what refers to it.
    Delete {
        cascade: bool,
    },
}

/// A change of one entry. It may hold secrets, so it has no readable `Debug`.
#[derive(Clone)]
pub struct Edit {
    noun: Noun,
    id: String,
    act: Act,
    expected: Expected,
}

impl std::fmt::Debug for Edit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Edit({} \"{}\")", self.noun, self.id)
    }
}

impl Edit {
    /// Makes an entry from the fields of the fleet file. A key is kept apart from the fleet file, unless it says
    /// otherwise, and is given an id when it has none.
    pub fn create(noun: Noun, mut fields: Fields) -> Self {
        if noun == Noun::Key {
            fields.entry("key_id").or_insert_with(|| format!("key-{}", uuid::Uuid::now_v7().simple()).into());
            fields.entry("origin").or_insert_with(|| KeyOrigin::Api.as_str().into());
        }
        let id = fields.get(noun.id_field()).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        Self { noun, id, act: Act::Create(fields), expected: Expected::default() }
    }

    /// Changes the named fields, as a JSON merge patch does. A secret that is not named stays.
    pub fn update(noun: Noun, id: &str, patch: Fields) -> Self {
        Self { noun, id: id.to_owned(), act: Act::Update(patch), expected: Expected::default() }
    }

    /// Removes an entry. What refers to it forbids that, unless `cascade` takes it away too.
    pub fn delete(noun: Noun, id: &str, cascade: bool) -> Self {
        Self { noun, id: id.to_owned(), act: Act::Delete { cascade }, expected: Expected::default() }
    }

    /// Only when the entry is in an expected state.
    #[must_use]
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// The kind of the entry that it is about.
    pub fn noun(&self) -> Noun {
        self.noun
    }

    /// The entry that it is about.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Act {
    /// For the audit trail: the last part of the action, and the summary's verb.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Create(_) => ("create", "made"),
            Self::Update(_) => ("update", "changed"),
            Self::Delete { .. } => ("delete", "removed"),
        }
    }
}

/// Edits as the audit trail tells them: `hosts.create`, or `fleet.edit` for edits of several kinds.
fn told<'a>(edits: &[Edit], actor: &'a str) -> audit::Act<'a> {
    let kind = |edit: &Edit| (edit.noun, edit.act.words());
    let act = |action: String, summary: String| audit::Act { actor, action, summary };
    match edits {
        [] => act("fleet.edit".to_owned(), "nothing".to_owned()),
        [edit] => {
            let (noun, (action, verb)) = kind(edit);
            act(format!("{noun}s.{action}"), format!("{verb} {noun} \"{}\"", edit.id))
        }
        [first, rest @ ..] if rest.iter().all(|edit| kind(edit) == kind(first)) => {
            let (noun, (action, verb)) = kind(first);
            act(format!("{noun}s.{action}"), format!("{verb} {} {noun}s", edits.len()))
        }
        _ => act("fleet.edit".to_owned(), format!("made {} changes", edits.len())),
    }
}

impl Control {
    /// Makes the edits in one generation, all or none of them.
    ///
    /// # Errors
    /// See [`EditError`]. A dropped future may have published; the next read tells.
    pub async fn edit(&self, edits: &[Edit], actor: &str) -> Result<Applied, EditError> {
        let act = told(edits, actor);
        let made = self.change(&act, |in_force| Ok((self.edited(in_force, edits)?, ()))).await;
        made.map(|(applied, ())| applied)
    }

    /// What [`Control::edit`] would do; nothing is changed.
    ///
    /// # Errors
    /// As [`Control::edit`], but for what publishing can meet.
    pub fn plan_edit(&self, edits: &[Edit]) -> Result<Planned, EditError> {
        let in_force = self.in_force.load_full();
        let edited = self.edited(&in_force, edits)?;
        Ok(self.planned(&in_force, &edited))
    }

    /// What refers to an entry of the fleet in force, and so goes with it or keeps it from being removed.
    pub fn referrers(&self, noun: Noun, id: &str) -> Vec<EntryName> {
        let in_force = self.in_force.load();
        let is_of = |route: &&Route| match noun {
            Noun::Host => route.host.as_str() == id,
            Noun::Group => route.group.as_str() == id,
            Noun::Route | Noun::Key => false,
        };
        let calls = |key: &&ConsumerKey| noun == Noun::Group && key.groups.iter().any(|group| group.as_str() == id);
        let named = |noun: Noun, id: &str| EntryName { noun: noun.as_str().to_owned(), id: id.to_owned() };
        let routes = in_force.fleet.routes.iter().filter(is_of).map(|route| named(Noun::Route, route.id.as_str()));
        let keys = in_force.fleet.keys.iter().filter(calls).map(|key| named(Noun::Key, key.id.as_str()));
        routes.chain(keys).collect()
    }

    /// Drains every route to a host, in one generation: what is bound to it stays, nothing new comes.
    ///
    /// # Errors
    /// See [`EditError`].
    pub async fn drain_host(&self, id: &str, actor: &str) -> Result<Applied, EditError> {
        let act = audit::Act { actor, action: "hosts.drain".to_owned(), summary: format!("drained host \"{id}\"") };
        let drained = self.change(&act, |in_force| Ok((self.edited(in_force, &drain(in_force, id)?)?, ()))).await;
        drained.map(|(applied, ())| applied)
    }

    /// What [`Control::drain_host`] would do; nothing is changed.
    ///
    /// # Errors
    /// As [`Control::drain_host`], but for what publishing can meet.
    pub fn plan_drain(&self, id: &str) -> Result<Planned, EditError> {
        self.plan_edit(&self.draining(id)?)
    }

    /// The edits that [`Control::drain_host`] would make now.
    ///
    /// # Errors
    /// There is no such host.
    pub fn draining(&self, id: &str) -> Result<Vec<Edit>, EditError> {
        drain(&self.in_force.load_full(), id)
    }
}

/// The edits that take new conversations from a host.
fn drain(in_force: &InForce, id: &str) -> Result<Vec<Edit>, EditError> {
    if in_force.snapshot.host(id).is_none() {
        return Err(EditError::Unknown { noun: Noun::Host, id: id.to_owned() });
    }
    let routes = in_force.fleet.routes.iter().filter(|route| route.host.as_str() == id && route.weight > 0);
    let no_weight = |route: &Route| Edit::update(Noun::Route, route.id.as_str(), view::fields(json!({ "weight": 0 })));
    Ok(routes.map(no_weight).collect())
}
