//! The engine's command line.

use std::ffi::OsString;
use std::path::PathBuf;

use ade_core::eventlog::LogLevel;
use ade_core::run::Run;

use crate::process::{Limits, Program};
use crate::sandbox::{Confinement, Reach, Sandbox};
use crate::venv::Venv;

/// Where one engine process reads and writes.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The document.
    pub(crate) input: PathBuf,
    /// Directory of what it produces.
    pub(crate) output: PathBuf,
    /// Directory of its artifact.
    pub(crate) logs: PathBuf,
}

/// How the engine is run: where it may write whatever it likes, what it may use, and what confines it.
#[derive(Debug, Clone)]
pub(crate) struct Cell<'a> {
    pub(crate) home: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) sandbox: &'a Sandbox,
}

/// The engine of an environment: isolated (`-I`), and without writing bytecode (`-B`).
pub(crate) fn engine(venv: &Venv, cell: &Cell<'_>, arguments: &[&str]) -> Program {
    let arguments = ["-I", "-B", "-m", "ade_engine"].iter().chain(arguments).map(OsString::from).collect();
    let reach = Reach { read: vec![venv.dir().to_owned()], write: vec![cell.home.clone()] };
    let confinement = Some(cell.sandbox.confine(reach));
    let mut program =
        Program { file: venv.python(), arguments, environment: Vec::new(), home: cell.home.clone(), limits: cell.limits, confinement };
    program.arguments.extend(["--config-package".into(), venv.config().into(), "--log-format".into(), "ndjson".into()]);
    program
}

/// Processes one document.
pub(super) fn process_file(run: &Run, venv: &Venv, places: &Places, cell: &Cell<'_>) -> Program {
    let mut program = engine(venv, cell, &["process", "file"]);
    if let Some(Confinement { reach, .. }) = &mut program.confinement {
        reach.read.push(places.input.clone());
        reach.write.extend([places.output.clone(), places.logs.clone()]);
    }
    let paths = [("--input", &places.input), ("--output-dir", &places.output), ("--logs-dir", &places.logs)];
    for (option, path) in paths {
        program.arguments.extend([option.into(), path.into()]);
    }
    for name in run.options.input_sheet_names.iter().flatten() {
        // One argument, so that a sheet whose name begins with a dash is not taken for an option.
        program.arguments.push(format!("--input-sheet={name}").into());
    }
    if run.options.active_sheet_only {
        program.arguments.push("--active-sheet-only".into());
    }
    if run.options.dry_run {
        program.arguments.push("--dry-run".into());
    }
    with_options(program, run)
}

/// Checks the config only.
pub(super) fn validate(run: &Run, venv: &Venv, cell: &Cell<'_>) -> Program {
    with_options(engine(venv, cell, &["config", "validate"]), run)
}

fn with_options(mut program: Program, run: &Run) -> Program {
    let level = match run.options.log_level {
        LogLevel::Debug => "DEBUG",
        LogLevel::Info => "INFO",
        LogLevel::Warning => "WARNING",
        LogLevel::Error => "ERROR",
    };
    program.arguments.extend(["--log-level".into(), level.into()]);
    let metadata = serde_json::to_string(&run.options.metadata).unwrap_or_default();
    program.environment.push(("ADE_RUN_METADATA".into(), metadata.into()));
    program
}
