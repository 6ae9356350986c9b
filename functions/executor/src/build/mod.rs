//! Making a build: a config version and what it requires, layered over the base environment, checked, packed and published.
//!
//! Each step is told by events. The environment is made beside its final place and renamed when it is whole; a build that fails
//! leaves nothing behind but its log.

mod environment;
mod install;
mod uv;
mod validate;

use std::path::{Path, PathBuf};

use ade_core::Ade;
use ade_core::build::{Build, BuildStatus, Ended};
use ade_core::eventlog::{BuildStep, EventBody, FailureCode, LogWriter, StepStatus};
use ade_core::id::BuildId;
use ade_core::layout;
use ade_core::lease::Lease;
use ade_core::store::StoreError;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use ulid::Ulid;

use self::environment::{Environment, Unfinished};
use crate::base::Base;
use crate::files::{read_regular, remove_tree};
use crate::halt::{Brake, Halt};
use crate::hashing::content_digest;
use crate::logged::Finished;
use crate::owner::own;
use crate::process::{Exit, Limits, Program};
use crate::requirements::normalized;
use crate::run::Checked;
use crate::sandbox::{Reach, Sandbox};
use crate::stop::{Failed, Stop, fault, outlast, unless_halted};
use crate::venv::{InUse, Manifest, Venv, pack, unpack};

/// Lists packages and compiles the config.
const PACKAGES_SCRIPT: &str = include_str!("packages.py");
/// Most bytes of each file that it writes.
const LIST_LIMIT: u64 = 8 << 20;
/// Most bytes of a package's name or version.
const WORD_LIMIT: usize = 200;
const INSTALL: &str = "install_config";

/// Makes builds.
pub struct Builder {
    /// The stores.
    pub ade: Ade,
    /// The base environment of this machine.
    pub base: Base,
    /// What confines the code of configs and their packages.
    pub sandbox: Sandbox,
}

impl Builder {
    /// Makes a build if it waits for a builder, until `deadline` at the latest. Its committed events also go to `relay`. Returns the id
    /// of the completed event when the build was finished here.
    pub async fn execute(&self, id: BuildId, deadline: Instant, relay: mpsc::Sender<Bytes>) -> Result<Option<u64>, StoreError> {
        let timeout = async |_: &Build| Ok(self.ade.settings.build_timeout.duration());
        own(&self.ade, self.ade.builds.claim(id), deadline, timeout, |lease, build, brake| {
            Making::carry_out(self, lease, build, brake, relay)
        })
        .await
    }
}

/// A build that is being made.
struct Making<'a> {
    lease: Lease<Build>,
    build: Build,
    started: Instant,
    /// Where it will be.
    place: Venv,
    environment: Environment<'a, LogWriter>,
}

/// Where `packages.py` writes, and nobody else but code of packages that Python executes when it starts.
struct Lists {
    packages: PathBuf,
    bill: PathBuf,
}

/// What `packages.py` writes.
#[derive(Debug, Deserialize)]
struct Packages {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    shared: bool,
}

impl<'a> Making<'a> {
    async fn carry_out(
        builder: &'a Builder,
        lease: Lease<Build>,
        build: Build,
        brake: Brake,
        relay: mpsc::Sender<Bytes>,
    ) -> Result<Build, Stop> {
        let settings = &builder.ade.settings;
        let logs = layout::build_logs(build.build_id);
        let log = LogWriter::start(lease.clone(), builder.ade.objects.clone(), logs, build.subject(), build.created, Some(relay));
        let in_use = InUse::begin(settings, &build).map_err(fault("create_venv"))?;
        let place = Venv::of(settings, &build);
        let venv = place.beside();
        let unfinished = Unfinished(venv.clone());
        let environment = Environment::new(builder, venv, brake, log);
        let making = Self { lease, build, started: Instant::now(), place, environment };
        let finished = making.finish_with_result().await;
        drop(unfinished);
        drop(in_use);
        finished
    }

    async fn finish_with_result(mut self) -> Result<Build, Stop> {
        let ended = match self.make().await {
            Ok(ended) => ended,
            Err(Stop::Failed(failed)) => without(BuildStatus::Failed, failed),
            Err(Stop::Halted(Halt::Timeout)) => {
                without(BuildStatus::Failed, Failed::new(FailureCode::Timeout, "build", "the build's time was up"))
            }
            Err(Stop::Halted(Halt::Canceled)) => {
                without(BuildStatus::Canceled, Failed::new(FailureCode::CanceledByUser, "build", "the build was canceled"))
            }
            // Why the log can't be written is told by closing it.
            Err(Stop::Halted(Halt::LogClosed)) => {
                return Err(self.environment.log.close().await.err().map_or(Stop::Halted(Halt::LogClosed), Stop::from));
            }
            Err(stop) => return Err(stop),
        };
        let Self { lease, build, environment: Environment { ade, log, pump, .. }, .. } = self;
        if pump.conclude(&log).await.is_err() {
            tracing::warn!("the log is closed; closing it says why");
        }
        let closed = log.close().await?;
        let finished = outlast(|| ade.builds.finish(&lease, &build, closed.last_id, ended.clone())).await?;
        if let (Some(relay), Some(completed)) = (closed.relay, finished.completed_event()) {
            // A reader that is too slow for this reads the log itself.
            drop(relay.try_send(completed.line()));
        }
        Ok(finished)
    }

