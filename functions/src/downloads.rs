//! Downloads: bytes never pass through a function, a short-lived signed URL of the bucket does.

use ade_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::{Answer, Call, ok, redirect};

/// Where a file can be downloaded for a short time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Download {
    /// A signed URL. Send no `Authorization` to it.
    #[schema(
        example = "https://example-bucket.s3.amazonaws.com/runs/run_01JZX3Q4T5V6W7X8Y9ZABCDEFG/output/1/contacts.xlsx?X-Amz-Signature=…"
    )]
    pub url: String,
    /// When it stops working, in Unix seconds.
    #[schema(example = 1_784_000_300)]
    pub expires: i64,
    /// The file's name.
    #[schema(example = "contacts_normalized.xlsx")]
    pub name: String,
    /// Its size in bytes.
    #[schema(example = 18_764)]
    pub byte_size: u64,
}

/// Sends the client to an object: a redirect, or with `Accept: application/json` the URL in a document, for clients that would
/// forward their credentials along a redirect.
pub async fn download(call: &Call, key: &str, name: &str, byte_size: u64) -> Answer {
    let valid = call.ade().settings.presign.duration();
    let expires = (Timestamp::now() + valid).seconds();
    let signed = call.ade().objects.presign_download(key, name, valid).await?;
    if call.request.accepts("application/json") {
        return ok(&Download { url: signed.url, expires, name: name.to_owned(), byte_size });
    }
    redirect(&signed.url)
}
