//! The fields of a head, as they stood in it: in order, with their case, and
//! not copied one by one.

use bytes::Bytes;

/// Header fields. Names are compared without case; values are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    text: Bytes,
    places: Vec<Place>,
}

/// Where a field stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    name: (u32, u32),
    value: (u32, u32),
}

impl Fields {
    /// The fields that were found in `source`, of which `text` is a copy.
    pub(crate) fn new(text: Bytes, source: &[u8], found: &[httparse::Header<'_>]) -> Self {
        let span = |part: &[u8]| {
            let start = part.as_ptr() as usize - source.as_ptr() as usize;
            // A head is at most MAX_HEAD long.
            (start as u32, (start + part.len()) as u32)
        };
        let places = found
            .iter()
            .map(|field| Place {
                name: span(field.name.as_bytes()),
                // An empty value may point anywhere.
                value: if field.value.is_empty() { (0, 0) } else { span(field.value) },
            })
            .collect();
        Self { text, places }
    }

    /// Builds fields by hand, as a head would hold them.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = Vec::new();
        let mut push = |part: &str| {
            let start = text.len() as u32;
            text.extend_from_slice(part.as_bytes());
            (start, text.len() as u32)
        };
        let places = pairs.into_iter().map(|(name, value)| Place { name: push(name), value: push(value) }).collect();
        Self { text: text.into(), places }
    }

    /// Every field, name and value, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.places.iter().map(|place| (self.part(place.name), self.part(place.value)))
    }

    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let place = self.places.iter().find(|place| self.part(place.name).eq_ignore_ascii_case(name.as_bytes()))?;
        Some(self.part(place.value))
    }

    /// The first value of a field, when it is visible text.
    pub fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every value of a field.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        let named = move |place: &&Place| self.part(place.name).eq_ignore_ascii_case(name.as_bytes());
        self.places.iter().filter(named).map(|place| self.part(place.value))
    }

    /// The items of a field that is a comma-separated list, over all its lines.
    pub fn list<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.all(name).flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
    }

    /// Whether a comma-separated list holds `item`, whatever its case.
    pub fn list_has(&self, name: &str, item: impl AsRef<[u8]>) -> bool {
        self.list(name).any(|found| found.eq_ignore_ascii_case(item.as_ref()))
    }

    /// Whether the field is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn part(&self, (start, end): (u32, u32)) -> &[u8] {
        &self.text[start as usize..end as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_lists_run_over_lines() {
        let fields = Fields::from_pairs([("Connection", "keep-alive, X-Hop"), ("connection", "close"), ("x", "")]);
        assert_eq!(fields.text("CONNECTION"), Some("keep-alive, X-Hop"));
        assert_eq!(fields.list("connection").collect::<Vec<_>>(), [&b"keep-alive"[..], b"X-Hop", b"close"]);
        assert!(fields.list_has("connection", "x-hop") && !fields.list_has("connection", "hop"));
        assert_eq!((fields.get("x"), fields.get("y")), (Some(&b""[..]), None));
        assert_eq!(fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&b"Connection"[..], b"connection", b"x"]);
    }
}
