//! ADE on one machine: the same function binaries as in the cloud, with stand-ins for AWS in one process, and the `ade` command.
//!
//! - [`host`]: Lambda and API Gateway: runs the function binaries and gives them HTTP.
//! - [`embedded`]: DynamoDB and S3 on a data directory.
//! - [`roles`]: IAM, for the functions' requests to each other and to AWS.
//! - [`up`]: the two wired together into a whole ADE.
//! - [`cli`]: the `ade` command, which talks HTTP to this ADE or any other.

pub mod cli;
pub mod embedded;
pub mod host;
pub mod roles;
pub mod up;
