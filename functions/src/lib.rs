//! The HTTP API of ADE: one handler per operation, one binary per handler.
//!
//! A handler's file holds everything about its operation: the doc comment is its documentation, the `utoipa::path` attribute
//! its place in the API, the function what it does. The binaries under `src/bin` are named by operation id and serve one handler
//! each; [`openapi`] lists the handlers once more to derive `docs/openapi.json`, from which gateways learn their routes.

#![forbid(unsafe_code)]

pub mod builds;
pub mod configs;
pub mod documents;
pub mod downloads;
pub mod edge;
pub mod events;
pub mod keys;
mod live;
pub mod members;
pub mod openapi;
pub mod previews;
pub mod reaper;
pub mod runs;
pub mod system;
pub mod workspaces;
