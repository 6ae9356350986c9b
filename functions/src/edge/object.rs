//! The `object` field, by which a client tells resources apart.

/// Declares the value of an `object` field as a type of its own.
macro_rules! object_name {
    ($name:ident, $text:literal) => {
        #[doc = concat!("Always `", $text, "`.")]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            #[doc = concat!("`", $text, "`.")]
            #[default]
            #[serde(rename = $text)]
            Name,
        }
    };
}

pub(crate) use object_name;
