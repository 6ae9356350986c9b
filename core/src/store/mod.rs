//! The handles to `DynamoDB` and S3 that every resource's store uses.

pub mod error;
pub mod objects;
pub mod page;
pub mod pieces;
pub mod table;
pub mod update;

pub use error::StoreError;
pub use objects::{Expected, ObjectInfo, Objects};
pub use page::{Cursor, Page, PageRequest};
pub use pieces::{Fault, Pieces};
pub use table::{Index, TABLES, Table, Tables};
pub use update::Update;

/// An item as `DynamoDB` has it.
pub type Item = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// What every stored record carries so that later shapes can be told apart.
pub const SCHEMA: u32 = 1;
