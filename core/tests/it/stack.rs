//! Embedded AWS in this process, and what tests need in it.

use std::time::Duration;

use ade_core::access::{PrincipalKind, Submitter};
use ade_core::build::Builds;
use ade_core::config::Configs;
use ade_core::document::{Document, Documents, Grace, NewDocument};
use ade_core::id::{ConfigId, WorkspaceId};
use ade_core::run::{NewRun, Run, RunOptions, Runs};
use ade_core::safe_mode::SafeMode;
use ade_core::store::{Objects, Tables};
use ade_local::embedded::Embedded;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use dynoxide::Database;

/// A day for uploads, a week for what was deleted.
const GRACE: Grace = Grace { uploads: Duration::from_hours(24), deleted: Duration::from_hours(7 * 24) };

pub(crate) struct TestStack {
    pub(crate) tables: Tables,
    pub(crate) objects: Objects,
    pub(crate) runs: Runs,
    pub(crate) configs: Configs,
    pub(crate) builds: Builds,
    pub(crate) documents: Documents,
    pub(crate) workspace: WorkspaceId,
    embedded: Embedded,
    dir: tempfile::TempDir,
}

impl TestStack {
    pub(crate) async fn start() -> Self {
        Self::on(tempfile::tempdir().unwrap(), WorkspaceId::generate()).await
    }

    /// Changes the tables while the service does not run, many items at a time: through its door each change waits for the disk.
    pub(crate) async fn filled(self, fill: impl FnOnce(&Database)) -> Self {
        let Self { embedded, dir, workspace, .. } = self;
        embedded.shutdown().await;
        let tables = Database::new(dir.path().join("dynamodb/tables.sqlite3").to_str().unwrap()).unwrap();
        tables.enable_bulk_loading().unwrap();
        fill(&tables);
        tables.disable_bulk_loading().unwrap();
        drop(tables);
        Self::on(dir, workspace).await
    }

    async fn on(dir: tempfile::TempDir, workspace: WorkspaceId) -> Self {
        let embedded = Embedded::start(dir.path()).await.unwrap();
        let credentials =
            Credentials::new(&embedded.credentials.access_key_id, &embedded.credentials.secret_access_key, None, None, "test");
        let dynamo = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials.clone())
            .endpoint_url(&embedded.dynamodb_url)
            .build();
        let s3 = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(&embedded.s3_url)
            .force_path_style(true)
            .build();
        let s3 = aws_sdk_s3::Client::from_conf(s3);
        let tables = Tables::new(aws_sdk_dynamodb::Client::from_conf(dynamo), "test-");
        tables.create_missing().await.unwrap();
        let objects = Objects::new(s3.clone(), s3, "test-bucket");
        objects.create_bucket().await.unwrap();
        let configs = Configs::new(tables.clone(), objects.clone());
        Self {
            runs: Runs::new(tables.clone(), 100, SafeMode::new(tables.clone())),
            builds: Builds::new(tables.clone(), configs.clone(), Some("base".to_owned()), SafeMode::new(tables.clone())),
            documents: Documents::new(tables.clone(), objects.clone(), GRACE),
            configs,
            workspace,
            tables,
            objects,
            embedded,
            dir,
        }
    }

    /// A document that is ready; its bytes don't matter here.
    pub(crate) async fn document(&self, name: &str) -> Document {
        let new = NewDocument { name: name.to_owned(), byte_size: 3, content_type: "text/csv".to_owned(), sha256: None };
        let document = self.documents.create(self.workspace, new, submitter()).await.unwrap();
        self.documents.mark_ready(&document, &"0".repeat(64)).await.unwrap()
    }

    pub(crate) fn new_run(&self, config_id: ConfigId, documents: Vec<Document>) -> NewRun {
        NewRun {
            workspace_id: self.workspace,
            config_id,
            documents,
            options: RunOptions::default(),
            submitted_by: submitter(),
            trace_id: "trace".to_owned(),
        }
    }

    /// A queued run.
    pub(crate) async fn run(&self) -> Run {
        let document = self.document("people.csv").await;
        self.runs.create(self.new_run(ConfigId::generate(), vec![document])).await.unwrap()
    }
}

pub(crate) fn submitter() -> Submitter {
    Submitter { kind: PrincipalKind::ApiKey, id: "key_test".to_owned(), name: "test".to_owned() }
}
