//! `migrate`: brings the database to this version's schema and exits. `serve`
//! does the same; this is for those who want it as a step of its own.

use super::Exit;
use crate::config::{DataFlags, StoreLocation};
use crate::data_dir::DataDir;
use crate::output::Output;
use crate::progress::Progress;
use crate::wiring::{self, Given};

/// Whose database.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    data: DataFlags,
}

pub(super) async fn run(args: MigrateArgs, output: Output) -> anyhow::Result<Exit> {
    let config = args.data.load()?;
    // A server that runs has the schema already, and must not see it change.
    let data_dir = DataDir::take(&config.data_dir)?;
    let keyring = wiring::keyring(data_dir.path(), &Given::from_env())?;
    let progress = Progress::start(output, "bringing the database to this version's schema");
    let store = wiring::open_store(&config, keyring).await?;
    drop(progress);
    store.close().await;
    let StoreLocation::Sqlite(path) = &config.store;
    let value = serde_json::json!({ "store": format!("sqlite:{}", path.display()), "migrated": true });
    output.value(&value, || format!("{} has this version's schema", path.display()))?;
    Ok(Exit::Done)
}
