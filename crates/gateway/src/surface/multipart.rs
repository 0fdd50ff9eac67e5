//! The fields of a `multipart/form-data` body, found in place while it comes.
//! Files are stepped over and never looked into.
//!
//! What was looked at is let go: of a form of any length only a part's head or
//! the value of a wanted field is kept here until it is whole, and a few bytes of
//! anything else that could be the beginning of a delimiter.

use std::ops::Range;

use bytes::{Buf, BytesMut};
use memchr::memmem;

/// Longest head of a part, or value of a wanted field. Hosts take less.
const LONGEST: usize = 64 * 1024;

const LINE_END: &[u8] = b"\r\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

/// A wanted field: a part with its name that is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Where its value stands in the form.
    pub(super) place: Range<usize>,
    pub(super) value: String,
}

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether a content type is a form's.
pub(super) fn is_form(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("multipart/form-data")
}

/// Reads a form, whatever the boundaries of its pieces.
#[derive(Debug)]
pub(super) struct Scanner {
    /// The line that cuts the form into parts, with the line end before it.
    delimiter: memmem::Finder<'static>,
    wanted: &'static [&'static str],
    at: At,
    /// What came and may still be needed. It begins with the line end before what comes next, which may be the one
    /// that a delimiter begins with.
    unread: BytesMut,
    /// Bytes before `unread`. The line end that nobody sent before the form's first line counts as well.
    passed: usize,
    /// Where the present part's content begins, counted so.
    content: usize,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Preamble,
    Head,
    /// The value of a wanted field.
    Value(&'static str),
    /// Any other part's.
    Skipped,
    /// The form has ended; what follows is nothing to anybody.
    Epilogue,
}

/// What a look for the next delimiter finds in `unread`.
enum Look {
    Found {
        place: Range<usize>,
        is_last: bool,
    },
    /// None yet, and none can begin before here.
    NotBefore(usize),
}

impl Scanner {
    /// Begins with a form of this content type.
    ///
    /// # Errors
    /// It names no boundary.
    pub(super) fn new(content_type: &str, wanted: &'static [&'static str]) -> Result<Self, Malformed> {
        let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()).ok_or(Malformed)?;
        let delimiter = memmem::Finder::new(&format!("\r\n--{boundary}")).into_owned();
        Ok(Self { delimiter, wanted, at: At::Preamble, unread: BytesMut::from(LINE_END), passed: 0, content: 0 })
    }

    /// Takes the next bytes, and puts what was found into `found`.
    ///
    /// # Errors
    /// This is no form, whatever follows.
    pub(super) fn push(&mut self, bytes: &[u8], found: &mut Vec<Field>) -> Result<(), Malformed> {
        if self.at == At::Epilogue {
            return Ok(());
        }
        self.unread.extend_from_slice(bytes);
        while self.step(found)? {}
        // More than the longest thing and the delimiter behind it: that will never be whole.
        if self.unread.len() > 2 * LONGEST { Err(Malformed) } else { Ok(()) }
    }

    /// Whether the form has come to its end.
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Epilogue
    }

    /// Reads the next thing, if it is all there.
    fn step(&mut self, found: &mut Vec<Field>) -> Result<bool, Malformed> {
        match self.at {
            At::Epilogue => Ok(false),
            At::Head => self.head(),
            At::Preamble | At::Value(_) | At::Skipped => self.content(found),
        }
    }

    fn head(&mut self) -> Result<bool, Malformed> {
        let end = memmem::find(&self.unread, HEAD_END);
        let head = &self.unread[..end.unwrap_or(self.unread.len())];
        if self.delimiter.find(head).is_some() {
            return Err(Malformed);
        }
        let Some(end) = end else { return Ok(false) };
        if end > LONGEST {
            return Err(Malformed);
        }
        let name = field_name(&head[end.min(LINE_END.len())..])?;
        let wanted = name.and_then(|name| self.wanted.iter().find(|wanted| **wanted == name));
        self.at = wanted.map_or(At::Skipped, |wanted| At::Value(wanted));
        self.pass(end + HEAD_END.len() - LINE_END.len());
        self.content = self.passed + LINE_END.len();
        Ok(true)
    }

    /// What stands before a delimiter.
    fn content(&mut self, found: &mut Vec<Field>) -> Result<bool, Malformed> {
        let (place, is_last) = match self.look() {
            Look::Found { place, is_last } => (place, is_last),
            Look::NotBefore(at) => {
                if !matches!(self.at, At::Value(_)) {
                    self.pass(at);
                }
                return Ok(false);
            }
        };
        if self.passed + place.start < self.content {
            // Some read an empty value here, and some the text of a delimiter.
            return Err(Malformed);
        }
        if let At::Value(name) = self.at {
            let value = &self.unread[LINE_END.len()..place.start];
            if value.len() > LONGEST {
                return Err(Malformed);
            }
            let value = String::from_utf8_lossy(value).into_owned();
            found.push(Field { name, place: self.passed..self.passed + place.start - LINE_END.len(), value });
        }
        self.at = if is_last { At::Epilogue } else { At::Head };
        self.pass(if is_last { self.unread.len() } else { place.end - LINE_END.len() });
        Ok(true)
    }

    /// Looks for the next delimiter. A line that merely begins like one is none, as on hosts.
    fn look(&self) -> Look {
        let length = self.delimiter.needle().len();
        for start in self.delimiter.find_iter(&self.unread) {
            let after = &self.unread[start + length..];
            if after.starts_with(b"--") {
                return Look::Found { place: start..start + length + 2, is_last: true };
            }
            let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let end = &after[blanks..];
            if end.starts_with(LINE_END) {
                return Look::Found { place: start..start + length + blanks + LINE_END.len(), is_last: false };
            }
            if LINE_END.starts_with(end) || after == b"-" {
                return Look::NotBefore(start);
            }
        }
        Look::NotBefore((self.unread.len() + 1).saturating_sub(length))
    }

    fn pass(&mut self, bytes: usize) {
        self.unread.advance(bytes);
        self.passed += bytes;
    }
}

