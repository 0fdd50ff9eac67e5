//! File, environment and flags, laid over each other: a flag beats the
//! environment, that the file, and that the default. A value that a stronger
//! layer hides is still checked, so that a mistake does not wait for the day the
//! override goes away.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Origin};
use super::keys::{self, Key};
use super::value::{self, BindingsLocation, Complaint, Form, Raw, StoreLocation};

const ENV_PREFIX: &str = "RELAY_MANAGER_";

/// What the operator gave us to read.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// The configuration file and its text.
    pub(crate) file: Option<(PathBuf, String)>,
    /// The environment; names that are not ours are skipped.
    pub(crate) env: Vec<(String, String)>,
    /// Values of flags.
    pub(crate) flags: Vec<(&'static Key, String)>,
}

/// A key as it counts.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) key: &'static Key,
    /// `None` when it is not set.
    pub(crate) value: Option<String>,
    pub(crate) origin: Origin,
}

/// Where a configuration came from.
#[derive(Clone)]
pub(crate) struct Provenance {
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Every key as it counts.
    pub(crate) keys: Vec<Told>,
}

impl fmt::Debug for Provenance {
    /// Two configurations that say the same are the same, wherever it was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provenance").finish_non_exhaustive()
    }
}

/// URLs of stores and collectors may carry a password.
fn without_password(key: &Key, value: String) -> String {
    match (key.form, value.split_once("://")) {
        (Form::Url | Form::Store | Form::Bindings, Some((scheme, rest))) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
            match authority.rsplit_once('@') {
                Some((user, _)) => format!("{scheme}://…{}", &rest[user.len()..]),
                None => value,
            }
        }
        _ => value,
    }
}

/// Hands values to the sections and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader {
    /// All that was said about a key, weakest first.
    said: BTreeMap<&'static str, Vec<(Raw, Origin)>>,
    faults: Vec<Fault>,
}

impl Reader {
    pub(crate) fn new(sources: Sources) -> Self {
        let mut reader = Self { said: BTreeMap::new(), faults: Vec::new() };
        if let Some((path, text)) = &sources.file {
            reader.read_file(path, text);
        }
        for (name, text) in sources.env {
            reader.read_env(name, text);
        }
        for (key, text) in sources.flags {
            let origin = Origin::Flag(key.flag.unwrap_or(key.path));
            reader.say(key.path, Raw::Untyped(text), origin);
        }
        reader
    }

