//! What a build adds to the base environment: the engine that the operator wants, the config's project tree, and the packages
//! that the config requires.
//!
//! uv's resolver does not see packages through a `.pth` file. So the requirements are resolved with the base's versions as
//! constraints, what the base has is dropped from the result, and the rest is installed without looking at dependencies again.

use std::path::{Path, PathBuf};

use ade_core::eventlog::FailureCode;
use tokio::task::spawn_blocking;

use super::environment::Environment;
use super::uv::Uv;
use crate::logged::Finished;
use crate::process::Exit;
use crate::pump::{Seen, Sink};
use crate::requirements::{Requirements, pinned};
use crate::stop::{Failed, Stop, fault};

const CONFIG: &str = "install_config";
const ENGINE: &str = "install_engine";
/// Names of the engine's files among installed packages start with this.
const ENGINE_FILES: &str = "ade_engine";

/// The engine that a build gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EngineSource {
    /// The base's.
    Base,
    /// A directory that holds the package as it is, without a project file.
    Directory(PathBuf),
    /// Something that uv installs: a requirement, a wheel, or a project.
    Install {
        /// As a requirement.
        requirement: String,
        /// Whether it is a project, which must be built.
        project: bool,
    },
}

impl EngineSource {
    /// Whether it is ADE's own, of which is known what it says.
    pub(super) fn is_ours(&self) -> bool {
        *self == Self::Base
    }

    /// Reads `ADE_ENGINE_SPEC`.
    pub(super) fn read(spec: Option<&str>) -> Self {
        let Some(spec) = spec else { return Self::Base };
        let path = Path::new(spec);
        if !path.is_absolute() {
            return Self::Install { requirement: spec.to_owned(), project: false };
        }
        if path.is_dir() && !path.join("pyproject.toml").is_file() {
            return Self::Directory(path.to_owned());
        }
        Self::Install { requirement: format!("ade-engine @ file://{spec}"), project: path.is_dir() }
    }
}