    /// Every step ends when the brake is pulled. What runs programs sees to that itself: it ends all that they started before it returns.
    async fn make(&mut self) -> Result<Ended, Stop> {
        let step = self.begin(BuildStep::CreateVenv).await?;
        self.environment.create()?;
        self.done(step, None).await?;

        let skipped = StepStatus::Skipped;
        let message = Some("uv installs packages".to_owned());
        self.environment
            .log
            .append([EventBody::BuildStep { step: BuildStep::UpgradePip, status: skipped, duration_ms: None, message }])
            .await?;

        let step = self.begin(BuildStep::InstallEngine).await?;
        let message = self.environment.install_engine().await?;
        self.done(step, Some(message)).await?;

        let step = self.begin(BuildStep::InstallConfig).await?;
        let mut halts = self.environment.brake.halts();
        unless_halted(&mut halts, self.unpack_config()).await?;
        let message = self.environment.install_requirements().await?;
        self.done(step, Some(message)).await?;

        let step = self.begin(BuildStep::VerifyImports).await?;
        self.verify().await?;
        self.done(step, None).await?;

        let step = self.begin(BuildStep::CollectMetadata).await?;
        let (packages, lists) = self.collect_metadata().await?;
        let own = packages.iter().filter(|package| !package.shared).count();
        self.done(step, Some(format!("{} packages, {own} of them its own", packages.len()))).await?;

        let step = self.begin(BuildStep::Publish).await?;
        let info = &self.environment.base.info;
        let engine_version =
            packages.iter().find(|package| normalized(&package.name) == "ade-engine").map(|package| package.version.clone());
        let manifest = Manifest {
            overlay: self.environment.overlay,
            base_digest: info.digest.clone(),
            engine_version: engine_version.unwrap_or_else(|| info.engine_version.clone()),
            python_version: info.python_version.clone(),
        };
        let archive = unless_halted(&mut halts, self.publish(&manifest, &lists)).await?;
        self.done(step, Some(format!("{} bytes packed", archive.byte_size))).await?;
        Ok(Ended::Active {
            archive,
            summary: format!("Built in {:.1} s with engine {}", self.started.elapsed().as_secs_f64(), manifest.engine_version),
            engine_version: manifest.engine_version,
            python_version: manifest.python_version,
        })
    }

    /// Checks that the config can be imported.
    async fn verify(&mut self) -> Result<(), Stop> {
        match self.environment.validate().await? {
            Finished { exit: Exit::Code(0), seen, .. } if seen.validated.is_some() || !self.environment.engine.is_ours() => Ok(()),
            Finished { exit, seen, .. } => {
                let (exit_code, how) = match exit {
                    Exit::Code(code) => (Some(code), format!("exit code {code}")),
                    Exit::Signal(signal) => (None, format!("signal {signal}")),
                };
                let said = || seen.tail.back().map_or_else(String::new, |line| format!(": {line}"));
                let message = Checked::of(&seen).first.unwrap_or_else(|| format!("checking the config ended with {how}{}", said()));
                Err(Failed { exit_code, ..Failed::new(FailureCode::ConfigError, "verify_imports", message) }.into())
            }
        }
    }

