//! The account that is deployed to.

use std::env;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::Credentials;
use url::Url;

use super::stack::Stack;
use crate::cli::CliError;

/// An account and a region, or an emulator.
pub(super) struct Cloud {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    pub(super) s3: aws_sdk_s3::Client,
    endpoint: Option<String>,
}

impl Cloud {
    /// Connects with the environment of the AWS SDK, and asks which account that is.
    pub(super) async fn connect(endpoint: Option<&Url>) -> Result<Self, CliError> {
        let endpoint = endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned());
        let config = sdk(endpoint.as_deref()).await;
        let region = config.region().ok_or_else(|| CliError::usage("no AWS region").hint("set AWS_REGION"))?.to_string();
        let identity = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.map_err(|error| {
            failed("AWS does not say which account this is", error).hint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        })?;
        let account = identity
            .account
            .ok_or_else(|| CliError::failed("AWS does not say which account this is").hint("sign in with other credentials"))?;
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(endpoint.is_some()).build();
        Ok(Self {
            account,
            region,
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            endpoint,
        })
    }

    /// A stack by its name.
    pub(super) fn stack<'a>(&'a self, name: &'a str) -> Stack<'a> {
        Stack { cloud: self, name }
    }

    pub(super) fn is_emulator(&self) -> bool {
        self.endpoint.is_some()
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The URL of an object, as CloudFormation wants it.
    pub(super) fn object_url(&self, bucket: &str, key: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None => format!("https://{bucket}.s3.{}.amazonaws.com/{key}", self.region),
        }
    }
}

/// The SDK's configuration; for an emulator with what emulators accept when nothing else is said.
pub(in crate::cli) async fn sdk(endpoint: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(endpoint) = endpoint {
        loader = loader.endpoint_url(endpoint);
        let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        if !set("AWS_ACCESS_KEY_ID") && !set("AWS_PROFILE") {
            loader = loader.credentials_provider(Credentials::new("test", "test", None, None, "ade"));
        }
        if !set("AWS_REGION") && !set("AWS_DEFAULT_REGION") {
            loader = loader.region(Region::from_static("us-east-1"));
        }
    }
    loader.load().await
}

/// A call that did not work, with what AWS said.
pub(super) fn failed<E>(what: &str, error: E) -> CliError
where
    E: std::error::Error + Send + Sync + 'static,
{
    CliError::failed(format!("{what}: {}", crate::cli::error::chain(&error)))
        .hint("check what these AWS credentials may do; docs/deployment.md says what they need")
}
