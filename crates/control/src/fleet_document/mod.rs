//! The fleet file (spec §8): hosts, groups, routes and keys in declarative
//! form, as TOML text or as the same structure in JSON.
//!
//! Reading notes all faults at once instead of stopping at the first, which
//! is why it walks a generic value rather than deriving a deserializer. It
//! checks form and references; whether a host answers is not asked.

mod entry;
mod export;
mod fault;
mod finding;
mod group;
mod host;
mod key;
mod limits;
mod lint;
mod reach;
mod route;
pub mod schema;
mod secrets;
#[cfg(test)]
mod tests;
mod toml;
mod written;
mod wrong;

use std::fmt;

use relay_domain::{
    ConsumerKey, Fleet, GroupId, Host, HostId, HostKind, IdError, KeyHash, KeyOrigin, Secret, Timestamp,
};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};
use serde_json::{Map, Value};

pub(crate) use entry::type_name;
use entry::{Entry, Place, field, suggestion};
pub use export::export;
pub use fault::{DocumentFault, Fault, Faults};
pub(crate) use finding::warnings;
pub use finding::{Finding, Severity};
pub(crate) use lint::findings;
pub use reach::{DeadRoute, dead_routes};
pub use secrets::{NoReferences, NoSecrets, ProcessSecrets, SecretResolver, Unresolved};
pub(crate) use written::{SECRET_FIELDS, written};
pub use wrong::{Expected, Nearest, Wrong};

/// The four arrays of a document, with the id field of each.
const SECTIONS: [(&str, &str); 4] =
    [("host", "host_id"), ("group", "logical_group_id"), ("route", "route_id"), ("key", "key_id")];

/// A document that is well-formed TOML or JSON; its content is not checked yet.
///
/// It may hold secrets, so it has no readable `Debug`.
#[derive(Clone)]
pub struct FleetDocument(Map<String, Value>);

impl fmt::Debug for FleetDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetDocument(…)")
    }
}

impl FleetDocument {
    /// The entries of a section.
    pub(crate) fn entries(&self, section: &str) -> &[Value] {
        self.0.get(section).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    /// The entries of a section, to be changed.
    pub(crate) fn entries_mut(&mut self, section: &str) -> &mut Vec<Value> {
        let entries = self.0.entry(section).or_insert(Value::Null);
        if !entries.is_array() {
            *entries = Value::Array(Vec::new());
        }
        entries.as_array_mut().expect("it was made one")
    }

    /// Parses TOML text.
    ///
    /// # Errors
    /// One fault with line and column when it is not TOML.
    pub fn from_toml(text: &str) -> Result<Self, Faults> {
        toml::parse(text).map(Self)
    }

    /// Takes the same structure as JSON.
    ///
    /// # Errors
    /// One fault when it is not an object.
    pub fn from_json(value: Value) -> Result<Self, Faults> {
        match value {
            Value::Object(sections) => Ok(Self(sections)),
            other => Err(whole_document_fault(String::new(), Wrong::Type(type_name(&other), Expected::Document))),
        }
    }

    /// Puts the values that `resolver` can see beside their references, for
    /// sending the document to a server. What it cannot see is left for the
    /// server to look up.
    pub fn inline_secrets(&mut self, resolver: &dyn SecretResolver) {
        self.0.values_mut().for_each(|section| secrets::inline(section, resolver));
    }

    /// The document as JSON, secrets included.
    pub fn into_json(self) -> Value {
        Value::Object(self.0)
    }
}

/// What reading a document needs from outside.
pub struct Reading<'a> {
    /// The fleet in force: keys without a secret keep theirs.
    pub current: &'a Fleet,
    /// Looks up secret references that carry no value.
    pub resolver: &'a dyn SecretResolver,
    /// Keyed hash of a consumer key.
    pub hash_key: &'a dyn Fn(&Secret) -> KeyHash,
    /// Makes a new consumer key.
    pub generate_key: &'a dyn Fn() -> Secret,
    /// For warnings about keys that expire.
    pub now: Timestamp,
}

/// A consumer key made while reading; it is shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedKey {
    /// Which key.
    pub key_id: String,
    /// The secret to hand to the consumer.
    pub secret: Secret,
}

/// A document that was read without a fault.
#[derive(Clone, Debug)]
pub struct ReadFleet {
    /// The fleet it describes, with the generation of `current`.
    pub fleet: Fleet,
    /// Keys that were generated.
    pub generated: Vec<GeneratedKey>,
    /// What is legal and probably not meant.
    pub findings: Vec<Finding>,
}