    /// Everything found wrong, in the order of file, environment, flags.
    pub(crate) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|fault| match &fault.origin {
            Origin::File(_, line) => (0, *line),
            Origin::Env(_) => (1, 0),
            Origin::Flag(_) => (2, 0),
            Origin::Default => (3, 0),
        });
        self.faults
    }

    /// Whether anybody said anything about `key`.
    pub(crate) fn is_set(&self, key: &Key) -> bool {
        self.said.contains_key(key.path)
    }

    /// Every key with the text that counts, without what could be a password in it, and where that stands. Where nobody
    /// says otherwise the store is in the data directory.
    pub(crate) fn told(&self, data_dir: &Path) -> Vec<Told> {
        let told = keys::ALL.iter().map(|key| {
            let strongest = self.said.get(key.path).and_then(|said| said.last());
            let (value, origin) = match strongest {
                Some((raw, origin)) => (Some(raw.to_string()), origin.clone()),
                None if key.path == keys::STORE.path => {
                    (Some(format!("sqlite:{}", data_dir.join("relay.db").display())), Origin::Default)
                }
                None => (key.default.map(str::to_owned), Origin::Default),
            };
            Told { key, value: value.map(|value| without_password(key, value)), origin }
        });
        told.collect()
    }

    /// Records a complaint about a key that a section finds only when it sees
    /// several of them together.
    pub(crate) fn complain(&mut self, key: &Key, complaint: Complaint) {
        let origin =
            self.said.get(key.path).and_then(|said| said.last()).map_or(Origin::Default, |said| said.1.clone());
        self.faults.push(Fault { origin, key: Some(key.path.to_owned()), complaint });
    }

    pub(crate) fn path(&mut self, key: &Key) -> Option<PathBuf> {
        self.value(key, value::path)
    }

    pub(crate) fn store(&mut self, key: &Key) -> StoreLocation {
        self.defaulted(key, value::store)
    }

    pub(crate) fn bindings(&mut self, key: &Key) -> BindingsLocation {
        self.defaulted(key, value::bindings)
    }

    pub(crate) fn address(&mut self, key: &Key) -> SocketAddr {
        self.defaulted(key, value::address)
    }

    /// The address of a key that may be left out.
    pub(crate) fn optional_address(&mut self, key: &Key) -> Option<SocketAddr> {
        self.value(key, value::address)
    }

    pub(crate) fn flag(&mut self, key: &Key) -> bool {
        self.defaulted(key, value::flag)
    }

    pub(crate) fn line(&mut self, key: &Key) -> Option<String> {
        self.value(key, value::line)
    }

    pub(crate) fn list(&mut self, key: &Key) -> Vec<String> {
        self.value(key, value::list).unwrap_or_default()
    }

    pub(crate) fn url(&mut self, key: &Key) -> Option<String> {
        self.value(key, value::url)
    }

    pub(crate) fn choice(&mut self, key: &Key) -> &'static str {
        let Form::Choice(words) = key.form else { unreachable!("{} is not a choice", key.path) };
        self.defaulted(key, |raw| value::choice(raw, words))
    }

    pub(crate) fn count(&mut self, key: &Key) -> u64 {
        let Form::Count { least, most } = key.form else { unreachable!("{} is not a number", key.path) };
        self.defaulted(key, |raw| value::count(raw, least, most))
    }

    /// The number of a key that may be left out.
    pub(crate) fn optional_count(&mut self, key: &Key) -> Option<u64> {
        let Form::Count { least, most } = key.form else { unreachable!("{} is not a number", key.path) };
        self.value(key, |raw| value::count(raw, least, most))
    }

    pub(crate) fn size(&mut self, key: &Key) -> u64 {
        let Form::Size { least, most } = key.form else { unreachable!("{} is not a size", key.path) };
        self.defaulted(key, |raw| value::size(raw, least, most))
    }

    pub(crate) fn span(&mut self, key: &Key) -> Duration {
        let Form::Span { least, most } = key.form else { unreachable!("{} is not a duration", key.path) };
        self.defaulted(key, |raw| value::span(raw, least, most))
    }

    fn defaulted<T>(&mut self, key: &Key, parse: impl Fn(&Raw) -> Result<T, Complaint>) -> T {
        self.value(key, parse).expect("a key that is always needed has a default")
    }

    /// The strongest legal value; illegal ones become faults.
    fn value<T>(&mut self, key: &Key, parse: impl Fn(&Raw) -> Result<T, Complaint>) -> Option<T> {
        let mut found = None;
        for (raw, origin) in self.said.get(key.path).into_iter().flatten() {
            match parse(raw) {
                Ok(value) => found = Some(value),
                Err(complaint) => {
                    self.faults.push(Fault { origin: origin.clone(), key: Some(key.path.to_owned()), complaint });
                }
            }
        }
        found.or_else(|| {
            let default = Raw::Untyped(key.default?.to_owned());
            Some(parse(&default).expect("a test parses every default"))
        })
    }

    fn say(&mut self, key: &'static str, raw: Raw, origin: Origin) {
        self.said.entry(key).or_default().push((raw, origin));
    }

    fn fault(&mut self, origin: Origin, complaint: String) {
        self.faults.push(Fault { origin, key: None, complaint });
    }

    fn read_file(&mut self, path: &Path, text: &str) {
        let at = |offset: usize| {
            let line = text.get(..offset).unwrap_or(text).matches('\n').count() + 1;
            Origin::File(path.to_owned(), line)
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let offset = error.span().map_or(0, |span| span.start);
            self.fault(at(offset), format!("is not TOML: {}", error.message()));
        }
        for (name, value) in table.get_ref() {
            let origin = at(name.span().start);
            let name: &str = name.get_ref();
            match value.get_ref() {
                DeValue::Table(section) if is_section(name) => {
                    for (key, value) in section {
                        let origin = at(key.span().start);
                        self.read_file_value(&format!("{name}.{}", key.get_ref()), value.get_ref(), origin);
                    }
                }
                DeValue::Table(_) => {
                    let sections: Vec<_> = sections().collect();
                    let complaint = format!("unknown section [{name}]{}", suggestion(name, &sections));
                    self.fault(origin, complaint);
                }
                _ if is_section(name) => self.fault(origin, format!("{name} is a section; write [{name}]")),
                value => self.read_file_value(name, value, origin),
            }
        }
    }

    fn read_file_value(&mut self, path: &str, value: &DeValue<'_>, origin: Origin) {
        let Some(key) = keys::ALL.iter().find(|key| key.path == path) else {
            let complaint = unknown_key(path);
            self.fault(origin, complaint);
            return;
        };
        let raw = match value {
            DeValue::String(text) => Raw::Text(text.clone().into_owned()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Raw::Integer(number),
                Err(_) => Raw::Other("a number that no key can hold"),
            },
            DeValue::Float(_) => Raw::Other("a number with a fraction"),
            DeValue::Boolean(flag) => Raw::Flag(*flag),
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Array(_) => Raw::Other("a list"),
            DeValue::Table(_) => Raw::Other("a table"),
        };
        self.say(key.path, raw, origin);
    }

    fn read_env(&mut self, name: String, text: String) {
        let is_other = || keys::OTHER_ENV.iter().any(|(other, _)| *other == name);
        if !name.starts_with(ENV_PREFIX) || is_other() || is_service_link(&name) {
            return;
        }
        let Some(key) = keys::ALL.iter().find(|key| key.env() == name) else {
            let mut names: Vec<_> = keys::ALL.iter().map(Key::env).collect();
            names.extend(keys::OTHER_ENV.iter().map(|(other, _)| (*other).to_owned()));
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let complaint = format!("unknown variable{}", suggestion(&name, &names));
            self.fault(Origin::Env(name), complaint);
            return;
        };
        // An empty variable is how compose files and shells write "unset".
        if !text.trim().is_empty() {
            self.say(key.path, Raw::Untyped(text), Origin::Env(name));
        }
    }
}

