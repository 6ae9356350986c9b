//! What CloudFormation fetches: zips of functions and the template that names them, in a bucket of their own.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::thread::available_parallelism;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, PublicAccessBlockConfiguration};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::build::Build;
use super::cloud::{Cloud, failed};
use super::program;
use crate::cli::CliError;

/// The bucket of a stack's code.
pub(super) struct Package<'a> {
    cloud: &'a Cloud,
    bucket: String,
    /// Of the functions, as Lambda calls it.
    architecture: &'a str,
}

impl<'a> Package<'a> {
    /// Makes the bucket when it is not there.
    pub(super) async fn new(cloud: &'a Cloud, stack: &str, architecture: &'a str) -> Result<Self, CliError> {
        let bucket = format!("{stack}-code-{}-{}", cloud.account, cloud.region);
        let s3 = &cloud.s3;
        if s3.head_bucket().bucket(&bucket).send().await.is_err() {
            // The first region must not be named.
            let place = (cloud.region != "us-east-1").then(|| BucketLocationConstraint::from(cloud.region.as_str()));
            let place = place.map(|place| CreateBucketConfiguration::builder().location_constraint(place).build());
            let created = s3.create_bucket().bucket(&bucket).set_create_bucket_configuration(place).send().await;
            created.map_err(|error| failed(&format!("cannot create the bucket {bucket}"), error))?;
            let private = PublicAccessBlockConfiguration::builder()
                .block_public_acls(true)
                .block_public_policy(true)
                .ignore_public_acls(true)
                .restrict_public_buckets(true)
                .build();
            let closed = s3.put_public_access_block().bucket(&bucket).public_access_block_configuration(private).send().await;
            closed.map_err(|error| failed(&format!("cannot make the bucket {bucket} private"), error))?;
        }
        Ok(Self { cloud, bucket, architecture })
    }

    /// Uploads the executor and the builder as zips; the parameters that name them.
    pub(super) async fn workers(&self, build: &Build) -> Result<BTreeMap<String, String>, CliError> {
        let mut parameters = BTreeMap::from([("WorkerCodeBucket".to_owned(), self.bucket.clone())]);
        for (worker, parameter) in [("executor", "ExecutorCodeKey"), ("builder", "BuilderCodeKey")] {
            parameters.insert(parameter.to_owned(), self.upload_function(worker, build.binary(worker)?).await?);
        }
        Ok(parameters)
    }

    /// Uploads the functions and the template; the template's URL.
    pub(super) async fn template(&self, build: &Build, parameters: &BTreeMap<String, String>) -> Result<String, CliError> {
        let mut template = ade_infra::template().map_err(CliError::fault)?;
        let resources = template["Resources"].as_object_mut().ok_or_else(|| CliError::fault("the template has no resources"))?;
        let functions: Vec<&mut Value> =
            resources.values_mut().filter_map(|resource| resource.pointer_mut("/Properties/CodeUri")).collect();
        println!("Uploading {} functions to {}", functions.len(), self.bucket);
        let workers = available_parallelism().map_or(1, std::num::NonZero::get);
        futures::stream::iter(functions)
            .map(async |code| {
                let name = code.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
                let key = self.upload_function(name, build.binary(name)?).await?;
                *code = json!({ "Bucket": self.bucket, "Key": key });
                Ok::<_, CliError>(())
            })
            .buffer_unordered(workers)
            .try_collect::<()>()
            .await?;
        let mut api = ade_infra::api().map_err(CliError::fault)?;
        // API Gateway serves a copy of the definition, made anew when its text changes; what parameters change in it is not its text.
        let value =
            |name: &str| parameters.get(name).cloned().or_else(|| Some(template["Parameters"][name]["Default"].as_str()?.to_owned()));
        let relevant = ["ResponseStreaming", "CorsOrigin"].map(|name| (name, value(name)));
        api["info"]["description"] = serde_json::to_string(&relevant).map_err(CliError::fault)?.into();
        template["Resources"]["Api"]["Properties"]["DefinitionBody"] = api;
        let text = serde_json::to_vec(&template).map_err(CliError::fault)?;
        let key = format!("{}.json", digest(&text));
        self.upload(&key, text).await?;
        Ok(self.cloud.object_url(&self.bucket, &key))
    }

    /// Uploads a function as a zip that the digest of its binary names, so one that is there is not packed again.
    async fn upload_function(&self, name: &str, path: PathBuf) -> Result<String, CliError> {
        let unreadable = |error: &dyn std::fmt::Display| {
            CliError::failed(format!("cannot pack {}: {error}", path.display())).hint("check that it is there and may be read by you")
        };
        let binary = tokio::fs::read(&path).await.map_err(|error| unreadable(&error))?;
        // Emulators run functions on this machine.
        if !self.cloud.is_emulator() {
            program::check(name, &binary, self.architecture)?;
        }
        let key = format!("{}.zip", digest(&binary));
        if !self.is_there(&key).await {
            let packed = tokio::task::spawn_blocking(move || zipped(&binary)).await.map_err(CliError::fault)?;
            self.upload(&key, packed.map_err(|error| unreadable(&error))?).await?;
        }
        Ok(key)
    }

    async fn is_there(&self, key: &str) -> bool {
        self.cloud.s3.head_object().bucket(&self.bucket).key(key).send().await.is_ok()
    }

    async fn upload(&self, key: &str, content: Vec<u8>) -> Result<(), CliError> {
        let put = self.cloud.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(content)).send().await;
        put.map(drop).map_err(|error| failed(&format!("cannot upload {key} to {}", self.bucket), error))
    }
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// A zip with the binary as `bootstrap`; nothing else goes into it, so the binary's digest names it.
fn zipped(binary: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::DEFAULT)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_binary_makes_the_same_zip() {
        let packed = zipped(b"a program").unwrap();
        assert_eq!(zipped(b"a program").unwrap(), packed);
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(archive.len(), 1);
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode(), Some(0o100_755));
    }
}
