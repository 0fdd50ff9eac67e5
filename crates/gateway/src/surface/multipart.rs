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
    let delimiter = format!("\r\n--{boundary}");
    let delimiters = memmem::Finder::new(&delimiter);
    let mut fields = Vec::new();
    // The first delimiter may lack the line end before it.
    let mut at = if body.starts_with(&delimiter.as_bytes()[2..]) {
        delimiter.len() - 2
    } else {
        delimiters.find(body).ok_or(Malformed)? + delimiter.len()
    };
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(fields);
        }
        // Blanks may follow the delimiter.
        let head_start = at + memmem::find(rest, b"\r\n").ok_or(Malformed)? + 2;
        let end = head_start - 2 + delimiters.find(&body[head_start - 2..]).ok_or(Malformed)?;
        let part = body.get(head_start..end).ok_or(Malformed)?;
        let head_length = memmem::find(part, b"\r\n\r\n").ok_or(Malformed)?;
        fields.extend(
            field_name(&part[..head_length]).map(|name| Field { name, value: head_start + head_length + 4..end }),
        );
        at = end + delimiter.len();
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
            Content-Type: image/png\r\n\r\n\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nno\r\n\
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
