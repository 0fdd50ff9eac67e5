//! Until when a certificate is valid. TLS verifies certificates; this only reads one date for a person, so it walks
//! the few DER elements before it (RFC 5280 §4.1) and brings no parser along.

use relay_domain::Timestamp;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` of a certificate in DER; `None` when it cannot be read.
pub(crate) fn expires_at(certificate: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, VERSION)?.1;
    }
    // The serial number, the signature's algorithm and the issuer stand before the validity.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        rest = element(rest, tag)?.1;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, not_after) = element(validity, *validity.first()?)?;
    let tag = *not_after.first()?;
    let (text, _) = element(not_after, tag)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The content of the element at the head of `bytes`, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// `YYMMDDhhmmssZ`, or with four digits of the year.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = match tag {
        // RFC 5280: from 50 on it is the last century.
        UTC_TIME => format!("{}{text}", if text >= "50" { "19" } else { "20" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    if text.len() != 15 || !text.is_ascii() {
        return None;
    }
    let [year, month, day, hour, minute, second] = [0..4, 4..6, 6..8, 8..10, 10..12, 12..14].map(|part| &text[part]);
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD.decode(text.replace(' ', "")).unwrap()
    }

    const IN_UTC_TIME: &str = "MIIBgzCCASmgAwIBAgIUF/lIm42w9w4b17gfw4m4Ome0KMUwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMaG9zdC5leGFtcGxlMB4X \
        DTI2MTEyNjE4NDcyN1oXDTMxMTAzMTE4NDcyN1owFzEVMBMGA1UEAwwMaG9zdC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0D \
        AQcDQgAEwO9rFFLMK5gYNDYiW3UNDyrqhfGkzBU7GIro0WUKTm4FjoJJ6Gg170Z7n5VplNbd93Cvn4Taf7Sja377ixKXpaNTMFEw \
        HQYDVR0OBBYEFN6HO7t3mnsWCip1bmH5LV42D97tMB8GA1UdIwQYMBaAFN6HO7t3mnsWCip1bmH5LV42D97tMA8GA1UdEwEB/wQF \
        MAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgTZavVDKRQnAY+/VbPVyT6QJaxRNdfom2im0NxoKVtFgCIQC1UBdT3sH8KyIAnzP0Hjpy \
        ISn2JNoXejVDRitpLbK0JQ==";
    const IN_GENERALIZED_TIME: &str = "MIIBhDCCASugAwIBAgIULlnmTRfIltR4moOtP/vSpPYHBaUwCgYIKoZIzj0EAwIwFzEVMBMGA1UEAwwMaG9zdC5leGFtcGxlMCAX \
        DTI2MTEyNjE4NDcyN1oYDzIwNjEwMjE1MTg0NzI3WjAXMRUwEwYDVQQDDAxob3N0LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjO \
        PQMBBwNCAARS28PREj6+lDwqHNtnxd7vcdz8PB5wBiA/kz50BcjJJ3PXxthptaMdDly9cPmvwKjLKXY02QJDk2Vq+yXGPD0no1Mw \
        UTAdBgNVHQ4EFgQU863qjkctcvcJUyh1Xou8x+6KWUkwHwYDVR0jBBgwFoAU863qjkctcvcJUyh1Xou8x+6KWUkwDwYDVR0TAQH/ \
        BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA1D01PlvgOM139U76IrOVNm4onqI/EfuK605Gzx8q6dgIgaco2ZO4qFNZmACNc2fDR \
        l6Y1qinxFcIlEC8NGoMawW0=";

    #[test]
    fn the_end_of_the_validity_is_read_in_both_notations() {
        for (certificate, expected) in
            [(IN_UTC_TIME, "2031-10-31T18:47:27Z"), (IN_GENERALIZED_TIME, "2061-02-15T18:47:27Z")]
        {
            assert_eq!(expires_at(&bytes(certificate)), Some(expected.parse().unwrap()));
        }
    }

    #[test]
    fn a_cut_certificate_has_no_date_and_breaks_nothing() {
        let whole = bytes(IN_UTC_TIME);
        for cut in 0..80 {
            assert_eq!(expires_at(&whole[..cut]), None, "{cut}");
        }
    }
}
