//! The embedded DynamoDB and S3, driven by the SDKs that functions use.

mod crash;
mod data_dir;
mod dynamo;
mod presigned;
mod roles;
mod s3;

use std::path::Path;

use ade_local::embedded::Embedded;
use ade_local::embedded::credentials::Credentials;
use tempfile::TempDir;

/// The services on a data directory that goes away with the test.
struct TestAws {
    embedded: Embedded,
    dir: TempDir,
}

impl TestAws {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let embedded = Embedded::start(dir.path()).await.unwrap();
        Self { embedded, dir }
    }

    /// Starts with an empty bucket named `ade-data`.
    async fn with_bucket() -> (Self, aws_sdk_s3::Client) {
        let aws = Self::start().await;
        let s3 = aws.s3();
        s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        (aws, s3)
    }

    /// Stops and starts again on the same data.
    async fn restart(self) -> Self {
        self.embedded.shutdown().await;
        let embedded = Embedded::start(self.dir.path()).await.unwrap();
        Self { embedded, dir: self.dir }
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        s3(&self.embedded.s3_url, &self.embedded.credentials)
    }

    fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb_as(&self.embedded.credentials)
    }

    fn dynamodb_as(&self, pair: &Credentials) -> aws_sdk_dynamodb::Client {
        use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
        let credentials = Credentials::new(&pair.access_key_id, &pair.secret_access_key, None, None, "test");
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(&self.embedded.dynamodb_url)
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }
}

const BUCKET: &str = "ade-data";

fn s3(url: &str, pair: &Credentials) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
    let credentials = Credentials::new(&pair.access_key_id, &pair.secret_access_key, None, None, "test");
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(url)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

/// Bytes that differ from each other at any distance a test cares about.
fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()[0]
        })
        .collect()
}

/// How many files are below a directory.
fn files_below(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

fn sha256(bytes: &[u8]) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(bytes))
}
