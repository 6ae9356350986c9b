//! The system itself: its health and the description of its API.

mod docs;
mod health;
mod meta;
mod not_found;
mod openapi;
mod safe_mode;
mod sweep;

pub use docs::*;
pub use health::*;
pub use meta::*;
pub use not_found::*;
pub use openapi::*;
pub use safe_mode::*;
pub use sweep::*;
