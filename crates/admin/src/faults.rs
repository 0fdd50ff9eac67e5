//! How much of what is wrong with an input is noted and told. An answer is small, and so is what is kept for it,
//! whatever came.

use relay_control::actions::FieldFault;

/// Faults told at most in one answer; enough to mend a document by, and little to hold.
pub(crate) const MAX_FAULTS: usize = 100;

/// Characters of a name or a place that are told.
const MAX_PLACE: usize = 200;

/// Characters of everything else that is told of a fault: ours, with a value in it.
const MAX_TEXT: usize = 1000;

/// What stands behind the last fault that is told.
pub(crate) fn more() -> FieldFault {
    let message = format!("has more than {MAX_FAULTS} faults; the rest is told once these are mended");
    FieldFault { field: "request".to_owned(), message }
}

/// A name or a place as it is told.
pub(crate) fn place(text: &str) -> String {
    cut(text, MAX_PLACE)
}

/// What else is told.
pub(crate) fn text(text: &str) -> String {
    cut(text, MAX_TEXT)
}

fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Faults that are being found.
#[derive(Default)]
pub(crate) struct FieldFaults(Vec<FieldFault>);

impl FieldFaults {
    /// Whether one more would not be told.
    pub(crate) fn is_full(&self) -> bool {
        // One above the limit is kept: by it the answer says that there are more.
        self.0.len() > MAX_FAULTS
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, field: &str, message: &str) {
        if !self.is_full() {
            self.0.push(FieldFault { field: place(field), message: text(message) });
        }
    }

    pub(crate) fn append(&mut self, more: Self) {
        let room = (MAX_FAULTS + 1).saturating_sub(self.len());
        self.0.extend(more.0.into_iter().take(room));
    }

    pub(crate) fn into_vec(self) -> Vec<FieldFault> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        let long = "é".repeat(MAX_PLACE);
        assert_eq!(place(&long), long);
        assert_eq!(place(&format!("{long}é")), format!("{long}…"));
    }

    #[test]
    fn no_more_faults_are_kept_than_tell_that_there_are_more() {
        let full = || {
            let mut faults = FieldFaults::default();
            (0..1000).for_each(|_| faults.push("a", "is wrong"));
            faults
        };
        let mut faults = full();
        faults.append(full());
        assert_eq!((faults.is_full(), faults.len()), (true, MAX_FAULTS + 1));
    }
}
