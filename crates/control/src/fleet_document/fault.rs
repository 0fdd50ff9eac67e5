//! The faults of a fleet document: each names the entry, what is wrong and the remedy.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::Wrong;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "DocumentFault")]
pub struct Fault {
    /// Where in the document: `route[2].shadow_host_id`; arrays count from 0.
    pub path: String,
    /// The entry in the operator's words: `route "gpt-tokyo"`.
    pub entry: String,
    /// What is wrong. Never holds a secret.
    pub wrong: Wrong,
}

impl Fault {
    /// What is wrong, in English.
    pub fn message(&self) -> String {
        self.wrong.message(self.field())
    }

    /// What to do, in English.
    pub fn remedy(&self) -> String {
        self.wrong.remedy(self.field())
    }

    fn field(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}; {}", self.entry, self.path, self.message(), self.remedy())
    }
}

/// One fault (spec §8, "each names the entry and the remedy").
#[derive(Serialize, ToSchema)]
pub struct DocumentFault {
    /// Where in the document: `route[2].shadow_host_id`; arrays count from 0.
    path: String,
    /// The entry in the operator's words: `route "gpt-tokyo"`.
    entry: String,
    /// What is wrong. Never holds a secret.
    message: String,
    /// What to do.
    remedy: String,
}

impl From<Fault> for DocumentFault {
    fn from(fault: Fault) -> Self {
        let (message, remedy) = (fault.message(), fault.remedy());
        Self { path: fault.path, entry: fault.entry, message, remedy }
    }
}

/// Faults of one document that are kept. More than the API tells in an answer, and more than anybody mends before looking
/// again; a document of nothing but faults may have millions.
const MAX_KEPT: usize = 1_000;

/// The faults of a document, in the document's order; none only while it is read. The first ones are kept, and all are
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    kept: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// The first faults.
    pub fn kept(&self) -> &[Fault] {
        &self.kept
    }

    /// The first faults, to have.
    pub fn into_kept(self) -> Vec<Fault> {
        self.kept
    }

    /// How many there are in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many there are beside those that are kept.
    pub fn not_kept(&self) -> usize {
        self.count - self.kept.len()
    }

    /// Notes one; it is made only when it is kept.
    pub(crate) fn note(&mut self, fault: impl FnOnce() -> Fault) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            self.kept.push(fault());
        }
    }

    /// Notes those of another reader.
    pub(crate) fn append(&mut self, more: Self) {
        self.count += more.count;
        let room = MAX_KEPT.saturating_sub(self.kept.len());
        self.kept.extend(more.kept.into_iter().take(room));
    }

    /// The same faults, each told another way.
    pub(crate) fn map(self, tell: impl FnMut(Fault) -> Fault) -> Self {
        Self { kept: self.kept.into_iter().map(tell).collect(), count: self.count }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { kept: vec![fault], count: 1 }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.count == 1 { "fault" } else { "faults" };
        write!(f, "the fleet document has {} {noun}", self.count)?;
        self.kept.iter().try_for_each(|fault| write!(f, "\n- {fault}"))?;
        match self.not_kept() {
            0 => Ok(()),
            more => write!(f, "\n- and {more} more, which are told once these are mended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(count: usize) -> Faults {
        let mut faults = Faults::default();
        for number in 0..count {
            faults.note(|| Fault { path: number.to_string(), entry: "key \"a\"".to_owned(), wrong: Wrong::Empty });
        }
        faults
    }

    #[test]
    fn the_first_faults_are_kept_and_all_are_counted() {
        let mut all = faults(MAX_KEPT - 1);
        assert_eq!((all.kept().len(), all.not_kept()), (MAX_KEPT - 1, 0));
        all.append(faults(MAX_KEPT + 7));
        assert_eq!((all.kept().len(), all.count(), all.not_kept()), (MAX_KEPT, 2 * MAX_KEPT + 6, MAX_KEPT + 6));
        let all = all.map(|fault| Fault { entry: "route \"b\"".to_owned(), ..fault });
        assert!(all.count() == 2 * MAX_KEPT + 6 && all.kept().iter().all(|fault| fault.entry == "route \"b\""));
        assert_eq!((all.kept()[MAX_KEPT - 2].path.as_str(), all.kept()[MAX_KEPT - 1].path.as_str()), ("998", "0"));
    }

    #[test]
    fn a_fault_that_is_not_kept_is_not_made() {
        let mut all = faults(MAX_KEPT);
        all.note(|| unreachable!("there are enough"));
        assert_eq!(all.not_kept(), 1);
    }
}
