//! Checks of request fields that their types can't express. All problems of a request are told at once.

use super::Problem;
use super::problem::FieldError;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    /// No problem so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a problem unless `holds`.
    #[must_use]
    pub fn that(mut self, holds: bool, path: &str, code: &str, message: impl Into<String>) -> Self {
        if !holds {
            self.errors.push(FieldError::new(path, code, message));
        }
        self
    }

    /// A text of at most `limit` characters.
    #[must_use]
    pub fn at_most(self, path: &str, text: &str, limit: usize) -> Self {
        self.that(text.chars().count() <= limit, path, "too_long", format!("must have at most {limit} characters"))
    }

    /// A text for people on one line: not blank, at most `limit` characters, no control characters.
    #[must_use]
    pub fn line(self, path: &str, text: &str, limit: usize) -> Self {
        self.that(!text.trim().is_empty(), path, "required", "must not be blank").at_most(path, text, limit).that(
            !text.chars().any(char::is_control),
            path,
            "invalid_value",
            "must not contain control characters",
        )
    }

    /// 422 with everything that was noted, if anything was.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}
