//! How functions reach AWS: Lambda puts the region and the credentials of the role into their environment, hosts on other machines than AWS's
//! the endpoints too.

use std::env;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::SharedCredentialsProvider;

/// The configuration of a service: `DYNAMODB`, `S3` or `LAMBDA`, as the names of variables end (`AWS_ENDPOINT_URL_S3`; `AWS_ENDPOINT_URL` is
/// for those that have none).
///
/// `aws_config::load_defaults` also looks into files and asks containers and machines, which a function has no use for, and brings along
/// clients for all of them, in every function.
pub fn environment(service: &str) -> SdkConfig {
    let endpoint = variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL"));
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .region(region.map(Region::new));
    config.set_endpoint_url(endpoint);
    config.build()
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
