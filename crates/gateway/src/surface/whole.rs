//! An answer in one piece: the members that matter in the answers of most surfaces, in one place and one pass.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Counts;
use super::reading::{Meaning, Said, object};

/// The members of an answer, by their names there; `null` is as good as none. One that has a member twice is no answer:
/// of two models one would be shown with its host's name.
#[derive(Deserialize)]
pub(super) struct Whole<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<&'a RawValue>,
    pub(super) error: Option<IgnoredAny>,
    /// What the model made: chat completions.
    pub(super) choices: Option<IgnoredAny>,
    /// Embeddings and images.
    pub(super) data: Option<IgnoredAny>,
    /// Messages.
    pub(super) content: Option<IgnoredAny>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    /// Google's names for the two.
    #[serde(borrow, rename = "modelVersion")]
    pub(super) model_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "usageMetadata")]
    pub(super) usage_metadata: Option<&'a RawValue>,
}

impl<'a> Whole<'a> {
    /// Reads an answer; `None` when it is no object.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        object(body)
    }

    /// Whether it is an error in place of what the model `made`: some hosts say both.
    pub(super) fn is_error_without(&self, made: Option<IgnoredAny>) -> bool {
        self.error.is_some() && made.is_none()
    }

    /// What it says, with `model` and `usage` by these names.
    pub(super) fn said(&self, is_error: bool, read_usage: fn(&RawValue) -> Option<Counts>) -> Said<'a> {
        Said {
            model: self.model,
            counts: self.usage.and_then(read_usage),
            ..Said::plain(if is_error { Meaning::Error } else { Meaning::Output })
        }
    }
}
