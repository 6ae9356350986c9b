//! Conditional requests: the preconditions of RFC 9110 as S3 applies them.

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

/// The preconditions of a read.
#[derive(Debug, Default)]
#[expect(clippy::struct_field_names, reason = "they are the names of the headers")]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// Why a read is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmet {
    /// The caller asked for another state of the object: 412.
    Failed,
    /// The caller has it already: 304.
    NotModified,
}

impl ReadConditions {
    /// Applies them in RFC 9110's order: an entity tag, where given, decides alone over a date.
    ///
    /// # Errors
    /// The first precondition that does not hold.
    pub(crate) fn check(&self, etag: &str, modified: &Timestamp) -> Result<(), Unmet> {
        let wanted = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, etag),
            (None, Some(since)) => modified <= since,
            (None, None) => true,
        };
        if !wanted {
            return Err(Unmet::Failed);
        }
        let known = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, etag),
            (None, Some(since)) => modified <= since,
            (None, None) => false,
        };
        if known { Err(Unmet::NotModified) } else { Ok(()) }
    }
}

/// The preconditions of a write.
#[derive(Debug, Default)]
pub(crate) struct WriteConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// Applies them to the entity tag of the object that the write would replace.
    ///
    /// # Errors
    /// 412 when they do not hold, 404 for `If-Match` without an object, 501 for an `If-None-Match`
    /// other than `*`, all as S3 answers.
    pub(crate) fn check(&self, current: Option<&str>) -> S3Result<()> {
        match &self.if_none_match {
            Some(ETagCondition::ETag(_)) => {
                return Err(s3_error!(NotImplemented, "A write's If-None-Match can only be *"));
            }
            Some(ETagCondition::Any) if current.is_some() => return Err(failed()),
            Some(ETagCondition::Any) | None => {}
        }
        match (&self.if_match, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(s3_error!(NoSuchKey)),
            (Some(condition), Some(etag)) if matches(condition, etag) => Ok(()),
            (Some(_), Some(_)) => Err(failed()),
        }
    }
}

/// What S3 answers when a precondition does not hold.
pub(crate) fn failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}
