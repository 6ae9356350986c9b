//! What CloudFormation fetches: zips of functions and the template that names them, in a bucket of their own.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;

use aws_sdk_s3::operation::head_bucket::HeadBucketError;
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

/// What a deployment uploads, and the bucket of a stack's code that it goes to.
pub(super) struct Package<'a> {
    cloud: &'a Cloud,
    stack: &'a str,
    bucket: String,
    /// Of the functions, as Lambda calls it.
    architecture: &'a str,
    /// The binaries by the keys of their zips.
    code: BTreeMap<String, PathBuf>,
}

/// A template as it is uploaded.
pub(super) struct Template {
    key: String,
    text: Vec<u8>,
    /// How many resources it declares. SAM makes a few more of them.
    pub(super) resources: usize,
}

impl<'a> Package<'a> {
    /// Nothing yet; the bucket need not be there.
    pub(super) fn new(cloud: &'a Cloud, stack: &'a str, architecture: &'a str) -> Self {
        Self { cloud, stack, bucket: code_bucket(cloud, stack), architecture, code: BTreeMap::new() }
    }

    /// Packs the executor and the builder as zips; the parameters that name them.
    pub(super) async fn workers(&mut self, build: &Build) -> Result<BTreeMap<String, String>, CliError> {
        let mut parameters = BTreeMap::from([("WorkerCodeBucket".to_owned(), self.bucket.clone())]);
        for (worker, parameter) in [("executor", "ExecutorCodeKey"), ("builder", "BuilderCodeKey")] {
            parameters.insert(parameter.to_owned(), self.pack(worker, build).await?);
        }
        Ok(parameters)
    }

    /// Packs the functions and makes the template that names them.
    pub(super) async fn template(&mut self, build: &Build, parameters: &BTreeMap<String, String>) -> Result<Template, CliError> {
        let mut template = ade_infra::template().map_err(CliError::fault)?;
        name_what_is_kept(&mut template, &[("StackName", self.stack), ("AccountId", &self.cloud.account), ("Region", &self.cloud.region)]);
        let resources = template["Resources"].as_object_mut().ok_or_else(|| CliError::fault("the template has no resources"))?;
        let count = resources.len();
        for code in resources.values_mut().filter_map(|resource| resource.pointer_mut("/Properties/CodeUri")) {
            let name = code.as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
            let key = self.pack(name, build).await?;
            *code = json!({ "Bucket": self.bucket, "Key": key });
        }
        let mut api = ade_infra::api().map_err(CliError::fault)?;
        // API Gateway serves a copy of the definition, made anew when its text changes; what parameters change in it is not its text.
        let value =
            |name: &str| parameters.get(name).cloned().or_else(|| Some(template["Parameters"][name]["Default"].as_str()?.to_owned()));
        let relevant = ["ResponseStreaming", "CorsOrigin", "DomainName"].map(|name| (name, value(name)));
        api["info"]["description"] = serde_json::to_string(&relevant).map_err(CliError::fault)?.into();
        template["Resources"]["Api"]["Properties"]["DefinitionBody"] = api;
        let text = serde_json::to_vec(&template).map_err(CliError::fault)?;
        Ok(Template { key: format!("{}.json", digest(&text)), text, resources: count })
    }

    /// Uploads what was packed and the template, into a bucket that is made when it is not there; the template's URL.
    pub(super) async fn upload(&self, template: &Template) -> Result<String, CliError> {
        if !self.has_bucket().await? {
            self.make_bucket().await?;
        }
        println!("Uploading {} functions to {}", self.code.len(), self.bucket);
        let workers = available_parallelism().map_or(1, std::num::NonZero::get);
        futures::stream::iter(&self.code)
            .map(async |(key, path)| self.upload_code(key, path).await)
            .buffer_unordered(workers)
            .try_collect::<()>()
            .await?;
        self.put(&template.key, template.text.clone()).await?;
        Ok(self.cloud.object_url(&self.bucket, &template.key))
    }

    /// Uploads the template only, for a plan; the template's URL, and whether it is to be taken back.
    pub(super) async fn lend(&self, template: &Template) -> Result<(String, bool), CliError> {
        let is_new = !self.is_there(&template.key).await;
        if is_new {
            self.put(&template.key, template.text.clone()).await?;
        }
        Ok((self.cloud.object_url(&self.bucket, &template.key), is_new))
    }

    /// Deletes a template that was uploaded for a plan.
    pub(super) async fn take_back(&self, template: &Template) -> Result<(), CliError> {
        let deleted = self.cloud.s3.delete_object().bucket(&self.bucket).key(&template.key);
        let deleted = deleted.expected_bucket_owner(&self.cloud.account).send().await;
        deleted.map(drop).map_err(|error| failed(&format!("cannot delete {} in {}", template.key, self.bucket), error))
    }

