//! The journal: where a row is first on disk.
//!
//! A commit is one `write` of all rows that had queued to a file that only
//! grows. That costs two or three microseconds however few rows there are,
//! where a SQLite transaction costs thirty to sixty; the rows then go to the
//! day's SQLite file in large transactions (`filing`), and the journal file
//! is deleted when they are safe there. What a `kill -9` leaves in a journal
//! is filed at the next start.
//!
//! A file is a header (magic, writer, day, last entry and hash before it) and
//! records: length of the row, canonical row, hash. A record that is cut
//! short at the end of the file was never acknowledged.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::codec::{HASH_BYTES, Hash, chained};
use crate::day::Day;
use crate::fault::DiskFault;

const MAGIC: [u8; 8] = *b"RLYJRNL1";
const WRITER_BYTES: usize = 16;
/// Bytes before the first record.
pub(crate) const HEADER_BYTES: usize = 8 + WRITER_BYTES + 4 + 8 + HASH_BYTES;

/// Random id of whoever writes a log; made at the first start in a data directory.
pub(crate) type WriterId = [u8; WRITER_BYTES];

/// Where a chain stands: the number and hash of its last row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) entry: u64,
    pub(crate) head: Hash,
}

impl Link {
    /// The beginning of a segment's chain, which no other writer or day shares.
    pub(crate) fn first(writer: &WriterId, day: Day) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"relay decision log segment 1");
        hasher.update(writer);
        hasher.update(&day.0.to_le_bytes());
        Self { entry: 0, head: *hasher.finalize().as_bytes() }
    }
}

/// A journal file that is being written.
#[derive(Debug)]
pub(crate) struct JournalFile {
    file: File,
    /// Everything before this offset is acknowledged; a failed write is repeated here.
    end: u64,
    fault: Option<DiskFault>,
}

impl JournalFile {
    /// Creates a file that goes on from `link`.
    pub(crate) fn create(
        path: &Path,
        writer: &WriterId,
        day: Day,
        link: &Link,
        fault: Option<DiskFault>,
    ) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(writer);
        header.extend_from_slice(&day.0.to_le_bytes());
        header.extend_from_slice(&link.entry.to_le_bytes());
        header.extend_from_slice(&link.head);
        let mut journal = Self { file, end: 0, fault };
        journal.append(&header)?;
        Ok(journal)
    }

    /// Holds the file until it is closed, however this process ends: others see by that whether anybody still writes it.
    pub(crate) fn hold(&self) -> io::Result<()> {
        self.file.try_lock().map_err(io::Error::from)
    }

    /// Appends whole records. After an error the file ends where it did.
    pub(crate) fn append(&mut self, records: &[u8]) -> io::Result<()> {
        if let Some(fault) = &self.fault {
            fault.before_append(records.len())?;
        }
        self.file.write_all_at(records, self.end)?;
        self.end += records.len() as u64;
        Ok(())
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }
}

/// Starts a record at the end of `buffer`; the row follows, then [`end_record`].
pub(crate) fn begin_record(buffer: &mut Vec<u8>) -> usize {
    buffer.extend_from_slice(&[0; 4]);
    buffer.len()
}

/// Ends the record whose row began at `row_at`: chains it and writes its length and hash.
pub(crate) fn end_record(buffer: &mut Vec<u8>, row_at: usize, head: &mut Hash) {
    let length = (buffer.len() - row_at) as u32;
    *head = chained(head, &buffer[row_at..]);
    buffer[row_at - 4..row_at].copy_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(head);
}

/// A record as it stands in a journal.
#[derive(Clone, Copy)]
pub(crate) struct Record<'j> {
    pub(crate) row: &'j [u8],
    pub(crate) hash: &'j Hash,
    /// Bytes of the whole record.
    pub(crate) length: usize,
}

/// The record at the head of `bytes`; `None` when it is not all there.
pub(crate) fn next_record(bytes: &[u8]) -> Option<Record<'_>> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return None;
    }
    let (row, rest) = rest.split_at_checked(length)?;
    let hash = rest.first_chunk::<HASH_BYTES>()?;
    Some(Record { row, hash, length: 4 + length + HASH_BYTES })
}

/// A journal file read whole.
pub(crate) struct JournalImage {
    bytes: Vec<u8>,
    pub(crate) writer: WriterId,
    pub(crate) link: Link,
}

impl JournalImage {
    /// Reads a file; `None` when its header is cut short (it held no row yet) or is not one of ours.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        File::open(path)?.read_to_end(&mut bytes)?;
        let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let mut rest = &header[..];
        let (Some(magic), Some(writer), Some(_day), Some(entry), Some(head)) =
            (take(&mut rest), take(&mut rest), take::<4>(&mut rest), take(&mut rest), take(&mut rest))
        else {
            return Ok(None);
        };
        if magic != MAGIC {
            return Ok(None);
        }
        let link = Link { entry: u64::from_le_bytes(entry), head };
        Ok(Some(Self { bytes, writer, link }))
    }

    pub(crate) fn records(&self) -> &[u8] {
        &self.bytes[HEADER_BYTES..]
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}
