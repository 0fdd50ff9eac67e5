//! Where a request names its model, and how another name is written there.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::splice::{Edit, json_text};

/// The name of a model, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelName {
    pub(crate) text: Arc<str>,
    /// Its JSON text.
    pub(crate) json: Bytes,
}

impl ModelName {
    pub(crate) fn new(name: &str) -> Self {
        Self { text: name.into(), json: json_text(name) }
    }
}

/// How a name is spelled where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As a JSON string.
    Json,
    /// As a JSON string with Google's prefix `models/`.
    Resource,
    /// As it is (the field of a form).
    Plain,
}

/// One place that names the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mention {
    /// Where the name stands; in JSON with its quotes.
    pub(crate) place: Range<usize>,
    pub(crate) spelling: Spelling,
}

impl Mention {
    /// What puts another name there.
    fn edit(&self, name: &ModelName) -> Edit {
        let text = match self.spelling {
            Spelling::Json => name.json.clone(),
            Spelling::Resource => json_text(&format!("models/{}", name.text)),
            Spelling::Plain => Bytes::copy_from_slice(name.text.as_bytes()),
        };
        Edit { place: self.place.clone(), text }
    }
}

/// The edits that make `body` name the model so. A place that says so already is left.
pub(crate) fn renaming(body: &[u8], mentions: &[Mention], name: &ModelName) -> Vec<Edit> {
    let says_so = |edit: &Edit| edit.text == body[edit.place.clone()];
    mentions.iter().map(|mention| mention.edit(name)).filter(|edit| !says_so(edit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice::edited;

    #[test]
    fn a_name_is_written_as_its_place_spells_it() {
        let body = Bytes::from_static(br#""a" "models/a" a "b\"""#);
        let mention = |place, spelling| Mention { place, spelling };
        let mentions = [
            mention(0..3, Spelling::Json),
            mention(4..14, Spelling::Resource),
            mention(15..16, Spelling::Plain),
            mention(17..22, Spelling::Json),
        ];
        let edits = renaming(&body, &mentions, &ModelName::new("b\""));
        assert_eq!(edits.len(), 3, "one place says so already");
        assert_eq!(edited(&body, edits).concat(), br#""b\"" "models/b\"" b" "b\"""#);
    }
}
