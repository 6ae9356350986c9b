//! `ade run`: from files on this machine to clean workbooks on this machine, in one command.

use std::cell::OnceCell;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use ade_core::id::{DocumentId, RunId, WorkspaceId};
use ade_core::run::{RunOptions, RunStatus};
use clap::Args;
use console::style;
use serde_json::json;

use super::CliError;
use super::client::{ApiError, Client, Config, Output, Run};
use super::configs::named;
use super::connection::ConnectionArgs;
use super::display::{Display, print_line};
use super::documents::LocalFile;
use super::follow::{Followed, Follower};
use super::local::Signals;
use super::report;

/// Name of the config that is made when there is none.
const DEFAULT_CONFIG: &str = "default";
/// Name of the audit record in the output directory.
pub(super) const ARTIFACT: &str = "artifact.json";

/// Clean documents: upload them, run a config on them, download the result
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Workbooks (.xlsx, .xlsm, .xls, .xlsb, .ods) or delimited text (.csv, .tsv) to clean, in one run
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The config to run, by name or id [default: the only one, or "default"; made from the template when there is none]
    #[arg(long, value_name = "NAME_OR_ID")]
    pub(super) config: Option<String>,
    /// Only this sheet; may be given several times
    #[arg(long = "sheet", value_name = "NAME")]
    pub(super) sheets: Vec<String>,
    /// Write no outputs: only say what would be mapped and what rules object to
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Where to put the outputs and the audit record [default: ade-output/<run id> beside the first file]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Print the run's events as they come, one JSON object a line, and the result as the last line
    #[arg(long)]
    pub(super) json: bool,
}

impl RunArgs {
    fn options(&self) -> RunOptions {
        let input_sheet_names = Some(self.sheets.clone()).filter(|sheets| !sheets.is_empty());
        RunOptions { dry_run: self.dry_run, input_sheet_names, ..RunOptions::default() }
    }
}

/// What a run left on this machine.
#[derive(Debug)]
pub(super) struct Finished {
    /// The run's record.
    pub(super) run: Run,
    /// From its creation to its end.
    pub(super) took: Option<Duration>,
    /// Where its files are.
    pub(super) directory: PathBuf,
    /// Its outputs, with their paths on this machine.
    pub(super) outputs: Vec<(Output, PathBuf)>,
    /// Its audit record, when it left one.
    pub(super) artifact: Option<PathBuf>,
}

/// Runs the command.
pub(super) async fn run(connection: &ConnectionArgs, args: RunArgs) -> Result<(), CliError> {
    let files = args.files.iter().map(|path| LocalFile::check(path)).collect::<Result<Vec<_>, _>>()?;
    let out = match &args.out {
        Some(out) => Destination::Here(out.clone()),
        None => Destination::Under(files.first().and_then(|file| file.path.parent()).map(|dir| dir.join("ade-output")).unwrap_or_default()),
    };
    let client = Client::new(&connection.resolve()?)?;
    let mut display = Display::new(args.json);
    let finished = clean(&client, &mut display, &files, args.config.as_deref(), &args.options(), &out).await;
    display.clear();
    let finished = finished?;
    if args.json {
        print_line(finished.result_line().as_bytes());
    } else {
        report::print(&finished)?;
    }
    finished.verdict()
}

/// Uploads, runs and downloads, until it is done or the person stops it.
pub(super) async fn clean(
    client: &Client,
    display: &mut Display,
    files: &[LocalFile],
    config: Option<&str>,
    options: &RunOptions,
    out: &Destination,
) -> Result<Finished, CliError> {
    let mut signals = Signals::listen()?;
    let started = OnceCell::new();
    tokio::select! {
        finished = clean_to_the_end(client, display, files, config, options, out, &started) => finished,
        () = signals.stop() => Err(match started.get() {
            None => CliError::interrupted("stopped before the run was started").hint("what was uploaded stays: see `ade documents list`"),
            Some(id) => CliError::interrupted(format!("stopped watching; the run {id} goes on"))
                .hint(format!("see it with `ade runs logs --follow {id}`")),
        }),
    }
}

async fn clean_to_the_end(
    client: &Client,
    display: &mut Display,
    files: &[LocalFile],
    config: Option<&str>,
    options: &RunOptions,
    out: &Destination,
    started: &OnceCell<RunId>,
) -> Result<Finished, CliError> {
    let workspace = client.workspace().await?;
    let config = choose_config(client, display, workspace, config).await?;
    let mut documents = Vec::with_capacity(files.len());
    for file in files {
        let document = file.upload(client, display, workspace, file.sha256().await?).await?;
        documents.push(
            document["id"]
                .as_str()
                .and_then(|id| id.parse::<DocumentId>().ok())
                .ok_or_else(|| CliError::failed("the server named no document").hint("does --url name an ADE of this version?"))?,
        );
    }
    let (id, stream) = client.create_run(config.id, &documents, options).await?;
    started.get_or_init(|| id);
    let mut follower = Follower::new(client, Followed::Run(id), 0, Some(stream));
    let lost = |error: ApiError| CliError::from(error).hint(format!("the run goes on; see it with `ade runs show {id}`"));
    let mut took = None;
    while let Some(event) = follower.next().await.map_err(lost)? {
        took = event.event.as_ref().map(|event| Duration::from_millis(event.elapsed_ms));
        display.event(&event);
    }
    Ok(Finished { took, ..fetch(client, id, out).await? })
}

