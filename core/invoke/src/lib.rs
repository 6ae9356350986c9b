//! Calling the executor and the builder through the Lambda API.
//!
//! A call is either asynchronous (an *Event* invoke: Lambda queues it and answers at once) or streamed
//! (`InvokeWithResponseStream`: the events arrive while the work goes on). A streamed call is tried once only: whoever
//! relays it can fall back to an asynchronous call and to the log, which loses nothing, while a second streamed call would
//! find the work claimed. Locally the same calls go to the host's Lambda API (`AWS_ENDPOINT_URL_LAMBDA`).

#![forbid(unsafe_code)]

mod prelude;

use std::fmt::Display;

use ade_core::aws;
use ade_core::config::Validation;
use ade_core::dispatch::{DispatchError, Dispatcher, Relay, ValidateAnswer, ValidateConfig, Work};
use ade_core::id::{ConfigId, WorkspaceId};
use ade_core::settings::Settings;
use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, InvokeWithResponseStreamResponseEvent as StreamEvent};
use futures::StreamExt as _;

use crate::prelude::Prelude;

/// Starts executors and builders through the Lambda API.
#[derive(Debug, Clone)]
pub struct LambdaDispatcher {
    client: Client,
    executor: String,
    builder: String,
    tenant_isolation: bool,
}

/// The tenant of calls that are made for no workspace.
const HEALTH_TENANT: &str = "health";

impl LambdaDispatcher {
    /// Connects as the environment says. Makes no call yet.
    pub fn connect(settings: &Settings) -> Self {
        let aws = aws::environment("LAMBDA").into_builder();
        // A run that is silent for a while is not a stalled download.
        let aws = aws.stalled_stream_protection(StalledStreamProtectionConfig::disabled()).build();
        Self {
            client: Client::new(&aws),
            executor: settings.executor_function.clone(),
            builder: settings.builder_function.clone(),
            tenant_isolation: settings.tenant_isolation,
        }
    }

    /// Whether the executor could be called now; for health checks.
    pub async fn check(&self) -> Result<(), DispatchError> {
        let call = self.client.invoke().function_name(&self.executor).invocation_type(InvocationType::DryRun);
        let answer = call.set_tenant_id(self.tenant(HEALTH_TENANT)).send().await;
        answer.map(drop).map_err(failed)
    }

    /// Has the builder check the draft of a config, and waits for what it finds.
    pub async fn validate(&self, workspace: WorkspaceId, config: ConfigId) -> Result<Validation, DispatchError> {
        let payload =
            serde_json::to_vec(&ValidateConfig { validate_config_id: config }).map_err(|error| DispatchError(error.to_string()))?;
        let answer = self
            .client
            .invoke()
            .function_name(&self.builder)
            .set_tenant_id(self.tenant(workspace))
            .payload(Blob::new(payload))
            .customize()
            .config_override(Builder::default().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(failed)?;
        let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
        if let Some(error) = answer.function_error {
            return Err(DispatchError(format!("{error}: {}", String::from_utf8_lossy(&body))));
        }
        let answer: ValidateAnswer = serde_json::from_slice(&body).map_err(|error| DispatchError(error.to_string()))?;
        answer.map_err(DispatchError)
    }

    fn function(&self, work: Work) -> &str {
        match work {
            Work::Run(_) => &self.executor,
            Work::Build(_) => &self.builder,
        }
    }

    /// Whom a call is for, where functions are to know: they refuse calls that do not say, and the others refuse those that do.
    fn tenant(&self, tenant: impl Display) -> Option<String> {
        self.tenant_isolation.then(|| tenant.to_string())
    }
}

#[async_trait]
impl Dispatcher for LambdaDispatcher {
    async fn send(&self, workspace: WorkspaceId, work: Work) -> Result<(), DispatchError> {
        let answer = self
            .client
            .invoke()
            .function_name(self.function(work))
            .invocation_type(InvocationType::Event)
            .set_tenant_id(self.tenant(workspace))
            .payload(payload(work)?)
            .send()
            .await;
        answer.map(drop).map_err(failed)
    }

    async fn stream(&self, workspace: WorkspaceId, work: Work) -> Result<Relay, DispatchError> {
        let answer = self
            .client
            .invoke_with_response_stream()
            .function_name(self.function(work))
            .set_tenant_id(self.tenant(workspace))
            .payload(payload(work)?)
            .customize()
            .config_override(Builder::default().retry_config(RetryConfig::disabled()))
            .send()
            .await
            .map_err(failed)?;
        let relay = futures::stream::try_unfold((answer.event_stream, Prelude::default()), |(mut events, mut prelude)| async move {
            loop {
                match events.recv().await.map_err(failed)? {
                    Some(StreamEvent::PayloadChunk(chunk)) => {
                        let bytes = chunk.payload.map(Blob::into_inner).unwrap_or_default();
                        let body = prelude.skip(bytes.into()).map_err(|error| DispatchError(error.to_owned()))?;
                        if !body.is_empty() {
                            return Ok(Some((body, (events, prelude))));
                        }
                    }
                    Some(StreamEvent::InvokeComplete(end)) => match end.error_code {
                        None => return Ok(None),
                        Some(code) => return Err(DispatchError(format!("{code}: {}", end.error_details.unwrap_or_default()))),
                    },
                    // A kind of event that Lambda may add one day.
                    Some(_) => {}
                    None => return Err(DispatchError("the stream was cut before its end".to_owned())),
                }
            }
        });
        Ok(relay.boxed())
    }
}

/// What a function is called with.
fn payload(work: Work) -> Result<Blob, DispatchError> {
    let json = match work {
        Work::Run(run) => serde_json::to_vec(&run),
        Work::Build(build) => serde_json::to_vec(&build),
    };
    json.map(Blob::new).map_err(|error| DispatchError(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed<E, R>(error: SdkError<E, R>) -> DispatchError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    DispatchError(DisplayErrorContext(&error).to_string())
}
