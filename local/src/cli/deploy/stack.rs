//! A stack and its changes.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::types::{Capability, ChangeSetStatus, ChangeSetType, Parameter, Replacement, StackEvent};
use comfy_table::{Table, presets};
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use super::cloud::{Cloud, failed};
use crate::cli::CliError;

/// How often the state of a change is asked for.
const INTERVAL: Duration = Duration::from_secs(2);
/// An emulator answers at once.
const EMULATOR_INTERVAL: Duration = Duration::from_millis(250);

/// A stack by its name.
pub(super) struct Stack<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) name: &'a str,
}

/// What is known of a stack that exists.
#[derive(Debug)]
pub(super) struct Deployed {
    status: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) outputs: BTreeMap<String, String>,
}

/// A change that CloudFormation is ready to make.
pub(super) struct Changes<'a> {
    stack: &'a Stack<'a>,
    name: String,
    is_new: bool,
    /// Action, logical name, kind. A replacement is an action of its own: it is what makes a change dangerous.
    resources: Vec<(String, String, String)>,
}

impl Stack<'_> {
    /// The stack as it is, if it exists. One that was only planned does not exist.
    pub(super) async fn describe(&self) -> Result<Option<Deployed>, CliError> {
        let described = self.cloud.cloudformation.describe_stacks().stack_name(self.name).send().await;
        let stack = match described {
            Ok(described) => described.stacks.unwrap_or_default().into_iter().next(),
            Err(error) if error.code() == Some("ValidationError") => None,
            Err(error) => return Err(failed(&format!("cannot ask for the stack {}", self.name), error)),
        };
        let Some(stack) = stack else { return Ok(None) };
        let status = stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default();
        if matches!(status.as_str(), "REVIEW_IN_PROGRESS" | "DELETE_COMPLETE") {
            return Ok(None);
        }
        let pairs = |name: Option<String>, value: Option<String>| Some((name?, value?));
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Ok(Some(Deployed {
            status,
            parameters: parameters.filter_map(|p| pairs(p.parameter_key, p.parameter_value)).collect(),
            outputs: outputs.filter_map(|o| pairs(o.output_key, o.output_value)).collect(),
        }))
    }

    /// Asks CloudFormation what it would change; `None` when nothing.
    pub(super) async fn propose(
        &self,
        template_url: &str,
        parameters: &BTreeMap<String, String>,
        exists: bool,
    ) -> Result<Option<Changes<'_>>, CliError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changes = Changes { stack: self, name: format!("ade-{}", since.as_millis()), is_new: !exists, resources: Vec::new() };
        let parameters = parameters.iter().map(|(name, value)| Parameter::builder().parameter_key(name).parameter_value(value).build());
        let created = self
            .cloud
            .cloudformation
            .create_change_set()
            .stack_name(self.name)
            .change_set_name(&changes.name)
            .change_set_type(if exists { ChangeSetType::Update } else { ChangeSetType::Create })
            .template_url(template_url)
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            // Takes up the tables and the bucket that an earlier stack of this name has left.
            .import_existing_resources(!self.cloud.is_emulator())
            .send()
            .await;
        created.map_err(|error| failed("CloudFormation refuses the template", error))?;
        changes.ready().await
    }

    /// Deletes the stack and waits until it is gone.
    pub(super) async fn delete(&self) -> Result<(), CliError> {
        let watch = Watch::start(self, 0).await?;
        let deleted = self.cloud.cloudformation.delete_stack().stack_name(self.name).send().await;
        deleted.map_err(|error| failed(&format!("cannot delete the stack {}", self.name), error))?;
        watch.until_over(None).await
    }

    async fn events(&self) -> Result<Vec<StackEvent>, CliError> {
        let described = self.cloud.cloudformation.describe_stack_events().stack_name(self.name).send().await;
        match described {
            Ok(described) => Ok(described.stack_events.unwrap_or_default()),
            // It does not exist, or no longer.
            Err(error) if error.code() == Some("ValidationError") => Ok(Vec::new()),
            Err(error) => Err(failed("cannot follow the change", error)),
        }
    }

    async fn pause(&self) {
        tokio::time::sleep(if self.cloud.is_emulator() { EMULATOR_INTERVAL } else { INTERVAL }).await;
    }
}

