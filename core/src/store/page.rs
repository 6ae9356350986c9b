//! Pages of lists: what a caller asks for and how the next page is found again.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Item;

/// Where a list continues: opaque to clients, the string attributes of an index key to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(BTreeMap<String, String>);

/// A cursor that no list of ours handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

impl Cursor {
    /// From named parts.
    pub(crate) fn from_parts<const N: usize>(parts: [(&str, String); N]) -> Self {
        Self(parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// From the key of the last item that was returned. Every key attribute of every list is a string.
    pub(crate) fn from_key(key: &Item) -> Self {
        Self(key.iter().filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone()))).collect())
    }

    /// As `DynamoDB` takes it.
    pub(crate) fn into_key(self, names: &[&str], pinned: &[(&str, &str)]) -> Result<Item, InvalidCursor> {
        Ok(self.into_parts(names, pinned)?.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect())
    }

    /// Its parts. A cursor made for another list, or by hand, is refused: its attributes must be exactly `names`, and each
    /// pinned attribute must have the value that this list queries.
    pub(crate) fn into_parts(self, names: &[&str], pinned: &[(&str, &str)]) -> Result<BTreeMap<String, String>, InvalidCursor> {
        let same_names = self.0.len() == names.len() && names.iter().all(|name| self.0.contains_key(*name));
        let same_list = pinned.iter().all(|(name, value)| self.0.get(*name).is_some_and(|v| v == value));
        if !same_names || !same_list {
            return Err(InvalidCursor);
        }
        Ok(self.0)
    }

    /// The text that clients hand back.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&self.0).unwrap_or_default())
    }

    /// Reads a cursor that a client handed back.
    pub fn decode(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > 1024 {
            return Err(InvalidCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        serde_json::from_slice(&bytes).map(Self).map_err(|_| InvalidCursor)
    }
}

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Most items on the page.
    pub limit: usize,
    /// Where to continue; `None` for the first page.
    pub cursor: Option<Cursor>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, newest first.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_read_back(map in proptest::collection::btree_map("[a-z_]{1,12}", "\\PC{0,40}", 0..5)) {
            let cursor = Cursor(map);
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = Cursor::decode(&text);
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let key: Item =
            [("run_id", "run_1"), ("workspace_id", "ws_1")].map(|(n, v)| (n.to_owned(), AttributeValue::S(v.to_owned()))).into();
        let cursor = Cursor::from_key(&key);
        let names = ["workspace_id", "run_id"];
        assert_eq!(cursor.clone().into_key(&names, &[("workspace_id", "ws_1")]).unwrap(), key);
        assert!(cursor.clone().into_key(&names, &[("workspace_id", "ws_2")]).is_err());
        assert!(cursor.into_key(&["workspace_id", "run_id", "item"], &[]).is_err());
    }
}
