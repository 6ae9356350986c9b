//! Confining what users wrote.
//!
//! A config is code from somebody who may mean harm. What it must not do: read credentials or other people's documents, call the Lambda
//! Runtime API, reach the network, change what the next run sees, or outlive its run. Several layers of the kernel see to that, each of
//! which would be enough for most of it:
//!
//! - **capabilities**: none are left, and none can come back, so that root inside is root over nothing;
//! - **seccomp**: sockets of the machine itself only, and no system calls that watch other processes or change the machine ([`filters`]);
//! - **Landlock**: files are read where Python, the environment and the documents are, and written in the run's scratch directory ([`files`]);
//! - the parent is not dumpable, so that nobody reads its memory or environment, and children are the first whom a full memory kills.
//!
//! Limits and the end of every descendant are [`crate::process`]'s. Which layers there are depends on the kernel: [`Sandbox::start`] tries
//! each on a child of its own.

mod files;
mod filters;
mod probe;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ade_core::settings::SandboxMode;
use caps::{CapSet, Capability};
use landlock::{AccessFs, PathBeneath, PathFd, RulesetCreated, RulesetCreatedAttr as _};
use serde::{Deserialize, Serialize};

use self::filters::Filters;
use crate::base::Base;

/// The layers that are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layers {
    /// No capabilities, and no way to get any.
    pub capabilities: bool,
    /// Filtered system calls.
    pub seccomp: bool,
    /// Files outside of what a run needs are out of reach.
    pub landlock: bool,
}

impl Layers {
    const ALL: Self = Self { capabilities: true, seccomp: true, landlock: true };

    /// The names of the layers that are in force.
    pub fn in_force(self) -> Vec<&'static str> {
        self.names(true)
    }

    /// The names of the layers that are missing.
    pub fn missing(self) -> Vec<&'static str> {
        self.names(false)
    }

    fn names(self, wanted: bool) -> Vec<&'static str> {
        let layers = [("capabilities", self.capabilities), ("seccomp", self.seccomp), ("landlock", self.landlock)];
        layers.into_iter().filter(|(_, there)| *there == wanted).map(|(name, _)| name).collect()
    }
}

/// How user code is confined on this machine.
#[derive(Debug, Clone)]
pub struct Sandbox {
    layers: Layers,
    filters: Arc<Filters>,
    /// What every program may read and execute.
    system: Vec<PathBuf>,
}

/// What a program may reach besides the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// What it may read and execute.
    pub read: Vec<PathBuf>,
    /// What it may change.
    pub write: Vec<PathBuf>,
}

/// A program's confinement.
#[derive(Debug, Clone)]
pub struct Confinement {
    /// The layers.
    pub sandbox: Sandbox,
    /// What it may reach.
    pub reach: Reach,
}

/// A confinement that has been made ready for one child.
pub(crate) struct Prepared {
    /// Capabilities to be removed from the bounding set; an ordinary user can't, and has none.
    bounding: Option<Vec<Capability>>,
    filters: Option<Arc<Filters>>,
    files: Option<RulesetCreated>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The operator requires what this kernel does not have.
    #[error("ADE_SANDBOX is `required`, but not in force here: {}", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// The layers could not be tried.
    #[error("the sandbox can't be tried: {0}")]
    Probe(#[from] io::Error),
}

impl Sandbox {
    /// Finds out which layers are in force when a child asks for them.
    pub fn start(mode: SandboxMode, base: &Base) -> Result<Self, SandboxError> {
        let home = base.python.parent().and_then(|bin| bin.parent()).map(PathBuf::from);
        let system = files::SYSTEM.iter().map(PathBuf::from).chain(home).chain([base.dir.clone()]).collect();
        let filters = Arc::new(Filters::compile().map_err(io::Error::other)?);
        let mut sandbox = Self { layers: Layers::ALL, filters, system };
        if mode == SandboxMode::Off {
            sandbox.layers = Layers::default();
            return Ok(sandbox);
        }
        sandbox.layers = probe::layers(&sandbox, base)?;
        let missing = sandbox.layers.missing();
        if mode == SandboxMode::Required && !missing.is_empty() {
            return Err(SandboxError::Missing(missing));
        }
        Ok(sandbox)
    }

    /// The layers in force.
    pub fn layers(&self) -> Layers {
        self.layers
    }

    /// The confinement of a program that may reach this.
    pub fn confine(&self, reach: Reach) -> Confinement {
        Confinement { sandbox: self.clone(), reach }
    }
}

impl Confinement {
    /// Makes everything ready that must not be made between `fork` and `exec`.
    pub(crate) fn prepare(&self) -> io::Result<Prepared> {
        let Layers { capabilities, seccomp, landlock } = self.sandbox.layers;
        let may_drop = caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(io::Error::other)?;
        let bounding = || caps::read(None, CapSet::Bounding).map(|set| set.into_iter().collect()).map_err(io::Error::other);
        Ok(Prepared {
            bounding: if capabilities { Some(if may_drop { bounding()? } else { Vec::new() }) } else { None },
            filters: seccomp.then(|| Arc::clone(&self.sandbox.filters)),
            files: landlock.then(|| files::rules(&self.sandbox.system, &self.reach)).transpose()?,
        })
    }
}

impl Prepared {
    /// Applies the layers to the calling process, for good. Called between `fork` and `exec`: makes system calls only.
    pub(crate) fn apply(&mut self) -> io::Result<()> {
        let denied = |_| io::Error::from(io::ErrorKind::PermissionDenied);
        if let Some(bounding) = &self.bounding {
            for capability in bounding {
                caps::drop(None, CapSet::Bounding, *capability).map_err(denied)?;
            }
            caps::clear(None, CapSet::Ambient).map_err(denied)?;
            caps::clear(None, CapSet::Inheritable).map_err(denied)?;
            caps::clear(None, CapSet::Permitted).map_err(denied)?;
        }
        if let Some(files) = self.files.take() {
            // The directory of the process itself can only be named by the process itself.
            let own = PathFd::new("/proc/self").map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
            let rule = PathBeneath::new(own, AccessFs::ReadFile | AccessFs::ReadDir);
            let restricted = files.add_rule(rule).and_then(RulesetCreated::restrict_self);
            restricted.map_err(|_| io::Error::from(io::ErrorKind::PermissionDenied))?;
        }
        if let Some(filters) = &self.filters {
            filters.apply()?;
        }
        Ok(())
    }
}
