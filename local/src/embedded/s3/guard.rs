//! Who signs, and whether the role of the function that does allows what is asked.
//!
//! Which permissions an operation needs is said in AWS's "Required permissions for Amazon S3 API operations".

use http::header::IF_MATCH;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{CopyObjectInput, CopySource, DeleteObjectsInput};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};

use crate::embedded::credentials::Credentials;
use crate::roles::{self, Refusal, Roles};

/// The keys of a data directory: its own, and one for each function with the same secret.
pub(super) struct Keys {
    id: String,
    secret: SecretKey,
}

impl Keys {
    pub(super) fn new(credentials: &Credentials) -> Self {
        Self { id: credentials.access_key_id.clone(), secret: credentials.secret_access_key.clone().into() }
    }
}

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if roles::owner_of(access_key) == self.id {
            Ok(self.secret.clone())
        } else {
            Err(s3_error!(NotSignedUp, "Your account is not signed up"))
        }
    }
}

/// Holds functions to their roles.
pub(super) struct Guard {
    roles: Roles,
}

impl Guard {
    pub(super) fn new(roles: Roles) -> Self {
        Self { roles }
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(signer) = cx.credentials() else {
            return Err(s3_error!(AccessDenied, "Signature is required"));
        };
        let key_id = &signer.access_key;
        let actions: &[&str] = match cx.s3_op().name() {
            "GetObject" | "HeadObject" => &["GetObject"],
            // To say what is replaced is to know it.
            "PutObject" if cx.headers().contains_key(IF_MATCH) => &["PutObject", "GetObject"],
            "DeleteObject" if cx.headers().contains_key(IF_MATCH) => &["DeleteObject", "GetObject"],
            "PutObject" | "CopyObject" | "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => &["PutObject"],
            "DeleteObject" => &["DeleteObject"],
            "ListObjects" | "ListObjectsV2" | "HeadBucket" => &["ListBucket"],
            // Below, once its keys are known.
            "DeleteObjects" => &[],
            other => &[other],
        };
        for action in actions {
            match cx.s3_path() {
                S3Path::Object { key, .. } => self.roles.check_object(key_id, action, key),
                S3Path::Bucket { .. } | S3Path::Root => self.roles.check_bucket(key_id, action),
            }
            .map_err(|refusal| denied(&refusal))?;
        }
        Ok(())
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        match (&request.credentials, &request.input.copy_source) {
            (Some(signer), CopySource::Bucket { key, .. }) => {
                self.roles.check_object(&signer.access_key, "GetObject", key).map_err(|refusal| denied(&refusal))
            }
            // Refused by the operation itself.
            _ => Ok(()),
        }
    }

    async fn delete_objects(&self, request: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let Some(signer) = &request.credentials else { return Ok(()) };
        let mut keys = request.input.delete.objects.iter();
        keys.try_for_each(|object| self.roles.check_object(&signer.access_key, "DeleteObject", &object.key))
            .map_err(|refusal| denied(&refusal))
    }
}

pub(super) fn denied(refusal: &Refusal) -> S3Error {
    S3Error::with_message(S3ErrorCode::AccessDenied, refusal.to_string())
}
