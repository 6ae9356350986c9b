//! The HTTP edge: what every operation has in common.
//!
//! A handler is an async function from a [`Call`] to an answer or a [`Problem`]. It parses, authorises, asks the core and
//! shapes the answer; everything else happens here:
//!
//! ```text
//! event ─▶ Request ─▶ sign-in ─▶ Call ─▶ handler ─▶ Result<answer, Problem>
//!                                                        │
//!        X-Request-Id, CORS, Cache-Control, log line ◀───┘
//! ```
//!
//! - [`mod@serve`] runs a handler as a Lambda function: settings, clients and logging are made once at start.
//! - [`problem`] is the only place that knows which error has which status.
//! - [`stream`] turns a log into a body that ends by itself, says when it is alive and never fails halfway.

pub mod body;
pub mod call;
pub mod cors;
mod fetch;
pub mod idempotency;
mod jwt;
pub mod object;
mod oidc;
pub mod page;
pub mod precondition;
pub mod problem;
pub mod request;
pub mod respond;
pub mod serve;
pub mod stream;
pub mod validate;

pub use call::{App, Call, Owned};
pub use fetch::fetch;
pub use idempotency::Kept;
pub use page::{List, PageQuery};
pub use precondition::{not_modified, with_etag};
pub use problem::Problem;
pub use request::Request;
pub use respond::{Answer, created, no_content, ok, redirect};
pub use serve::{serve, serve_open, serve_streaming};
pub use stream::{Framing, StreamAnswer, StreamBody};
pub use validate::Checks;
