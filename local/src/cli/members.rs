//! `ade members`: the people who work in a workspace.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::CliError;
use super::client::{Client, Query, segment};
use super::connection::Connection;
use super::keys::RoleArg;
use super::output::{Column, print_done, print_list, text, time};

/// Manage the members of a workspace: people who sign in at the identity provider
#[derive(Debug, Args)]
pub(super) struct MembersArgs {
    #[command(subcommand)]
    command: MembersCommand,
}

#[derive(Debug, Subcommand)]
enum MembersCommand {
    /// List the members
    List {
        /// Print JSON, one member a line
        #[arg(long)]
        json: bool,
    },
    /// Make somebody a member, or change what a member may do
    Put {
        /// The subject (`sub`) of their tokens
        subject: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleArg,
        /// Their name for people
        #[arg(long)]
        name: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a membership
    Remove {
        /// The subject (`sub`) of their tokens
        subject: String,
    },
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: MembersArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    let path = format!("/workspaces/{}/members", client.workspace().await?);
    match args.command {
        MembersCommand::List { json } => {
            let members = client.all(&path, &Query::default()).await?;
            print_list(&members, json, LIST, "no members yet; keys are listed with `ade keys list`");
        }
        MembersCommand::Put { subject, role, name, json } => {
            let body = json!({ "role": role.word(), "name": name });
            let answer = client.ask(Method::PUT, &format!("{path}/{}", segment(&subject)), Some(&body)).await?;
            print_done(&answer, json, &format!("{} is a member ({})", text(&answer, "/subject"), role.word()));
        }
        MembersCommand::Remove { subject } => {
            client.ask(Method::DELETE, &format!("{path}/{}", segment(&subject)), None).await?;
            print_done(&json!({}), false, &format!("{subject} is no member any more"));
        }
    }
    Ok(())
}

const LIST: &[Column] = &[
    ("subject", |member| text(member, "/subject")),
    ("name", |member| text(member, "/name")),
    ("role", |member| text(member, "/role")),
    ("since", |member| time(member, "/created")),
];
