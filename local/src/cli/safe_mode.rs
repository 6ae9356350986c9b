//! `ade safe-mode`: recording work without executing it.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::CliError;
use super::client::Client;
use super::connection::Connection;
use super::output::{Column, print_item, text, time};

const PATH: &str = "/system/safe-mode";

/// See, turn on or turn off safe mode: new runs and builds are recorded but not executed
#[derive(Debug, Args)]
pub(super) struct SafeModeArgs {
    #[command(subcommand)]
    command: SafeModeCommand,
}

#[derive(Debug, Subcommand)]
enum SafeModeCommand {
    /// Tell whether it is on
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn it on; what is under way goes on
    On {
        /// What people are told
        #[arg(long)]
        detail: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Turn it off
    Off {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: SafeModeArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    let (answer, json) = match args.command {
        SafeModeCommand::Show { json } => (client.ask(Method::GET, PATH, None).await?, json),
        SafeModeCommand::On { detail, json } => {
            (client.ask(Method::PUT, PATH, Some(&json!({ "enabled": true, "detail": detail }))).await?, json)
        }
        SafeModeCommand::Off { json } => (client.ask(Method::PUT, PATH, Some(&json!({ "enabled": false }))).await?, json),
    };
    print_item(&answer, json, SHOW);
    Ok(())
}

const SHOW: &[Column] = &[
    ("safe mode", |state| if state["enabled"] == true { "on".to_owned() } else { "off".to_owned() }),
    ("detail", |state| text(state, "/detail")),
    ("changed", |state| time(state, "/updated")),
    ("locked", |state: &Value| if state["locked"] == true { "by ADE_SAFE_MODE".to_owned() } else { String::new() }),
];
