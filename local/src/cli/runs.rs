//! `ade runs`: looking at runs after the fact.

use ade_core::eventlog::EventBody;
use ade_core::id::RunId;
use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table, presets};

use super::CliError;
use super::client::Client;
use super::connection::Connection;
use super::display::{print_line, visible};
use super::follow::Follower;

/// Look at runs
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// List the newest runs
    List {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
    },
    /// Show one run
    Show {
        /// The run
        run: RunId,
    },
    /// Print what a run printed
    Logs {
        /// The run
        run: RunId,
        /// Wait for more until the run is over
        #[arg(short, long)]
        follow: bool,
        /// Print events as JSON, one a line
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: RunsArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    match args.command {
        RunsCommand::List { limit } => list(&client, limit).await,
        RunsCommand::Show { run } => show(&client, run).await,
        RunsCommand::Logs { run, follow, json } => logs(&client, run, follow, json).await,
    }
}

async fn list(client: &Client, limit: u32) -> Result<(), CliError> {
    let runs = client.runs(client.workspace().await?, limit).await?;
    if runs.is_empty() {
        println!("no runs yet: start one with `ade run FILE`");
        return Ok(());
    }
    let mut table = table();
    table.set_header(["run", "status", "created", "documents"]);
    for run in runs {
        let documents: Vec<String> = run.input_documents.iter().map(|document| visible(&document.name)).collect();
        table.add_row([run.id.to_string(), run.status.word().to_owned(), time(run.created), documents.join("\n")]);
    }
    println!("{table}");
    Ok(())
}

async fn show(client: &Client, id: RunId) -> Result<(), CliError> {
    let run = client.run(id).await?;
    let mut table = table();
    table.add_row(["run".to_owned(), run.id.to_string()]);
    table.add_row(["status".to_owned(), run.status.word().to_owned()]);
    table.add_row(["config".to_owned(), run.config_id.to_string()]);
    let times = [("created", Some(run.created)), ("started", run.started), ("finished", run.finished)];
    for (name, at) in times.into_iter().filter_map(|(name, at)| Some((name, at?))) {
        table.add_row([name.to_owned(), time(at)]);
    }
    for document in &run.input_documents {
        table.add_row(["document".to_owned(), visible(&document.name)]);
    }
    for (name, text) in [("summary", run.summary), ("error", run.error_message)] {
        if let Some(text) = text {
            table.add_row([name.to_owned(), visible(&text)]);
        }
    }
    println!("{table}");
    Ok(())
}

async fn logs(client: &Client, id: RunId, follow: bool, json: bool) -> Result<(), CliError> {
    let show = |event: &super::client::ReceivedEvent| match &event.event {
        _ if json => print_line(&event.line),
        Some(event) => {
            if let EventBody::RunLog(line) | EventBody::BuildLog(line) = &event.body {
                print_line(visible(&line.message).as_bytes());
            }
        }
        None => {}
    };
    if follow {
        let mut follower = Follower::new(client, id, 0, None);
        while let Some(event) = follower.next().await? {
            show(&event);
        }
    } else {
        let mut stream = client.events(id, 0, false).await?;
        while let Some(event) = stream.next().await? {
            show(&event);
        }
    }
    Ok(())
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// Unix seconds as a time in UTC, to the second.
fn time(unix_seconds: i64) -> String {
    jiff::Timestamp::from_second(unix_seconds).map_or_else(|_| unix_seconds.to_string(), |time| time.to_string())
}
