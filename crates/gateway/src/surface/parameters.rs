//! The parameters of a header's value, such as `form-data; name="model"`, where nobody could read others.

/// Somebody else could read other parameters there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclear;

/// Whether a name may have it (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// A header's value and its parameters.
pub(super) struct Parameters<'a> {
    pub(super) value: &'a str,
    rest: &'a str,
}

impl<'a> Parameters<'a> {
    pub(super) fn of(header: &'a str) -> Self {
        let (value, rest) = header.split_at(header.find(';').unwrap_or(header.len()));
        Self { value: value.trim(), rest }
    }

    /// The next one: its name, and its value without quotes.
    ///
    /// # Errors
    /// What follows is none, or one for some.
    pub(super) fn next(&mut self) -> Result<Option<(&'a str, &'a str)>, Unclear> {
        let Some(text) = self.rest.trim_start().strip_prefix(';').map(str::trim) else {
            return if self.rest.trim().is_empty() { Ok(None) } else { Err(Unclear) };
        };
        if text.is_empty() {
            self.rest = "";
            return Ok(None);
        }
        let (key, value) = text.split_once('=').ok_or(Unclear)?;
        if key.is_empty() || !key.bytes().all(is_token) {
            return Err(Unclear);
        }
        let found = if let Some(quoted) = value.strip_prefix('"') {
            let found = &quoted[..quote_end(quoted).ok_or(Unclear)?];
            self.rest = &quoted[found.len() + 1..];
            found
        } else {
            let (found, rest) = value.split_at(value.find(';').unwrap_or(value.len()));
            self.rest = rest;
            let found = found.trim_end();
            if found.is_empty() || found.contains(['"', ' ', '\t']) {
                return Err(Unclear);
            }
            found
        };
        Ok(Some((key, found)))
    }
}

/// Where a quoted text ends.
fn quote_end(quoted: &str) -> Option<usize> {
    let mut is_escaped = false;
    quoted.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}