    /// Whether the bucket is there. One of that name in another account is an error: nothing is sent to strangers.
    pub(super) async fn has_bucket(&self) -> Result<bool, CliError> {
        match self.cloud.s3.head_bucket().bucket(&self.bucket).expected_bucket_owner(&self.cloud.account).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(HeadBucketError::is_not_found) => Ok(false),
            Err(error) => Err(failed(&format!("cannot use the bucket {}", self.bucket), error)),
        }
    }

    async fn make_bucket(&self) -> Result<(), CliError> {
        let Self { cloud, bucket, .. } = self;
        // The first region must not be named.
        let place = (cloud.region != "us-east-1").then(|| BucketLocationConstraint::from(cloud.region.as_str()));
        let place = place.map(|place| CreateBucketConfiguration::builder().location_constraint(place).build());
        let created = cloud.s3.create_bucket().bucket(bucket).set_create_bucket_configuration(place).send().await;
        created.map_err(|error| failed(&format!("cannot create the bucket {bucket}"), error))?;
        let private = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true)
            .build();
        let closed = cloud.s3.put_public_access_block().bucket(bucket).public_access_block_configuration(private);
        let closed = closed.expected_bucket_owner(&cloud.account).send().await;
        closed.map(drop).map_err(|error| failed(&format!("cannot make the bucket {bucket} private"), error))
    }

    /// Takes up a function's binary; the key of its zip, which the digest of the binary names.
    async fn pack(&mut self, name: &str, build: &Build) -> Result<String, CliError> {
        let path = build.binary(name)?;
        let binary = read(&path).await?;
        // Emulators run functions on this machine.
        if !self.cloud.is_emulator() {
            program::check(name, &binary, self.architecture)?;
        }
        let key = zip_key(&binary);
        self.code.insert(key.clone(), path);
        Ok(key)
    }

    /// Uploads a binary as a zip; one that is there is not packed again.
    async fn upload_code(&self, key: &str, path: &Path) -> Result<(), CliError> {
        if self.is_there(key).await {
            return Ok(());
        }
        let binary = read(path).await?;
        if *key != zip_key(&binary) {
            return Err(CliError::failed(format!("{} was changed meanwhile", path.display()))
                .hint("let nothing else build there, and deploy again"));
        }
        let packed = tokio::task::spawn_blocking(move || zipped(&binary)).await.map_err(CliError::fault)?;
        self.put(key, packed.map_err(|error| unreadable(path, &error))?).await
    }

    async fn is_there(&self, key: &str) -> bool {
        let head = self.cloud.s3.head_object().bucket(&self.bucket).key(key).expected_bucket_owner(&self.cloud.account);
        head.send().await.is_ok()
    }

    async fn put(&self, key: &str, content: Vec<u8>) -> Result<(), CliError> {
        let put = self.cloud.s3.put_object().bucket(&self.bucket).key(key).body(ByteStream::from(content));
        let put = put.expected_bucket_owner(&self.cloud.account).send().await;
        put.map(drop).map_err(|error| failed(&format!("cannot upload {key} to {}", self.bucket), error))
    }
}

/// The name of the bucket of a stack's code.
pub(super) fn code_bucket(cloud: &Cloud, stack: &str) -> String {
    format!("{stack}-code-{}-{}", cloud.account, cloud.region)
}

/// Names tables and bucket of the template in plain text. They outlive the stack, and CloudFormation takes up what is there already only
/// when no function computes its name
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html>).
fn name_what_is_kept(template: &mut Value, known: &[(&str, &str)]) {
    let Some(resources) = template["Resources"].as_object_mut() else { return };
    let mut names = BTreeMap::new();
    for (id, resource) in resources.iter_mut().filter(|(_, resource)| resource["DeletionPolicy"] == "Retain") {
        for property in ["/Properties/TableName", "/Properties/BucketName"] {
            let Some(name) = resource.pointer_mut(property) else { continue };
            if let Some(pattern) = name["Fn::Sub"].as_str() {
                let plain = known.iter().fold(pattern.to_owned(), |text, (of, value)| text.replace(&format!("${{AWS::{of}}}"), value));
                names.insert(id.clone(), plain.clone());
                *name = plain.into();
            }
        }
    }
    // A bucket's policy is known by the bucket's name.
    for policy in resources.values_mut().filter(|resource| resource["Type"] == "AWS::S3::BucketPolicy") {
        let bucket = policy["Properties"]["Bucket"]["Ref"].as_str().unwrap_or_default().to_owned();
        if let Some(name) = names.get(&bucket) {
            policy["Properties"]["Bucket"] = name.as_str().into();
        }
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    tokio::fs::read(path).await.map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::failed(format!("cannot pack {}: {error}", path.display())).hint("check that it is there and may be read by you")
}

fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The key of the zip of a binary.
fn zip_key(binary: &[u8]) -> String {
    format!("{}.zip", digest(binary))
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
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_same_binary_makes_the_same_zip() {
        let packed = zipped(b"a program").unwrap();
        assert_eq!(zipped(b"a program").unwrap(), packed);
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        assert_eq!(archive.len(), 1);
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode(), Some(0o100_755));
    }

    #[test]
    fn what_is_kept_has_a_name_that_needs_no_computing() {
        let mut template = ade_infra::template().unwrap();
        name_what_is_kept(&mut template, &[("StackName", "ade"), ("AccountId", "123456789012"), ("Region", "eu-central-1")]);
        let mut names = Vec::new();
        for (id, resource) in template["Resources"].as_object().unwrap() {
            let property = match resource["Type"].as_str().unwrap() {
                "AWS::DynamoDB::Table" => "TableName",
                "AWS::S3::Bucket" => "BucketName",
                "AWS::S3::BucketPolicy" => "Bucket",
                _ => continue,
            };
            assert_eq!(resource["DeletionPolicy"], "Retain", "{id}");
            names.push(resource["Properties"][property].as_str().unwrap_or_else(|| panic!("{id} has a computed name")).to_owned());
        }
        assert_eq!(names.iter().filter(|name| *name == "ade-data-123456789012-eu-central-1").count(), 2, "bucket and policy: {names:?}");
        let tables = ade_core::store::TABLES.iter().map(|table| format!("ade-{}", table.name));
        assert!(tables.clone().all(|table| names.contains(&table)) && names.len() == 2 + tables.count(), "{names:?}");
    }
}
