//! Making a build's environment on this machine from its archive.

use std::io;

use ade_core::Ade;
use ade_core::build::{Archive, Build};
use ade_core::layout;
use ade_core::store::StoreError;
use tokio::task::{JoinError, spawn_blocking};

use super::{Venv, trim, unpack};
use crate::base::Base;
use crate::files::remove_tree;
use crate::hashing::{Description, describe};
use crate::stop::outlast;

/// Why an environment is not there.
#[derive(Debug, thiserror::Error)]
pub enum HydrateError {
    /// There is no usable archive: the same version must be built again.
    #[error("the build has no usable archive: {0}")]
    Unusable(String),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The machine failed.
    #[error(transparent)]
    Local(#[from] io::Error),
}

impl From<JoinError> for HydrateError {
    fn from(error: JoinError) -> Self {
        Self::Local(io::Error::other(error))
    }
}

/// The environment of a build: as it stands here, or unpacked from its archive.
pub async fn hydrate(ade: &Ade, base: &Base, build: &Build) -> Result<Venv, HydrateError> {
    let venv = Venv::of(&ade.settings, build);
    if let Ok(manifest) = venv.manifest() {
        if manifest.base_digest != base.info.digest {
            return Err(HydrateError::Unusable("it was made on another base environment".to_owned()));
        }
        venv.settle(base, manifest.overlay)?;
        return Ok(venv);
    }
    let archive = build.archive.clone().ok_or_else(|| HydrateError::Unusable("none is recorded".to_owned()))?;
    let making = venv.beside();
    let made = make(ade, base, build, archive, &making).await;
    if made.is_err() {
        remove_tree(making.dir())?;
    }
    made?;
    making.move_to(&venv)?;
    let (venvs_dir, budget) = (ade.settings.venvs_dir.clone(), ade.settings.venvs_size_limit.0);
    spawn_blocking(move || trim(&venvs_dir, budget)).await?;
    Ok(venv)
}

/// The environment of a build for a single run, at `place`. Where nothing keeps a run from changing what is cached here, only what was
/// just compared with the build's record can be trusted.
pub async fn hydrate_alone(ade: &Ade, base: &Base, build: &Build, place: Venv) -> Result<Venv, HydrateError> {
    let archive = build.archive.clone().ok_or_else(|| HydrateError::Unusable("none is recorded".to_owned()))?;
    remove_tree(place.dir())?;
    make(ade, base, build, archive, &place).await?;
    Ok(place)
}

async fn make(ade: &Ade, base: &Base, build: &Build, archive: Archive, making: &Venv) -> Result<(), HydrateError> {
    tokio::fs::create_dir_all(making.dir()).await?;
    let packed = making.dir().join("venv.tar.zst");
    let key = layout::build_archive(build.build_id);
    let fetched = outlast(|| async {
        match tokio::fs::remove_file(&packed).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::Unavailable { operation: "write scratch file", message: error.to_string() }),
        }
        ade.objects.download(&key, &packed).await
    });
    if fetched.await?.is_none() {
        return Err(HydrateError::Unusable("it is gone".to_owned()));
    }
    let (making, base) = (making.clone(), base.clone());
    spawn_blocking(move || {
        let Description { byte_size, sha256 } = describe(&packed)?;
        if (Archive { byte_size, sha256 }) != archive {
            return Err(HydrateError::Unusable("its content is not what was recorded".to_owned()));
        }
        unpack(&packed, making.dir())?;
        std::fs::remove_file(&packed)?;
        let manifest = making.manifest().map_err(|error| HydrateError::Unusable(format!("it has no manifest: {error}")))?;
        if manifest.base_digest != base.info.digest {
            return Err(HydrateError::Unusable("it was made on another base environment".to_owned()));
        }
        Ok(making.settle(&base, manifest.overlay)?)
    })
    .await?
}
