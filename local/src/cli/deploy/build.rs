//! The binaries that are deployed.
//!
//! `cargo lambda build` makes them for Amazon Linux whatever this machine is. Where it is not installed, plain cargo does, on a Linux
//! whose C library is not newer than Lambda's.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use console::style;

use crate::cli::CliError;

/// Where the binary of each function is.
pub(super) struct Build {
    directory: PathBuf,
    /// `<function>/bootstrap` instead of `<function>`.
    bootstraps: bool,
}

/// The architecture of this machine, as Lambda calls it.
pub(super) const fn own_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

impl Build {
    /// Binaries that were built before, named as their functions.
    pub(super) fn prebuilt(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), bootstraps: false }
    }

    /// Builds all functions.
    pub(super) fn make(root: &Path, architecture: &str) -> Result<Self, CliError> {
        make_console(root)?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        if has_cargo_lambda() {
            println!("Building the functions with cargo lambda");
            let mut cargo = Command::new("cargo");
            cargo.args(["lambda", "build", "--release", "--locked", "--workspace", "--bins"]);
            // Naming the own architecture would make it look for a part of the toolchain that is there.
            if architecture != own_architecture() {
                cargo.arg(if architecture == "arm64" { "--arm64" } else { "--x86-64" });
            }
            run(cargo.current_dir(root))?;
            return Ok(Self { directory: target.join("lambda"), bootstraps: true });
        }
        if architecture != own_architecture() {
            return Err(CliError::usage(format!("plain cargo builds for {} only", own_architecture()))
                .hint("install cargo lambda (https://www.cargo-lambda.info), or set --parameter Architecture"));
        }
        println!("Building the functions with cargo; cargo lambda is not installed");
        run(Command::new("cargo").args(["build", "--release", "--locked", "--workspace", "--bins"]).current_dir(root))?;
        Ok(Self { directory: target.join("release"), bootstraps: false })
    }

    /// Where the binaries are.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The binary of a function.
    pub(super) fn binary(&self, function: &str) -> Result<PathBuf, CliError> {
        let path = if self.bootstraps { self.directory.join(function).join("bootstrap") } else { self.directory.join(function) };
        if path.is_file() {
            Ok(path)
        } else {
            Err(CliError::failed(format!("the function {function} is not at {}", path.display()))
                .hint("build every function, or name their directory with --binaries"))
        }
    }
}

/// Builds the web console, which its function embeds, where Node is.
fn make_console(root: &Path) -> Result<(), CliError> {
    run(Command::new(root.join("local/dev/console")).arg("build").current_dir(root))?;
    if !root.join("functions/console/dist/index.html").is_file() {
        println!("{} This deployment has no web console; the API, the commands and everything else work without it", style("!").yellow());
    }
    Ok(())
}

fn has_cargo_lambda() -> bool {
    let version = Command::new("cargo").args(["lambda", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Runs a command that shows its own progress.
pub(super) fn run(command: &mut Command) -> Result<(), CliError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| CliError::failed(format!("cannot run {name}: {error}")).hint("install it, and have it in PATH"))?;
    if status.success() { Ok(()) } else { Err(CliError::failed(format!("{name} failed ({status})")).hint("what it printed says why")) }
}
