//! `ade builds`: looking at builds, making and ending them.

use ade_core::id::BuildId;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::CliError;
use super::client::{Client, Query};
use super::configs::choose;
use super::connection::Connection;
use super::follow::{Followed, follow_logs};
use super::output::{Column, print_done, print_item, print_list, status, text, time};

/// Look at builds, make and end them
#[derive(Debug, Args)]
pub(super) struct BuildsArgs {
    #[command(subcommand)]
    command: BuildsCommand,
}

#[derive(Debug, Subcommand)]
enum BuildsCommand {
    /// List the newest builds of a config
    List {
        /// The config, by name, id or directory
        config: String,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON, one build a line
        #[arg(long)]
        json: bool,
    },
    /// Show one build
    Show {
        /// The build
        build: BuildId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a build printed
    Logs {
        /// The build
        build: BuildId,
        /// Wait for more until the build is over, and fail when it fails
        #[arg(short, long)]
        follow: bool,
        /// Print events as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// Build the draft of a config
    Create {
        /// The config, by name, id or directory
        config: String,
        /// Build even if nothing has changed
        #[arg(long)]
        force: bool,
        /// Wait until it is over
        #[arg(long)]
        wait: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a build
    Cancel {
        /// The build
        build: BuildId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: BuildsArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    match args.command {
        BuildsCommand::List { config, limit, json } => {
            let builds = client.first(&builds_of(&client, &config).await?, &Query::default(), limit as usize).await?;
            print_list(&builds, json, LIST, "no builds yet; make one with `ade builds create CONFIG`");
        }
        BuildsCommand::Show { build, json } => print_item(&client.ask(Method::GET, &format!("/builds/{build}"), None).await?, json, SHOW),
        BuildsCommand::Logs { build, follow, json } => return follow_logs(&client, Followed::Build(build), follow, json).await,
        BuildsCommand::Create { config, force, wait, json } => {
            let body = json!({ "options": { "force": force, "wait": wait } });
            let build = client.ask(Method::POST, &builds_of(&client, &config).await?, Some(&body)).await?;
            print_item(&build, json, SHOW);
            if wait && build["status"] != "active" {
                let id = text(&build, "/id");
                return Err(CliError::failed(format!("the build is {}", text(&build, "/status")))
                    .hint(format!("its whole log: `ade builds logs {id}`")));
            }
        }
        BuildsCommand::Cancel { build, json } => {
            let answer = client.ask(Method::POST, &format!("/builds/{build}/cancel"), Some(&json!({}))).await?;
            let words = if text(&answer, "/status") == "canceled" { "is canceled" } else { "will end within seconds" };
            print_done(&answer, json, &format!("{build} {words}"));
        }
    }
    Ok(())
}

/// The path of a config's builds.
async fn builds_of(client: &Client, config: &str) -> Result<String, CliError> {
    let config = choose(client, Some(config)).await?.config;
    Ok(format!("/workspaces/{}/configs/{}/builds", config.workspace_id, config.id))
}

const LIST: &[Column] = &[
    ("build", |build| text(build, "/id")),
    ("status", status),
    ("created", |build| time(build, "/created")),
    ("version", |build| text(build, "/config_version_id")),
    ("summary", |build| text(build, "/summary")),
];

const SHOW: &[Column] = &[
    ("build", |build| text(build, "/id")),
    ("status", status),
    ("config", |build| text(build, "/config_id")),
    ("version", |build| text(build, "/config_version_id")),
    ("engine", |build| text(build, "/engine_version")),
    ("python", |build| text(build, "/python_version")),
    ("created", |build| time(build, "/created")),
    ("started", |build| time(build, "/started")),
    ("finished", |build| time(build, "/finished")),
    ("summary", |build| text(build, "/summary")),
    ("failure", |build| text(build, "/failure/code")),
    ("error", |build| text(build, "/error_message")),
];
