//! What can be wrong with a fleet document, and how that is said in English: to whoever calls the API, and in a terminal.
//! The console says it its own way at the fields of its forms.

use std::time::Duration;

use relay_domain::{BaseUrlError, DecimalError, IdError, ModelPatternError, SecretSource};
use serde_json::Number;

use super::secrets::Unresolved;

/// What was probably meant by a word that is not known.
pub type Nearest = Option<String>;

/// What is wrong with a field, or with the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Text that is no TOML: what the parser says.
    NotToml(String),
    /// It is of this type, and has to be of that one.
    Type(&'static str, Expected),
    /// A section of this name.
    UnknownSection(String, Nearest),
    /// A field of this name; those that there are.
    UnknownField(String, Nearest, Vec<&'static str>),
    /// It has to be there. An example of its value.
    Missing(&'static str),
    /// There is nothing in it.
    Empty,
    /// None of the words that it may be.
    Choice(String, Nearest, Vec<&'static str>),
    /// No whole number from 0 to the second.
    Number(Number, u64),
    /// A number with a fraction, which has to be written as text to stay exact.
    Inexact(Number),
    /// No decimal.
    Decimal(String, DecimalError),
    /// No span of time that is positive and a year at most. The default.
    Span(String, Duration),
    /// No time with a zone.
    Time(String),
    /// No id. One that is like it.
    Id(String, IdError, Nearest),
    /// Another entry of this noun has this id.
    DuplicateId(&'static str, String),
    /// An id cannot be changed: of this noun.
    FixedId(&'static str),
    /// A secret is changed by rotating it.
    FixedSecret,
    /// No address of a host; the text is left out when it holds a password.
    BaseUrl(String, BaseUrlError),
    /// An address that may be connected to only when that is said.
    PrivateAddress(String),
    /// Access to an admin API that hosts of the kind `openai` do not have.
    NoAdminApi,
    /// Access to the admin API in two ways.
    TwoAccesses,
    /// What is read after a client went away says nothing when nothing is read.
    LimitWithoutDrain,
    /// There is no entry of this noun and id.
    NoSuch(&'static str, String, Nearest),
    /// A list has this twice.
    Twice(String),
    /// A key that may call no group.
    NoGroup,
    /// A key that stays as it is may call this group, which goes.
    GroupOfKeptKey(String),
    /// No model or prefix of models.
    Model(String, ModelPatternError),
    /// No address or range of addresses.
    Address(String),
    /// A managed route does not say which group of its host it is for.
    NoShadowGroup,
    /// This host has no key for a route that sends the host's.
    NoGatewayKey(String),
    /// This host lets nobody make keys for a managed route.
    NoAdminAccess(String),
    /// Two budgets of one kind for this period.
    TwoBudgets(&'static str),
    /// A budget of tokens and money at once.
    TokensAndMoney,
    /// A budget of nothing.
    NoAmount,
    /// This key has the same secret.
    SharedSecret(String),
    /// A secret that is empty where it comes from.
    EmptySecret(SecretSource),
    /// A secret that no header can carry.
    UnsendableSecret(SecretSource),
    /// A reference with fields of these names.
    ReferenceFields(Vec<String>),
    /// A reference to a variable and a file at once.
    TwoReferences,
    /// A reference to nothing.
    NoReference,
    /// A reference whose value is not to be had.
    Unresolved(SecretSource, Unresolved),
    /// The secret of a host is to stay as stored, and none is.
    NothingKept,
    /// The secret of a key is to stay as stored, and the key is not.
    NoKeptKey,
}

/// What a value has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The document: an object.
    Document,
    /// A section: an array of tables.
    Section,
    /// An entry of this section: a table.
    Entry(&'static str),
    /// A string.
    Text,
    /// `true` or `false`. The default.
    Flag(bool),
    /// A whole number.
    Whole,
    /// A decimal, as text.
    Decimal,
    /// A span of time. The default.
    Span(Duration),
    /// Strings.
    Texts,
    /// An item of a list of strings.
    TextItem,
    /// A table such as this.
    Table(&'static str),
    /// Tables such as this.
    Tables(&'static str),
    /// An item of a list of tables such as this.
    TableItem(&'static str),
    /// A secret or a reference to one.
    Secret,
}

impl Expected {
    fn name(&self) -> &'static str {
        match self {
            Self::Document => "an object",
            Self::Section | Self::Tables(_) => "an array of tables",
            Self::Entry(_) | Self::Table(_) | Self::TableItem(_) => "a table",
            Self::Text | Self::TextItem => "a string",
            Self::Flag(_) => "true or false",
            Self::Whole => "a whole number",
            Self::Decimal => "a decimal number",
            Self::Span(_) => "a duration",
            Self::Texts => "an array of strings",
            Self::Secret => "a secret",
        }
    }

    /// How it is written.
    fn remedy(&self, field: &str) -> String {
        match self {
            Self::Document => "send {\"host\": [...], \"group\": [...], \"route\": [...], \"key\": [...]}".to_owned(),
            Self::Section => format!("write [[{field}]] above each entry"),
            Self::Entry(section) => format!("write [[{section}]] above each entry"),
            Self::Text => format!("write it as {field} = \"…\""),
            Self::Flag(default) => format!("write it as {field} = {default}"),
            Self::Whole => format!("write it as {field} = 1"),
            Self::Decimal => format!("write it as {field} = \"0.85\""),
            Self::Span(default) => format!("write it as {field} = \"{}\"", humantime::format_duration(*default)),
            Self::Texts => format!("write it as {field} = [\"…\"]"),
            // An item has no name to write it after.
            Self::TextItem => "write it as \"…\", or remove it".to_owned(),
            Self::Table(example) => format!("write it as {field} = {example}"),
            Self::Tables(example) => format!("write it as {field} = [{example}]"),
            Self::TableItem(example) => format!("write it as {example}, or remove it"),
            Self::Secret => format!("write {field} = {{ env = \"NAME\" }} or {field} = {{ file = \"path\" }}"),
        }
    }
}

impl Wrong {
    /// What is wrong, as a sentence about the field.
    pub(super) fn message(&self, field: &str) -> String {
        match self {
            Self::NotToml(why) => format!("is not TOML: {why}"),
            Self::Type(found, expected) if field.is_empty() => format!("is {found}, not {}", expected.name()),
            Self::Type(found, expected) => format!("{field} is {found}, not {}", expected.name()),
            Self::UnknownSection(name, nearest) => format!("unknown section \"{name}\"{}", did_you_mean(nearest)),
            Self::UnknownField(name, nearest, _) => format!("unknown field \"{name}\"{}", did_you_mean(nearest)),
            Self::Missing(_) => format!("{field} is missing"),
            Self::Empty | Self::NoGroup => format!("{field} is empty"),
            Self::Choice(text, nearest, _) => format!("{field} = \"{text}\" is unknown{}", did_you_mean(nearest)),
            Self::Number(number, _) => match number.as_f64() {
                _ if number.is_u64() => format!("{field} = {number} is too large"),
                Some(below) if below < 0.0 => format!("{field} = {number} is negative"),
                _ => format!("{field} = {number} is not a whole number"),
            },
            Self::Inexact(number) => format!("{field} = {number} is not a whole number"),
            Self::Decimal(text, error) => format!("{field} = \"{text}\" {error}"),
            Self::Span(text, _) => match humantime::parse_duration(text.trim()) {
                Ok(span) if span.is_zero() => format!("{field} is zero"),
                Ok(_) => format!("{field} = \"{text}\" is over a year"),
                Err(error) => format!("{field} = \"{text}\" is not a duration ({error})"),
            },
            Self::Time(text) => format!("{field} \"{text}\" is not a time with a zone"),
            Self::Id(text, error, _) => format!("{field} \"{text}\" {error}"),
            Self::DuplicateId(noun, id) => format!("{field} \"{id}\" is used by another {noun} above"),
            Self::FixedId(_) | Self::FixedSecret => format!("{field} cannot be changed"),
            Self::BaseUrl(text, BaseUrlError::Malformed) => format!("{field} \"{text}\" is not a URL"),
            Self::BaseUrl(text, BaseUrlError::Scheme) => format!("{field} \"{text}\" has a scheme that is not HTTP"),
            Self::BaseUrl(_, BaseUrlError::Userinfo) => format!("{field} holds user:password@"),
            Self::BaseUrl(text, BaseUrlError::Query) => format!("{field} \"{text}\" has a query or fragment"),
            Self::PrivateAddress(url) => {
                format!("{field} \"{url}\" is a loopback, private or other special address")
            }
            Self::NoAdminApi => format!("a host of kind \"openai\" has no admin API, but {field} is given"),
            Self::TwoAccesses => "both admin_key and login are given".to_owned(),
            Self::LimitWithoutDrain => format!("{field} says nothing with on_disconnect = \"drop\""),
            Self::NoSuch(noun, id, nearest) => {
                format!("{} is no {noun} of this document{}", named(field, id), did_you_mean(nearest))
            }
            Self::Twice(name) => format!("{field} names \"{name}\" twice"),
            Self::GroupOfKeptKey(group) => format!("it may call group \"{group}\", which is no group of this document"),
            Self::Model(text, error) => format!("{} {error}", named(field, text)),
            Self::Address(text) => format!("{} is no address", named(field, text)),
            Self::NoShadowGroup => {
                format!("credential \"managed\" needs a {field}: a key serves one group of its host")
            }
            Self::NoGatewayKey(host) => {
                format!("{field} \"host_key\" needs a gateway_key, and host \"{host}\" has none")
            }
            Self::NoAdminAccess(host) => {
                format!("{field} \"managed\" needs a sub2api host with admin_key or login, not host \"{host}\"")
            }
            Self::TwoBudgets(period) => format!("{field} has two of one kind for a {period}"),
            Self::TokensAndMoney => "it has tokens and money".to_owned(),
            Self::NoAmount => "it has neither tokens nor money".to_owned(),
            Self::SharedSecret(key) => format!("the secret is the same as that of key \"{key}\""),
            Self::EmptySecret(source) => format!("{field} is empty: {} holds nothing", origin(source)),
            Self::UnsendableSecret(source) => {
                format!("{field}: {} holds a space, a line break or a character beyond ASCII", origin(source))
            }
            Self::ReferenceFields(names) => format!("{field} has fields {}", names.join(", ")),
            Self::TwoReferences => format!("{field} has both env and file"),
            Self::NoReference => format!("{field} names neither env nor file"),
            Self::Unresolved(SecretSource::Env(name), Unresolved::Missing) => {
                format!("{field}: environment variable {name} is not set")
            }
            Self::Unresolved(source, why) => format!("{field}: {} {why}", origin(source)),
            Self::NothingKept => format!("{field} = {{ keep = true }}, but no {field} of this host is stored"),
            Self::NoKeptKey => format!("{field} = {{ keep = true }}, but this key is not stored"),
        }
    }

    /// What to do.
    pub(super) fn remedy(&self, field: &str) -> String {
        let remedy = match self {
            Self::NotToml(_) => "correct that line",
            Self::Type(_, expected) => return expected.remedy(field),
            Self::UnknownSection(..) => "correct it; the sections are [[host]], [[group]], [[route]] and [[key]]",
            Self::UnknownField(_, nearest, known) => {
                let verb = if nearest.is_some() { "rename" } else { "remove" };
                return format!("{verb} it; the fields here are {}", known.join(", "));
            }
            Self::Missing(example) => return format!("add {field} = {example}"),
            Self::Empty => return format!("give {field} a value"),
            Self::Choice(_, _, words) => return format!("use {}", words.join(", ")),
            Self::Number(_, most) => return format!("use a whole number from 0 to {most}"),
            Self::Inexact(number) => {
                return format!("write it as text, {field} = \"{number}\", so that it stays exact");
            }
            Self::Decimal(..) => return Expected::Decimal.remedy(field),
            Self::Span(_, default) => return Expected::Span(*default).remedy(field),
            Self::Time(_) => "write it as 2027-01-31T00:00:00Z",
            Self::Id(_, _, Some(id)) => return format!("write it as {id}"),
            Self::Id(_, _, None) => "choose another one",
            Self::DuplicateId(..) => "give each entry an id of its own",
            Self::FixedId(noun) => return format!("make another {noun}"),
            Self::FixedSecret => "rotate the key",
            Self::BaseUrl(_, BaseUrlError::Malformed) => "write it as https://host.example",
            Self::BaseUrl(_, BaseUrlError::Scheme) => "begin it with https:// or http://",
            Self::BaseUrl(_, BaseUrlError::Userinfo) => "remove that part; use admin_key or gateway_key",
            Self::BaseUrl(_, BaseUrlError::Query) => "end it at the path",
            Self::PrivateAddress(_) => "add allow_private = true to this host if it is meant",
            Self::NoAdminApi => return format!("remove {field}, or use kind = \"sub2api\""),
            Self::TwoAccesses => "keep one of them; admin_key needs no password",
            Self::LimitWithoutDrain => "remove it, or write on_disconnect = \"drain\"",
            Self::NoSuch(noun, id, _) => return format!("correct it, or add a [[{noun}]] \"{id}\""),
            Self::Twice(_) => "name it once",
            Self::NoGroup => "name at least one group, or set enabled = false",
            Self::GroupOfKeptKey(_) => {
                "keep the group, or take it from the key first (`relay-manager key update`, `key delete`)"
            }
            Self::Model(..) => "write a name such as gpt-5, or a prefix such as gpt-5*",
            Self::Address(_) => "write addresses such as 203.0.113.7, or ranges such as 10.0.0.0/8",
            Self::NoShadowGroup => "write the group's id or name on the host",
            Self::NoGatewayKey(host) => return format!("add gateway_key to host \"{host}\", or use caller"),
            Self::NoAdminAccess(host) => {
                return format!("add admin_key to host \"{host}\", or use host_key or caller");
            }
            Self::TwoBudgets(_) => "keep the one that is meant",
            Self::TokensAndMoney => "make two budgets of it",
            Self::NoAmount => "add tokens = 1000000, or money = \"25.00\"",
            Self::SharedSecret(_) => "give each key a secret of its own",
            Self::EmptySecret(_) => "give it a value",
            Self::UnsendableSecret(_) => "a key is one word of visible ASCII characters",
            Self::ReferenceFields(_) | Self::NoReference => return Expected::Secret.remedy(field),
            Self::TwoReferences => "keep one of them",
            Self::Unresolved(SecretSource::Env(name), Unresolved::Missing) => {
                return format!("set {name} where this command or the server runs");
            }
            Self::Unresolved(_, Unresolved::Missing) => "create the file or correct the path",
            Self::Unresolved(_, Unresolved::Unsent) => {
                "send the value itself, or beside the reference as \"value\": the server reads no variable and no file because a call names it"
            }
            Self::Unresolved(..) => "use another variable or file",
            Self::NothingKept => return format!("write {field} = {{ env = \"NAME\" }}"),
            Self::NoKeptKey => "remove secret to have one generated",
        };
        remedy.to_owned()
    }
}

fn did_you_mean(nearest: &Nearest) -> String {
    nearest.as_ref().map(|word| format!(", did you mean \"{word}\"?")).unwrap_or_default()
}

/// The beginning of a sentence about a value, which may be one of several.
fn named(field: &str, value: &str) -> String {
    match field {
        "logical_groups" | "models" | "allowed_ips" => format!("{field} names \"{value}\", which"),
        _ => format!("{field} \"{value}\""),
    }
}

/// Where a secret comes from, as a sentence names it.
fn origin(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("environment variable {name}"),
        SecretSource::File(path) => format!("file {path}"),
        SecretSource::Value => "the value".to_owned(),
    }
}
