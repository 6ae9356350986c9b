//! A stack and its changes.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudformation::error::ProvideErrorMetadata as _;
use aws_sdk_cloudformation::primitives::DateTime;
use aws_sdk_cloudformation::types::{self, Capability, ChangeSetStatus, ChangeSetType, Parameter, Replacement, StackEvent};
use comfy_table::{Table, presets};
use console::style;
use indicatif::{ProgressBar, ProgressStyle};

use super::cloud::{Cloud, failed};
use crate::cli::CliError;

/// How often the state of a change is asked for.
const INTERVAL: Duration = Duration::from_secs(2);
/// An emulator answers at once.
const EMULATOR_INTERVAL: Duration = Duration::from_millis(250);

/// The state of a stack that has change sets and nothing else.
const REVIEW: &str = "REVIEW_IN_PROGRESS";

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

impl Deployed {
    /// Refuses a stack that takes no change now.
    pub(super) fn takes_changes(&self, name: &str) -> Result<(), CliError> {
        let hint = match self.status.as_str() {
            "DELETE_FAILED" => "delete it again with `ade destroy`; its events in the CloudFormation console say what was in the way",
            "UPDATE_ROLLBACK_FAILED" => {
                "choose \"Continue update rollback\" in the CloudFormation console, and deploy again when that is over"
            }
            status if status.ends_with("_IN_PROGRESS") => {
                "somebody changes it: wait until that is over; the CloudFormation console shows how it goes on"
            }
            _ => return Ok(()),
        };
        Err(CliError::failed(format!("the stack {name} takes no change: it is {}", self.status)).hint(hint))
    }

    /// Whether its first deployment failed: it can only be deleted, and never worked.
    pub(super) fn never_worked(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED")
    }
}