    async fn collect_metadata(&mut self) -> Result<(Vec<Package>, Lists), Stop> {
        const STAGE: &str = "collect_metadata";
        let Environment { venv, base, home, sandbox, ade, .. } = &self.environment;
        let directory = home.join(format!("lists-{}", Ulid::generate()));
        std::fs::create_dir(&directory).map_err(fault(STAGE))?;
        let lists = Lists { packages: directory.join("packages.json"), bill: directory.join("sbom.json") };
        let program = Program {
            file: venv.python(),
            arguments: ["-I", "-B", "-c", PACKAGES_SCRIPT]
                .into_iter()
                .map(Into::into)
                .chain([lists.packages.clone().into(), lists.bill.clone().into(), venv.dir().into()])
                .collect(),
            environment: Vec::new(),
            home: home.clone(),
            limits: Limits::from(&ade.settings),
            // Packages can make Python execute code of theirs whenever it starts. It writes bytecode, and can't replace the directories.
            confinement: Some(
                sandbox
                    .confine(Reach { read: vec![venv.dir().to_owned()], write: vec![venv.config(), venv.site_packages(base), directory] }),
            ),
        };
        let Finished { exit, seen, .. } = self.environment.run(&program).await?;
        if exit != Exit::Code(0) {
            let reason = seen.tail.back().map_or("", String::as_str);
            return Err(Failed::new(FailureCode::Internal, STAGE, format!("the packages could not be listed: {reason}")).into());
        }
        let wrong = |what: &str| Failed::new(FailureCode::ConfigError, STAGE, format!("the list of packages {what}"));
        let read = |list: &Path| match read_regular(list, LIST_LIMIT) {
            Ok(Some(text)) => Ok(text),
            Ok(None) => Err(Stop::from(wrong("is not a file of a usual size"))),
            Err(error) => Err(fault(STAGE)(error)),
        };
        let text = read(&lists.packages)?;
        read(&lists.bill)?;
        let found: Packages = serde_json::from_slice(&text).map_err(|_| wrong("is not one"))?;
        if found.packages.iter().any(|package| package.name.len().max(package.version.len()) > WORD_LIMIT) {
            return Err(wrong("has names or versions that are too long").into());
        }
        Ok((found.packages, lists))
    }

    /// Packs and uploads the environment, and gives it its place on this machine.
    async fn publish(&mut self, manifest: &Manifest, lists: &Lists) -> Result<ade_core::build::Archive, Stop> {
        const STAGE: &str = "publish";
        self.environment.venv.write_manifest(manifest).map_err(fault(STAGE))?;
        let packed = self.environment.home.join("venv.tar.zst");
        let (venv, base, file) = (self.environment.venv.clone(), self.environment.base.clone(), packed.clone());
        let packing = spawn_blocking(move || pack(&venv, &base, &file));
        let archive = packing.await.map_err(|error| fault(STAGE)(error.into()))?.map_err(fault(STAGE))?;
        let objects = &self.environment.ade.objects;
        let (archive_key, packages_key) = (layout::build_archive(self.build.build_id), layout::build_packages(self.build.build_id));
        let bill_key = layout::build_sbom(self.build.build_id);
        tokio::try_join!(
            outlast(|| objects.put_file(&archive_key, &packed, Some("application/zstd"))),
            outlast(|| objects.put_file(&packages_key, &lists.packages, Some("application/json"))),
            outlast(|| objects.put_file(&bill_key, &lists.bill, Some("application/vnd.cyclonedx+json"))),
        )?;
        remove_tree(&self.environment.home).map_err(fault(STAGE))?;
        self.environment.venv.clone().move_to(&self.place).map_err(fault(STAGE))?;
        Ok(archive)
    }

    async fn unpack_config(&mut self) -> Result<(), Stop> {
        let key = layout::version_archive(self.build.config_id, &self.build.content_digest);
        let packed = self.environment.home.join("config.tar.zst");
        let fetched = outlast(|| async {
            if let Err(error) = tokio::fs::remove_file(&packed).await
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(StoreError::Unavailable { operation: "write scratch file", message: error.to_string() });
            }
            self.environment.ade.objects.download(&key, &packed).await
        });
        if fetched.await?.is_none() {
            return Err(Failed::new(FailureCode::Internal, INSTALL, "the files of the config version are gone").into());
        }
        let (from, to) = (packed, self.environment.venv.config());
        let unpacking = spawn_blocking(move || {
            unpack(&from, &to)?;
            content_digest(&to)
        });
        if unpacking.await.map_err(|error| fault(INSTALL)(error.into()))?.map_err(fault(INSTALL))? == self.build.content_digest {
            return Ok(());
        }
        Err(Failed::new(FailureCode::Internal, INSTALL, "the files of the config version are not what was recorded").into())
    }

    async fn begin(&self, step: BuildStep) -> Result<(BuildStep, Instant), Stop> {
        let started = EventBody::BuildStep { step, status: StepStatus::Started, duration_ms: None, message: None };
        self.environment.log.append([started]).await?;
        Ok((step, Instant::now()))
    }

    async fn done(&self, (step, began): (BuildStep, Instant), message: Option<String>) -> Result<(), Stop> {
        let duration_ms = u64::try_from(began.elapsed().as_millis()).ok();
        Ok(self.environment.log.append([EventBody::BuildStep { step, status: StepStatus::Completed, duration_ms, message }]).await?)
    }
}

/// How a build ends that made no environment.
fn without(status: BuildStatus, Failed { failure, message, exit_code }: Failed) -> Ended {
    Ended::Without { status, failure, message, exit_code }
}
