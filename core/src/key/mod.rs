//! API keys: `ade_<key_id>_<secret>`, shown once, stored as a hash.

mod model;
mod service;

pub use model::{ApiKey, KeyHash, SecretKey};
pub use service::{ApiKeys, SignInError};
