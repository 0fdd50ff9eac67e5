//! The commands (spec §2): one file per noun or verb. `serve` and `demo` run a
//! server; the others ask a running one, or look at a data directory.

mod access;
mod api;
mod backup;
mod bindings;
mod completions;
mod decisions;
mod doctor;
mod edit;
mod explain;
mod fleet;
mod generations;
mod group;
mod health;
mod host;
mod keys;
mod migrate;
mod notify;
mod nouns;
mod plan;
mod prices;
mod replay;
mod resolve;
mod restart;
mod restore;
mod route;
mod simulate;
mod token;
mod usage;
mod verify_log;

use clap::{Parser, Subcommand};

use crate::config::ConfigFlags;
use crate::output::Output;

/// How a command ended that did not fail; the exit codes are spec §2's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// It ran, and what it looked at is not in order.
    Failed = 1,
    /// The command was used wrongly.
    Usage = 2,
    /// `plan`, `--dry-run`: changes are pending.
    ChangesPending = 3,
}

/// One OpenAI-compatible endpoint over a fleet of relay hosts.
#[derive(Debug, Parser)]
#[command(name = "relay-manager", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 changes pending (plan, --dry-run).\n\
                        The operator guide is in docs/; every key of relay-manager.toml is in docs/configuration.md.")]
pub(crate) struct Cli {
    /// Write JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway and the admin API
    Serve(ConfigFlags),
    /// Run with simulated hosts, a seeded fleet and a little traffic
    Demo,
    /// Publish a fleet file on a running server
    Apply(fleet::ApplyArgs),
    /// Show what `apply` would change, and what that would do to recent traffic; exits 3 when there is something
    Plan(plan::PlanArgs),
    /// Show what recent traffic would do if a host were down or slow
    Simulate(simulate::SimulateArgs),
    /// Write the fleet as a fleet file, secrets as references
    Export(fleet::ExportArgs),
    /// Upstream hosts
    #[command(subcommand)]
    Host(host::HostCommand),
    /// Managed access to hosts: what there is, obtaining it, taking it away
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Logical groups
    #[command(subcommand)]
    Group(group::GroupCommand),
    /// Routes
    #[command(subcommand)]
    Route(route::RouteCommand),
    /// Consumer keys
    #[command(subcommand)]
    Key(keys::KeyCommand),
    /// Admin tokens: who may use the admin API
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Published versions of the fleet
    #[command(subcommand)]
    Generations(generations::GenerationsCommand),
    /// Ask which route a request would take, and bind it
    Resolve(resolve::ResolveArgs),
    /// Say why a request went where it went, or where one would go
    Explain(explain::ExplainArgs),
    /// List the decision log, newest first
    Decisions(decisions::DecisionsArgs),
    /// Show how hosts and routes are, and clear what is left alone
    Health(health::HealthArgs),
    /// Show what was used and what it cost
    Usage(usage::UsageArgs),
    /// Show the price table
    Prices(prices::PricesArgs),
    /// Sticky bindings
    #[command(subcommand)]
    Bindings(bindings::BindingsCommand),
    /// Where operators are told of what goes wrong, and what was sent
    #[command(subcommand)]
    Notify(notify::NotifyCommand),
    /// Prove that the decision log is whole, or name what is missing; needs no server
    VerifyLog(verify_log::VerifyLogArgs),
    /// Look at everything that can go wrong, one verdict a line; exits 1 when something fails
    Doctor(doctor::DoctorArgs),
    /// Write the data directory into one encrypted file; the server may run
    Backup(backup::BackupArgs),
    /// Put a backup into a new data directory
    Restore(restore::RestoreArgs),
    /// Replace the running server by a new process, without refusing or cutting anything
    Restart(restart::RestartArgs),
    /// Bring the database to this version's schema and exit
    Migrate(migrate::MigrateArgs),
    /// Write a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Runs a command that is not a server.
///
/// # Errors
/// With the next step in the message; the exit code is 1.
pub(crate) async fn run(command: Command, output: Output) -> anyhow::Result<Exit> {
    match command {
        Command::Serve(_) | Command::Demo => unreachable!("main runs the servers itself"),
        Command::Apply(args) => fleet::apply(args, output).await,
        Command::Plan(args) => plan::run(args, output).await,
        Command::Simulate(args) => simulate::run(args, output).await,
        Command::Export(args) => fleet::export(args, output).await,
        Command::Host(command) => host::run(command, output).await,
        Command::Access(command) => access::run(command, output).await,
        Command::Group(command) => group::run(command, output).await,
        Command::Route(command) => route::run(command, output).await,
        Command::Key(command) => keys::run(command, output).await,
        Command::Token(command) => token::run(command, output).await,
        Command::Generations(command) => generations::run(command, output).await,
        Command::Resolve(args) => resolve::run(args, output).await,
        Command::Explain(args) => explain::run(args, output).await,
        Command::Decisions(args) => decisions::run(args, output).await,
        Command::Health(args) => health::run(args, output).await,
        Command::Usage(args) => usage::run(args, output).await,
        Command::Prices(args) => prices::run(args, output).await,
        Command::Bindings(command) => bindings::run(command, output).await,
        Command::Notify(command) => notify::run(command, output).await,
        Command::VerifyLog(args) => verify_log::run(args, output),
        Command::Doctor(args) => doctor::run(args, output).await,
        Command::Backup(args) => backup::run(args, output).await,
        Command::Restore(args) => restore::run(args, output).await,
        Command::Restart(args) => restart::run(args, output).await,
        Command::Migrate(args) => migrate::run(args, output).await,
        Command::Completions(args) => completions::run(&args),
    }
}
