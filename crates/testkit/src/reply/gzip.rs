//! Gzip by stored blocks: valid, deterministic, and without a compressor to depend on.

/// The header: deflate, no name, no time, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The largest stored block.
const BLOCK: usize = 65_535;

/// Encodes writes so that each can be decoded when it has come.
#[derive(Default)]
pub(super) struct Gzip {
    started: bool,
    crc: Crc,
    length: u32,
}

impl Gzip {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 32);
        if !self.started {
            out.extend_from_slice(&HEADER);
            self.started = true;
        }
        for block in bytes.chunks(BLOCK) {
            Self::block(&mut out, block, false);
        }
        self.crc.update(bytes);
        self.length = self.length.wrapping_add(bytes.len() as u32);
        out
    }

    pub(super) fn end(&mut self) -> Vec<u8> {
        let mut out = self.write(&[]);
        Self::block(&mut out, &[], true);
        out.extend_from_slice(&self.crc.value().to_le_bytes());
        out.extend_from_slice(&self.length.to_le_bytes());
        out
    }

    fn block(out: &mut Vec<u8>, bytes: &[u8], last: bool) {
        let length = bytes.len() as u16;
        out.push(u8::from(last));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(bytes);
    }
}

/// CRC-32 as gzip wants it, bit by bit: test bodies are small.
struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..8 {
                let carry = self.0 & 1;
                self.0 >>= 1;
                if carry == 1 {
                    self.0 ^= 0xedb8_8320;
                }
            }
        }
    }

    fn value(&self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        let mut crc = Crc::default();
        crc.update(b"1234");
        crc.update(b"56789");
        assert_eq!(crc.value(), 0xcbf4_3926);
    }

    #[test]
    fn an_empty_body_is_a_whole_gzip_file() {
        let bytes = Gzip::default().end();
        assert_eq!(bytes[..10], HEADER);
        assert_eq!(bytes[10..], [1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
