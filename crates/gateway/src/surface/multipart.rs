//! The fields of a `multipart/form-data` body, found in place while it comes.
//! Files are stepped over and never looked into.
//!
//! Where another reader of forms (Go's, Python's, Node's) would find other fields than this one, the form is refused: a host
//! must not be asked for another model than the one that was routed. RFC 7578 and RFC 2046 leave real clients no need for it.
//!
//! What was looked at is let go: of a form of any length only a part's head or
//! the value of a wanted field is kept here until it is whole, and a few bytes of
//! anything else that could be the beginning of a delimiter.

use std::ops::Range;

use bytes::{Buf, BytesMut};
use memchr::{memchr, memchr_iter, memchr2, memchr2_iter};

use super::parameters::{Parameters, Unclear, is_token};

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

impl From<Unclear> for Malformed {
    fn from(Unclear: Unclear) -> Self {
        Self
    }
}

/// Whether a content type is a form's.
pub(super) fn is_form(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("multipart/form-data")
}

/// Reads a form, whatever the boundaries of its pieces.
#[derive(Debug)]
pub(super) struct Scanner {
    /// The line that cuts the form into parts, with the line end before it.
    delimiter: Box<[u8]>,
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
    /// The rest of the last line.
    Closing,
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
        let delimiter = [b"\r\n--", boundary(content_type)?.as_bytes()].concat().into();
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
        matches!(self.at, At::Closing | At::Epilogue)
    }

    /// Reads the next thing, if it is all there.
    fn step(&mut self, found: &mut Vec<Field>) -> Result<bool, Malformed> {
        match self.at {
            At::Epilogue => Ok(false),
            At::Closing => self.close(),
            At::Head => self.head(),
            At::Preamble | At::Value(_) | At::Skipped => self.content(found),
        }
    }

    fn head(&mut self) -> Result<bool, Malformed> {
        let end = find(&self.unread, HEAD_END);
        let head = &self.unread[..end.unwrap_or(self.unread.len())];
        if find(head, &self.delimiter).is_some() {
            return Err(Malformed);
        }
        let Some(end) = end else { return Ok(false) };
        if end > LONGEST {
            return Err(Malformed);
        }
        let field = wanted_field(&head[end.min(LINE_END.len())..], self.wanted)?;
        self.at = field.map_or(At::Skipped, At::Value);
        self.pass(end + HEAD_END.len() - LINE_END.len());
        self.content = self.passed + LINE_END.len();
        Ok(true)
    }

    /// What stands before a delimiter.
    fn content(&mut self, found: &mut Vec<Field>) -> Result<bool, Malformed> {
        let (place, is_last) = match self.look()? {
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
        self.at = if is_last { At::Closing } else { At::Head };
        self.pass(if is_last { place.end } else { place.end - LINE_END.len() });
        Ok(true)
    }

    /// What follows the last delimiter on its line: nothing, or some go on reading.
    fn close(&mut self) -> Result<bool, Malformed> {
        let Some(next) = self.unread.iter().find(|byte| !matches!(byte, b' ' | b'\t')) else { return Ok(false) };
        if !matches!(next, b'\r' | b'\n') {
            return Err(Malformed);
        }
        self.at = At::Epilogue;
        self.pass(self.unread.len());
        Ok(true)
    }

    /// Looks for the next delimiter. A line that merely begins like one is none, as on hosts. Line ends are few, in files too.
    ///
    /// # Errors
    /// A delimiter that begins or ends with half a line end: some take it for one.
    fn look(&self) -> Result<Look, Malformed> {
        let (length, dashes) = (self.delimiter.len(), &self.delimiter[LINE_END.len()..]);
        let ends = memchr2_iter(b'\r', b'\n', &self.unread);
        for end in ends.filter(|end| self.unread[end + 1..].starts_with(dashes)) {
            let start = match self.unread[..=end] {
                [.., b'\r', b'\n'] => end - 1,
                _ => return Err(Malformed),
            };
            let after = &self.unread[start + length..];
            if after.starts_with(b"--") {
                return Ok(Look::Found { place: start..start + length + 2, is_last: true });
            }
            let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            match after[blanks..] {
                [b'\r', b'\n', ..] => {
                    return Ok(Look::Found { place: start..start + length + blanks + LINE_END.len(), is_last: false });
                }
                [] | [b'\r'] => return Ok(Look::NotBefore(start)),
                [b'-'] if blanks == 0 => return Ok(Look::NotBefore(start)),
                [b'\r' | b'\n', ..] => return Err(Malformed),
                _ => {}
            }
        }
        Ok(Look::NotBefore((self.unread.len() + 1).saturating_sub(length)))
    }

    fn pass(&mut self, bytes: usize) {
        self.unread.advance(bytes);
        self.passed += bytes;
    }
}

/// Where this stands, which begins with a line end.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr_iter(b'\r', text).find(|at| text[*at..].starts_with(needle))
}