impl ReadFleet {
    /// The findings that are warnings, a line each.
    pub fn warnings(&self) -> Vec<String> {
        warnings(&self.findings)
    }
}

/// What the document declares, for checking references before every entry is read.
struct Declared<'a> {
    hosts: Names<'a, HostFacts>,
    /// With the id that all who refer to one share.
    groups: Names<'a, Option<GroupId>>,
    current_hosts: FxHashMap<&'a str, &'a Host>,
    current_keys: FxHashMap<&'a str, &'a ConsumerKey>,
}

/// Names that may be referred to.
struct Names<'a, T> {
    known: FxHashMap<&'a str, T>,
    /// In their order, which decides between names that are equally near.
    sorted: Vec<&'a str>,
}

impl<'a, T> Names<'a, T> {
    fn new(names: impl Iterator<Item = (&'a str, T)>) -> Self {
        let known: FxHashMap<&str, T> = names.collect();
        let mut sorted: Vec<&str> = known.keys().copied().collect();
        sorted.sort_unstable();
        Self { known, sorted }
    }

    fn get(&self, name: &str) -> Option<&T> {
        self.known.get(name)
    }

    fn sorted(&self) -> impl Iterator<Item = &'a str> {
        self.sorted.iter().copied()
    }
}

struct HostFacts {
    /// The id that all who refer to it share; none when it is faulty.
    id: Option<HostId>,
    has_gateway_key: bool,
    /// It has an admin API, and lets us in.
    has_admin_access: bool,
}

/// Reads a fleet file into a fleet: keys made over the API that it does not name stay as they are.
///
/// # Errors
/// Every fault of the document.
pub fn read(document: &FleetDocument, reading: &Reading<'_>) -> Result<ReadFleet, Faults> {
    let kept = reading.current.keys.iter().filter(|key| key.origin == KeyOrigin::Api);
    read_beside(document, reading, kept)
}

/// Reads a document that names everything: what it does not name is gone.
///
/// # Errors
/// Every fault of the document.
pub(crate) fn read_complete(document: &FleetDocument, reading: &Reading<'_>) -> Result<ReadFleet, Faults> {
    read_beside(document, reading, [])
}

/// Reads a document into a fleet that also has the keys of `kept` that it does not name.
fn read_beside<'a>(
    document: &FleetDocument,
    reading: &Reading<'_>,
    kept: impl IntoIterator<Item = &'a ConsumerKey>,
) -> Result<ReadFleet, Faults> {
    let mut faults = Faults::default();
    let hosts = section(&document.0, "host", &mut faults);
    let groups = section(&document.0, "group", &mut faults);
    let routes = section(&document.0, "route", &mut faults);
    let keys = section(&document.0, "key", &mut faults);
    refuse_unknown_sections(&document.0, &mut faults);
    let declared = Declared {
        hosts: Names::new(hosts.iter().filter_map(|(_, fields)| {
            let id = id_text(fields, "host_id")?;
            Some((id, HostFacts::of(id, fields)))
        })),
        groups: Names::new(groups.iter().filter_map(|(_, fields)| {
            let id = id_text(fields, "logical_group_id")?;
            Some((id, GroupId::new(id).ok()))
        })),
        current_hosts: reading.current.hosts.iter().map(|host| (host.id.as_str(), host)).collect(),
        current_keys: reading.current.keys.iter().map(|key| (key.id.as_str(), key)).collect(),
    };
    let mut fleet = Fleet { generation: reading.current.generation, ..Fleet::default() };
    fleet.routes.reserve(routes.len());
    let mut generated = Vec::new();
    for_each(0, &hosts, &mut faults, |entry| fleet.hosts.extend(host::read(entry, reading, &declared)));
    for_each(1, &groups, &mut faults, |entry| fleet.groups.extend(group::read(entry)));
    for_each(2, &routes, &mut faults, |entry| fleet.routes.extend(route::read(entry, &declared)));
    let mut seen = key::Seen::new();
    for_each(3, &keys, &mut faults, |entry| {
        if let Some((key, new)) = key::read(entry, reading, &declared, &mut seen) {
            fleet.keys.push(key);
            generated.extend(new);
        }
    });
    carry_keys(kept, &declared, &mut seen, &mut fleet.keys, &mut faults);
    if faults.count() > 0 {
        return Err(faults);
    }
    let findings = lint::findings(&fleet, reading.now);
    Ok(ReadFleet { fleet, generated, findings })
}

