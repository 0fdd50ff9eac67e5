//! Writing an archive, with the server running or not.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use relay_store::MasterKey;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use crate::contents::{BINDINGS, FORMAT, LOG, MANIFEST, MASTER_KEY, Manifest, STORE, is_of_the_log, is_sqlite};
use crate::key::ArchiveKey;
use crate::seal::SealingWriter;

/// What is to be backed up.
pub struct Source<'a> {
    /// The server's data directory.
    pub data_dir: &'a Path,
    /// Its database, which may be elsewhere.
    pub store: &'a Path,
    /// The key that the database's secrets are sealed under.
    pub master_key: &'a MasterKey,
    /// With the decision log, which may be large.
    pub with_log: bool,
}

/// How far an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied<'a> {
    /// The file that goes in now.
    pub file: &'a str,
    /// Bytes of files that are in.
    pub bytes: u64,
    /// Bytes of all of them, as they were at the beginning.
    pub of: u64,
}

/// An archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is nothing to back up.
    #[error("there is no database {}; name the server's data directory with --data-dir", .0.display())]
    NoStore(PathBuf),
    /// A SQLite file cannot be copied.
    #[error("cannot copy {}", path.display())]
    Sqlite {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A file cannot be read, or the archive not be written.
    #[error("cannot write the archive")]
    Io(#[from] io::Error),
}

/// Writes an archive of `source` to `to`, and returns what it holds and how many bytes of files went in.
/// `progress` is told of each file as it goes in. Blocks.
///
/// # Errors
/// See [`WriteError`]; what `to` has by then does not open.
pub fn write(
    source: &Source<'_>,
    key: &ArchiveKey,
    to: impl Write,
    now: Timestamp,
    progress: impl FnMut(Copied<'_>),
) -> Result<(Manifest, u64), WriteError> {
    if !source.store.is_file() {
        return Err(WriteError::NoStore(source.store.to_owned()));
    }
    let manifest = Manifest {
        format: FORMAT,
        created_at: now,
        written_by: env!("CARGO_PKG_VERSION").to_owned(),
        master_key_id: source.master_key.id(),
        holds_master_key: matches!(key, ArchiveKey::Passphrase(_)),
        holds_log: source.with_log,
    };
    let gzip = GzEncoder::new(SealingWriter::new(to, key)?, Compression::fast());
    let (tar, scratch) = (tar::Builder::new(gzip), tempfile::tempdir()?);
    let mut archive = Archive { tar, scratch, now, bytes: 0, of: size(source), progress };
    archive.bytes(MANIFEST, &serde_json::to_vec_pretty(&manifest).map_err(io::Error::from)?)?;
    if manifest.holds_master_key {
        archive.bytes(MASTER_KEY, source.master_key.to_text().as_bytes())?;
    }
    archive.sqlite(STORE, source.store)?;
    let bindings = source.data_dir.join(BINDINGS);
    if bindings.is_file() {
        archive.sqlite(BINDINGS, &bindings)?;
    }
    if source.with_log {
        archive.log(&source.data_dir.join(LOG))?;
    }
    let bytes = archive.bytes;
    archive.tar.into_inner()?.finish()?.finish()?;
    Ok((manifest, bytes))
}

/// Bytes of all files that go in; what cannot be looked at now is told when it is copied.
fn size(source: &Source<'_>) -> u64 {
    let of = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let log = source.data_dir.join(LOG);
    let names = if source.with_log { names_of_the_log(&log).unwrap_or_default() } else { Vec::new() };
    let log: u64 = names.iter().map(|name| of(&log.join(name))).sum();
    of(source.store) + of(&source.data_dir.join(BINDINGS)) + log
}

fn names_of_the_log(folder: &Path) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    names.retain(|name| is_of_the_log(name));
    Ok(names)
}

struct Archive<W: Write, P> {
    tar: tar::Builder<GzEncoder<SealingWriter<W>>>,
    /// Where SQLite makes its copies, one at a time.
    scratch: tempfile::TempDir,
    now: Timestamp,
    bytes: u64,
    of: u64,
    progress: P,
}

/// What is read of a file, told as it goes.
struct Told<'a, R, P> {
    from: R,
    file: &'a str,
    bytes: &'a mut u64,
    of: u64,
    progress: &'a mut P,
}

impl<R: Read, P: FnMut(Copied<'_>)> Read for Told<'_, R, P> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        *self.bytes += read as u64;
        (self.progress)(Copied { file: self.file, bytes: *self.bytes, of: self.of.max(*self.bytes) });
        Ok(read)
    }
}

impl<W: Write, P: FnMut(Copied<'_>)> Archive<W, P> {
    /// Journals first, then the segments that their rows move to; a journal that is deleted meanwhile
    /// has been filed, so its rows are in the segment that is copied after it.
    fn log(&mut self, folder: &Path) -> Result<(), WriteError> {
        let mut names = names_of_the_log(folder)?;
        names.sort_by_key(|name| (is_sqlite(name), name.clone()));
        for name in names {
            let inside = format!("{LOG}/{name}");
            let path = folder.join(&name);
            if is_sqlite(&name) {
                self.sqlite(&inside, &path)?;
                continue;
            }
            match fs::read(&path) {
                Ok(bytes) => self.bytes(&inside, &bytes)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One consistent state of a database that others write to. Writers do not wait for it: it is one read.
    fn sqlite(&mut self, inside: &str, path: &Path) -> Result<(), WriteError> {
        (self.progress)(Copied { file: inside, bytes: self.bytes, of: self.of });
        let copy = self.scratch.path().join("copy.db");
        let copied = || {
            let from = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let mut to = Connection::open(&copy)?;
            Backup::new(&from, &mut to)?.step(-1).map(drop)
        };
        copied().map_err(|source| WriteError::Sqlite { path: path.to_owned(), source })?;
        let file = File::open(&copy)?;
        let length = file.metadata()?.len();
        self.entry(inside, length, file)?;
        fs::remove_file(&copy)?;
        Ok(())
    }

    fn bytes(&mut self, inside: &str, bytes: &[u8]) -> io::Result<()> {
        self.entry(inside, bytes.len() as u64, bytes)
    }

    fn entry(&mut self, inside: &str, length: u64, from: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.now.as_second()).unwrap_or_default());
        let Self { tar, bytes, of, progress, .. } = self;
        tar.append_data(&mut header, inside, Told { from, file: inside, bytes, of: *of, progress })
    }
}
