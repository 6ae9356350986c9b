use crate::kind::Kind;

/// Why a workbook could not be read. Each message is one sentence that may be shown to whoever sent the file:
/// it names no path and no internals.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file has no bytes.
    #[error("The file is empty (0 bytes).")]
    Empty,
    /// The workbook is encrypted; it needs a password to open.
    #[error("The workbook is password-protected. Remove the password and try again.")]
    Encrypted,
    /// The name claims one kind and the content is another.
    #[error("The file is named .{extension}, but its content is {content}.")]
    Mismatch {
        /// The extension, lower case, without its dot.
        extension: String,
        /// What the content looks like, as a noun phrase.
        content: String,
    },
    /// No reader exists for this extension.
    #[error("Files named .{extension} are not supported. Use .xlsx, .xlsm, .xlsb, .xls, .ods, .csv or .tsv.")]
    Unsupported {
        /// The extension, lower case, without its dot.
        extension: String,
    },
    /// The name has no extension, so the kind is unknown.
    #[error("The file name has no extension, so its kind is unknown. Use .xlsx, .xlsm, .xlsb, .xls, .ods, .csv or .tsv.")]
    NoExtension,
    /// The content is of the right kind but damaged.
    #[error("The {kind} file is damaged and can't be read: {reason}.")]
    Corrupt {
        /// The kind that was being read.
        kind: Kind,
        /// What the parser stumbled over.
        reason: String,
    },
    /// Text in an encoding that the options do not allow.
    #[error("The file is not valid {expected} text (byte {offset}).")]
    Encoding {
        /// The encoding that was required.
        expected: &'static str,
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// A limit was passed.
    #[error("The file is too large: {what} exceeds the limit of {limit}.")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The limit, in the unit of `what`.
        limit: u64,
    },
    /// A part of the container expands further than any sheet does.
    #[error("The file is too large: a part of it expands to more than {ratio} times its size.")]
    Bomb {
        /// The most that is read.
        ratio: u64,
    },
    /// A sheet that is not in the workbook was asked for.
    #[error("The workbook has no sheet at position {index}.")]
    NoSuchSheet {
        /// The position, from 0.
        index: usize,
    },
    /// The bytes could not be read at all.
    #[error("The file could not be read: {0}")]
    Io(#[from] std::io::Error),
}

impl OpenError {
    /// A stable name for the variant, for callers that map errors to codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Encrypted => "encrypted",
            Self::Mismatch { .. } => "kind_mismatch",
            Self::Unsupported { .. } | Self::NoExtension => "unsupported_kind",
            Self::Corrupt { .. } => "corrupt",
            Self::Encoding { .. } => "encoding",
            Self::TooLarge { .. } | Self::Bomb { .. } => "too_large",
            Self::NoSuchSheet { .. } => "no_such_sheet",
            Self::Io(_) => "io",
        }
    }
}
