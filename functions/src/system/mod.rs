//! The system itself: its health and the description of its API.

mod health;
mod not_found;
mod openapi;

pub use health::*;
pub use not_found::*;
pub use openapi::*;