impl Stack<'_> {
    /// The stack as it is, if it exists. One that was only planned does not exist.
    pub(super) async fn describe(&self) -> Result<Option<Deployed>, CliError> {
        let Some(stack) = self.find().await? else { return Ok(None) };
        let status = status_of(&stack);
        if matches!(status.as_str(), REVIEW | "DELETE_COMPLETE") {
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

    /// The stack as CloudFormation knows it, even one that was only planned.
    async fn find(&self) -> Result<Option<types::Stack>, CliError> {
        self.find_by(self.name).await
    }

    async fn find_by(&self, name_or_id: &str) -> Result<Option<types::Stack>, CliError> {
        match self.cloud.cloudformation.describe_stacks().stack_name(name_or_id).send().await {
            Ok(described) => Ok(described.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if error.code() == Some("ValidationError") => Ok(None),
            Err(error) => Err(failed(&format!("cannot ask for the stack {}", self.name), error)),
        }
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
            // Takes up the tables and the bucket that an earlier stack of this name has left, or a first deployment that failed.
            .import_existing_resources(true)
            // MiniStack finds fault with a bucket that it is about to take up.
            .disable_validation(self.cloud.is_emulator())
            .send()
            .await;
        created.map_err(|error| failed("CloudFormation refuses the template", error))?;
        changes.ready().await
    }

    /// Deletes the stack and waits until it is gone.
    pub(super) async fn delete(&self) -> Result<(), CliError> {
        let watch = Watch::start(self, 0).await?;
        let deleted = self.cloud.cloudformation.delete_stack().stack_name(&watch.id).send().await;
        deleted.map_err(|error| failed(&format!("cannot delete the stack {}", self.name), error))?;
        watch.until_over("DELETE_COMPLETE").await
    }

    /// Deletes what a change set made of a stack that does not exist, unless somebody has made something of it meanwhile.
    async fn delete_if_empty(&self) -> Result<(), CliError> {
        let cannot = "cannot discard the empty stack";
        let Some(stack) = self.find().await?.filter(|stack| status_of(stack) == REVIEW) else { return Ok(()) };
        let listed = self.cloud.cloudformation.list_change_sets().stack_name(self.name).send().await;
        let others = listed.map_err(|error| failed(cannot, error))?.summaries.unwrap_or_default();
        if !others.is_empty() {
            return Ok(());
        }
        let id = stack.stack_id.unwrap_or_default();
        let deleted = self.cloud.cloudformation.delete_stack().stack_name(id).send().await;
        deleted.map(drop).map_err(|error| failed(cannot, error))
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
                        let action = match (change.replacement, change.action) {
                            (Some(Replacement::True), _) => "Replace".to_owned(),
                            // What decides is known only when the change is made.
                            (Some(Replacement::Conditional), _) => "May replace".to_owned(),
                            (_, action) => action.map(|action| action.as_str().to_owned()).unwrap_or_default(),
                        };
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
            self.stack.delete_if_empty().await?;
        }
        Ok(())
    }

    /// Makes the change and waits until it is made, or was taken back.
    pub(super) async fn execute(self) -> Result<(), CliError> {
        let watch = Watch::start(self.stack, self.resources.len()).await?;
        let cloudformation = &self.stack.cloud.cloudformation;
        let executed = cloudformation.execute_change_set().stack_name(self.stack.name).change_set_name(&self.name).send().await;
        executed.map_err(|error| failed("cannot begin the change", error))?;
        watch.until_over(if self.is_new { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" }).await
    }
}

fn status_of(stack: &types::Stack) -> String {
    stack.stack_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default()
}

/// Shows how a change goes on, by the events that came after its start. That it is over is said by an event too: the state of the stack
/// may still be the old one when it is asked for.
struct Watch<'a> {
    stack: &'a Stack<'a>,
    /// Of the stack itself, which its name is not: another one may get it.
    id: String,
    seen: HashSet<String>,
    /// When the newest event of before happened.
    since: Option<DateTime>,
    bar: ProgressBar,
}

impl<'a> Watch<'a> {
    async fn start(stack: &'a Stack<'a>, total: usize) -> Result<Self, CliError> {
        let gone = || CliError::failed(format!("the stack {} is gone", stack.name)).hint("somebody else deleted it: try again");
        let id = stack.find().await?.and_then(|stack| stack.stack_id).ok_or_else(gone)?;
        let bar = if total > 0 { ProgressBar::new(total as u64) } else { ProgressBar::new_spinner() };
        let template = if total > 0 { "{bar:30} {pos}/{len} {elapsed} {msg}" } else { "{spinner} {pos} {elapsed} {msg}" };
        bar.set_style(ProgressStyle::with_template(template).map_err(CliError::fault)?);
        let mut watch = Self { stack, id, seen: HashSet::new(), since: None, bar };
        let (before, _) = watch.page(None).await?;
        watch.since = before.iter().filter_map(|event| event.timestamp).max();
        watch.seen.extend(before.into_iter().filter_map(|event| event.event_id));
        Ok(watch)
    }

    /// A page of the stack's events, the newest first, and the token of the next one.
    async fn page(&self, token: Option<String>) -> Result<(Vec<StackEvent>, Option<String>), CliError> {
        let described = self.stack.cloud.cloudformation.describe_stack_events().stack_name(&self.id).set_next_token(token).send().await;
        let described = described.map_err(|error| failed("cannot follow the change", error))?;
        Ok((described.stack_events.unwrap_or_default(), described.next_token))
    }

    /// What has happened since this was asked the last time, the oldest first.
    async fn news(&mut self) -> Result<Vec<StackEvent>, CliError> {
        let (mut news, mut token) = (Vec::new(), None);
        loop {
            let (events, next) = self.page(token).await?;
            let count = events.len();
            let unseen = events
                .into_iter()
                .filter(|event| event.timestamp >= self.since && !event.event_id.as_ref().is_none_or(|id| self.seen.contains(id)));
            let before = news.len();
            news.extend(unseen);
            // Behind a page with something old on it everything is old.
            if news.len() - before < count || next.is_none() {
                break;
            }
            token = next;
        }
        self.seen.extend(news.iter().filter_map(|event| event.event_id.clone()));
        news.reverse();
        Ok(news)
    }

    /// Waits until the stack says that the change is over, and fails unless it is in the wanted state then.
    async fn until_over(mut self, wanted: &str) -> Result<(), CliError> {
        let (mut reasons, mut ended) = (Vec::new(), None);
        loop {
            for event in self.news().await? {
                let status = event.resource_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default();
                let name = event.logical_resource_id.unwrap_or_default();
                if status.ends_with("_FAILED") {
                    let reason = event.resource_status_reason.unwrap_or_default();
                    self.bar.println(format!("{} {name}: {reason}", style("✗").red()));
                    reasons.push(format!("{name}: {reason}"));
                }
                if event.physical_resource_id.as_ref() != Some(&self.id) {
                    self.bar.inc(u64::from(status.ends_with("_COMPLETE")));
                    self.bar.set_message(name);
                } else if status == wanted {
                    self.bar.finish_and_clear();
                    return Ok(());
                } else if !status.ends_with("_IN_PROGRESS") {
                    ended = Some(status);
                }
            }
            // A change that fails is taken back; only then it is over.
            if let Some(status) = ended.take() {
                let now = self.stack.find_by(&self.id).await?.map_or(status, |stack| status_of(&stack));
                if !now.ends_with("_IN_PROGRESS") {
                    self.bar.finish_and_clear();
                    return Err(self.failed(&now, &reasons));
                }
            }
            self.stack.pause().await;
        }
    }

    fn failed(&self, status: &str, reasons: &[String]) -> CliError {
        // The first failure causes the others.
        let reason = reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
        CliError::failed(format!("the stack {} is {status}{reason}", self.stack.name))
            .hint("the stack's events in the AWS console say more; docs/deployment.md says how to go back")
    }
}
