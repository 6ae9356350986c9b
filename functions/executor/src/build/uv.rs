//! Calling uv, the installer.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use ade_core::settings::Settings;

use crate::process::{Limits, Program};

/// Variables of the builder's own environment that reach uv besides uv's own: how to reach the package index.
const PASSED_ON: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// The installer, and how it is called.
#[derive(Debug, Clone)]
pub(super) struct Uv {
    program: PathBuf,
    cache: PathBuf,
    home: PathBuf,
    limits: Limits,
}

impl Uv {
    /// Finds uv: where `ADE_UV` says, or on `PATH`.
    pub(super) fn find(settings: &Settings, home: &Path) -> Result<Self, &'static str> {
        let on_path = || {
            let path = std::env::var_os("PATH")?;
            std::env::split_paths(&path).map(|directory| directory.join("uv")).find(|candidate| candidate.is_file())
        };
        let program =
            settings.uv.clone().or_else(on_path).ok_or("the installer uv was not found: install uv, or set ADE_UV to its path")?;
        Ok(Self { program, cache: settings.venvs_dir.join(".uv-cache"), home: home.to_owned(), limits: Limits::from(settings) })
    }

    /// A call of uv. It sees the builder's variables `UV_*` and those about proxies and certificates, nothing else.
    pub(super) fn call(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
        let inherited = std::env::vars_os().filter(|(name, _)| {
            let name = name.to_string_lossy();
            name.starts_with("UV_") || PASSED_ON.contains(&name.as_ref())
        });
        let own: [(OsString, OsString); 7] = [
            ("UV_CACHE_DIR".into(), self.cache.clone().into()),
            ("UV_PYTHON_DOWNLOADS".into(), "never".into()),
            // Not the settings of a project that these directories happen to be in.
            ("UV_NO_CONFIG".into(), "1".into()),
            ("UV_LINK_MODE".into(), "copy".into()),
            ("UV_NO_PROGRESS".into(), "1".into()),
            ("NO_COLOR".into(), "1".into()),
            ("PYC_INVALIDATION_MODE".into(), "UNCHECKED_HASH".into()),
        ];
        Program {
            file: self.program.clone(),
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            // What the operator set wins.
            environment: own.into_iter().chain(inherited).collect(),
            home: self.home.clone(),
            limits: self.limits,
            // It must reach the package index, and executes nothing that users wrote.
            confinement: None,
        }
    }
}
