//! The fields of a `multipart/form-data` body, found in place. Files are
//! stepped over and never looked into.

use std::ops::Range;

use memchr::memmem;

/// A part that is no file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// Where its value stands.
    pub(super) value: Range<usize>,
}

/// Why a body is no form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Whether a content type is a form's.
pub(super) fn is_form(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    media.eq_ignore_ascii_case("multipart/form-data")
}

/// The fields of a form, in their order.
///
/// # Errors
/// The content type has no boundary, or the body is not cut by it to its end.
pub(super) fn fields<'a>(content_type: &'a str, body: &'a [u8]) -> Result<Vec<Field<'a>>, Malformed> {
    let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()).ok_or(Malformed)?;
    let text = format!("\r\n--{boundary}");
    let delimiters = Delimiters { body, finder: memmem::Finder::new(&text) };
    let mut fields = Vec::new();
    let mut delimiter = delimiters.first().ok_or(Malformed)?;
    while !delimiter.is_last {
        let start = delimiter.place.end;
        // The line end that a delimiter begins with may be that of the part's head.
        delimiter = delimiters.next(start - 2).ok_or(Malformed)?;
        let part = body.get(start..delimiter.place.start).ok_or(Malformed)?;
        let head = memmem::find(part, b"\r\n\r\n").ok_or(Malformed)?;
        let value = start + head + 4..delimiter.place.start;
        fields.extend(field_name(&part[..head]).map(|name| Field { name, value }));
    }
    Ok(fields)
}

/// The lines that cut a body into parts.
struct Delimiters<'a> {
    body: &'a [u8],
    finder: memmem::Finder<'a>,
}

struct Delimiter {
    /// From the line end before it to the one after it.
    place: Range<usize>,
    is_last: bool,
}

impl Delimiters<'_> {
    /// The first one; it may lack the line end before it.
    fn first(&self) -> Option<Delimiter> {
        let bare = &self.finder.needle()[2..];
        let at_once = self.body.starts_with(bare).then(|| self.at(0, bare.len())).flatten();
        at_once.or_else(|| self.next(0))
    }

    /// The next one. A line that merely begins like a delimiter is none, as on hosts.
    fn next(&self, from: usize) -> Option<Delimiter> {
        let mut found = self.finder.find_iter(self.body.get(from..)?);
        found.find_map(|at| self.at(from + at, self.finder.needle().len()))
    }

    fn at(&self, start: usize, length: usize) -> Option<Delimiter> {
        let rest = &self.body[start + length..];
        if rest.starts_with(b"--") {
            return Some(Delimiter { place: start..start + length + 2, is_last: true });
        }
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let end = start + length + blanks + 2;
        rest[blanks..].starts_with(b"\r\n").then_some(Delimiter { place: start..end, is_last: false })
    }
}

/// The name of a part that is no file.
fn field_name(head: &[u8]) -> Option<&str> {
    let disposition = std::str::from_utf8(head).ok()?.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let is_file = parameter(disposition, "filename").or_else(|| parameter(disposition, "filename*")).is_some();
    parameter(disposition, "name").filter(|_| !is_file)
}

/// A parameter of a header value. A quote inside a quoted one is not looked for:
/// the names in question have none.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once(';') {
        let (key, value) = after.split_once('=')?;
        let value = value.trim_start();
        let (found, next) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_at(value.find(';').unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found.trim());
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; charset=x; boundary=\"b-1\"";

    fn read(body: &str) -> Result<Vec<(String, String)>, Malformed> {
        let read = fields(TYPE, body.as_bytes())?;
        Ok(read.into_iter().map(|field| (field.name.to_owned(), body[field.value].to_owned())).collect())
    }

    #[test]
    fn fields_are_found_and_files_are_not_looked_into() {
        let body = "--b-1\r\nContent-Disposition: form-data; name=\"image\"; filename=\"model\"\r\n\
            Content-Type: image/png\r\n\r\n\r\n--b-1x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nno\r\n\
            --b-1 \r\ncontent-disposition:form-data;name=model\r\n\r\ngpt-image-1\r\n\
            --b-1\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n--b-1--\r\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(body), Ok(vec![pair("model", "gpt-image-1"), pair("prompt", "")]));
        assert_eq!(read(&format!("preamble\r\n{body}epilogue")), read(body));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in
            ["", "--b-1", "--b-1\r\nx", "--b-1\r\n\r\nvalue", "--b-1\r\nContent-Disposition: x\r\n\r\nvalue\r\n--b-"]
        {
            assert_eq!(read(body), Err(Malformed), "{body:?}");
        }
        assert_eq!(fields("multipart/form-data", b"--\r\n"), Err(Malformed));
        assert!(is_form("Multipart/Form-Data; boundary=x") && !is_form("application/json"));
    }
}
