//! S3 on files and one SQLite index.
//!
//! ```text
//! request ─▶ service: one way to sign, every x-amz header signed, CORS     (service.rs)
//!         ─▶ s3s: parses, checks the SigV4 signature, aws-chunked bodies
//!         ─▶ guard: whether the role of the function that signed allows it  (guard.rs)
//!         ─▶ operations: S3's inputs and outputs in terms of the store     (operations.rs)
//!         ─▶ store: what objects are and how they survive                  (store/)
//! ```
//!
//! Only what ADE and ordinary S3 clients use is there; everything else answers 501.

mod checksum;
mod condition;
mod guard;
mod listener;
mod operations;
mod service;
mod store;

pub use self::listener::Listener;
pub use self::service::S3Service;
pub use self::store::{Store, StoreError};
