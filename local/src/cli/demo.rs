//! `ade demo`: everything ADE is for, once, on a workbook that comes with it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ade_core::run::RunOptions;
use clap::Args;
use comfy_table::{ContentArrangement, Table, presets};
use console::style;

use super::client::Client;
use super::connection::Connection;
use super::display::{Display, seconds};
use super::documents::LocalFile;
use super::expectation::Expectation;
use super::local::{environment, log_to_stderr};
use super::report::{self, shown};
use super::run::{Destination, Finished, clean};
use super::sheet::{self, Sheet};
use super::{CliError, error};
use crate::up::{Options, Stack};

/// A small, messy workbook. `local/demo/make_workbook.py` makes it and says what is wrong with it.
const WORKBOOK: &[u8] = include_bytes!("../../demo/member-return.xlsx");
const WORKBOOK_NAME: &str = "member-return.xlsx";
/// The rows that its clean form must have, from the same source.
pub(super) const EXPECTED: &str = include_str!("../../demo/expected.json");
/// Rows and columns of the views before and after.
const VIEW: (usize, usize) = (9, 6);

/// Clean a messy example workbook on an ADE started for it, and show what happened
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where the demo keeps everything
    #[arg(long, value_name = "DIR", default_value = ".ade/demo")]
    data_dir: PathBuf,
}

/// Runs the command.
pub(super) async fn run(args: DemoArgs) -> Result<(), CliError> {
    log_to_stderr();
    let started = Instant::now();
    let options = Options { port: 0, data_dir: args.data_dir, aws_endpoint_url: None, record_uses: None, environment: environment() };
    let stack = Stack::start(options).await?;
    println!("{} ADE started at {} {}", style("✓").green(), stack.local().url, style(seconds(started.elapsed())).dim());
    let shown = show(&stack).await;
    stack.shutdown().await?;
    shown
}

async fn show(stack: &Stack) -> Result<(), CliError> {
    let input = stack.data_dir().join(WORKBOOK_NAME);
    std::fs::write(&input, WORKBOOK).map_err(|error| {
        CliError::failed(format!("cannot write {}: {error}", input.display())).hint("choose another directory with --data-dir")
    })?;
    let messy = read(&input)?;
    println!("\n{}, as somebody sent it:\n{}\n", style(shown(&input)).bold(), view(&messy));

    let local = stack.local();
    let url = local.url.parse().map_err(|error| CliError::fault(format!("{}: {error}", local.url)))?;
    let client = Client::new(&Connection { url, api_key: local.api_key.clone(), workspace: Some(local.workspace_id) })?;
    let mut display = Display::new(false);
    let out = Destination::Under(stack.data_dir().join("output"));
    let finished = clean(&client, &mut display, &[LocalFile::check(&input)?], None, &RunOptions::default(), &out).await;
    display.clear();
    let finished = finished?;
    report::print(&finished)?;
    finished.verdict()?;

    let cleaned = read(clean_workbook(&finished)?)?;
    println!("\nThe same rows, clean:\n{}\n", view(&cleaned));
    check(&cleaned)
}

/// Says whether every row arrived, unchanged and as often as it was there.
fn check(cleaned: &[Sheet]) -> Result<(), CliError> {
    let expectation: Expectation =
        serde_json::from_str(EXPECTED).map_err(|error| CliError::fault(format!("the demo's expectation can't be read: {error}")))?;
    match expectation.compare(cleaned) {
        Ok(equal) => {
            println!(
                "{} All {} rows of the {} tables in the messy workbook are in the clean one, each as often as it was there.",
                style("✓").green().bold(),
                equal.rows,
                equal.tables
            );
            Ok(())
        }
        Err(differences) => {
            Err(CliError::fault(format!("the clean workbook does not have the rows that it must have:\n  {}", differences.join("\n  "))))
        }
    }
}

fn clean_workbook(finished: &Finished) -> Result<&Path, CliError> {
    let workbook = finished.outputs.iter().map(|(_, path)| path.as_path()).find(|path| path.extension().is_some_and(|kind| kind == "xlsx"));
    workbook.ok_or_else(|| CliError::fault("the run left no workbook"))
}

fn read(path: &Path) -> Result<Vec<Sheet>, CliError> {
    sheet::read(path).map_err(|error| CliError::fault(format!("cannot read {}: {}", path.display(), error::chain(&error))))
}

/// The first rows of a workbook's first sheet.
fn view(sheets: &[Sheet]) -> Table {
    let (rows, columns) = VIEW;
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    for row in sheets.first().map_or(&[][..], |sheet| &sheet.rows).iter().take(rows) {
        let cells = (0..columns).map(|column| row.get(column).map(sheet::shown).unwrap_or_default());
        table.add_row(cells.map(|text| console::truncate_str(&text, 24, "…").into_owned()));
    }
    table
}
