//! `ade documents`: the workbooks and tables that runs read.

mod file;

use std::collections::HashMap;
use std::path::PathBuf;

use ade_core::id::{DocumentId, WorkspaceId};
use clap::{Args, Subcommand, ValueEnum};
use console::style;
use http::Method;
use serde_json::{Value, json};

use super::CliError;
use super::client::{Client, Query};
use super::connection::Connection;
use super::display::{Display, print_line, visible};
use super::output::{Column, print_done, print_item, print_list, status, table, text, time};
use super::report::shown;
use super::run::{make_parent, safe_relative};

pub(super) use file::LocalFile;

/// Upload, find, download and delete documents
#[derive(Debug, Args)]
pub(super) struct DocumentsArgs {
    #[command(subcommand)]
    command: DocumentsCommand,
}

#[derive(Debug, Subcommand)]
enum DocumentsCommand {
    /// Upload workbooks or delimited text; what is there already is not uploaded again
    Upload {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Upload also what is there already, as documents of their own
        #[arg(long)]
        again: bool,
        /// Print JSON, one document a line
        #[arg(long)]
        json: bool,
    },
    /// List the newest documents
    List {
        /// Only those whose name contains this
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Only those with this status
        #[arg(long, value_enum)]
        status: Option<StatusArg>,
        /// Only those with exactly these bytes: their SHA-256 in hexadecimal
        #[arg(long, value_name = "HASH")]
        sha256: Option<String>,
        /// Only those uploaded by this key or person, by id
        #[arg(long, value_name = "ID")]
        uploader: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON, one document a line
        #[arg(long)]
        json: bool,
    },
    /// Show one document
    Show {
        /// The document
        document: DocumentId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the sheets of a document
    Sheets {
        /// The document
        document: DocumentId,
        /// Print JSON, one sheet a line
        #[arg(long)]
        json: bool,
    },
    /// Show some rows of a document
    Preview {
        /// The document
        document: DocumentId,
        /// The sheet, by name [default: the one that is in front]
        #[arg(long)]
        sheet: Option<String>,
        /// How many rows to pass over
        #[arg(long, default_value_t = 0)]
        offset: u64,
        /// How many rows
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Download documents as they were uploaded
    Download {
        /// The documents
        #[arg(required = true, value_name = "DOCUMENT")]
        documents: Vec<DocumentId>,
        /// The directory to put them into
        #[arg(long, value_name = "DIR", default_value = ".")]
        out: PathBuf,
        /// Replace files that are there already
        #[arg(long)]
        force: bool,
        /// Print JSON, one file a line
        #[arg(long)]
        json: bool,
    },
    /// Delete documents; runs that they are part of keep their copies
    Delete {
        /// The documents
        #[arg(required = true, value_name = "DOCUMENT")]
        documents: Vec<DocumentId>,
        /// Print JSON, one answer a line
        #[arg(long)]
        json: bool,
    },
}

/// Where a document is in its life.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusArg {
    /// Announced, but not here yet
    Pending,
    /// Usable in runs
    Ready,
}

/// Runs the command.
pub(super) async fn run(connection: &Connection, args: DocumentsArgs) -> Result<(), CliError> {
    let client = Client::new(connection)?;
    match args.command {
        DocumentsCommand::Upload { files, again, json } => return upload(&client, &files, again, json).await,
        DocumentsCommand::List { name, status, sha256, uploader, limit, json } => {
            let path = format!("/workspaces/{}/documents", client.workspace().await?);
            let status = status.map(|status| match status {
                StatusArg::Pending => "pending",
                StatusArg::Ready => "ready",
            });
            let query = Query::default().maybe("q", name).maybe("status", status).maybe("sha256", sha256).maybe("uploader", uploader);
            let documents = client.first(&path, &query, limit as usize).await?;
            print_list(&documents, json, LIST, "no such documents; upload some with `ade documents upload FILE`");
        }
        DocumentsCommand::Show { document, json } => {
            print_item(&client.ask(Method::GET, &format!("/documents/{document}"), None).await?, json, SHOW);
        }
        DocumentsCommand::Sheets { document, json } => {
            let sheets = client.all(&format!("/documents/{document}/sheets"), &Query::default()).await?;
            print_list(&sheets, json, SHEETS, "the document has no sheets");
        }
        DocumentsCommand::Preview { document, sheet, offset, limit, json } => {
            let query = Query::default().maybe("sheet", sheet).with("offset", offset).with("limit", limit);
            let preview = client.ask(Method::GET, &format!("/documents/{document}/preview{query}"), None).await?;
            if json {
                print_line(preview.to_string().as_bytes());
            } else {
                print_rows(&preview);
            }
        }
        DocumentsCommand::Download { documents, out, force, json } => {
            for id in documents {
                let document = client.ask(Method::GET, &format!("/documents/{id}"), None).await?;
                let path = out.join(safe_relative(document["name"].as_str().unwrap_or_default())?);
                if !force && path.exists() {
                    return Err(CliError::usage(format!("{} is there already", path.display()))
                        .hint("choose another directory with --out, or replace it with --force"));
                }
                make_parent(&path).await?;
                client.download(&format!("/documents/{id}/download"), &path).await?;
                if json {
                    println!("{}", json!({ "id": id, "path": path }));
                } else {
                    println!("{}", shown(&path));
                }
            }
        }
        DocumentsCommand::Delete { documents, json } => {
            for id in documents {
                let answer = client.ask(Method::DELETE, &format!("/documents/{id}"), None).await?;
                print_done(&answer, json, &format!("{id} is deleted"));
            }
        }
    }
    Ok(())
}

/// Uploads files one after the other. One that the server does not want does not keep it from the others.
async fn upload(client: &Client, files: &[PathBuf], again: bool, json: bool) -> Result<(), CliError> {
    let files = files.iter().map(|path| LocalFile::check(path)).collect::<Result<Vec<_>, _>>()?;
    let workspace = client.workspace().await?;
    let display = Display::new(json);
    let mut refused = 0;
    let mut uploaded: HashMap<String, Value> = HashMap::new();
    for file in &files {
        let sha256 = file.sha256().await?;
        let known = match uploaded.get(&sha256) {
            _ if again => None,
            Some(document) => Some(document.clone()),
            None => known(client, workspace, &sha256).await?,
        };
        let document = match known {
            Some(document) => {
                display.say(&format!("{} is here already as {}", file.path.display(), text(&document, "/name")));
                document
            }
            None => match file.upload(client, &display, workspace, sha256.clone()).await {
                Ok(document) => document,
                Err(error) if error.is_about_input => {
                    eprintln!("{} {}", console::style("error:").red().bold().for_stderr(), error.about(file.path.display()));
                    refused += 1;
                    continue;
                }
                Err(error) => return Err(error.about(file.path.display())),
            },
        };
        if json {
            print_line(document.to_string().as_bytes());
        } else {
            println!("{}  {}", text(&document, "/id"), visible(&file.name));
        }
        uploaded.insert(sha256, document);
    }
    display.clear();
    match refused {
        0 => Ok(()),
        refused => Err(CliError::failed(format!("{refused} of {} files were not accepted", files.len()))
            .hint("correct them and run the command again: what is there already is not uploaded twice")),
    }
}

/// Prints rows of a sheet as a table, each with its number.
fn print_rows(preview: &Value) {
    let mut rows = table();
    for row in preview["rows"].as_array().into_iter().flatten() {
        let cells = row["cells"].as_array().into_iter().flatten().map(|cell| text(cell, "/text"));
        rows.add_row(std::iter::once(style(text(row, "/number")).dim().to_string()).chain(cells));
    }
    println!("{rows}");
    let total = preview["row_count"].as_u64().map(|count| format!(" of {count} rows")).unwrap_or_default();
    let more = preview["next_offset"].as_u64().map(|next| format!("; go on with --offset {next}")).unwrap_or_default();
    eprintln!("sheet {:?}{total}{more}", text(preview, "/sheet/name"));
}

/// The newest document with these bytes that can be used.
async fn known(client: &Client, workspace: WorkspaceId, sha256: &str) -> Result<Option<Value>, CliError> {
    let query = Query::default().with("sha256", sha256).with("status", "ready");
    Ok(client.first(&format!("/workspaces/{workspace}/documents"), &query, 1).await?.pop())
}

const LIST: &[Column] = &[
    ("document", |document| text(document, "/id")),
    ("name", |document| text(document, "/name")),
    ("status", status),
    ("bytes", |document| text(document, "/byte_size")),
    ("created", |document| time(document, "/created")),
    ("last run", |document| text(document, "/last_run/status")),
];

const SHEETS: &[Column] = &[
    ("sheet", |sheet| text(sheet, "/name")),
    ("seen", |sheet| text(sheet, "/visibility")),
    ("in front", |sheet| if sheet["active"] == true { "yes".to_owned() } else { String::new() }),
];

const SHOW: &[Column] = &[
    ("document", |document| text(document, "/id")),
    ("name", |document| text(document, "/name")),
    ("status", status),
    ("type", |document| text(document, "/content_type")),
    ("bytes", |document| text(document, "/byte_size")),
    ("sha256", |document| text(document, "/sha256")),
    ("uploaded by", |document| text(document, "/uploader/name")),
    ("created", |document| time(document, "/created")),
    ("completed", |document| time(document, "/completed")),
    ("last run", |document| text(document, "/last_run/id")),
];
