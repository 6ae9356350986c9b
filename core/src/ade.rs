use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;

use crate::aws;
use crate::build::Builds;
use crate::config::Configs;
use crate::document::{Documents, Grace};
use crate::idempotency::Idempotency;
use crate::key::ApiKeys;
use crate::run::Runs;
use crate::safe_mode::SafeMode;
use crate::settings::Settings;
use crate::store::{Objects, Tables};
use crate::workspace::Workspaces;

/// How often the SDK tries a call, with jittered pauses, before we hear of it.
const ATTEMPTS: u32 = 4;

/// How long one try of a call to the tables may take: a lost answer must not cost a lease.
const TABLE_PATIENCE: Duration = Duration::from_secs(3);

/// How long the bucket may take to begin its answer; a large object has been sent by then. Streams that stall are the SDK's affair.
const OBJECT_PATIENCE: Duration = Duration::from_mins(2);

/// Everything a function needs, wired once at start.
#[derive(Debug, Clone)]
pub struct Ade {
    /// Its settings.
    pub settings: Settings,
    /// The tables.
    pub tables: Tables,
    /// The bucket.
    pub objects: Objects,
    /// Workspaces.
    pub workspaces: Workspaces,
    /// API keys.
    pub keys: ApiKeys,
    /// Configs.
    pub configs: Configs,
    /// Documents.
    pub documents: Documents,
    /// Builds.
    pub builds: Builds,
    /// Runs.
    pub runs: Runs,
    /// Safe mode.
    pub safe_mode: SafeMode,
    /// Requests that carry a key.
    pub idempotency: Idempotency,
}

impl Ade {
    /// Connects as the environment says ([`aws::environment`]). Makes no call yet.
    pub fn connect(settings: Settings) -> Self {
        let retry = RetryConfig::standard().with_max_attempts(ATTEMPTS);
        let service = |name| aws::environment(name).into_builder().retry_config(retry.clone()).build();
        Self::with_services(settings, &service("DYNAMODB"), &service("S3"))
    }

    /// Wires everything for the configurations of the two services, which differ when their endpoints are named in code.
    pub fn with_services(settings: Settings, dynamodb: &SdkConfig, s3: &SdkConfig) -> Self {
        let patience = TimeoutConfig::builder().operation_attempt_timeout(TABLE_PATIENCE).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(dynamodb).timeout_config(patience).build();
        let tables = Tables::new(aws_sdk_dynamodb::Client::from_conf(dynamodb), settings.table_prefix.clone());
        let s3 = |public: bool| {
            let patience = TimeoutConfig::builder().read_timeout(OBJECT_PATIENCE).build();
            let mut config = aws_sdk_s3::config::Builder::from(s3).force_path_style(settings.s3_path_style).timeout_config(patience);
            if let Some(endpoint) = settings.s3_public_endpoint.as_deref().filter(|_| public) {
                config = config.endpoint_url(endpoint);
            }
            aws_sdk_s3::Client::from_conf(config.build())
        };
        let objects = Objects::new(s3(false), s3(true), settings.bucket.clone());
        let safe_mode = if settings.safe_mode {
            SafeMode::forced(tables.clone(), settings.safe_mode_detail.clone())
        } else {
            SafeMode::new(tables.clone())
        };
        let configs = Configs::new(tables.clone(), objects.clone());
        // Another engine is another thing to build on.
        let base_digest = settings.base_digest.as_ref().map(|digest| match &settings.engine_spec {
            Some(spec) => format!("{digest} with {spec}"),
            None => digest.clone(),
        });
        Self {
            workspaces: Workspaces::new(tables.clone()),
            keys: ApiKeys::new(tables.clone()),
            documents: Documents::new(
                tables.clone(),
                objects.clone(),
                Grace { uploads: settings.upload_retention.0, deleted: settings.deleted_retention.0 },
            ),
            builds: Builds::new(tables.clone(), configs.clone(), base_digest, safe_mode.clone()),
            runs: Runs::new(tables.clone(), settings.workspace_runs, safe_mode.clone()),
            safe_mode,
            idempotency: Idempotency::new(tables.clone()),
            configs,
            tables,
            objects,
            settings,
        }
    }
}
