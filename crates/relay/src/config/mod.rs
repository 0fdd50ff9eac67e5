//! The process configuration (spec §2): `relay-manager.toml`, then
//! `RELAY_MANAGER_<SECTION>_<KEY>`, then flags. One file per section; the keys
//! and their defaults are in `keys.rs`, what is wrong is told all at once.
//!
//! The fleet (hosts, groups, routes, keys) is not configuration: it lives in the
//! store and changes while the server runs.

mod admin;
mod breaker;
mod fault;
mod gateway;
mod keys;
mod layers;
mod log;
mod managed;
mod probe;
mod retry;
mod status_page;
mod telemetry;
mod timeouts;
mod value;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub(crate) use admin::AdminConfig;
pub(crate) use breaker::BreakerConfig;
pub(crate) use fault::{Fault, Faults, Origin};
pub(crate) use gateway::GatewayConfig;
pub(crate) use layers::{Provenance, Told};
pub(crate) use log::{LogConfig, OnStall};
pub(crate) use managed::ManagedConfig;
pub(crate) use probe::{ProbeConfig, ProbeMode};
pub(crate) use retry::RetryConfig;
pub(crate) use status_page::StatusPageConfig;
pub(crate) use timeouts::TimeoutsConfig;
pub(crate) use value::{BindingsLocation, StoreLocation};

use layers::{Reader, Sources};
use relay_traces::Settings;

/// The file that is read when none is named, if it is there.
const DEFAULT_FILE: &str = "relay-manager.toml";

/// The checked configuration of a server.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Directory of everything the server keeps.
    pub(crate) data_dir: PathBuf,
    /// Where the fleet is kept.
    pub(crate) store: StoreLocation,
    /// Where sticky bindings are kept.
    pub(crate) bindings: BindingsLocation,
    /// A fleet file to apply before listening.
    pub(crate) fleet: Option<PathBuf>,
    /// A price table that goes before the one in the binary.
    pub(crate) prices: Option<PathBuf>,
    /// `[gateway]`
    pub(crate) gateway: GatewayConfig,
    /// `[admin]`
    pub(crate) admin: AdminConfig,
    /// `[status_page]`; `None` is off.
    pub(crate) status_page: Option<StatusPageConfig>,
    /// `[timeouts]`
    pub(crate) timeouts: TimeoutsConfig,
    /// `[retry]`
    pub(crate) retry: RetryConfig,
    /// `[breaker]`
    pub(crate) breaker: BreakerConfig,
    /// `[probe]`
    pub(crate) probe: ProbeConfig,
    /// `[managed]`
    pub(crate) managed: ManagedConfig,
    /// `[telemetry]`: where traces go; `None` traces nothing.
    pub(crate) traces: Option<Settings>,
    /// `[telemetry]`: whether requests are lines of the log.
    pub(crate) access_log: bool,
    /// `[log]`
    pub(crate) log: LogConfig,
    /// Where all of this came from.
    pub(crate) provenance: Provenance,
}

/// The keys that have a flag (spec §2).
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConfigFlags {
    /// Configuration file; relay-manager.toml is read when it is there
    #[arg(long, value_name = "FILE", env = "RELAY_MANAGER_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Directory of everything the server keeps
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Address of the gateway, such as 127.0.0.1:8787; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) gateway_listen: Option<String>,
    /// Address of the admin API, such as 127.0.0.1:8788; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<String>,
    /// Fleet file to apply before listening
    #[arg(long, value_name = "FILE")]
    pub(crate) fleet: Option<String>,
}

/// The keys that commands on a data directory need.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DataFlags {
    /// Configuration file; relay-manager.toml is read when it is there
    #[arg(long, value_name = "FILE", env = "RELAY_MANAGER_CONFIG")]
    config: Option<PathBuf>,
    /// Directory of everything the server keeps
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

impl DataFlags {
    /// The configuration of the server that keeps that directory.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(crate) fn load(self) -> Result<Config, Faults> {
        Config::load(ConfigFlags { config: self.config, data_dir: self.data_dir, ..ConfigFlags::default() })
    }
}

impl Config {
    /// Where the decision log is.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.data_dir.join("log")
    }

    /// Reads the file, the environment and the flags.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(crate) fn load(flags: ConfigFlags) -> Result<Self, Faults> {
        let file = read_file(flags.config.as_deref())?;
        let env = std::env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        let given = [
            (&keys::DATA_DIR, flags.data_dir),
            (&keys::GATEWAY_LISTEN, flags.gateway_listen),
            (&keys::ADMIN_LISTEN, flags.admin_listen),
            (&keys::FLEET, flags.fleet),
        ];
        let flags = given.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Self::from_sources(Sources { file, env: env.collect(), flags })
    }

    /// The defaults with a status page, in `data_dir`, deaf to the caller's file and environment.
    pub(crate) fn for_demo(data_dir: &std::path::Path) -> Self {
        let file = Some((PathBuf::from("demo"), "status_page.enabled = true".to_owned()));
        let flags = vec![(&keys::DATA_DIR, data_dir.to_string_lossy().into_owned())];
        let config =
            Self::from_sources(Sources { file, env: Vec::new(), flags }).expect("the demo's settings are legal");
        Self { provenance: Provenance { file: None, ..config.provenance }, ..config }
    }

    fn from_sources(sources: Sources) -> Result<Self, Faults> {
        let of_opentelemetry = telemetry::variables(&sources.env);
        let file = sources.file.as_ref().map(|(path, _)| path.clone());
        let mut reader = Reader::new(sources);
        let data_dir = reader.path(&keys::DATA_DIR).expect("data_dir has a default");
        let mut store = reader.store(&keys::STORE);
        if !reader.is_set(&keys::STORE) {
            store = StoreLocation::Sqlite(data_dir.join("relay.db"));
        }
        let gateway = GatewayConfig::read(&mut reader);
        let admin = AdminConfig::read(&mut reader, gateway.listen);
        let config = Self {
            store,
            bindings: reader.bindings(&keys::BINDINGS),
            fleet: reader.path(&keys::FLEET),
            prices: reader.path(&keys::PRICES),
            status_page: StatusPageConfig::read(&mut reader, [gateway.listen, admin.listen]),
            admin,
            gateway,
            timeouts: TimeoutsConfig::read(&mut reader),
            retry: RetryConfig::read(&mut reader),
            breaker: BreakerConfig::read(&mut reader),
            probe: ProbeConfig::read(&mut reader),
            managed: ManagedConfig::read(&mut reader),
            traces: telemetry::read(&mut reader, &of_opentelemetry),
            access_log: reader.flag(&keys::TELEMETRY_ACCESS_LOG),
            log: LogConfig::read(&mut reader),
            provenance: Provenance { file, keys: reader.told(&data_dir) },
            data_dir,
        };
        match reader.into_faults() {
            faults if faults.is_empty() => Ok(config),
            faults => Err(Faults(faults)),
        }
    }
}

/// The file's text. The default file may be absent; a named one must be there.
fn read_file(named: Option<&std::path::Path>) -> Result<Option<(PathBuf, String)>, Faults> {
    let path = named.unwrap_or(std::path::Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let complaint =
                format!("cannot read {}: {error}; name a readable file or leave --config out", path.display());
            let origin = if named.is_some() { Origin::Flag("--config") } else { Origin::File(path.to_owned(), 1) };
            Err(Faults(vec![Fault { origin, key: None, complaint }]))
        }
    }
}
