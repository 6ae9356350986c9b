//! The `ade` command.
//!
//! `up`, `reset` and `demo` are about an ADE on this machine; `deploy`, `destroy` and `admin bootstrap` talk to AWS with the account's
//! credentials; all others talk HTTP to any ADE.
//! An error says what happened and, in a hint, what to do next. Exit codes: 0 it worked, 1 it did not, 2 it was asked wrongly; whoever
//! follows a run gets the run's own.

mod admin;
mod builds;
mod client;
mod configs;
mod connection;
mod demo;
mod deploy;
mod display;
mod documents;
mod error;
mod expectation;
mod follow;
mod keys;
mod local;
mod members;
mod output;
mod report;
mod run;
mod runs;
mod safe_mode;
mod sheet;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

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
    Configs(configs::ConfigsArgs),
    Documents(documents::DocumentsArgs),
    Runs(runs::RunsArgs),
    Builds(builds::BuildsArgs),
    Keys(keys::KeysArgs),
    Members(members::MembersArgs),
    SafeMode(safe_mode::SafeModeArgs),
    Admin(admin::AdminArgs),
    Demo(demo::DemoArgs),
    Deploy(deploy::DeployArgs),
    Destroy(deploy::DestroyArgs),
    Completions(CompletionsArgs),
}

/// Print a script that completes commands and options in a shell
#[derive(Debug, Args)]
#[command(after_help = "For bash: `ade completions bash > ~/.local/share/bash-completion/completions/ade`.")]
struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl Cli {
    /// Does what was asked for.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Up(args) => local::up(args).await,
            Command::Reset(args) => local::reset(&args),
            Command::Demo(args) => demo::run(args).await,
            Command::Deploy(args) => deploy::deploy(args).await,
            Command::Destroy(args) => deploy::destroy(args).await,
            Command::Run(args) => run::run(&self.connection, args).await,
            Command::Configs(args) => configs::run(&self.connection, args).await,
            Command::Documents(args) => documents::run(&self.connection.resolve()?, args).await,
            Command::Runs(args) => runs::run(&self.connection.resolve()?, args).await,
            Command::Builds(args) => builds::run(&self.connection.resolve()?, args).await,
            Command::Keys(args) => keys::run(&self.connection.resolve()?, args).await,
            Command::Members(args) => members::run(&self.connection.resolve()?, args).await,
            Command::SafeMode(args) => safe_mode::run(&self.connection.resolve()?, args).await,
            Command::Admin(args) => admin::run(&self.connection, args).await,
            Command::Completions(CompletionsArgs { shell }) => {
                clap_complete::generate(shell, &mut Self::command(), "ade", &mut std::io::stdout());
                Ok(())
            }
        }
    }
}
