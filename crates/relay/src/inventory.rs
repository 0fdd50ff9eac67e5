//! What the process is: its configuration, files and resources, for the page of settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use relay_console::{Inventory, InventoryOf, Origin, Setting, Stored};
use relay_domain::{Clock as _, SystemClock, Timestamp};

use crate::config::{self, Config, StoreLocation, Told};
use crate::metrics;
use crate::serve::Addresses;

/// What does not change while the process lives.
struct Fixed {
    started_at: Timestamp,
    data_dir: PathBuf,
    store: PathBuf,
    log: PathBuf,
    file: Option<String>,
    settings: Vec<Setting>,
    addresses: Addresses,
}

/// Answers what the process is from now on.
pub(crate) fn of(config: &Config, addresses: Addresses) -> InventoryOf {
    let StoreLocation::Sqlite(store) = &config.store;
    let fixed = Arc::new(Fixed {
        started_at: SystemClock.now(),
        data_dir: config.data_dir.clone(),
        store: store.clone(),
        log: config.log_dir(),
        file: config.provenance.file.as_ref().map(|path| absolute(path)),
        settings: config.provenance.keys.iter().map(setting).collect(),
        addresses,
    });
    Arc::new(move || {
        let fixed = Arc::clone(&fixed);
        // Sizes are asked of the file system, which may be slow.
        Box::pin(async move { tokio::task::spawn_blocking(move || fixed.look()).await.unwrap_or_default() })
    })
}

fn setting(told: &Told) -> Setting {
    let key = told.key;
    Setting {
        key: key.path,
        value: told.value.clone(),
        default: key.default,
        origin: match &told.origin {
            config::Origin::File(path, line) => Origin::File(format!("{}:{line}", path.display())),
            config::Origin::Env(name) => Origin::Environment(name.clone()),
            config::Origin::Flag(flag) => Origin::Flag(flag),
            config::Origin::Default => Origin::Default,
        },
        variable: key.env(),
        flag: key.flag,
        meaning: key.meaning,
    }
}

impl Fixed {
    fn look(&self) -> Inventory {
        let Addresses { gateway, admin, status } = self.addresses;
        let status = status.map(|address| ("status_page", format!("http://{address}")));
        let listeners = [("gateway", format!("http://{gateway}")), ("admin", format!("http://{admin}"))];
        let bindings = self.data_dir.join("bindings.db");
        Inventory {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            node: node_name(),
            process_id: std::process::id(),
            processors: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            started_at: self.started_at,
            resident_bytes: metrics::resident_bytes().map(|bytes| bytes as u64),
            open_files: metrics::open_files().map(|files| files as u64),
            data_dir: absolute(&self.data_dir),
            free_bytes: free_bytes(&self.data_dir),
            config_file: self.file.clone(),
            stored: vec![
                Stored { what: "store", path: absolute(&self.store), bytes: database_bytes(&self.store) },
                Stored { what: "log", path: absolute(&self.log), bytes: directory_bytes(&self.log) },
                Stored { what: "bindings", path: absolute(&bindings), bytes: database_bytes(&bindings) },
            ],
            listeners: listeners.into_iter().chain(status).collect(),
            settings: self.settings.clone(),
        }
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).as_deref().unwrap_or(path).display().to_string()
}

fn node_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// A database with its write-ahead log.
fn database_bytes(path: &Path) -> u64 {
    let beside = ["", "-wal", "-shm"].map(|ending| PathBuf::from(format!("{}{ending}", path.display())));
    beside.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// The log is one flat directory.
fn directory_bytes(path: &Path) -> u64 {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}

fn free_bytes(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn the_console_explains_every_key_in_chinese_too() {
        let config = Config::for_demo(std::path::Path::new("data"));
        let missing = config.provenance.keys.iter().map(|told| told.key.path);
        let missing: Vec<&str> = missing.filter(|key| relay_console::setting_meaning(key).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
