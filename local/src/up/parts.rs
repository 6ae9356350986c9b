//! What has to be on the disk before a local ADE can start: function binaries, the base environment, uv.

use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::UpError;

/// Functions that no route names: they are invoked by other functions.
pub(super) const WORKERS: [&str; 2] = ["executor", "builder"];
/// The function that looks after runs and builds, on a schedule.
pub(super) const REAPER: &str = "reaper";

/// The base environment: Python with the engine and its dependencies. Builds are thin layers on it.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) dir: PathBuf,
    pub(super) digest: String,
}

/// Where function binaries are: beside this program.
pub(super) fn binaries() -> Result<PathBuf, UpError> {
    let program = env::current_exe().and_then(std::fs::canonicalize).map_err(UpError::OwnPath)?;
    Ok(program.parent().map(Path::to_owned).unwrap_or_default())
}

/// The path of a function's binary.
pub(super) fn binary(directory: &Path, operation: &str) -> Result<PathBuf, UpError> {
    let path = directory.join(operation);
    if path.is_file() { Ok(path) } else { Err(UpError::MissingBinary { operation: operation.to_owned(), directory: directory.to_owned() }) }
}

/// The base environment of `ADE_BASE_DIR`, of the data directory, or of the nearest `.ade` above it, above here or above
/// this program.
pub(super) fn base(configured: Option<&Path>, data_dir: &Path) -> Result<Base, UpError> {
    #[derive(Deserialize)]
    struct Description {
        digest: String,
    }
    let dir = match configured {
        Some(dir) => Some(dir.to_owned()),
        None => places(data_dir).map(|place| place.join("base")).find(|dir| dir.join("base.json").is_file()),
    };
    let dir = dir.ok_or_else(|| UpError::NoBase { wanted: data_dir.join("base") })?;
    let unusable = |reason: String| UpError::BadBase { dir: dir.clone(), reason };
    let text = std::fs::read(dir.join("base.json")).map_err(|error| unusable(format!("base.json: {error}")))?;
    let description: Description = serde_json::from_slice(&text).map_err(|error| unusable(format!("base.json: {error}")))?;
    if !dir.join("bin/python").exists() {
        return Err(unusable("it has no bin/python".to_owned()));
    }
    Ok(Base { digest: description.digest, dir })
}

/// The uv of `ADE_UV`, of `PATH`, or of the nearest `.ade/tools`. Configs without dependencies of their own build without it.
pub(super) fn uv(configured: Option<&Path>, data_dir: &Path) -> Option<PathBuf> {
    let on_path = || env::var_os("PATH").into_iter().flat_map(|path| env::split_paths(&path).collect::<Vec<_>>()).map(|dir| dir.join("uv"));
    let in_tools = || places(data_dir).map(|place| place.join("tools/bin/uv"));
    configured.map(Path::to_owned).or_else(|| on_path().chain(in_tools()).find(|uv| uv.is_file()))
}

/// The data directory and every `.ade` at or above it, the current directory and this program.
fn places(data_dir: &Path) -> impl Iterator<Item = PathBuf> {
    let starts = [Some(data_dir.to_owned()), env::current_dir().ok(), env::current_exe().ok()];
    let above = starts.into_iter().flatten().flat_map(|start| start.ancestors().map(|dir| dir.join(".ade")).collect::<Vec<_>>());
    std::iter::once(data_dir.to_owned()).chain(above)
}
