//! The encrypted container: STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, 2015) over XChaCha20-Poly1305.
//! Each piece is bound to its place, and the last one is marked, so that an archive that was cut off
//! between two pieces does not read as a shorter one.

use std::io::{self, BufRead, Read, Write};

use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::{Key, KeyInit as _, XChaCha20Poly1305};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::key::{ArchiveKey, KeyError, KeyHint};

/// The first line of every archive.
const MAGIC: &str = "relay-manager backup 1\n";

/// Plain bytes of a piece.
const PIECE: usize = 64 * 1024;

/// What a piece grows by.
const TAG: usize = 16;

/// A header line is no longer.
const LONGEST_HEADER: u64 = 4096;

/// 24 bytes of XChaCha's nonce less the 5 that count the pieces.
const NONCE: usize = 19;

#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    key: KeyHint,
    nonce: String,
}

/// Encrypts what is written to it. [`SealingWriter::finish`] has to be called: without it the
/// archive does not open.
pub(crate) struct SealingWriter<W: Write> {
    to: W,
    encryptor: EncryptorBE32<XChaCha20Poly1305>,
    /// The header's line, which the first piece is bound to.
    header: Vec<u8>,
    piece: Vec<u8>,
}

impl<W: Write> SealingWriter<W> {
    pub(crate) fn new(mut to: W, key: &ArchiveKey) -> io::Result<Self> {
        let hint = KeyHint::new(key);
        let derived = hint.derive(key).map_err(io::Error::other)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
        let mut header = serde_json::to_vec(&Header { key: hint, nonce: hex::encode(nonce) })?;
        header.push(b'\n');
        to.write_all(MAGIC.as_bytes())?;
        to.write_all(&header)?;
        let cipher = XChaCha20Poly1305::new(&Key::from(*derived.expose_secret()));
        let encryptor = EncryptorBE32::from_aead(cipher, &nonce.into());
        Ok(Self { to, encryptor, header, piece: Vec::with_capacity(PIECE + TAG) })
    }

    /// Writes the last piece.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let header = std::mem::take(&mut self.header);
        self.encryptor.encrypt_last_in_place(&header, &mut self.piece).map_err(|_| too_large())?;
        self.to.write_all(&self.piece)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

fn too_large() -> io::Error {
    io::Error::other("the archive is larger than can be sealed (256 TiB)")
}

impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits for the next byte, since it may be the last.
        if self.piece.len() == PIECE {
            let header = std::mem::take(&mut self.header);
            self.encryptor.encrypt_next_in_place(&header, &mut self.piece).map_err(|_| too_large())?;
            self.to.write_all(&self.piece)?;
            self.piece.clear();
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why an archive does not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("it is no backup of relay-manager, or one of a later version")]
    NotOne,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Decrypts what is read from it. An archive that was changed or cut off is an error of kind
/// [`io::ErrorKind::InvalidData`], never a shorter archive.
pub(crate) struct OpeningReader<R: Read> {
    from: R,
    /// Gone once the last piece was read.
    decryptor: Option<DecryptorBE32<XChaCha20Poly1305>>,
    header: Vec<u8>,
    plain: Vec<u8>,
    at: usize,
}

impl<R: BufRead> OpeningReader<R> {
    pub(crate) fn new(mut from: R, key: &ArchiveKey) -> Result<Self, OpenError> {
        let mut magic = [0; MAGIC.len()];
        let is_one = from.read_exact(&mut magic).is_ok() && magic == *MAGIC.as_bytes();
        if !is_one {
            return Err(OpenError::NotOne);
        }
        let mut header = Vec::new();
        from.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut header)?;
        let read: Header = serde_json::from_slice(&header).map_err(|_| KeyError::Header)?;
        let nonce = hex::decode(&read.nonce).ok().and_then(|nonce| <[u8; NONCE]>::try_from(nonce).ok());
        let nonce = nonce.ok_or(KeyError::Header)?;
        let derived = read.key.derive(key)?;
        let cipher = XChaCha20Poly1305::new(&Key::from(*derived.expose_secret()));
        let decryptor = Some(DecryptorBE32::from_aead(cipher, &nonce.into()));
        Ok(Self { from, decryptor, header, plain: Vec::new(), at: 0 })
    }

