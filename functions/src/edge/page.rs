//! Pages of lists.

use ade_core::store::{Cursor, Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::object::object_name;
use super::{Checks, Problem};

object_name!(ListObject, "list");

/// Most items of a page.
pub const LIMIT: u32 = 200;
/// Items of a page when the request does not say.
pub const DEFAULT_LIMIT: u32 = 50;

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct List<T> {
    /// Always `list`.
    pub object: ListObject,
    /// The items.
    pub data: Vec<T>,
    /// Whether another page follows.
    pub has_more: bool,
    /// Give it as `cursor` to get the next page.
    pub next_cursor: Option<String>,
}

impl<T> List<T> {
    /// A page of records as the API shows them.
    pub fn of<R>(page: Page<R>, view: impl FnMut(R) -> T) -> Self {
        Self::new(page.items.into_iter().map(view).collect(), page.next.map(|cursor| cursor.encode()))
    }

    /// Items and where the list goes on.
    pub fn new(data: Vec<T>, next_cursor: Option<String>) -> Self {
        Self { object: ListObject::Name, data, has_more: next_cursor.is_some(), next_cursor }
    }
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// As the core takes it.
    pub fn request(&self) -> Result<PageRequest, Problem> {
        page_request(self.limit, self.cursor.as_deref())
    }
}

/// Reads the two parameters that every list has.
pub fn page_request(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
    let limit = checked_limit(limit, DEFAULT_LIMIT, LIMIT)?;
    let cursor = cursor.map(Cursor::decode).transpose()?;
    Ok(PageRequest { limit, cursor })
}

/// `limit` between 1 and `most`.
pub fn checked_limit(limit: Option<u32>, default: u32, most: u32) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(default);
    Checks::new().that((1..=most).contains(&limit), "limit", "out_of_range", format!("must be from 1 to {most}")).finish()?;
    Ok(limit as usize)
}
