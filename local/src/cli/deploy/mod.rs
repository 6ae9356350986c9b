//! `ade deploy` and `ade destroy`: ADE on AWS, or on an emulator of it.
//!
//! ```text
//! build ─▶ zip, image ─▶ upload ─▶ change set ─▶ execute ─▶ URL
//! ```
//!
//! Everything that is uploaded is named by its content, so a second deployment uploads and changes only what is different, and what a
//! deployment would change is known without uploading it. The change set is what CloudFormation will do; `--plan` shows it and stops.

mod build;
mod checkout;
mod cloud;
mod image;
mod package;
mod program;
mod stack;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use clap::Args;
use console::style;
use serde::Deserialize;
use url::Url;

use self::build::Build;
pub(super) use self::cloud::sdk;
use self::cloud::{Cloud, failed};
use self::image::Image;
use self::package::{Package, Template};
use self::stack::{Deployed, Stack};
use super::CliError;

/// Where the stack is.
#[derive(Debug, Args)]
struct Target {
    /// Name of the stack; the names of its functions and tables start with it
    #[arg(long, value_name = "NAME", default_value = "ade", value_parser = stack_name)]
    stack: String,
    /// An emulator's endpoint, such as `http://localhost:4566`, instead of AWS
    #[arg(long, value_name = "URL")]
    aws_endpoint_url: Option<Url>,
}

/// Deploy ADE to AWS: build, upload, change the stack
///
/// Uses the credentials and the region of the AWS environment (`AWS_PROFILE`, `AWS_REGION` and so on). Run it in ADE's repository.
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    #[command(flatten)]
    target: Target,
    /// Show what would change, and change nothing
    #[arg(long)]
    plan: bool,
    /// Set a parameter of the template; the others keep what they were [infra/stack.yaml lists them]
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Deploy the function binaries in this directory instead of building them
    #[arg(long, value_name = "DIR")]
    binaries: Option<PathBuf>,
}

/// Delete a stack; its tables, its bucket and its key are kept
#[derive(Debug, Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    target: Target,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs `ade deploy`.
pub(super) async fn deploy(args: DeployArgs) -> Result<(), CliError> {
    let root = repository()?;
    checkout::check(&root)?;
    let cloud = Cloud::connect(args.target.aws_endpoint_url.as_ref()).await?;
    let name = args.target.stack.as_str();
    let stack = cloud.stack(name);
    let declared = Declared::read()?;
    let chosen: BTreeMap<String, String> = args.parameters.into_iter().collect();
    declared.check(&chosen)?;
    let found = stack.describe().await?;
    if let Some(found) = &found {
        found.takes_changes(name)?;
    }
    let mut parameters: BTreeMap<String, String> = found.as_ref().map(|found| found.parameters.clone()).unwrap_or_default();
    // Another version of the template may have had others.
    parameters.retain(|name, _| declared.has(name));
    if cloud.is_emulator() {
        parameters.extend(emulator_parameters(&root, &cloud)?);
    }
    parameters.extend(chosen.clone());
    let architecture = parameters.entry("Architecture".to_owned()).or_insert_with(|| build::own_architecture().to_owned()).clone();
    let is_first = found.as_ref().is_none_or(Deployed::never_worked);
    if is_first {
        refuse_key_of_another_stack(&cloud, name).await?;
    }

    let binaries = match args.binaries {
        Some(directory) => Build::prebuilt(&directory),
        None => Build::make(&root, &architecture)?,
    };
    let mut package = Package::new(&cloud, name, &architecture);
    if parameters.get("ExecutorPackage").is_some_and(|kind| kind == "zip") {
        parameters.extend(package.workers(&binaries).await?);
    }
    let template = package.template(&binaries, &parameters).await?;
    if parameters.get("ExecutorPackage").is_none_or(|kind| kind == "image") && !chosen.contains_key("ExecutorImage") {
        let image = Image::build(&cloud, &root, &binaries, name, &architecture)?;
        parameters.insert("ExecutorImage".to_owned(), if args.plan { image.planned()? } else { image.push()? });
        parameters.insert("BaseDigest".to_owned(), image.base_digest);
    }
    // What somebody has decided is not decided again.
    parameters.extend(chosen);
    // LocalStack takes a default that is given for a change of everything that asks for it.
    parameters.retain(|name, value| !declared.is_default(name, value));

    if args.plan {
        return plan(&stack, &package, &template, &parameters, found.as_ref()).await;
    }
    let template = package.upload(&template).await?;
    if found.is_some() && is_first {
        println!("The first deployment of {name} failed; removing what is left of it. Its tables and its bucket are taken up");
        stack.delete().await?;
    }
    let Some(changes) = stack.propose(&template, &parameters, !is_first).await? else {
        println!("{} Nothing changes: {name} is as it should be", style("✓").green());
        return report(&stack, &args.target).await;
    };
    changes.print();
    changes.execute().await?;
    report(&stack, &args.target).await
}