    /// Opens the next piece; false when there is none.
    fn next_piece(&mut self) -> io::Result<bool> {
        let Some(mut decryptor) = self.decryptor.take() else { return Ok(false) };
        self.plain.clear();
        self.at = 0;
        self.from.by_ref().take((PIECE + TAG) as u64).read_to_end(&mut self.plain)?;
        let header = std::mem::take(&mut self.header);
        if self.from.fill_buf()?.is_empty() {
            decryptor.decrypt_last_in_place(&header, &mut self.plain).map_err(|_| damaged())?;
        } else {
            decryptor.decrypt_next_in_place(&header, &mut self.plain).map_err(|_| damaged())?;
            self.decryptor = Some(decryptor);
        }
        Ok(true)
    }
}

fn damaged() -> io::Error {
    let message = "the archive is damaged or cut off, or the passphrase is another one";
    io::Error::new(io::ErrorKind::InvalidData, message)
}

impl<R: BufRead> Read for OpeningReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if !self.next_piece()? {
                return Ok(0);
            }
        }
        let some = into.len().min(self.plain.len() - self.at);
        into[..some].copy_from_slice(&self.plain[self.at..self.at + some]);
        self.at += some;
        Ok(some)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use relay_store::MasterKey;

    use super::*;

    fn key(byte: u8) -> ArchiveKey {
        ArchiveKey::Master(MasterKey::from_bytes([byte; 32]))
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut writer = SealingWriter::new(Vec::new(), &key(1)).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn opened(archive: &[u8], key: &ArchiveKey) -> Result<Vec<u8>, OpenError> {
        let mut plain = Vec::new();
        OpeningReader::new(archive, key)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn what_was_sealed_is_opened_whatever_its_length() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            assert_eq!(opened(&sealed(&plain), &key(1)).unwrap(), plain, "{length}");
        }
    }

    #[test]
    fn a_changed_or_shortened_archive_does_not_open() {
        let archive = sealed(&vec![7; 3 * PIECE]);
        let pieces = archive.len() - 3 * (PIECE + TAG);
        for at in [pieces - 10, pieces, pieces + PIECE, archive.len() - 1] {
            let mut changed = archive.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, &key(1)).is_err(), "{at}");
        }
        for length in [pieces, pieces + PIECE + TAG, pieces + 2 * (PIECE + TAG), archive.len() - 1] {
            assert!(opened(&archive[..length], &key(1)).is_err(), "{length}");
        }
        let mut swapped = archive[..pieces].to_vec();
        swapped.extend_from_slice(&archive[pieces + PIECE + TAG..pieces + 2 * (PIECE + TAG)]);
        swapped.extend_from_slice(&archive[pieces..pieces + PIECE + TAG]);
        swapped.extend_from_slice(&archive[pieces + 2 * (PIECE + TAG)..]);
        assert!(opened(&swapped, &key(1)).is_err());
    }

    #[test]
    fn what_opens_it_is_told_when_it_is_missing() {
        let archive = sealed(b"x");
        let error = |key: &ArchiveKey| opened(&archive, key).unwrap_err().to_string();
        assert!(error(&key(2)).starts_with("it is encrypted under master key "), "{}", error(&key(2)));
        let passphrase = ArchiveKey::Passphrase("x".to_owned().into());
        assert!(error(&passphrase).ends_with("; give that key"), "{}", error(&passphrase));
        assert!(matches!(opened(b"PK\x03\x04", &key(1)), Err(OpenError::NotOne)));
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed_and_no_other_does() {
        let passphrase = |text: &str| ArchiveKey::Passphrase(text.to_owned().into());
        let mut writer = SealingWriter::new(Vec::new(), &passphrase("correct horse")).unwrap();
        writer.write_all(b"battery").unwrap();
        let archive = writer.finish().unwrap();
        assert_eq!(opened(&archive, &passphrase("correct horse")).unwrap(), b"battery");
        assert!(opened(&archive, &passphrase("wrong horse")).is_err());
        assert!(matches!(opened(&archive, &key(1)), Err(OpenError::Key(KeyError::NeedsPassphrase))));
    }
}
