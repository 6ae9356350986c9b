//! AWS inside this process: the DynamoDB and the S3 that functions reach locally.
//!
//! The idea: functions speak to AWS only through the SDK, so two HTTP endpoints that behave like
//! DynamoDB and S3 are all they need. Both keep their data in one *data directory* and answer a write
//! only when it is on disk: killing the process, or the machine, at any moment loses nothing that was
//! acknowledged, and shows nothing that was not.
//!
//! - [`dynoxide`](https://docs.rs/dynoxide-rs) is the DynamoDB engine; `dynamo` runs it, behind a `door` that holds functions to their [roles](crate::roles).
//! - [`s3s`] speaks the S3 protocol and checks signatures and roles; [`s3`] is our storage behind it.
//! - `data_dir` makes sure that one process owns a directory and understands its layout.
//! - [`credentials`] holds the key pair that requests must be signed with.
//!
//! What can fail: starting (each way is an [`EmbeddedError`] that says what to do) and single
//! requests (answered with the status and code AWS would use). Nothing else stops the services.

pub mod credentials;
mod data_dir;
mod door;
mod dynamo;
mod error;
pub mod s3;

use std::path::Path;

use tokio::task::spawn_blocking;

use self::credentials::Credentials;
use self::dynamo::Dynamo;
use self::s3::{Listener, Store};
use crate::roles::Roles;

pub(crate) use self::data_dir::DataDir;
pub use self::data_dir::reset;
pub use self::error::EmbeddedError;
pub use self::s3::S3Service;

/// The running services of one data directory.
#[derive(Debug)]
pub struct Embedded {
    /// `http://127.x.y.z:port`, for `AWS_ENDPOINT_URL_DYNAMODB`.
    pub dynamodb_url: String,
    /// `http://127.0.0.1:port`, for `AWS_ENDPOINT_URL_S3`. Path style only.
    pub s3_url: String,
    /// The same S3, for a server that wants to answer requests for it under its own address.
    pub s3_service: S3Service,
    /// What requests are signed with.
    pub credentials: Credentials,
    dynamo: Dynamo,
    s3: Listener,
    store: Store,
    data_dir: DataDir,
}

impl Embedded {
    /// Takes the data directory, making it when it is not there, and starts both services on it.
    ///
    /// # Errors
    /// Another process owns the directory, it is not of a known format, or the system refuses a
    /// file, a thread or a port.
    pub async fn start(data_dir: &Path) -> Result<Self, EmbeddedError> {
        Self::start_with(data_dir, Roles::default()).await
    }

    /// The same for functions with these roles.
    ///
    /// # Errors
    /// As [`Embedded::start`].
    pub async fn start_with(data_dir: &Path, roles: Roles) -> Result<Self, EmbeddedError> {
        let path = data_dir.to_owned();
        let of_tables = roles.clone();
        let opened = spawn_blocking(move || open(&path, of_tables)).await;
        let (data_dir, credentials, store, dynamo) =
            opened.map_err(|error| EmbeddedError::Start { service: "services", source: error.into() })??;
        let s3_service = S3Service::new(store.clone(), &credentials, roles);
        let s3 = Listener::start(s3_service.clone()).await.map_err(|source| EmbeddedError::Start { service: "S3", source })?;
        Ok(Self { dynamodb_url: dynamo.url(), s3_url: s3.url(), s3_service, credentials, dynamo, s3, store, data_dir })
    }

    /// Finishes the requests under way, closes the data and gives the directory up. Copies of
    /// [`Embedded::s3_service`] answer 503 from then on.
    pub async fn shutdown(self) {
        let Self { dynamo, s3, store, data_dir, .. } = self;
        s3.stop().await;
        let closed = spawn_blocking(move || {
            store.close();
            dynamo.stop();
            drop(data_dir);
        });
        if closed.await.is_err() {
            tracing::error!("closing the embedded services panicked");
        }
    }
}

fn open(path: &Path, roles: Roles) -> Result<(DataDir, Credentials, Store, Dynamo), EmbeddedError> {
    let data_dir = DataDir::open(path)?;
    let credentials = Credentials::load_or_create(&data_dir.credentials())?;
    let s3 = data_dir.s3()?;
    let store = Store::open(&s3).map_err(|source| EmbeddedError::Store { path: s3, source })?;
    let dynamo = Dynamo::start(&data_dir.dynamodb()?, roles)?;
    Ok((data_dir, credentials, store, dynamo))
}
