//! Edits laid over the fleet as a document, and faults told in the words of whoever edits.

use std::collections::HashMap;

use serde_json::Value;

use super::{Act, Edit, EditError, Entry, Noun, patch};
use crate::control::InForce;
use crate::diff::EntryName;
use crate::fleet_document::{self, Fault, Faults, FleetDocument, ReadFleet, Reading, Wrong, written};
use crate::view::Fields;

/// The fleet in force with edits laid over it; not checked yet, but for what only an edit can get wrong.
pub(super) struct Edited {
    document: FleetDocument,
    faults: Faults,
    /// Where entries stand, by noun and id: one edit may be of hundreds among ten thousand. Made when it is asked for, and
    /// dropped when entries have moved.
    places: HashMap<Noun, HashMap<String, usize>>,
}

impl Edited {
    /// Lays `edits` over the fleet, one after the other.
    ///
    /// # Errors
    /// When an entry is not there, is there already, or is referred to.
    pub(super) fn new(
        in_force: &InForce,
        edits: &[Edit],
        entry: impl Fn(&Edit) -> Option<Entry>,
    ) -> Result<Self, EditError> {
        let mut edited = Self { document: written(&in_force.fleet), faults: Faults::default(), places: HashMap::new() };
        for edit in edits {
            match &edit.act {
                Act::Create(fields) => edited.create(edit, fields)?,
                Act::Update(patch) => edited.update(edit, patch, entry(edit))?,
                Act::Delete { cascade } => edited.delete(edit, *cascade)?,
            }
        }
        Ok(edited)
    }

    /// Reads it whole, as a fleet file is read.
    ///
    /// # Errors
    /// All faults.
    pub(super) fn read(self, edits: &[Edit], reading: &Reading<'_>) -> Result<ReadFleet, EditError> {
        let mut faults = self.faults;
        match fleet_document::read_complete(&self.document, reading) {
            Ok(read) if faults.count() == 0 => return Ok(read),
            Ok(_) => {}
            Err(more) => faults.append(more.map(|fault| retold(fault, &self.document, edits))),
        }
        Err(faults.into())
    }

    fn create(&mut self, edit: &Edit, fields: &Fields) -> Result<(), EditError> {
        // Without an id there is nothing to be found; that it is missing is told with the other faults.
        if self.place(edit).is_some() {
            return Err(EditError::Exists { noun: edit.noun, id: edit.id.clone() });
        }
        let entries = self.document.entries_mut(edit.noun.as_str());
        self.places.entry(edit.noun).or_default().insert(edit.id.clone(), entries.len());
        entries.push(Value::Object(fields.clone()));
        Ok(())
    }

    fn update(&mut self, edit: &Edit, patch: &Fields, shown: Option<Entry>) -> Result<(), EditError> {
        let place = self.place(edit).ok_or_else(|| unknown(edit))?;
        let mut patch = patch.clone();
        patch::without_what_is_shown(&mut patch, &shown.map(|entry| entry.fields).unwrap_or_default());
        self.refuse_fixed(edit, &mut patch);
        if let Some(Value::Object(fields)) = self.document.entries_mut(edit.noun.as_str()).get_mut(place) {
            patch::merge(fields, &patch);
        }
        Ok(())
    }

    /// Takes from the patch what cannot be changed so, and notes it.
    fn refuse_fixed(&mut self, edit: &Edit, patch: &mut Fields) {
        let mut fixed = vec![(edit.noun.id_field(), Wrong::FixedId(edit.noun.as_str()))];
        if edit.noun == Noun::Key {
            fixed.push(("secret", Wrong::FixedSecret));
        }
        for (field, wrong) in fixed {
            if patch.shift_remove(field).is_some() {
                let entry = || format!("{} \"{}\"", edit.noun, edit.id);
                self.faults.note(|| Fault { path: field.to_owned(), entry: entry(), wrong });
            }
        }
    }

    fn delete(&mut self, edit: &Edit, cascade: bool) -> Result<(), EditError> {
        let (noun, id) = (edit.noun, edit.id.as_str());
        let place = self.place(edit).ok_or_else(|| unknown(edit))?;
        let by = still_referring(&self.document, noun, id);
        if !by.is_empty() && !cascade {
            return Err(EditError::Referred { noun, id: id.to_owned(), by });
        }
        self.document.entries_mut(noun.as_str()).remove(place);
        take_away(&mut self.document, noun, id);
        self.places.clear();
        Ok(())
    }

    /// Where the entry of an edit stands among those of its noun.
    fn place(&mut self, edit: &Edit) -> Option<usize> {
        let (noun, document) = (edit.noun, &self.document);
        let places = self.places.entry(noun).or_insert_with(|| {
            let entries = document.entries(noun.as_str()).iter().enumerate();
            entries.map(|(place, entry)| (text(entry, noun.id_field()).to_owned(), place)).collect()
        });
        places.get(&edit.id).copied()
    }
}

fn unknown(edit: &Edit) -> EditError {
    EditError::Unknown { noun: edit.noun, id: edit.id.clone() }
}

fn text<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().unwrap_or_default()
}

/// The fields of routes and keys that refer to an entry.
fn references(noun: Noun) -> &'static [(Noun, &'static str)] {
    match noun {
        Noun::Host => &[(Noun::Route, "shadow_host_id")],
        Noun::Group => &[(Noun::Route, "logical_group_id"), (Noun::Key, "logical_groups")],
        Noun::Route | Noun::Key => &[],
    }
}

fn refers(entry: &Value, field: &str, id: &str) -> bool {
    match &entry[field] {
        Value::Array(ids) => ids.iter().any(|other| other == id),
        other => other == id,
    }
}

/// What refers to an entry, after the edits before.
fn still_referring(document: &FleetDocument, noun: Noun, id: &str) -> Vec<EntryName> {
    let mut found = Vec::new();
    for (other, field) in references(noun) {
        let entries = document.entries(other.as_str()).iter().filter(|entry| refers(entry, field, id));
        found.extend(
            entries.map(|entry| EntryName {
                noun: other.as_str().to_owned(),
                id: text(entry, other.id_field()).to_owned(),
            }),
        );
    }
    found
}

/// Removes what refers to an entry. From a list of several it is the one that goes; a key that may call
/// nothing any more goes too.
fn take_away(document: &mut FleetDocument, noun: Noun, id: &str) {
    for (other, field) in references(noun) {
        document.entries_mut(other.as_str()).retain_mut(|entry| match &mut entry[*field] {
            Value::Array(ids) if ids.iter().any(|other| other == id) => {
                ids.retain(|other| other != id);
                !ids.is_empty()
            }
            Value::Array(_) => true,
            other => other != id,
        });
    }
}

/// A fault names its entry by its place in a document that nobody sees. The only entry that is
/// edited is left out of the path; others are named by their id.
fn retold(fault: Fault, document: &FleetDocument, edits: &[Edit]) -> Fault {
    let Some((section, rest)) = fault.path.split_once('[') else { return fault };
    let Some((index, field)) = rest.split_once(']') else { return fault };
    let nouns = [Noun::Host, Noun::Group, Noun::Route, Noun::Key];
    let Some(noun) = nouns.into_iter().find(|noun| noun.as_str() == section) else { return fault };
    let entry = index.parse::<usize>().ok().and_then(|index| document.entries(section).get(index));
    let id = entry.map(|entry| text(entry, noun.id_field()).trim()).unwrap_or_default();
    let path = match edits {
        [edit] if edit.noun == noun && edit.id == id => field.trim_start_matches('.').to_owned(),
        _ => format!("{section}[{id}]{field}"),
    };
    Fault { path, ..fault }
}