/// Shows what a deployment would change, and leaves everything as it was. CloudFormation reads a template of this size from a bucket
/// only, so it lies there for as long as the question takes. Where there is no bucket yet, there is nothing that could change.
async fn plan(
    stack: &Stack<'_>,
    package: &Package<'_>,
    template: &Template,
    parameters: &BTreeMap<String, String>,
    found: Option<&Deployed>,
) -> Result<(), CliError> {
    let has_failed = found.is_some_and(Deployed::never_worked);
    if has_failed {
        println!("The first deployment of {} failed: what is left of it is removed, and then made anew", stack.name);
    }
    if has_failed || found.is_none() && !package.has_bucket().await? {
        println!("Changes of {}: {} × Add", stack.name, template.resources);
    } else {
        let (url, is_lent) = package.lend(template).await?;
        let shown = show(stack, &url, parameters, found.is_some()).await;
        if is_lent {
            package.take_back(template).await?;
        }
        shown?;
    }
    println!("Nothing was changed. Deploy it with the same command without --plan.");
    Ok(())
}

/// Prints what CloudFormation would change.
async fn show(stack: &Stack<'_>, template: &str, parameters: &BTreeMap<String, String>, exists: bool) -> Result<(), CliError> {
    let Some(changes) = stack.propose(template, parameters, exists).await? else {
        println!("{} Nothing changes: {} is as it should be", style("✓").green(), stack.name);
        return Ok(());
    };
    changes.print();
    changes.discard().await
}

/// Refuses to make a stack around data that an earlier one has encrypted with its own key: a new stack has a new key, and its functions
/// could not read the data.
async fn refuse_key_of_another_stack(cloud: &Cloud, stack: &str) -> Result<(), CliError> {
    let bucket = format!("{stack}-data-{}-{}", cloud.account, cloud.region);
    let asked = cloud.s3.get_bucket_encryption().bucket(&bucket).expected_bucket_owner(&cloud.account).send().await;
    let encryption = match asked {
        Ok(found) => found.server_side_encryption_configuration,
        Err(error) if matches!(error.code(), Some("NoSuchBucket" | "ServerSideEncryptionConfigurationNotFoundError")) => None,
        Err(error) => return Err(failed(&format!("cannot ask whether the bucket {bucket} is there"), error)),
    };
    let defaults =
        encryption.iter().flat_map(|found| &found.rules).filter_map(|rule| rule.apply_server_side_encryption_by_default.as_ref());
    match defaults.into_iter().find_map(|default| default.kms_master_key_id.as_ref()) {
        Some(key) => Err(CliError::usage(format!("the bucket {bucket} of an earlier stack is encrypted with that stack's key {key}"))
            .hint("a new stack can't take up its data; docs/deployment.md, Deleting, says what to do")),
        None => Ok(()),
    }
}

/// The parameters that the template has, with their defaults.
struct Declared(serde_json::Value);