impl Changes<'_> {
    /// Waits until the change set can be executed.
    async fn ready(mut self) -> Result<Option<Self>, CliError> {
        let mut token = None;
        loop {
            let described = self.stack.cloud.cloudformation.describe_change_set();
            let described = described.stack_name(self.stack.name).change_set_name(&self.name).set_next_token(token.take()).send().await;
            let described = described.map_err(|error| failed("cannot ask for the change", error))?;
            match described.status {
                Some(ChangeSetStatus::CreateComplete) => {
                    let changes = described.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change);
                    self.resources.extend(changes.map(|change| {
                        let is_replaced = change.replacement.is_some_and(|replacement| replacement == Replacement::True);
                        let action = change.action.map(|action| action.as_str().to_owned()).unwrap_or_default();
                        let action = if is_replaced { "Replace".to_owned() } else { action };
                        (action, change.logical_resource_id.unwrap_or_default(), change.resource_type.unwrap_or_default())
                    }));
                    token = described.next_token;
                    if token.is_none() {
                        // AWS fails a change set without changes; LocalStack makes an empty one.
                        let is_change = !self.resources.is_empty() || !self.stack.cloud.is_emulator();
                        if !is_change {
                            self.discard().await?;
                        }
                        return Ok(is_change.then_some(self));
                    }
                }
                Some(ChangeSetStatus::Failed) => {
                    let reason = described.status_reason.unwrap_or_default();
                    self.discard().await?;
                    // The words of the only reason that is not a failure.
                    let nothing = reason.contains("didn't contain changes") || reason.contains("No updates are to be performed");
                    return if nothing {
                        Ok(None)
                    } else {
                        Err(CliError::failed(format!("CloudFormation refuses the change: {reason}"))
                            .hint("correct what it names; docs/deployment.md describes the parameters"))
                    };
                }
                _ => self.stack.pause().await,
            }
        }
    }

    /// Shows what will happen.
    pub(super) fn print(&self) {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        let mut counts = BTreeMap::<&str, usize>::new();
        for (action, name, kind) in &self.resources {
            *counts.entry(action).or_default() += 1;
            if !self.is_new {
                table.add_row([action.as_str(), name, kind]);
            }
        }
        if !self.is_new {
            println!("{table}");
        }
        let counts: Vec<_> = counts.iter().map(|(action, count)| format!("{count} × {action}")).collect();
        println!("Changes of {}: {}", self.stack.name, counts.join(", "));
    }

    /// Takes the change back before it was made.
    pub(super) async fn discard(&self) -> Result<(), CliError> {
        let cloudformation = &self.stack.cloud.cloudformation;
        let discarded = cloudformation.delete_change_set().stack_name(self.stack.name).change_set_name(&self.name).send().await;
        discarded.map_err(|error| failed("cannot discard the change", error))?;
        if self.is_new {
            // A change set of a stack that does not exist makes an empty one.
            let deleted = cloudformation.delete_stack().stack_name(self.stack.name).send().await;
            deleted.map_err(|error| failed("cannot discard the empty stack", error))?;
        }
        Ok(())
    }

    /// Makes the change and waits until it is made, or was taken back.
    pub(super) async fn execute(self) -> Result<(), CliError> {
        let watch = Watch::start(self.stack, self.resources.len()).await?;
        let cloudformation = &self.stack.cloud.cloudformation;
        let executed = cloudformation.execute_change_set().stack_name(self.stack.name).change_set_name(&self.name).send().await;
        executed.map_err(|error| failed("cannot begin the change", error))?;
        watch.until_over(Some(if self.is_new { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" })).await
    }
}

/// Shows how a change goes on.
struct Watch<'a> {
    stack: &'a Stack<'a>,
    seen: HashSet<String>,
    bar: ProgressBar,
}

impl<'a> Watch<'a> {
    async fn start(stack: &'a Stack<'a>, total: usize) -> Result<Self, CliError> {
        let seen = stack.events().await?.into_iter().filter_map(|event| event.event_id).collect();
        let bar = if total > 0 { ProgressBar::new(total as u64) } else { ProgressBar::new_spinner() };
        let template = if total > 0 { "{bar:30} {pos}/{len} {elapsed} {msg}" } else { "{spinner} {pos} {elapsed} {msg}" };
        bar.set_style(ProgressStyle::with_template(template).map_err(CliError::fault)?);
        Ok(Self { stack, seen, bar })
    }

    /// Waits until the stack is at rest: in the wanted state, or gone when none is wanted.
    async fn until_over(mut self, wanted: Option<&str>) -> Result<(), CliError> {
        let mut reasons = Vec::new();
        loop {
            for event in self.stack.events().await?.into_iter().rev() {
                if !self.seen.insert(event.event_id.clone().unwrap_or_default()) {
                    continue;
                }
                let status = event.resource_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default();
                let name = event.logical_resource_id.unwrap_or_default();
                if status.ends_with("_COMPLETE") && name != self.stack.name {
                    self.bar.inc(1);
                }
                if status.ends_with("_FAILED") {
                    let reason = event.resource_status_reason.unwrap_or_default();
                    self.bar.println(format!("{} {name}: {reason}", style("✗").red()));
                    reasons.push(format!("{name}: {reason}"));
                }
                self.bar.set_message(name);
            }
            let status = self.stack.describe().await?.map(|deployed| deployed.status);
            match (status.as_deref(), wanted) {
                (None, None) => break,
                (Some(status), Some(wanted)) if status == wanted => break,
                (Some(status), _) if status.ends_with("_IN_PROGRESS") => self.stack.pause().await,
                (status, _) => {
                    self.bar.finish_and_clear();
                    let status = status.unwrap_or("gone");
                    // The first failure causes the others.
                    let reason = reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
                    return Err(CliError::failed(format!("the stack {} is {status}{reason}", self.stack.name))
                        .hint("the stack's events in the AWS console say more; docs/deployment.md says how to go back"));
                }
            }
        }
        self.bar.finish_and_clear();
        Ok(())
    }
}
