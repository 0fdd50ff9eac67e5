//! Putting an archive back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use relay_store::MasterKey;

use crate::contents::{FORMAT, MANIFEST, MASTER_KEY, Manifest, is_known};
use crate::key::{ArchiveKey, KeyError};
use crate::seal::{OpenError, OpeningReader};

/// An archive was not restored; the directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something in the directory.
    #[error("{} is not empty; name a new directory, or move that one away", .0.display())]
    NotEmpty(PathBuf),
    /// No archive, or none of this version.
    #[error("it is no backup of relay-manager, or one of a later version")]
    NotOne,
    /// Its key is not there.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It holds a file that a data directory has no place for.
    #[error("it holds \"{0}\", which no data directory has")]
    Strange(String),
    /// It cannot be read, or the directory not be written.
    #[error("cannot restore it")]
    Io(#[from] io::Error),
}

impl From<OpenError> for RestoreError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotOne => Self::NotOne,
            OpenError::Key(error) => Self::Key(error),
            OpenError::Io(error) => Self::Io(error),
        }
    }
}

/// Restores the archive in `from` as the data directory `data_dir`, which must not exist or be empty. Everything is written
/// beside it and moved there at the end, when the archive has proved whole. The master key it was
/// opened with is put there as well. Blocks.
///
/// # Errors
/// See [`RestoreError`].
pub fn restore(from: impl Read, key: &ArchiveKey, data_dir: &Path) -> Result<Manifest, RestoreError> {
    refuse_a_full(data_dir)?;
    let mut archive = tar::Archive::new(GzDecoder::new(OpeningReader::new(BufReader::new(from), key)?));
    let parent = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent)?;
    // For its owner alone, and removed when anything fails.
    let private = fs::Permissions::from_mode(0o700);
    let draft = tempfile::Builder::new().prefix(".relay-manager-restore-").permissions(private).tempdir_in(parent)?;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        if !entry.header().entry_type().is_file() || !is_known(&name) {
            return Err(RestoreError::Strange(name.display().to_string()));
        }
        let path = draft.path().join(&name);
        fs::create_dir_all(path.parent().unwrap_or(draft.path()))?;
        let mut file = create(&path)?;
        io::copy(&mut entry, &mut file)?;
        file.sync_all()?;
    }
    // What follows the last entry proves that nothing was cut off.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    let manifest = manifest(draft.path())?;
    if let ArchiveKey::Master(master) = key {
        io::Write::write_all(&mut create(&draft.path().join(MASTER_KEY))?, master.to_text().as_bytes())?;
    }
    match fs::remove_dir(data_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fs::rename(draft.keep(), data_dir)?;
    Ok(manifest)
}

fn refuse_a_full(data_dir: &Path) -> Result<(), RestoreError> {
    match fs::read_dir(data_dir) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(RestoreError::NotEmpty(data_dir.to_owned())),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn manifest(draft: &Path) -> Result<Manifest, RestoreError> {
    let path = draft.join(MANIFEST);
    let manifest: Manifest = serde_json::from_slice(&fs::read(&path)?).map_err(|_| RestoreError::NotOne)?;
    if manifest.format > FORMAT {
        return Err(RestoreError::NotOne);
    }
    fs::remove_file(path)?;
    if manifest.holds_master_key {
        // Refused here rather than at the first start.
        MasterKey::load(&draft.join(MASTER_KEY)).map_err(io::Error::other)?;
    }
    Ok(manifest)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