/// Keys that the document does not name stay as they are.
fn carry_keys<'a>(
    kept: impl IntoIterator<Item = &'a ConsumerKey>,
    declared: &Declared<'_>,
    seen: &mut key::Seen,
    keys: &mut Vec<ConsumerKey>,
    faults: &mut Faults,
) {
    let named: FxHashSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    let kept = kept.into_iter().filter(|key| !named.contains(key.id.as_str()));
    let kept: Vec<ConsumerKey> = kept.cloned().collect();
    for key in &kept {
        let mut fault = |wrong| {
            let entry = || format!("key \"{}\", made over the API", key.id);
            faults.note(|| Fault { path: "key".to_owned(), entry: entry(), wrong });
        };
        for group in key.groups.iter().filter(|group| declared.groups.get(group.as_str()).is_none()) {
            fault(Wrong::GroupOfKeptKey(group.to_string()));
        }
        if let Some(other) = seen.insert(key.hash, key.id.as_str().to_owned()) {
            fault(Wrong::SharedSecret(other));
        }
    }
    keys.extend(kept);
}

impl HostFacts {
    fn of(id: &str, fields: &Map<String, Value>) -> Self {
        let has = |name| fields.get(name).is_some_and(|value| !value.is_null());
        let is_sub2api = fields.get("kind").is_none_or(|kind| kind == HostKind::Sub2api.as_str());
        Self {
            id: HostId::new(id).ok(),
            has_gateway_key: has("gateway_key"),
            has_admin_access: is_sub2api && (has("admin_key") || has("login")),
        }
    }
}

type Table<'a> = (usize, &'a Map<String, Value>);

/// The tables of one array; what is no table is noted.
fn section<'a>(document: &'a Map<String, Value>, name: &'static str, faults: &mut Faults) -> Vec<Table<'a>> {
    let items = match document.get(name) {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Array(items)) => items,
        Some(other) => {
            faults.note(|| Fault {
                path: name.to_owned(),
                entry: "fleet document".to_owned(),
                wrong: Wrong::Type(type_name(other), Expected::Section),
            });
            return Vec::new();
        }
    };
    let mut tables = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Object(fields) => tables.push((index, fields)),
            other => faults.note(|| Fault {
                path: format!("{name}[{index}]"),
                entry: format!("{name} #{}", index + 1),
                wrong: Wrong::Type(type_name(other), Expected::Entry(name)),
            }),
        }
    }
    tables
}

/// Reads each table of a section, noting ids that were used before.
fn for_each<'a>(section: usize, tables: &[Table<'a>], faults: &mut Faults, mut read: impl for<'f> FnMut(Entry<'f>)) {
    let (noun, id_field) = SECTIONS[section];
    let mut ids = FxHashSet::with_capacity_and_hasher(tables.len(), FxBuildHasher);
    for (index, fields) in tables {
        let id = id_text(fields, id_field);
        let mut entry = Entry::new(faults, Place::Entry { noun, index: *index, id }, fields);
        if let Some(id) = id.filter(|id| !ids.insert(*id)) {
            entry.fault(id_field, Wrong::DuplicateId(noun, id.to_owned()));
        }
        read(entry);
    }
}

fn refuse_unknown_sections(document: &Map<String, Value>, faults: &mut Faults) {
    let names = SECTIONS.map(|(name, _)| name);
    for name in document.keys().filter(|name| !names.contains(&name.as_str())) {
        let nearest = suggestion(faults, name, names);
        faults.note(|| Fault {
            path: name.clone(),
            entry: "fleet document".to_owned(),
            wrong: Wrong::UnknownSection(name.clone(), nearest),
        });
    }
}

fn id_text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    field(fields, name)?.as_str().map(str::trim).filter(|id| !id.is_empty())
}

/// The id of an entry, or a noted fault.
fn id<T>(entry: &mut Entry<'_>, field: &'static str, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<T> {
    let text = entry.required_text(field)?;
    let id = parse(text);
    id.map_err(|error| {
        let nearest = nearest_id(text, parse);
        entry.fault(field, Wrong::Id(text.to_owned(), error, nearest));
    })
    .ok()
}

/// What is meant by a text that is no id: `my-host` by `My Host!`.
fn nearest_id<T>(text: &str, parse: impl Fn(&str) -> Result<T, IdError>) -> Option<String> {
    let words =
        text.split(|c: char| !(c.is_ascii_alphanumeric() || "._:@".contains(c))).filter(|word| !word.is_empty());
    let id = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    parse(&id).is_ok().then_some(id)
}

fn whole_document_fault(path: String, wrong: Wrong) -> Faults {
    Fault { path, entry: "fleet document".to_owned(), wrong }.into()
}
