//! `ade keys`: the API keys of a workspace.

use std::time::{SystemTime, UNIX_EPOCH};

use ade_core::id::KeyId;
use clap::{Args, Subcommand, ValueEnum};
use console::style;
use http::Method;
use serde_json::{Value, json};

use super::CliError;
use super::client::{Client, Query};
use super::connection::Connection;
use super::display::print_line;
use super::output::{Column, print_done, print_list, text, time};

const DAY: u64 = 86_400;

/// Manage API keys
#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// List the keys of the workspace
    List {
        /// Print JSON, one key a line
        #[arg(long)]
        json: bool,
    },
    /// Create a key; its secret is shown this once
    Create {
        /// Its name for people
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = RoleArg::Operator)]
        role: RoleArg,
        /// Days until it stops working [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
        expires_in: Option<u64>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: it is refused from the next request on
    Revoke {
        /// The key
        key: KeyId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A role that a workspace can give.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleArg {
    /// Reads everything but keys and members
    Viewer,
    /// Also uploads documents and starts runs
    Operator,
    /// Also changes configs and builds them
    Editor,
    /// Also manages keys, members and the workspace
    Admin,
}

impl RoleArg {
    /// As the API calls it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: KeysArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    let path = format!("/workspaces/{}/api-keys", client.workspace().await?);
    match args.command {
        KeysCommand::List { json } => {
            let keys = client.all(&path, &Query::default()).await?;
            print_list(&keys, json, LIST, "no keys yet; create one with `ade keys create NAME`");
        }
        KeysCommand::Create { name, role, expires_in, json } => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let expires = expires_in.map(|days| now + days * DAY);
            let body = json!({ "name": name, "role": role.word(), "expires": expires });
            let key = client.ask(Method::POST, &path, Some(&body)).await?;
            if json {
                print_line(key.to_string().as_bytes());
            } else {
                println!("{} Created {} ({}). It is shown this once:\n", style("✓").green(), text(&key, "/id"), role.word());
                println!("{}", text(&key, "/secret"));
            }
        }
        KeysCommand::Revoke { key, json } => {
            let answer = client.ask(Method::DELETE, &format!("{path}/{key}"), None).await?;
            print_done(&answer, json, &format!("{key} is revoked"));
        }
    }
    Ok(())
}

const LIST: &[Column] = &[
    ("key", |key| text(key, "/id")),
    ("name", |key| text(key, "/name")),
    ("role", |key| text(key, "/role")),
    ("created", |key| time(key, "/created")),
    ("last used", |key| time(key, "/last_used")),
    ("state", state),
];

fn state(key: &Value) -> String {
    let expired =
        key["expires"].as_u64().is_some_and(|at| SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|now| now.as_secs() >= at));
    match () {
        () if !key["revoked"].is_null() => format!("revoked {}", time(key, "/revoked")),
        () if expired => format!("expired {}", time(key, "/expires")),
        () if !key["expires"].is_null() => format!("until {}", time(key, "/expires")),
        () => "works".to_owned(),
    }
}
