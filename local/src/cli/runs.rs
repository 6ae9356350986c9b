//! `ade runs`: looking at runs after the fact, ending them and doing them again.

use std::path::PathBuf;

use ade_core::id::RunId;
use ade_core::run::RunStatus;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use serde_json::json;

use super::client::{Client, Query};
use super::configs::choose;
use super::connection::Connection;
use super::follow::{Followed, follow_logs};
use super::output::{Column, print_done, print_item, print_list, status, text, time};
use super::run::download_outputs;
use super::{CliError, report};

/// Look at runs, end them, do them again
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the newest runs
    List {
        #[command(flatten)]
        filter: Filter,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON, one run a line
        #[arg(long)]
        json: bool,
    },
    /// Show one run
    Show {
        /// The run
        run: RunId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a run printed
    Logs {
        /// The run
        run: RunId,
        /// Wait for more until the run is over, and end with its exit code
        #[arg(short, long)]
        follow: bool,
        /// Print events as JSON, one a line
        #[arg(long)]
        json: bool,
    },
    /// End a run
    Cancel {
        /// The run
        run: RunId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Do a run again
    Retry {
        /// The run
        run: RunId,
        /// What it runs on
        #[arg(long, value_enum, default_value_t = RetryBuild::Same)]
        build: RetryBuild,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write runs as a table (CSV) for spreadsheet programs
    Export {
        #[command(flatten)]
        filter: Filter,
        /// Where to write it [default: the terminal, or wherever the output goes]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List what a run produced, or download it
    Outputs {
        /// The run
        run: RunId,
        /// Download everything into this directory, the audit record too
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Print JSON, one output a line
        #[arg(long)]
        json: bool,
    },
    /// List the cells that rules object to
    Issues {
        /// The run
        run: RunId,
        /// Only of this field
        #[arg(long)]
        field: Option<String>,
        /// Only with this severity
        #[arg(long)]
        severity: Option<String>,
        /// Only in this sheet
        #[arg(long)]
        sheet: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON, one issue a line
        #[arg(long)]
        json: bool,
    },
}

/// Which runs
#[derive(Debug, Args)]
struct Filter {
    /// Only those that are queued or running
    #[arg(long, conflicts_with = "status")]
    active: bool,
    /// Only those with this status; may be given several times
    #[arg(long, value_parser = run_status)]
    status: Vec<RunStatus>,
    /// Only those of this config, by name, id or directory
    #[arg(long, value_name = "CONFIG")]
    config: Option<String>,
    /// Only those with this document, by id
    #[arg(long, value_name = "ID")]
    document: Option<ade_core::id::DocumentId>,
    /// Only those submitted by this key or person, by id
    #[arg(long, value_name = "ID")]
    submitted_by: Option<String>,
}

/// What a run that is done again runs on.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RetryBuild {
    /// The version that it ran on
    Same,
    /// What its options name by now
    Current,
}

fn run_status(text: &str) -> Result<RunStatus, String> {
    text.parse().map_err(|()| format!("expected one of {}", RunStatus::ALL.map(RunStatus::word).join(", ")))
}

impl Filter {
    async fn query(&self, client: &Client) -> Result<Query, CliError> {
        let config = match &self.config {
            Some(config) => Some(choose(client, Some(config)).await?.config.id),
            None => None,
        };
        let active = [RunStatus::Queued, RunStatus::Running];
        let statuses = if self.active { &active[..] } else { &self.status };
        let query = statuses.iter().fold(Query::default(), |query, status| query.with("status", status.word()));
        Ok(query.maybe("config_id", config).maybe("input_document_id", self.document).maybe("submitted_by", self.submitted_by.as_ref()))
    }
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: RunsArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    match args.command {
        RunsCommand::List { filter, limit, json } => {
            let path = format!("/workspaces/{}/runs", client.workspace().await?);
            let runs = client.first(&path, &filter.query(&client).await?, limit as usize).await?;
            print_list(&runs, json, LIST, "no such runs; start one with `ade run FILE`");
        }
        RunsCommand::Show { run, json } => print_item(&client.ask(Method::GET, &format!("/runs/{run}"), None).await?, json, SHOW),
        RunsCommand::Logs { run, follow, json } => return follow_logs(&client, Followed::Run(run), follow, json).await,
        RunsCommand::Cancel { run, json } => {
            let answer = client.ask(Method::POST, &format!("/runs/{run}/cancel"), Some(&json!({}))).await?;
            let words = if text(&answer, "/status") == "canceled" { "is canceled" } else { "will end within seconds" };
            print_done(&answer, json, &format!("{run} {words}"));
        }
        RunsCommand::Retry { run, build, json } => {
            let build = match build {
                RetryBuild::Same => "same",
                RetryBuild::Current => "current",
            };
            let answer = client.ask(Method::POST, &format!("/runs/{run}/retry"), Some(&json!({ "build": build }))).await?;
            let id = text(&answer, "/id");
            print_done(&answer, json, &format!("{run} is done again as {id}; see it with `ade runs logs --follow {id}`"));
        }
        RunsCommand::Export { filter, out } => {
            let path = format!("/workspaces/{}/runs{}", client.workspace().await?, filter.query(&client).await?);
            client.save(&path, "text/csv", out.as_deref()).await?;
        }
        RunsCommand::Outputs { run, out: None, json } => {
            let outputs = client.all(&format!("/runs/{run}/outputs"), &Query::default()).await?;
            print_list(&outputs, json, OUTPUTS, "the run produced no files");
        }
        RunsCommand::Outputs { run, out: Some(out), json } => {
            for path in download_outputs(&client, run, &out).await? {
                if json {
                    println!("{}", json!({ "path": path }));
                } else {
                    println!("{}", report::shown(&path));
                }
            }
        }
        RunsCommand::Issues { run, field, severity, sheet, limit, json } => {
            let query = Query::default().maybe("field", field).maybe("severity", severity).maybe("sheet", sheet);
            let issues = client.first(&format!("/runs/{run}/issues"), &query, limit).await?;
            print_list(&issues, json, ISSUES, "no issues");
        }
    }
    Ok(())
}

const LIST: &[Column] = &[
    ("run", |run| text(run, "/id")),
    ("status", status),
    ("created", |run| time(run, "/created")),
    ("documents", documents),
    ("summary", |run| text(run, "/summary")),
];

const SHOW: &[Column] = &[
    ("run", |run| text(run, "/id")),
    ("status", status),
    ("config", |run| text(run, "/config_id")),
    ("build", |run| text(run, "/build_id")),
    ("repeats", |run| text(run, "/retry_of_run_id")),
    ("submitted by", |run| text(run, "/submitted_by/name")),
    ("created", |run| time(run, "/created")),
    ("started", |run| time(run, "/started")),
    ("finished", |run| time(run, "/finished")),
    ("documents", documents),
    ("exit code", |run| text(run, "/exit_code")),
    ("summary", |run| text(run, "/summary")),
    ("failure", |run| text(run, "/failure/code")),
    ("error", |run| text(run, "/error_message")),
];

const OUTPUTS: &[Column] = &[
    ("name", |output| text(output, "/name")),
    ("kind", |output| text(output, "/kind")),
    ("bytes", |output| text(output, "/byte_size")),
    ("sha256", |output| text(output, "/sha256")),
];

const ISSUES: &[Column] = &[
    ("cell", |issue| text(issue, "/cell")),
    ("field", |issue| text(issue, "/field")),
    ("value", |issue| text(issue, "/value")),
    ("message", |issue| text(issue, "/message")),
    ("severity", |issue| text(issue, "/severity")),
];

fn documents(run: &serde_json::Value) -> String {
    let documents = run["input_documents"].as_array().into_iter().flatten();
    documents.map(|document| text(document, "/name")).collect::<Vec<_>>().join("\n")
}
