//! `documented.md` of a service: what its documents show, as they show it.

use std::path::Path;

use serde_json::{Deserializer, Value};

/// One file beside the samples of a service.
pub(crate) fn text(service: &str, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads").join(service).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same as JSON.
pub(crate) fn json(service: &str, file: &str) -> Value {
    let text = text(service, file);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{service}/{file}: {error}"))
}

/// A section of `documented.md`.
pub(crate) struct Section(String);

impl Section {
    pub(crate) fn of(service: &str, title: &str) -> Self {
        let document = text(service, "documented.md");
        let mut sections = document.split("\n## ");
        let section = sections.find_map(|section| section.strip_prefix(title)?.strip_prefix('\n'));
        Self(section.unwrap_or_else(|| panic!("{service} documents no {title}")).to_owned())
    }

    /// Whether it has these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.0.contains(words)
    }

    /// What stands between fences.
    pub(crate) fn blocks(&self) -> Vec<&str> {
        let parts: Vec<&str> = self.0.split("\n```").collect();
        // Every other part is one, behind the name of its language.
        parts.iter().skip(1).step_by(2).map(|part| part.split_once('\n').expect("a block").1).collect()
    }

    /// The values between fences: of a command those that it sends, and without the comments that documents write into JSON.
    pub(crate) fn values(&self) -> Vec<Value> {
        let values = self.blocks().into_iter().flat_map(|block| {
            let (begin, end) = (block.find('{').expect("a value"), block.rfind('}').expect("its end"));
            let values = without_comments(&block[begin..=end]);
            let read = Deserializer::from_str(&values).into_iter().collect::<Result<Vec<Value>, _>>();
            read.unwrap_or_else(|error| panic!("{block}: {error}"))
        });
        values.collect()
    }

    /// What its tables say of a member: the types that stand beside its name, below the names of what it is in.
    pub(crate) fn rows_of(&self, path: &str) -> Vec<(&str, &str)> {
        let rows: Vec<_> = self.rows().map(|(name, kind)| (name.trim_end_matches(" (optional)"), kind)).collect();
        let is_told = path.split('.').all(|name| rows.iter().any(|(told, _)| *told == name));
        let last = path.rsplit('.').next().filter(|_| is_told);
        rows.into_iter().filter(|(name, _)| Some(*name) == last).collect()
    }

    /// The codes that its tables begin with.
    pub(crate) fn codes(&self) -> Vec<i64> {
        self.rows().filter_map(|(code, _)| code.parse().ok()).collect()
    }

    /// The first two cells of the rows of its tables.
    fn rows(&self) -> impl Iterator<Item = (&str, &str)> {
        let rows = self.0.lines().filter_map(|line| line.strip_prefix('|'));
        rows.filter_map(|row| {
            let mut cells = row.split('|').map(str::trim);
            Some((cells.next()?, cells.next()?))
        })
    }
}

/// `//` begins one, but in a string.
fn without_comments(text: &str) -> String {
    let outside = |line: &str| {
        let mut in_string = false;
        let mut before = ' ';
        for (at, character) in line.char_indices() {
            match (in_string, before, character) {
                (_, '\\', '"') => {}
                (_, _, '"') => in_string = !in_string,
                (false, '/', '/') => return at - 1,
                _ => {}
            }
            before = character;
        }
        line.len()
    };
    text.lines().map(|line| &line[..outside(line)]).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_comment_ends_what_a_document_shows_and_an_address_does_not() {
    let text = "{ // one\n \"a\": \"https://x\", // \"two\"\n \"b\": \"\\\"//\" }";
    let value: Value = serde_json::from_str(&without_comments(text)).unwrap();
    assert_eq!(value, serde_json::json!({ "a": "https://x", "b": "\"//" }));
}