impl Declared {
    fn read() -> Result<Self, CliError> {
        let mut template = ade_infra::template().map_err(CliError::fault)?;
        Ok(Self(template["Parameters"].take()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    /// Refuses parameters that the template does not have, or that miss their other half.
    fn check(&self, chosen: &BTreeMap<String, String>) -> Result<(), CliError> {
        if let Some(unknown) = chosen.keys().find(|name| !self.has(name)) {
            return Err(CliError::usage(format!("the template has no parameter {unknown}")).hint("infra/stack.yaml lists them"));
        }
        if chosen.contains_key("ExecutorImage") && !chosen.contains_key("BaseDigest") {
            return Err(CliError::usage("an ExecutorImage needs the BaseDigest of its base environment")
                .hint("it is in /opt/ade/base/base.json in the image: docker run --rm --entrypoint cat IMAGE /opt/ade/base/base.json"));
        }
        Ok(())
    }

    fn is_default(&self, name: &str, value: &str) -> bool {
        match &self.0[name]["Default"] {
            serde_json::Value::String(default) => default == value,
            serde_json::Value::Null => false,
            default => serde_json::from_str::<serde_json::Value>(value).is_ok_and(|value| value == *default),
        }
    }
}

/// Runs `ade destroy`.
pub(super) async fn destroy(args: DestroyArgs) -> Result<(), CliError> {
    let cloud = Cloud::connect(args.target.aws_endpoint_url.as_ref()).await?;
    let stack = cloud.stack(&args.target.stack);
    let Some(deployed) = stack.describe().await? else {
        return Err(CliError::usage(format!("there is no stack {} in {}", args.target.stack, cloud.region))
            .hint("name another with --stack, or another region with AWS_REGION"));
    };
    let has_key = deployed.parameters.get("ManagedKey").is_some_and(|managed| managed == "true");
    let kept = if has_key { "kept, but no other stack can take it up: it is encrypted with this stack's key" } else { "kept" };
    let question = format!("Delete the stack {} in account {}, {}? Its data is {kept}.", args.target.stack, cloud.account, cloud.region);
    if !args.yes && !super::local::confirmed(&question)? {
        return Err(CliError::usage("nothing was deleted").hint("answer with yes, or give --yes"));
    }
    stack.delete().await?;
    println!("{} The stack {} is gone. Its tables and its bucket are {kept}.", style("✓").green(), args.target.stack);
    println!("`ade deploy` with the same name takes up what is kept. What it had uploaded is left too; delete it with\n");
    println!("  aws s3 rb --force s3://{}", package::code_bucket(&cloud, &args.target.stack));
    if !cloud.is_emulator() {
        println!("  aws ecr delete-repository --force --repository-name {}", image::repository(&args.target.stack));
    }
    println!("\ndocs/deployment.md says how to delete the data as well.");
    Ok(())
}

async fn report(stack: &Stack<'_>, target: &Target) -> Result<(), CliError> {
    let deployed =
        stack.describe().await?.ok_or_else(|| CliError::failed("the stack is gone").hint("somebody else deleted it: deploy again"))?;
    let endpoint = target.aws_endpoint_url.as_ref();
    let url = match (endpoint, deployed.outputs.get("ApiId")) {
        // How emulators of API Gateway are reached without names of their own.
        (Some(endpoint), Some(api)) => format!("{}/_aws/execute-api/{api}/ade", endpoint.as_str().trim_end_matches('/')),
        _ => deployed.outputs.get("Url").cloned().unwrap_or_default(),
    };
    let option = endpoint.map(|url| format!(" --aws-endpoint-url {url}")).unwrap_or_default();
    println!("\n  {}  {}", style("URL").dim(), style(&url).bold().underlined());
    println!("\nMake the first system admin's key, which is shown once:\n");
    println!("  ade admin bootstrap --stack {}{option}\n", target.stack);
    println!("Then `ade --url {url} --api-key … run FILE.xlsx`, or docs/api.md.");
    Ok(())
}

/// Parameters that are different where response streaming, images and tenant isolation do not exist.
fn emulator_parameters(root: &Path, cloud: &Cloud) -> Result<Vec<(String, String)>, CliError> {
    #[derive(Deserialize)]
    struct Base {
        digest: String,
    }
    let dir = std::env::var_os("ADE_BASE_DIR").map_or_else(|| root.join(".ade/base"), PathBuf::from);
    let unusable = |error: &dyn std::fmt::Display| {
        CliError::usage(format!("the base environment {} can't be used: {error}", dir.display())).hint("make it with `make base`")
    };
    let text = std::fs::read(dir.join("base.json")).map_err(|error| unusable(&error))?;
    let base: Base = serde_json::from_slice(&text).map_err(|error| unusable(&error))?;
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(vec![
        set("ResponseStreaming", "false"),
        set("ExecutorPackage", "zip"),
        set("TenantIsolation", "false"),
        set("AccessLogs", "false"),
        set("DeletionProtection", "false"),
        set("EmulatorS3Endpoint", cloud.endpoint().unwrap_or_default()),
        set("BaseDir", &dir.display().to_string()),
        set("BaseDigest", &base.digest),
    ])
}

/// ADE's repository: the current directory or one above it.
fn repository() -> Result<PathBuf, CliError> {
    let here = std::env::current_dir()
        .map_err(|error| CliError::failed(format!("cannot tell the current directory: {error}")).hint("change to one that exists"))?;
    let root = here.ancestors().find(|directory| directory.join("infra/stack.yaml").is_file());
    root.map(Path::to_owned).ok_or_else(|| CliError::usage("this is not ADE's repository").hint("run `ade deploy` in a clone of it"))
}

/// The name of a stack, when it is usable as one.
pub(super) fn stack_name(text: &str) -> Result<String, String> {
    // Names of functions have at most 64 characters, those of buckets are in lower case.
    let usable = text.len() <= 24
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !text.ends_with('-');
    if usable { Ok(text.to_owned()) } else { Err("at most 24 lower-case letters, digits and hyphens, a letter first".to_owned()) }
}

fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
