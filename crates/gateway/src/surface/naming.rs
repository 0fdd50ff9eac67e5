//! Where a request names its model, and how another name is written there.

use std::ops::Range;

use bytes::Bytes;

use crate::splice::Edit;

/// How a name is spelled where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As a JSON string.
    Json,
}

/// One place that names the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where the name stands; in JSON with its quotes.
    pub(crate) place: Range<usize>,
    pub(crate) spelling: Spelling,
}

impl Mention {
    /// What puts another name there; `json` is its JSON text.
    pub(crate) fn edit(&self, json: &Bytes) -> Edit {
        let text = match self.spelling {
            Spelling::Json => json.clone(),
        };
        Edit { place: self.place.clone(), text }
    }
}

/// The edits that make `body` name the model as `json` does. A place that says so already is left.
pub(crate) fn renaming(body: &[u8], mentions: &[Mention], json: &Bytes) -> Vec<Edit> {
    let says_so = |edit: &Edit| edit.text == body[edit.place.clone()];
    mentions.iter().map(|mention| mention.edit(json)).filter(|edit| !says_so(edit)).collect()
}
