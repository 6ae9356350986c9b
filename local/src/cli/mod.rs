//! The `ade` command.
//!
//! `up`, `reset` and `demo` are about an ADE on this machine; `run` and `runs` talk HTTP to any ADE. An error says what
//! happened and, in a hint, what to do next. Exit codes: 0 it worked, 1 it did not, 2 it was asked wrongly.

mod client;
mod connection;
mod demo;
mod display;
mod error;
mod expectation;
mod follow;
mod local;
mod report;
mod run;
mod runs;
mod sheet;

use clap::{Parser, Subcommand};

use self::connection::ConnectionArgs;
pub use self::error::{CliError, Exit};

/// Turn messy spreadsheets into clean, auditable workbooks.
#[derive(Debug, Parser)]
#[command(name = "ade", version, propagate_version = true, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Start with `ade up` in one terminal and `ade run FILE.xlsx` in another.";

#[derive(Debug, Subcommand)]
enum Command {
    Up(local::UpArgs),
    Reset(local::ResetArgs),
    Run(run::RunArgs),
    Runs(runs::RunsArgs),
    Demo(demo::DemoArgs),
}

impl Cli {
    /// Does what was asked for.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Up(args) => local::up(args).await,
            Command::Reset(args) => local::reset(&args),
            Command::Demo(args) => demo::run(args).await,
            Command::Run(args) => run::run(&self.connection, args).await,
            Command::Runs(args) => runs::run(&self.connection.resolve()?, args).await,
        }
    }
}
