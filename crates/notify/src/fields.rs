//! Settings being read: members of an object are taken one by one, and all
//! faults are told at once. What nobody takes is unknown.

use relay_domain::Secret;
use serde_json::{Map, Value};
use url::Url;

use crate::Wrong;

/// One thing that is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub field: String,
    /// What.
    pub wrong: Wrong,
}

/// The members of an object that nobody took yet, and what was wrong so far.
pub(crate) struct Fields {
    left: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self { left: members, faults: Vec::new() }
    }

    pub(crate) fn fault(&mut self, field: &str, wrong: Wrong) {
        self.faults.push(Fault { field: field.to_owned(), wrong });
    }

    /// A member that is there and not null.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text, trimmed; a blank one is as good as none.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let Value::String(text) = self.take(name)? else {
            self.fault(name, Wrong::Text);
            return None;
        };
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// A text, parsed.
    pub(crate) fn parsed<T, E: Into<Wrong>>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        parse(&text).map_err(|error| self.fault(name, error.into())).ok()
    }

    /// A text that must be there; blank only beside a fault.
    pub(crate) fn required(&mut self, name: &str) -> String {
        let faults = self.faults.len();
        self.text(name).unwrap_or_else(|| {
            if self.faults.len() == faults {
                self.fault(name, Wrong::Missing);
            }
            String::new()
        })
    }

    /// A secret that must be there.
    pub(crate) fn secret(&mut self, name: &str) -> Secret {
        Secret::new(&self.required(name))
    }

    /// `true` or `false`; `default` when it is not there.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> bool {
        let flag = self.take(name).unwrap_or(Value::Bool(default));
        flag.as_bool().unwrap_or_else(|| {
            self.fault(name, Wrong::Flag);
            default
        })
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let Value::Array(items) = self.take(name)? else {
            self.fault(name, Wrong::Texts);
            return None;
        };
        let texts: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(|text| text.trim().to_owned())).collect();
        if texts.is_none() {
            self.fault(name, Wrong::Texts);
        }
        texts
    }

    /// A URL that may be sent to; `default` when it is not there. Spec §10: TLS
    /// but for private addresses, no userinfo.
    pub(crate) fn url(&mut self, name: &str, default: Option<&str>, allow_private: bool) -> Url {
        let text = match default {
            Some(default) => self.text(name).unwrap_or_else(|| default.to_owned()),
            None => self.required(name),
        };
        check_url(&text, allow_private).unwrap_or_else(|wrong| {
            // That it is missing was told.
            if !text.is_empty() {
                self.fault(name, wrong);
            }
            Url::parse("https://invalid.invalid").expect("it is a URL")
        })
    }

    /// Everything that is wrong, unknown members included.
    pub(crate) fn finish(mut self) -> Result<(), Vec<Fault>> {
        for name in std::mem::take(&mut self.left).keys() {
            self.fault(name, Wrong::Unknown);
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }
}

fn check_url(text: &str, allow_private: bool) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| Wrong::Url)?;
    if url.scheme() != "https" && !(url.scheme() == "http" && allow_private) {
        return Err(Wrong::Http);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Wrong::Userinfo);
    }
    if url.fragment().is_some() {
        return Err(Wrong::Fragment);
    }
    Ok(url)
}