/// The name of a part that is no file; `None` when it has none.
///
/// # Errors
/// Some would read another name there: it is told twice, escaped, encoded or continued (RFC 2231), or on a folded line.
fn field_name(head: &[u8]) -> Result<Option<String>, Malformed> {
    let head = String::from_utf8_lossy(head);
    let is_disposition = |line: &&str| {
        let name = line.split_once(':').map_or("", |(name, _)| name.trim());
        name.eq_ignore_ascii_case("content-disposition")
    };
    let mut dispositions = head.split("\r\n").filter(is_disposition);
    let is_folded = head.contains("\r\n ") || head.contains("\r\n\t");
    let (disposition, None, false) = (dispositions.next(), dispositions.next(), is_folded) else {
        return Err(Malformed);
    };
    let (mut names, mut is_file) = (Vec::new(), false);
    for (key, value) in parameters(disposition.unwrap_or_default()) {
        let key = key.to_ascii_lowercase();
        match &*key {
            "name" => names.push(value),
            "filename" | "filename*" => is_file = true,
            _ if key.starts_with("name*") => return Err(Malformed),
            _ => {}
        }
    }
    match names[..] {
        [name] if name.contains('\\') => Err(Malformed),
        [name] => Ok(Some(name.to_owned()).filter(|_| !is_file)),
        [] => Ok(None),
        _ => Err(Malformed),
    }
}

/// The first parameter of this name of a header value.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    parameters(value).find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

