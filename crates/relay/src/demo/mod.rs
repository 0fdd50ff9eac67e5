//! `relay-manager demo`: everything `serve` does, in a directory that goes away,
//! in front of two simulated hosts, with a fleet, a key and a little traffic.
//! Needs no network, no file and no other program.

mod fleet;
mod story;
mod traffic;

use std::sync::Arc;

use anyhow::Context as _;
use relay_control::fleet_document::FleetDocument;
use relay_testkit::FakeHost;

use crate::cli::Exit;
use crate::client::Client;
use crate::config::Config;
use crate::output::Output;
use crate::runtimes::Handles;
use crate::serve::{self, Listeners};
use crate::signals::Stop;
use crate::wiring::{self, Given};

/// Runs until Ctrl-C.
pub(crate) async fn run(handles: &Handles, output: Output) -> anyhow::Result<Exit> {
    // Its hosts and its directory go with this process: nothing can follow it.
    let stop = Stop { restart: Arc::default(), ..Stop::on_signals()? };
    let directory = tempfile::Builder::new().prefix("relay-manager-demo-").tempdir();
    let directory =
        directory.context("cannot make a temporary directory; set TMPDIR to a place that can be written")?;
    let hosts = fleet::start_hosts().await;
    let config = Config::for_demo(&directory.path().join("data"));
    let given = Given { admin_token: Some(relay_store::generate_admin_token()), master_key: None };
    let admin_token = given.admin_token.clone();
    let server = wiring::build(config, given, None, output).await?;
    let listeners = Listeners::bind_or_free(&server.config)?;
    let consumer_key = relay_store::generate_consumer_key();
    let document = FleetDocument::from_toml(&fleet::document(&hosts, &consumer_key))?;
    server.control.apply(&document, "demo").await?;
    let running = serve::start(server, listeners, None, stop, handles).await?;

    let client = Client::new(&format!("http://{}", running.admin()), admin_token.clone())?;
    let scene =
        story::Scene { gateway: running.gateway(), admin: running.admin(), hosts: &hosts, consumer_key, admin_token };
    let told = tell(&scene, &client, output).await;
    // Whatever went wrong in telling, the server is ended in order and its directory removed.
    let ended = match told {
        Ok(()) => running.until_stopped().await,
        Err(error) => running.end_now().await.and(Err(error)),
    };
    for host in hosts {
        FakeHost::stop(host).await;
    }
    directory.close().context("the temporary directory could not be removed")?;
    ended.map(|()| Exit::Done)
}

async fn tell(scene: &story::Scene<'_>, client: &Client, output: Output) -> anyhow::Result<()> {
    let turns = traffic::run(scene.gateway, &scene.consumer_key, scene.hosts).await?;
    let decisions = traffic::decisions(client, &turns).await?;
    story::tell(scene, &turns, &decisions, output)?;
    Ok(())
}
