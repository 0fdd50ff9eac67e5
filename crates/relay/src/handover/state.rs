//! What goes over in files of the data directory: written by the old process before it says the word after which the
//! new one reads them. Without them the new process learns anew, so no failure here ends a restart.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Breakers and cool-downs; from before the new process serves.
pub(crate) const HEALTH: &str = "health-handover.json";

/// The rates of the last minute; from after the old one accepts nothing more.
pub(crate) const LIMITS: &str = "limits-handover.json";

/// Leaves a file for the next process.
pub(crate) fn leave(data_dir: &Path, name: &str, state: &impl Serialize) {
    let path = data_dir.join(name);
    let written = serde_json::to_vec(state).map_err(Into::into).and_then(|text| fs::write(&path, text));
    if let Err(error) = written {
        tracing::warn!(%error, name, "the new process has to learn anew what was known here");
        // One that an earlier attempt left would be taken for this one.
        let _ = fs::remove_file(path);
    }
}

/// Takes what the process before this one left; given once.
pub(crate) fn take<T: DeserializeOwned>(data_dir: &Path, name: &str) -> Option<T> {
    let path = data_dir.join(name);
    let text = fs::read(&path);
    let _ = fs::remove_file(path);
    let read = text.map_err(anyhow::Error::from).and_then(|text| Ok(serde_json::from_slice(&text)?));
    read.inspect_err(|error| tracing::warn!(%error, name, "starting without what the process before this one knew"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_taken_once_and_what_cannot_be_read_is_nothing() {
        let directory = tempfile::tempdir().unwrap();
        leave(directory.path(), HEALTH, &[1, 2]);
        assert_eq!(take::<Vec<u32>>(directory.path(), HEALTH), Some(vec![1, 2]));
        assert_eq!(take::<Vec<u32>>(directory.path(), HEALTH), None);
        fs::write(directory.path().join(HEALTH), "[1").unwrap();
        assert_eq!(take::<Vec<u32>>(directory.path(), HEALTH), None);
        assert!(!directory.path().join(HEALTH).exists());
    }
}
