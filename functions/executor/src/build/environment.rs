//! An environment while it is made, and running programs in it.

use std::path::PathBuf;

use ade_core::Ade;
use ade_core::eventlog::{EventBody, LogLine, LogStream};
use ade_core::settings::Settings;

use super::Builder;
use super::install::EngineSource;
use crate::base::Base;
use crate::files::remove_tree;
use crate::halt::Brake;
use crate::logged::{Finished, run_logged};
use crate::process::{Limits, Program};
use crate::pump::{Pump, Quota, Sink};
use crate::run::{Cell, engine};
use crate::sandbox::Sandbox;
use crate::stop::{Stop, fault};
use crate::venv::Venv;

/// An environment that is being made. What is told about it goes to `log`.
pub(super) struct Environment<'a, S> {
    pub(super) ade: &'a Ade,
    pub(super) base: &'a Base,
    pub(super) sandbox: &'a Sandbox,
    /// The engine it gets.
    pub(super) engine: EngineSource,
    /// Where it is made.
    pub(super) venv: Venv,
    /// Whether the base's packages are seen through it.
    pub(super) overlay: bool,
    /// Home of the programs that make it.
    pub(super) home: PathBuf,
    pub(super) brake: Brake,
    pub(super) log: S,
    pub(super) pump: Pump,
}

impl<'a, S: Sink> Environment<'a, S> {
    pub(super) fn new(builder: &'a Builder, venv: Venv, brake: Brake, log: S) -> Self {
        let Builder { ade, base, sandbox } = builder;
        let Settings { engine_spec, log_lines_limit, log_bytes_limit, .. } = &ade.settings;
        let quota = Quota { lines: (*log_lines_limit).into(), bytes: log_bytes_limit.0 };
        Self {
            ade,
            base,
            sandbox,
            engine: EngineSource::read(engine_spec.as_deref()),
            home: venv.dir().join("home"),
            venv,
            overlay: true,
            brake,
            log,
            pump: Pump::new(quota, EventBody::BuildLog),
        }
    }

    /// Makes an environment that has nothing but the base.
    pub(super) fn create(&self) -> Result<(), Stop> {
        std::fs::create_dir_all(&self.home).map_err(fault("create_venv"))?;
        self.venv.settle(self.base, true).map_err(fault("create_venv"))
    }

    /// Imports the engine and the config as a run does.
    pub(super) async fn validate(&mut self) -> Result<Finished, Stop> {
        let cell = Cell { home: self.home.clone(), limits: Limits::from(&self.ade.settings), sandbox: self.sandbox };
        let program = engine(&self.venv, &cell, &["config", "validate"]);
        self.run(&program).await
    }

    pub(super) async fn run(&mut self, program: &Program) -> Result<Finished, Stop> {
        run_logged(program, &mut self.pump, &self.log, &self.brake).await
    }

    /// A line of the builder's own.
    pub(super) async fn say(&self, text: &str) -> Result<(), Stop> {
        Ok(self.log.append([EventBody::BuildLog(LogLine::plain(LogStream::Stdout, text))]).await?)
    }
}

/// Removes an environment that did not get a place when it is dropped.
pub(super) struct Unfinished(pub(super) Venv);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Err(error) = remove_tree(self.0.dir()) {
            tracing::error!(%error, dir = %self.0.dir().display(), "unfinished environment not removed");
        }
        // The directory of the build goes too, unless its environment is in it.
        if let Some(directory) = self.0.dir().parent() {
            drop(std::fs::remove_dir(directory));
        }
    }
}
