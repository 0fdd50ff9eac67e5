//! Percent-encoding, as it may stand in a path or a query.

use std::borrow::Cow;

/// What `text` stands for; as it is when that is not UTF-8.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = escaped(&bytes[at..]).map_or((bytes[at], 1), |byte| (byte, 3));
        decoded.push(byte);
        at += length;
    }
    String::from_utf8(decoded).map_or(text.into(), Cow::Owned)
}

/// Adds a text to a path as one segment of it: all but unreserved characters are escaped (RFC 3986 §2.3).
pub(crate) fn encode(text: &str, path: &mut String) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    // Names of models seldom have anything else.
    if text.bytes().all(is_plain) {
        return path.push_str(text);
    }
    for byte in text.bytes() {
        if is_plain(byte) {
            path.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
            path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    Some((digit(*high)? * 16 + digit(*low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_decoded_to_what_was_encoded() {
        let encoded = |text| {
            let mut path = "/".to_owned();
            encode(text, &mut path);
            path
        };
        assert_eq!(encoded("gpt-5.1_x~"), "/gpt-5.1_x~");
        assert_eq!(encoded("a/b:c é%"), "/a%2Fb%3Ac%20%C3%A9%25");
        assert_eq!(decode(&encoded("a/b:c é%")), "/a/b:c é%");
    }

    #[test]
    fn escapes_are_read_and_anything_else_stays() {
        for (text, expected) in [
            ("gpt-5", "gpt-5"),
            ("org%2Fm%c3%A9", "org/mé"),
            ("50%", "50%"),
            ("%zz%4", "%zz%4"),
            ("%ff", "%ff"),
            ("", ""),
        ] {
            assert_eq!(decode(text), expected);
        }
    }
}
