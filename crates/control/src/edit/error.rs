//! Why an edit was not made.

use relay_store::{PublishError, StoreError};

use super::Noun;
use crate::diff::EntryName;
use crate::fleet_document::Faults;

/// An edit was not made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such entry.
    #[error("there is no {noun} \"{id}\"")]
    Unknown {
        /// Its kind.
        noun: Noun,
        /// Its id.
        id: String,
    },
    /// There is one of this id already.
    #[error("there is a {noun} \"{id}\" already; choose another {}, or change that one", noun.id_field())]
    Exists {
        /// Its kind.
        noun: Noun,
        /// Its id.
        id: String,
    },
    /// Others refer to what is to be removed.
    #[error("{noun} \"{id}\" is referred to by {}; remove that first, or pass cascade=true", told(by))]
    Referred {
        /// Its kind.
        noun: Noun,
        /// Its id.
        id: String,
        /// All that refers to it.
        by: Vec<EntryName>,
    },
    /// Somebody changed the entry since it was read.
    #[error("{noun} \"{id}\" has been changed since it was read; read it again and repeat the change on that")]
    Outdated {
        /// Its kind.
        noun: Noun,
        /// Its id.
        id: String,
        /// The version that it has now.
        current: String,
    },
    /// The secret is kept where the fleet file says, so it can only be changed there.
    #[error("the secret of key \"{0}\" comes from {1}; change it there and apply the fleet file again")]
    SecretElsewhere(String, String),
    /// The fleet that it would make has faults. Those of the edited entry have the paths of its fields.
    #[error("{}", faults_told(.0))]
    Faults(#[from] Faults),
    /// It could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<StoreError> for EditError {
    fn from(error: StoreError) -> Self {
        Self::Publish(error.into())
    }
}

/// Entries named at most in a message; all of them are in its details.
const NAMED: usize = 5;

fn told(by: &[EntryName]) -> String {
    let mut names: Vec<String> =
        by.iter().take(NAMED).map(|EntryName { noun, id }| format!("{noun} \"{id}\"")).collect();
    if by.len() > NAMED {
        names.push(format!("{} more", by.len() - NAMED));
    }
    names.join(", ")
}

fn faults_told(faults: &Faults) -> String {
    match faults.kept() {
        [fault] => format!("{}: {}", fault.entry, fault.message()),
        _ => format!("the change has {} faults", faults.count()),
    }
}