/// Where a run's files go.
#[derive(Debug, Clone)]
pub(super) enum Destination {
    /// Into this directory.
    Here(PathBuf),
    /// Into a directory of this one that is named like the run.
    Under(PathBuf),
}

impl Destination {
    fn of(&self, run: RunId) -> PathBuf {
        match self {
            Self::Here(directory) => directory.clone(),
            Self::Under(parent) => parent.join(run.to_string()),
        }
    }
}

/// Downloads everything that a finished run left.
async fn fetch(client: &Client, id: RunId, out: &Destination) -> Result<Finished, CliError> {
    let run = client.run(id).await?;
    let directory = out.of(id);
    let outputs = if run.status == RunStatus::Succeeded { client.outputs(id).await? } else { Vec::new() };
    let mut placed = Vec::with_capacity(outputs.len());
    for output in outputs {
        let path = directory.join(safe_relative(&output.name)?);
        make_parent(&path).await?;
        client.download_output(id, &output.name, &path).await?;
        placed.push((output, path));
    }
    let artifact = if run.artifact_uri.is_some() {
        let path = directory.join(ARTIFACT);
        make_parent(&path).await?;
        client.download_artifact(id, &path).await?;
        Some(path)
    } else {
        None
    };
    Ok(Finished { run, took: None, directory, outputs: placed, artifact })
}

/// Downloads everything that a run left into a directory; where it is then.
pub(super) async fn download_outputs(client: &Client, id: RunId, directory: &Path) -> Result<Vec<PathBuf>, CliError> {
    let finished = fetch(client, id, &Destination::Here(directory.to_owned())).await?;
    Ok(finished.outputs.into_iter().map(|(_, path)| path).chain(finished.artifact).collect())
}

impl Finished {
    /// The result for programs: the last line of `--json`.
    fn result_line(&self) -> String {
        let outputs: Vec<_> = self.outputs.iter().map(|(output, path)| json!({ "name": output.name, "path": path })).collect();
        json!({
            "object": "ade.cli.result", "run_id": self.run.id, "status": self.run.status, "error_message": self.run.error_message,
            "directory": self.directory, "outputs": outputs, "artifact": self.artifact,
        })
        .to_string()
    }

    /// Failure when the run did not succeed.
    pub(super) fn verdict(&self) -> Result<(), CliError> {
        let reason = self.run.error_message.as_deref().or(self.run.summary.as_deref()).unwrap_or("no reason was recorded");
        let id = self.run.id;
        match self.run.status {
            RunStatus::Succeeded => Ok(()),
            RunStatus::Canceled => {
                Err(CliError::failed(format!("the run was canceled: {reason}")).hint(format!("do it again with `ade runs retry {id}`")))
            }
            _ => Err(CliError::failed(format!("the run failed: {reason}")).hint(format!("its whole log: `ade runs logs {id}`"))),
        }
    }
}

/// The named config, or the obvious one; made from the template when the workspace has none.
async fn choose_config(client: &Client, display: &Display, workspace: WorkspaceId, wanted: Option<&str>) -> Result<Config, CliError> {
    if let Some(wanted) = wanted {
        return named(client, workspace, wanted).await;
    }
    let mut configs = client.configs(workspace).await?;
    if configs.is_empty() {
        let config = client.create_config(workspace, DEFAULT_CONFIG).await?;
        display.say(&format!("{} Created the config {:?} from the template", style("✓").green(), config.name));
        return Ok(config);
    }
    let obvious = if configs.len() == 1 { Some(0) } else { configs.iter().position(|config| config.name == DEFAULT_CONFIG) };
    obvious.map(|index| configs.swap_remove(index)).ok_or_else(|| {
        let names = configs.iter().map(|config| config.name.as_str()).collect::<Vec<_>>().join(", ");
        CliError::usage("there are several configs and none is called \"default\"").hint(format!("choose one with --config: {names}"))
    })
}

/// A name from the server as a path below a directory of ours; a server must not choose files elsewhere.
pub(super) fn safe_relative(name: &str) -> Result<PathBuf, CliError> {
    let path = Path::new(name);
    let harmless = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
    if harmless {
        return Ok(path.to_owned());
    }
    Err(CliError::failed(format!("the server calls a file {name:?}, which is not a safe name here")).hint("download it in a browser"))
}

pub(super) async fn make_parent(path: &Path) -> Result<(), CliError> {
    let parent = path.parent().unwrap_or(path);
    tokio::fs::create_dir_all(parent).await.map_err(|error| {
        CliError::failed(format!("cannot create {}: {error}", parent.display())).hint("choose another directory with --out")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn outputs_stay_in_their_directory() {
        assert_eq!(safe_relative("clean/a b.xlsx").unwrap(), Path::new("clean/a b.xlsx"));
        for name in ["", "../x", "/etc/passwd", "a/../../x", "./x/.."] {
            assert!(safe_relative(name).is_err(), "{name}");
        }
    }
}
