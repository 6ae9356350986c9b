//! The executor and the builder: the two functions that start processes.
//!
//! The *executor* claims a run, brings its documents and the environment of its build to this machine, runs the Python engine on
//! them, and publishes what it made. The *builder* claims a build and makes such an environment. Both own what they work on by a
//! lease, write an event log while they work, and leave the record in a state from which somebody else can go on, whatever happens.
//!
//! A map for readers:
//!
//! - [`function`]: both as Lambda functions, and what they check when they start.
//! - [`run`], [`build`]: the work itself, from claim to finish, over [`owner`] (claim, lease, give back).
//! - [`sandbox`]: confining what users wrote.
//! - [`process`], [`logged`], [`pump`]: running a program in a clean environment and moving its output to the log.
//! - [`files`], [`scratch`]: what user code leaves, and where.
//! - [`venv`], [`base`], [`requirements`]: virtual environments and what is in them.
//! - [`stop`], [`halt`], [`keeper`]: the ways in which work ends early.

#![deny(unsafe_code)]

pub mod base;
pub mod build;
pub mod files;
pub mod function;
pub mod halt;
pub mod hashing;
pub mod keeper;
pub mod logged;
pub mod owner;
pub mod process;
pub mod pump;
pub mod requirements;
pub mod run;
pub mod sandbox;
pub mod scratch;
pub mod stop;
pub mod venv;
