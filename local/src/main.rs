//! The binary `ade`.

use std::process::ExitCode;

use ade_local::cli::{Cli, CliError};
use clap::Parser as _;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("cannot start: {error}")).hint("is this machine out of memory or threads?"))
        .and_then(|runtime| runtime.block_on(cli.run()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} {error}", console::style("error:").red().bold().for_stderr());
            error.exit.into()
        }
    }
}
