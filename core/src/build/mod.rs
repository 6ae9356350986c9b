//! Builds: one attempt each to freeze a config version into a virtual environment.

mod model;
mod service;

pub use model::{Archive, Build, BuildStatus};
pub use service::{BUILDER_VERSION, Builds, CreateBuildError, CreatedBuild, Ended, NewBuild, VersionChoice};
