//! ADE as its users have it: the `ade` command, every function binary, the executor and the engine, driven over HTTP.
//!
//! Every test starts an `ade up` of its own on a free port and an empty data directory. Every answer and every event that a test
//! sees is checked against `docs/openapi.json` by the client ([`contract`]), and no function may have panicked when a test ends.

mod administration;
mod archives;
mod browsers;
mod builds;
mod cancel;
mod client;
mod command;
mod commands;
mod config_commands;
mod config_files;
mod configs;
mod console;
mod contract;
mod crash;
mod deployed;
mod document_commands;
mod documents;
mod faults;
mod fixtures;
mod idempotency;
mod libraries;
mod main_path;
mod noise;
mod oidc;
mod pages;
mod permissions;
mod previews;
mod recovery;
mod refusals;
mod results;
mod retention;
mod roles;
mod runs;
mod server;
mod telemetry;
mod whole_answers;
