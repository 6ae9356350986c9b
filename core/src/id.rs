//! Typed identifiers: a prefix that names the resource and a ULID.
//!
//! ULIDs sort by creation time (<https://github.com/ulid/spec>), so ids double as sort keys: newest first is a
//! descending query, with no extra timestamp index.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    /// The resource whose id was expected, e.g. `run`.
    pub kind: &'static str,
}

/// Milliseconds as a ULID holds them, in 48 bits; what is outside becomes the nearest.
fn ulid_time(millis: i64) -> u64 {
    u64::try_from(millis).unwrap_or(0).min((1 << 48) - 1)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// What every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id; ids made later sort after ids made in an earlier millisecond.
            pub fn generate() -> Self {
                Self(Ulid::generate())
            }

            /// The first of all ids of this kind.
            pub const FIRST: Self = Self(Ulid::nil());
            /// The last of all ids of this kind.
            pub const LAST: Self = Self(Ulid::max());

            /// The first id that can be made at a moment, in milliseconds since the Unix epoch.
            pub fn first_at(millis: i64) -> Self {
                Self(Ulid::from_parts(ulid_time(millis), 0))
            }

            /// The last id that can be made at a moment, in milliseconds since the Unix epoch.
            pub fn last_at(millis: i64) -> Self {
                Self(Ulid::from_parts(ulid_time(millis), u128::MAX))
            }

            /// The id that sorts right after this one.
            pub fn after(self) -> Option<Self> {
                self.0.0.checked_add(1).map(|after| Self(Ulid(after)))
            }

            /// The id that sorts right before this one.
            pub fn before(self) -> Option<Self> {
                self.0.0.checked_sub(1).map(|before| Self(Ulid(before)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { kind: $kind };
                let ulid = text.strip_prefix($prefix).ok_or_else(|| invalid.clone())?;
                let id = Self(Ulid::from_string(ulid).map_err(|_| invalid.clone())?);
                // Crockford base32 is read leniently (case, I/1); an id has one spelling only.
                if id.to_string() == text { Ok(id) } else { Err(invalid) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "[0-7][0-9A-HJKMNP-TV-Z]{25}$")))
                    .examples([serde_json::Value::from(concat!($prefix, "01JZX3Q4T5V6W7X8Y9ZABCDEFG"))])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

ids! {
    /// A workspace.
    WorkspaceId, "ws_", "workspace";
    /// A config: a Python package of rules, its draft and versions.
    ConfigId, "cfg_", "config";
    /// An immutable version of a config.
    ConfigVersionId, "cfv_", "config version";
    /// An archive that has been announced, to be uploaded and used once.
    ConfigUploadId, "upl_", "config upload";
    /// A build: one attempt to freeze a config version into an environment.
    BuildId, "build_", "build";
    /// A run: one execution of a build over documents.
    RunId, "run_", "run";
    /// An uploaded document.
    DocumentId, "doc_", "document";
    /// An API key (its public part).
    KeyId, "key_", "key";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_id_reads_back(value in any::<u128>()) {
            let id = RunId(Ulid::from(value));
            prop_assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
            let json = serde_json::to_string(&id).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let back: RunId = serde_json::from_str(&json).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(back, id);
        }

        #[test]
        fn ids_are_found_by_their_time(millis in any::<i64>(), random in any::<u128>()) {
            let id = RunId(Ulid::from_parts(ulid_time(millis), random));
            prop_assert!(RunId::first_at(millis) <= id && id <= RunId::last_at(millis));
            prop_assert!(id.before().is_none_or(|before| before < id && before.to_string() < id.to_string()));
            prop_assert!(id.after().is_none_or(|after| id < after && after.before() == Some(id)));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<RunId>();
        }
    }

    #[test]
    fn other_spellings_and_prefixes_are_refused() {
        let id = RunId::generate().to_string();
        assert!(id.parse::<BuildId>().is_err());
        assert!(id.to_lowercase().parse::<RunId>().is_err());
        assert!(format!("{id} ").parse::<RunId>().is_err());
        assert_eq!("run_x".parse::<RunId>(), Err(InvalidId { kind: "run" }));
    }
}
