//! The master key: 32 bytes from the environment, or from a file that only we
//! may read, made at first start (spec §10).

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretBox};

use crate::issue::random_bytes;

/// Why there is no master key. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not 32 bytes.
    #[error("the master key must be 32 bytes: 64 hex digits, or base64; `openssl rand -hex 32` makes one")]
    Malformed,
    /// The file's content is not a key.
    #[error(
        "the master key file {} does not hold 64 hex digits or 32 bytes in base64; restore it from a backup (only if \
         nothing was stored yet, remove it, and a new one is made)", path.display()
    )]
    MalformedFile {
        /// The file.
        path: PathBuf,
    },
    /// Others may read or write the file.
    #[error(
        "the master key file {} can be read or written by others (mode {mode:03o}); run `chmod 600 {}`",
        path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file cannot be read or made.
    #[error("cannot read or make the master key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Part of the format of every installation's data.
const KEY_ID_CONTEXT: &str = "relay-manager 2026-10 master key id";

/// The key that all others are derived from: wiped on drop, redacted in `Debug`.
pub struct MasterKey(SecretBox<[u8; 32]>);

impl MasterKey {
    /// Takes the key as it is.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// Reads 64 hex digits or base64 (either alphabet, padded or not); trimmed.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`]; the message does not repeat the text.
    pub fn from_text(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let from_base64 = || {
            [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(text).ok())
        };
        let bytes = hex::decode(text).ok().or_else(from_base64).ok_or(MasterKeyError::Malformed)?;
        <[u8; 32]>::try_from(bytes).map(Self::from_bytes).map_err(|_| MasterKeyError::Malformed)
    }

    /// Reads the key in `path`, or makes one there, with mode 0600, when there is
    /// no such file. Two processes that start at once end with the same key.
    ///
    /// # Errors
    /// When the file cannot be read or made, is not a key, or is open to others.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                create(path).map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
                Self::load(path)
            }
            result => result,
        }
    }

    /// Reads the key in `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is not a key, or is open to others.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let fault = |source| MasterKeyError::File { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(fault)?;
        refuse_exposed(&file, path)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(fault)?;
        Self::from_text(&text).map_err(|_| MasterKeyError::MalformedFile { path: path.to_owned() })
    }

    /// Names the key without telling it: 8 hex digits.
    pub fn id(&self) -> String {
        hex::encode(&blake3::derive_key(KEY_ID_CONTEXT, self.expose())[..4])
    }

    /// A key for a purpose of its own. `context` is part of the format of what it encrypts.
    pub fn derive(&self, context: &'static str) -> SecretBox<[u8; 32]> {
        SecretBox::new(Box::new(blake3::derive_key(context, self.expose())))
    }

    /// As [`MasterKey::load`] reads it: for a file that nobody else can read.
    pub fn to_text(&self) -> String {
        format!("{}\n", hex::encode(self.expose()))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }
}

impl Clone for MasterKey {
    fn clone(&self) -> Self {
        Self::from_bytes(*self.expose())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Puts a new key at `path` in one step: a reader sees no file or all of it. A
/// file that appeared meanwhile is kept.
fn create(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        fs::create_dir_all(directory)?;
    }
    let draft = path.with_extension(format!("new-{}", hex::encode(random_bytes::<4>())));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    let written = file
        .write_all(format!("{}\n", hex::encode(random_bytes::<32>())).as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

#[cfg(unix)]
fn refuse_exposed(file: &File, path: &Path) -> Result<(), MasterKeyError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata().map_err(|source| MasterKeyError::File { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    let of_others = mode & 0o077;
    if of_others == 0 { Ok(()) } else { Err(MasterKeyError::Exposed { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_exposed(_file: &File, _path: &Path) -> Result<(), MasterKeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_hex_or_base64_of_32_bytes() {
        let bytes = [0xfb; 32];
        for text in [
            hex::encode(bytes),
            hex::encode_upper(bytes),
            format!(" {}\n", STANDARD.encode(bytes)),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            assert_eq!(MasterKey::from_text(&text).unwrap().expose(), &bytes, "{text}");
        }
        for text in ["", "secret", &hex::encode([1; 31]), &STANDARD.encode([1; 33]), &"g".repeat(64)] {
            assert!(matches!(MasterKey::from_text(text), Err(MasterKeyError::Malformed)), "{text}");
        }
    }

    #[test]
    fn a_first_start_makes_a_private_file_and_the_next_reads_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data/master.key");
        let made = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(MasterKey::load_or_create(&path).unwrap().expose(), made.expose());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft stays behind");
        assert!(!format!("{made:?}").contains(&hex::encode(made.expose())));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        MasterKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600") && error.contains("640"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_key_is_never_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).unwrap();
        assert!(matches!(MasterKey::load_or_create(&path), Err(MasterKeyError::MalformedFile { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"");
    }
}
