//! `relay-manager`: one OpenAI-compatible endpoint over a fleet of relay hosts.
//!
//! This file tells the start-up story; `wiring.rs` says what a server is made of
//! and `serve.rs` how it lives and ends.
#![forbid(unsafe_code)]

mod chat;
mod cli;
mod client;
mod config;
mod data_dir;
mod demo;
mod doctor;
mod failure;
#[cfg(test)]
mod generated;
mod handover;
mod housekeeping;
mod inventory;
mod metrics;
mod output;
mod progress;
mod runtimes;
mod serve;
mod signals;
mod supervisor;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, Exit};
use config::{Config, ConfigFlags};
use handover::Predecessor;
use output::Output;
use runtimes::Runtimes;
use wiring::Given;

/// A request's buffers are often freed on another worker than made them, which
/// glibc's arenas answer with locks and with memory that is kept. Why this
/// allocator of the others: ADR 0025.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if let Some(code) = handover::stand_between() {
        return code;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::of_arguments(&error),
    };
    let output = Output { json: cli.json };
    let ended = match cli.command {
        Command::Serve(flags) => serve(flags, output),
        Command::Demo => demo(output),
        command => ask(command, output),
    };
    failure::exit_code(ended, output)
}

/// Configuration, telemetry, build, serve, drain.
fn serve(flags: ConfigFlags, output: Output) -> anyhow::Result<Exit> {
    let config = Config::load(flags)?;
    telemetry::start()?;
    prepare_process();
    Runtimes::start()?.run(async |handles| {
        let stop = signals::Stop::on_signals()?;
        let mut predecessor = Predecessor::from_env()?;
        let server = wiring::build(config, Given::from_env(), predecessor.as_mut(), output).await?;
        serve::run(server, predecessor, stop, &handles, output).await
    })
}

fn demo(output: Output) -> anyhow::Result<Exit> {
    telemetry::start_quietly()?;
    prepare_process();
    Runtimes::start()?.run(async |handles| demo::run(&handles, output).await)
}

fn ask(command: Command, output: Output) -> anyhow::Result<Exit> {
    telemetry::start_quietly()?;
    prepare_process();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(cli::run(command, output))
}

/// What belongs to the whole process: the crypto of TLS, the number of files, the size of pages.
fn prepare_process() {
    // The allocator asks for huge pages, and each is resident and zeroed as a whole: that doubles the memory of a
    // small server and makes the unlucky request wait for 2 MiB of zeros.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay allowed");
    }
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
