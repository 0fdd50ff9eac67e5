//! Reading a query string.

/// The decoded, trimmed value of `name`, when it is there and not empty.
pub(crate) fn query_value(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let value = pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))?;
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &tail[2..];
                }
                None => bytes.push(b'%'),
            },
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_empty_ones_are_absent() {
        assert_eq!(query_value("a=1&search=gpt%20pool+x%", "search").as_deref(), Some("gpt pool x%"));
        assert_eq!(query_value("key=&a", "key"), None);
        assert_eq!(query_value("", "key"), None);
    }
}