/// Kubernetes describes each service to each pod in variables that begin with
/// the service's name; a service called `relay-manager` must not stop the server.
fn is_service_link(name: &str) -> bool {
    let is_port = |tail: &str| {
        let digits = tail.trim_start_matches(|c: char| c.is_ascii_digit());
        digits.len() < tail.len() && (digits.starts_with("_TCP") || digits.starts_with("_UDP"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.match_indices("_PORT_").any(|(at, found)| is_port(&name[at + found.len()..]))
}

fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = None;
    keys::ALL.iter().filter_map(|key| key.parts().0).filter(move |section| last.replace(*section) != Some(*section))
}

fn is_section(name: &str) -> bool {
    sections().any(|section| section == name)
}

fn unknown_key(path: &str) -> String {
    let all: Vec<_> = keys::ALL.iter().map(|key| key.path).collect();
    // The right name under the wrong section is the commonest slip.
    let name = path.rsplit('.').next().unwrap_or(path);
    let elsewhere = keys::ALL.iter().find(|key| key.parts().1 == name).map(|key| key.path);
    match elsewhere {
        Some(key) => format!("unknown key {path}; did you mean {key}?"),
        None => format!("unknown key {path}{}", suggestion(path, &all)),
    }
}

/// `; did you mean …?`, or what there is when nothing comes near.
fn suggestion(wrong: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (strsim::damerau_levenshtein(wrong, name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= 2 + name.len() / 8 => format!("; did you mean {name}?"),
        _ if known.len() <= 12 => format!("; there are {}", known.join(", ")),
        _ => "; docs/configuration.md lists what there is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn a_password_in_a_url_is_not_told() {
        let told = |key: &'static Key, value: &str| without_password(key, value.to_owned());
        assert_eq!(
            told(&keys::STORE, "postgres://ops:hunter2@db.example/relay?x=@"),
            "postgres://…@db.example/relay?x=@"
        );
        assert_eq!(told(&keys::STORE, "sqlite:data/relay.db"), "sqlite:data/relay.db");
        assert_eq!(told(&keys::DATA_DIR, "a://b@c"), "a://b@c");
    }
}