/// The parameters of a header value. A quote inside a quoted one ends it: file names are not looked at.
fn parameters(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once(';')?;
        let (key, value) = after.split_once('=')?;
        let value = value.trim_start();
        let (found, next) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        rest = next;
        Some((key.trim(), found.trim()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; charset=x; boundary=\"b-1\"";

    /// What is found in a form that comes in these pieces; whether it has ended.
    fn scan(pieces: &[&[u8]]) -> Result<(Vec<Field>, bool), Malformed> {
        let (mut scanner, mut found) = (Scanner::new(TYPE, &["model", "prompt"])?, Vec::new());
        for piece in pieces {
            scanner.push(piece, &mut found)?;
        }
        Ok((found, scanner.is_done()))
    }

    fn read(body: &str) -> Option<Vec<(&'static str, String)>> {
        let (found, is_done) = scan(&[body.as_bytes()]).ok()?;
        for field in &found {
            assert_eq!(body[field.place.clone()], field.value);
        }
        is_done.then(|| found.into_iter().map(|field| (field.name, field.value)).collect())
    }

    const FORM: &str = "--b-1\r\nContent-Disposition: form-data; name=\"image\"; filename=\"model\"\r\n\
        Content-Type: image/png\r\n\r\n\r\n--b-1x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nno\r\n\
        --b-1 \r\ncontent-disposition:form-data;name=model\r\n\r\ngpt-image-1\r\n\
        --b-1\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n--b-1--\r\n";

    #[test]
    fn fields_are_found_and_files_are_not_looked_into() {
        let fields = Some(vec![("model", "gpt-image-1".to_owned()), ("prompt", String::new())]);
        assert_eq!(read(FORM), fields);
        assert_eq!(read(&format!("preamble\r\n{FORM}epilogue\r\n--b-1\r\n\r\n")), fields);
    }

    #[test]
    fn a_part_without_a_head_has_no_name_whatever_its_value_looks_like() {
        let look_alike = "Content-Disposition: form-data; name=\"model\"\r\n\r\nno";
        assert_eq!(read(&format!("--b-1\r\n\r\n{look_alike}\r\n--b-1--")), Some(vec![]));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let field = "Content-Disposition: form-data; name=\"model\"";
        for body in [
            "",
            "--b-1",
            "--b-1\r\nx",
            "--b-1\r\n--b-1--",
            "--b-1\r\n\r\nvalue",
            &format!("--b-1\r\n{field}\r\n--b-1--"),
            &format!("--b-1\r\n{field}\r\n\r\nvalue\r\n--b-"),
            &format!("--b-1\r\n{field}\r\n\r\n--b-1--"),
            "--b-1\r\nx: y\r\n\r\n--b-1--",
            &format!("--b-1\r\n{field}\r\n\r\n{}\r\n--b-1--", "x".repeat(LONGEST + 1)),
            &format!("--b-1\r\nx: {}\r\n\r\n\r\n--b-1--", "x".repeat(LONGEST)),
            &format!("--b-1{}", " ".repeat(2 * LONGEST)),
        ] {
            assert_eq!(read(body), None, "{body:?}");
        }
        assert!(Scanner::new("multipart/form-data", &[]).is_err());
        assert!(is_form("Multipart/Form-Data; boundary=x") && !is_form("application/json"));
    }

    #[test]
    fn a_name_that_some_read_as_another_one_is_refused() {
        let form = |head: &str| read(&format!("--b-1\r\n{head}\r\n\r\nx\r\n--b-1--"));
        for disposition in [
            "form-data; name=\"mo\\del\"",
            "form-data; name*=utf-8''model",
            "form-data; name*0=mo; name*1=del",
            "form-data;\r\n name=model",
            "form-data; name=other; name=model",
            "form-data; name=other\r\nContent-Disposition: form-data; name=model",
        ] {
            assert_eq!(form(&format!("Content-Disposition: {disposition}")), None, "{disposition}");
        }
        for head in [
            "X: y",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=image; filename=\"a\\\"b\"",
        ] {
            assert_eq!(form(head), Some(vec![]), "{head}");
        }
        let latin = b"--b-1\r\nContent-Disposition: form-data; name=model; x=\"\xe9\"\r\n\r\ngpt-5\r\n--b-1--";
        assert_eq!(scan(&[latin]).unwrap().0[0].value, "gpt-5");
    }

    #[test]
    fn of_a_file_nothing_is_kept() {
        let (mut scanner, mut found) = (Scanner::new(TYPE, &["model"]).unwrap(), Vec::new());
        let head = FORM.find("\r\n\r\n").unwrap() + 4;
        scanner.push(&FORM.as_bytes()[..head], &mut found).unwrap();
        for _ in 0..100 {
            scanner.push(&[b'x'; 10_000], &mut found).unwrap();
            assert!(scanner.unread.len() < 10 && scanner.unread.capacity() < 100_000);
        }
    }

    proptest! {
        #[test]
        fn boundaries_of_the_pieces_never_matter(sizes in prop::collection::vec(1usize..60, 0..200)) {
            let (mut rest, mut pieces) = (FORM.as_bytes(), Vec::new());
            for size in sizes {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            prop_assert_eq!(scan(&pieces), scan(&[FORM.as_bytes()]));
        }
    }
}