/// Which of the wanted fields a part with this head is; `None` when it is another one or a file.
///
/// # Errors
/// Some would read another name there: it is told twice, escaped, encoded or continued (RFC 2231), a wanted one in other
/// letters or of a file, on a line that is folded or ends in another way, or its value is encoded.
fn wanted_field(head: &[u8], wanted: &[&'static str]) -> Result<Option<&'static str>, Malformed> {
    let mut disposition = None;
    let mut is_encoded = false;
    let mut rest = Some(head).filter(|head| !head.is_empty());
    while let Some(text) = rest {
        let line = &text[..find(text, LINE_END).unwrap_or(text.len())];
        rest = text.get(line.len() + LINE_END.len()..);
        let (name, value) = line.split_at(memchr(b':', line).ok_or(Malformed)?);
        if memchr2(b'\r', b'\n', line).is_some() || name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
            return Err(Malformed);
        }
        let value = &value[1..];
        if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"binary", b"8bit", b"7bit"];
            is_encoded |= !plain.iter().any(|plain| plain.eq_ignore_ascii_case(value.trim_ascii()));
        } else if name.eq_ignore_ascii_case(b"content-disposition") && disposition.replace(value).is_some() {
            return Err(Malformed);
        }
    }
    let Some(disposition) = disposition else { return Ok(None) };
    let disposition = String::from_utf8_lossy(disposition);
    let mut parameters = Parameters::of(&disposition);
    if !parameters.value.eq_ignore_ascii_case("form-data") {
        return Err(Malformed);
    }
    let (mut name, mut is_file) = (None, false);
    while let Some((key, value)) = parameters.next()? {
        if key.eq_ignore_ascii_case("name") {
            // Some trim a name, and some take letters of either case for the same.
            let field = wanted.iter().find(|wanted| wanted.eq_ignore_ascii_case(value.trim())).copied();
            let is_written_otherwise = field.is_some_and(|field| field != value);
            if value.contains('\\') || is_written_otherwise || name.replace(field).is_some() {
                return Err(Malformed);
            }
        } else if begins_with(key, "name*") {
            return Err(Malformed);
        } else if key.eq_ignore_ascii_case("filename") || key.eq_ignore_ascii_case("filename*") {
            is_file = true;
        }
    }
    let field = name.flatten();
    // A file without a name is a field for some.
    if (is_encoded || is_file) && field.is_some() { Err(Malformed) } else { Ok(field) }
}

/// What cuts a form of this content type into its parts.
///
/// # Errors
/// It has none, or another one for some.
fn boundary(content_type: &str) -> Result<&str, Malformed> {
    let (mut parameters, mut found) = (Parameters::of(content_type), None);
    while let Some((key, value)) = parameters.next()? {
        if begins_with(key, "boundary*") || (key.eq_ignore_ascii_case("boundary") && found.replace(value).is_some()) {
            return Err(Malformed);
        }
    }
    // RFC 2046 §5.1.1.
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    found.filter(|found| !found.is_empty() && found.bytes().all(may_be) && !found.ends_with(' ')).ok_or(Malformed)
}

fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
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
            // Half a line end, which some take for a whole one.
            &format!("--b-1\n{field}\n\nevil\n--b-1--\n\r\n--b-1\r\n{field}\r\n\r\nx\r\n--b-1--"),
            &format!("--b-1\r\n{field}\r\n\r\nx\n--b-1\r\n{field}\r\n\r\ny\r\n--b-1--"),
            &format!("--b-1\r\n{field}\r\n\r\nx\r--b-1\r\n{field}\r\n\r\ny\r\n--b-1--"),
            &format!("--b-1\r\n{field}\r\n\r\nx\r\n--b-1 \r{field}\r\n\r\ny\r\n--b-1--"),
            // Some go on reading here.
            &format!("--b-1\r\n{field}\r\n\r\nx\r\n--b-1--x\r\n--b-1\r\n{field}\r\n\r\ny\r\n--b-1--"),
        ] {
            assert_eq!(read(body), None, "{body:?}");
        }
        for other in
            ["", "; boundary=", "; boundary=a; boundary=b", "; boundary=\"a", "; boundary*=utf-8''b", "; boundary=a\\b"]
        {
            assert!(Scanner::new(&format!("multipart/form-data{other}"), &[]).is_err(), "{other}");
        }
        for usual in ["----WebKitFormBoundaryx7A", "\"===============12 (a)==\"", "0f1e;", "\tx"] {
            let usual = format!("multipart/form-data; charset=utf-8;boundary={usual}");
            assert_eq!(Scanner::new(&usual, &[]).is_err(), usual.ends_with("\tx"), "{usual}");
        }
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
            "form-data; name=other\nX: y",
            "form-data; name=other\rX: y",
            "form-data; x; name=model",
            "form-data; x=\"abc; name=model",
            "form-data; x=\"abc\\\"; name=model",
            "form-data; filename=\"a\"b; name=model",
            "form-data; filename=a b; name=model",
            "form-data; filename= ; name=model",
            "attachment; name=model",
            "form-data; name=model\r\nContent-Transfer-Encoding: quoted-printable",
            "form-data; name=other\r\nX",
            "form-data; name=other\r\nContent-Disposition\u{a0}: form-data; name=model",
            "form-data; name=other\r\n\u{b}Content-Disposition: form-data; name=model",
            "form-data; name=other; name=model",
            "form-data; name=other\r\nContent-Disposition: form-data; name=model",
            // Hosts trim a name, or take a file without a name for a field.
            "form-data; name=\" model\"",
            "form-data; name=\"Model\"",
            "form-data; name=model; filename=\"\"",
            "form-data; name=model; filename=\" \"",
            "form-data; filename*=utf-8''; name=model",
        ] {
            assert_eq!(form(&format!("Content-Disposition: {disposition}")), None, "{disposition}");
        }
        for head in [
            "X: y",
            "Content-Disposition: form-data",
            "Content-Disposition: form-data; name=image; filename=\"a\\\"b\"",
            "Content-Disposition: form-data; name=image; filename=\"a;b c\"; filename*=utf-8''a%3Bb",
            "Content-Disposition: form-data; name=\"image[]\";\r\nContent-Transfer-Encoding: base64\r\nContent-Length: 1",
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
