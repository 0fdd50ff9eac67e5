//! Verification of a journal beside the log: its own chain. Whether its rows are in the log already is not asked.

use std::path::Path;

use super::VerifyReport;
use crate::aside;
use crate::codec::{Kind, Value, chained};
use crate::filing::decode;
use crate::journal::{JournalImage, Link, next_record};
use crate::reader::ReadError;

/// Counts its requests, and tells of the first row that is not as it was written.
pub(super) fn verify(path: &Path, report: &mut VerifyReport) -> Result<(), ReadError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Asked before it is read: its last row may be under way.
    let is_held = aside::is_held(path);
    let image = match JournalImage::read(path) {
        Ok(Some(image)) => image,
        Ok(None) => return Ok(()),
        // Taken into the log and removed meanwhile.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut link = aside::first_link(&image.writer);
    let mut left = image.records();
    while let Some(record) = next_record(left) {
        left = &left[record.length..];
        let entry = link.entry + 1;
        let decoded = decode(record.row).filter(|(_, values)| values[1] == Value::Integer(entry as i64));
        match decoded.filter(|_| chained(&link.head, record.row) == *record.hash) {
            Some((kind, _)) => report.beside += u64::from(kind == Kind::Intent),
            None if is_held && next_record(left).is_none() => break,
            None => {
                report.fault(&name, format!("entry {entry} of the journal beside the log is missing or was changed"));
                break;
            }
        }
        link = Link { entry, head: *record.hash };
    }
    Ok(())
}