impl<S: Sink> Environment<'_, S> {
    /// Makes the engine importable, as far as that is not a matter of packages.
    pub(super) async fn install_engine(&mut self) -> Result<String, Stop> {
        match &self.engine {
            EngineSource::Base => Ok(format!("engine {} of the base environment, linked", self.base.info.engine_version)),
            EngineSource::Directory(directory) => {
                let (from, to) = (directory.clone(), self.venv.site_packages(self.base));
                spawn_blocking(move || copy_engine(&from, &to))
                    .await
                    .map_err(|error| fault(ENGINE)(error.into()))?
                    .map_err(fault(ENGINE))?;
                Ok(format!("engine from {}", directory.display()))
            }
            EngineSource::Install { requirement, .. } => Ok(format!("{requirement}, installed with the config's packages")),
        }
    }

    /// Installs what the config requires, whose files are there.
    pub(super) async fn install_requirements(&mut self) -> Result<String, Stop> {
        let required = self.requirements()?;
        if required.is_empty() {
            return Ok("no packages of its own".to_owned());
        }
        let uv = Uv::find(&self.ade.settings, &self.home).map_err(|message| Failed::new(FailureCode::Internal, CONFIG, message))?;
        let base_lock = self.base.dir.join("base.lock");
        let over_base = self.resolve(&uv, &required, Some(&base_lock)).await?;
        let (locked, overlay) = match over_base {
            Ok(locked) => (locked, true),
            Err(conflict) if conflict.is_conflict() => (self.resolve_without_base(&uv, required, conflict).await?, false),
            Err(refused) => return Err(refused.into_stop()),
        };
        let base = self.base;
        let missing: Vec<&str> = locked
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .filter(|line| !overlay || pinned(line).is_none_or(|(name, version)| base.locked.get(&name) != Some(&version)))
            .collect();
        self.overlay = overlay;
        self.venv.settle(base, overlay).map_err(fault(CONFIG))?;
        if !missing.is_empty() {
            self.install(&uv, &missing).await?;
        }
        if !overlay && matches!(self.engine, EngineSource::Base) {
            let (from, to) = (base.site_packages(), self.venv.site_packages(base));
            spawn_blocking(move || copy_engine(&from, &to)).await.map_err(|error| fault(CONFIG)(error.into()))?.map_err(fault(CONFIG))?;
        }
        Ok(match (overlay, missing.len()) {
            (false, count) => format!("{count} packages in an environment of its own: the requirements conflict with the base environment"),
            (true, 0) => "no packages of its own: the base environment has them all".to_owned(),
            (true, 1) => "1 package over the base environment".to_owned(),
            (true, count) => format!("{count} packages over the base environment"),
        })
    }

    /// The requirements that need the installer.
    fn requirements(&self) -> Result<Vec<String>, Stop> {
        let wrong = |message: String| Failed::new(FailureCode::ConfigError, CONFIG, message);
        let config = match std::fs::read(self.venv.config().join("pyproject.toml")) {
            Ok(bytes) => {
                let text = std::str::from_utf8(&bytes).map_err(|error| wrong(format!("pyproject.toml is not UTF-8: {error}")))?;
                Requirements::read(text).map_err(|error| wrong(error.to_string()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Requirements::default(),
            Err(error) => return Err(fault(CONFIG)(error)),
        };
        let mut open = config.open(|name| self.base.has(name));
        if let EngineSource::Install { requirement, .. } = &self.engine {
            open.push(requirement.clone());
        }
        Ok(open)
    }

    /// Requirements that can't live with the base's versions get an environment that has everything itself.
    async fn resolve_without_base(&mut self, uv: &Uv, mut required: Vec<String>, conflict: Refused) -> Result<String, Stop> {
        if matches!(self.engine, EngineSource::Base) {
            let engine = std::fs::read_to_string(self.base.dir.join("base.in")).map_err(fault(CONFIG))?;
            required.extend(engine.lines().map(str::to_owned));
        }
        self.say("The requirements conflict with the base environment; trying an environment of their own.").await?;
        match self.resolve(uv, &required, None).await? {
            Ok(locked) => Ok(locked),
            // What can't be met at all is better explained without the base's versions in the explanation.
            Err(refused) if refused.is_conflict() => Err(refused.into_stop()),
            Err(_) => Err(conflict.into_stop()),
        }
    }

    /// All packages that requirements lead to, one exact version a line.
    async fn resolve(&mut self, uv: &Uv, required: &[String], constraint: Option<&Path>) -> Result<Result<String, Refused>, Stop> {
        let (wanted, locked) = (self.home.join("requirements.in"), self.home.join("requirements.lock"));
        tokio::fs::write(&wanted, required.join("\n")).await.map_err(fault(CONFIG))?;
        let python = &self.base.python;
        let mut call = uv.call(["pip", "compile", "--quiet", "--no-header", "--no-annotate"]);
        call.arguments.extend([wanted.into(), "--output-file".into(), locked.clone().into(), "--python".into(), python.into()]);
        if let Some(constraint) = constraint {
            call.arguments.extend(["--constraint".into(), constraint.into()]);
        }
        call.arguments.extend(self.wheels_only());
        match self.run(&call).await? {
            Finished { exit: Exit::Code(0), .. } => Ok(Ok(tokio::fs::read_to_string(&locked).await.map_err(fault(CONFIG))?)),
            Finished { exit, seen, .. } => Ok(Err(Refused { exit, seen })),
        }
    }

    async fn install(&mut self, uv: &Uv, packages: &[&str]) -> Result<(), Stop> {
        let list = self.home.join("requirements.txt");
        tokio::fs::write(&list, packages.join("\n")).await.map_err(fault(CONFIG))?;
        let mut call = uv.call(["pip", "install", "--no-deps"]);
        call.arguments.extend(["--python".into(), self.venv.python().into(), "--requirements".into(), list.into()]);
        call.arguments.extend(self.wheels_only());
        match self.run(&call).await? {
            Finished { exit: Exit::Code(0), .. } => Ok(()),
            Finished { exit, seen, .. } => Err(Refused { exit, seen }.into_stop()),
        }
    }

    /// Installing must not run code of packages; an engine that the operator gave as a project is built all the same.
    fn wheels_only(&self) -> Vec<std::ffi::OsString> {
        match self.engine {
            EngineSource::Install { project: true, .. } => Vec::new(),
            _ => vec!["--only-binary".into(), ":all:".into()],
        }
    }
}

/// uv did not do what it was asked to.
struct Refused {
    exit: Exit,
    seen: Seen,
}

impl Refused {
    /// Whether the requirements have no solution, as opposed to an index that can't be reached, for instance.
    fn is_conflict(&self) -> bool {
        self.seen.tail.iter().any(|line| line.contains("No solution found"))
    }

    fn into_stop(self) -> Stop {
        let said = self.seen.tail.iter().map(|line| plain(line)).collect::<Vec<_>>().join(" ");
        let code = if self.is_conflict() { FailureCode::ConfigError } else { FailureCode::BuildFailed };
        let exit_code = match self.exit {
            Exit::Code(code) => Some(code),
            Exit::Signal(_) => None,
        };
        let message = if said.is_empty() { "uv failed without saying why".to_owned() } else { said };
        Failed { exit_code, ..Failed::new(code, CONFIG, message) }.into()
    }
}

/// A line of uv without what marks it as a part of an error.
fn plain(line: &str) -> &str {
    let line = line.trim_start_matches([' ', '×', '╰', '─', '▶', '│']);
    line.strip_prefix("error: ").or_else(|| line.strip_prefix("cause: ")).unwrap_or(line)
}

/// Copies the engine's package and metadata from a directory of packages.
fn copy_engine(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with(ENGINE_FILES) {
            copy(&from.join(&name), &to.join(&name))?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if !from.is_dir() {
        return std::fs::copy(from, to).map(drop);
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let name = entry?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
