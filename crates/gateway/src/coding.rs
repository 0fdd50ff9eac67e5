//! Answers that come encoded although hosts are asked for `identity` (spec §6):
//! they are read through a decoder that never makes much out of little.

use std::io::Write;

use bytes::Bytes;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use relay_http1::Fields;

/// What is fed to a decoder at once: a piece of this size makes some 4 MiB at
/// most, so limits are met long before memory is a question.
const STEP: usize = 4 * 1024;

/// More output than this for each byte of input, once it is more than a small
/// answer, is no answer but a bomb. Repetitive JSON stays far below.
const MOST_EXPANSION: u64 = 200;
const SMALL_OUTPUT: u64 = 4 * 1024 * 1024;

/// The body is not what its head says, or a bomb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Undecodable;

/// The coding of a host's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// What the head says.
    ///
    /// # Errors
    /// It is none that can be read here.
    pub(crate) fn of(host: &Fields) -> Result<Self, Undecodable> {
        let mut codings = host.list("content-encoding").filter(|coding| !coding.eq_ignore_ascii_case(b"identity"));
        let (coding, further) = (codings.next(), codings.next());
        match coding.map(<[u8]>::to_ascii_lowercase).as_deref() {
            None => Ok(Self::Identity),
            Some(b"gzip" | b"x-gzip") if further.is_none() => Ok(Self::Gzip),
            Some(b"deflate") if further.is_none() => Ok(Self::Deflate),
            Some(_) => Err(Undecodable),
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// The codings that a client takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Takes {
    gzip: bool,
    deflate: bool,
}

impl Takes {
    /// What its head says (RFC 9110 §12.5.3).
    pub(crate) fn of(client: &Fields) -> Self {
        if !client.contains("accept-encoding") {
            return Self::default();
        }
        Self { gzip: takes(client, "gzip"), deflate: takes(client, "deflate") }
    }

    pub(crate) fn has(self, coding: Coding) -> bool {
        match coding {
            Coding::Identity => true,
            Coding::Gzip => self.gzip,
            Coding::Deflate => self.deflate,
        }
    }
}

fn takes(client: &Fields, coding: &str) -> bool {
    let weight = |name: &str| {
        client.list("accept-encoding").filter_map(|item| std::str::from_utf8(item).ok()).find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            parts.next().filter(|found| found.eq_ignore_ascii_case(name))?;
            let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0)));
            Some(!refused)
        })
    };
    weight(coding).or_else(|| weight("*")).unwrap_or(false)
}

/// Decodes a body piece by piece.
pub(crate) struct Decoder {
    inner: Inner,
    taken: u64,
    made: u64,
}

enum Inner {
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<ZlibDecoder<Vec<u8>>>),
}

impl Decoder {
    /// For a coding other than `identity`.
    pub(crate) fn new(coding: Coding) -> Option<Self> {
        let inner = match coding {
            Coding::Identity => return None,
            Coding::Gzip => Inner::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
            Coding::Deflate => Inner::Deflate(Box::new(ZlibDecoder::new(Vec::new()))),
        };
        Some(Self { inner, taken: 0, made: 0 })
    }

    /// Decodes the next piece.
    ///
    /// # Errors
    /// See [`Undecodable`].
    pub(crate) fn decode(&mut self, piece: &[u8]) -> Result<Bytes, Undecodable> {
        let mut decoded = Vec::new();
        for step in piece.chunks(STEP) {
            let made = match &mut self.inner {
                Inner::Gzip(gzip) => write(&mut **gzip, step).map(|()| std::mem::take(gzip.get_mut())),
                Inner::Deflate(deflate) => write(&mut **deflate, step).map(|()| std::mem::take(deflate.get_mut())),
            }?;
            self.taken += step.len() as u64;
            self.made += made.len() as u64;
            if self.made > SMALL_OUTPUT && self.made / self.taken > MOST_EXPANSION {
                return Err(Undecodable);
            }
            if decoded.is_empty() {
                decoded = made;
            } else {
                decoded.extend_from_slice(&made);
            }
        }
        Ok(decoded.into())
    }

    /// The encoded body has ended.
    ///
    /// # Errors
    /// It should not have, yet.
    pub(crate) fn finish(&mut self) -> Result<(), Undecodable> {
        let finished = match &mut self.inner {
            Inner::Gzip(gzip) => gzip.try_finish(),
            Inner::Deflate(deflate) => deflate.try_finish(),
        };
        finished.map_err(|_| Undecodable)
    }
}

fn write(decoder: &mut impl Write, step: &[u8]) -> Result<(), Undecodable> {
    // What is decoded is to be seen now, not when the decoder's window is full.
    decoder.write_all(step).and_then(|()| decoder.flush()).map_err(|_| Undecodable)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_decoded_whatever_its_pieces() {
        let encoded = gzip(b"data: {}\n\n");
        let mut decoder = Decoder::new(Coding::Gzip).unwrap();
        let decoded: Vec<u8> = encoded.iter().flat_map(|byte| decoder.decode(&[*byte]).unwrap()).collect();
        assert_eq!((&decoded[..], decoder.finish()), (&b"data: {}\n\n"[..], Ok(())));
    }

    #[test]
    fn a_cut_body_and_junk_are_noticed() {
        let encoded = gzip(&[b'x'; 1000]);
        let mut decoder = Decoder::new(Coding::Gzip).unwrap();
        decoder.decode(&encoded[..encoded.len() - 9]).unwrap();
        assert_eq!(decoder.finish(), Err(Undecodable));
        assert_eq!(Decoder::new(Coding::Gzip).unwrap().decode(b"{\"choices\":[]}"), Err(Undecodable));
    }

    #[test]
    fn a_bomb_is_refused_before_it_goes_off() {
        let encoded = gzip(&vec![0; 64 * 1024 * 1024]);
        let mut decoder = Decoder::new(Coding::Gzip).unwrap();
        assert_eq!(decoder.decode(&encoded), Err(Undecodable));
        assert!(decoder.made < 2 * SMALL_OUTPUT, "{}", decoder.made);
    }

    #[test]
    fn codings_are_taken_by_name_by_star_and_by_weight() {
        let takes = |value: &str| Takes::of(&Fields::from_pairs([("Accept-Encoding", value)])).has(Coding::Gzip);
        assert!(takes("gzip") && takes("br, GZIP;q=0.5") && takes("*"));
        assert!(!takes("") && !takes("identity") && !takes("gzip;q=0") && !takes("*, gzip; q=0.0"));
        assert!(!Takes::of(&Fields::default()).has(Coding::Gzip));
    }

    #[test]
    fn codings_are_read_from_the_head() {
        let of = |value: &str| Coding::of(&Fields::from_pairs([("Content-Encoding", value)]));
        assert_eq!(
            (of("GZIP"), of("identity"), of("deflate")),
            (Ok(Coding::Gzip), Ok(Coding::Identity), Ok(Coding::Deflate))
        );
        assert_eq!((of("br"), of("gzip, gzip")), (Err(Undecodable), Err(Undecodable)));
        assert_eq!(Coding::of(&Fields::default()), Ok(Coding::Identity));
    }
}
