//! `ade admin`: what the administrators of a system do.

use ade_core::access::Role;
use ade_core::id::WorkspaceId;
use ade_core::key::ApiKeys;
use ade_core::settings::Settings;
use ade_core::store::Tables;
use clap::{ArgGroup, Args, Subcommand};
use console::style;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::CliError;
use super::client::{Client, Query};
use super::connection::ConnectionArgs;
use super::deploy::{sdk, stack_name};
use super::display::print_line;
use super::local::environment;
use super::output::{Column, print_done, print_item, print_list, text, time};

/// Administer a system
#[derive(Debug, Args)]
pub(super) struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Create a system admin's key with AWS credentials, not over HTTP: the first key of a new system
    Bootstrap {
        /// The key's name for people
        #[arg(long, default_value = "bootstrap")]
        name: String,
        /// The stack whose tables get the key [default: tables that start with `ADE_TABLE_PREFIX`]
        #[arg(long, value_name = "NAME", value_parser = stack_name)]
        stack: Option<String>,
        /// DynamoDB of this endpoint instead of Amazon's
        #[arg(long, value_name = "URL")]
        aws_endpoint_url: Option<Url>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is kept no longer; with `--apply`, remove it
    Sweep {
        /// Remove it, instead of only counting it
        #[arg(long)]
        apply: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List, create, rename and delete workspaces
    #[command(subcommand)]
    Workspaces(WorkspacesCommand),
}

#[derive(Debug, Subcommand)]
enum WorkspacesCommand {
    /// List the workspaces
    List {
        /// Print JSON, one workspace a line
        #[arg(long)]
        json: bool,
    },
    /// Create a workspace
    Create {
        /// Its name for people
        name: String,
        /// Its name for URLs and commands [default: made from its name]
        #[arg(long)]
        slug: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a workspace and its settings
    Show {
        /// The workspace, by id
        id: WorkspaceId,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a workspace another name, slug or settings
    #[command(group(ArgGroup::new("change").required(true).multiple(true).args(["name", "slug", "concurrent_runs", "run_timeout",
        "run_retention", "document_retention"])))]
    Update {
        /// The workspace, by id
        id: WorkspaceId,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// Its new slug
        #[arg(long)]
        slug: Option<String>,
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a workspace that has no configs
    Delete {
        /// The workspace, by id
        id: WorkspaceId,
        /// Remove its runs and documents at once, too
        #[arg(long)]
        purge: bool,
    },
}

/// Settings of a workspace; what is not named stays as it is.
#[derive(Debug, Args)]
struct SettingsArgs {
    /// Runs worked on at once, or `default` for the installation's
    #[arg(long, value_name = "N", value_parser = setting)]
    concurrent_runs: Option<Setting>,
    /// Seconds a run may take when its options do not say, or `default`
    #[arg(long, value_name = "SECONDS", value_parser = setting)]
    run_timeout: Option<Setting>,
    /// Days that runs are kept after their end, or `default`
    #[arg(long, value_name = "DAYS", value_parser = setting)]
    run_retention: Option<Setting>,
    /// Days that documents are kept, or `default`
    #[arg(long, value_name = "DAYS", value_parser = setting)]
    document_retention: Option<Setting>,
}

/// A number, or what the installation says.
#[derive(Debug, Clone, Copy)]
struct Setting(Option<u64>);

fn setting(text: &str) -> Result<Setting, String> {
    match text {
        "default" => Ok(Setting(None)),
        number => number.parse().map(|number| Setting(Some(number))).map_err(|_| "expected a whole number, or `default`".to_owned()),
    }
}

impl SettingsArgs {
    /// What a workspace's settings become; none when nothing is named.
    fn over(&self, mut settings: Value) -> Option<Value> {
        let named = [
            ("concurrent_runs", self.concurrent_runs),
            ("run_timeout_seconds", self.run_timeout),
            ("run_retention_days", self.run_retention),
            ("document_retention_days", self.document_retention),
        ];
        let named: Vec<_> = named.into_iter().filter_map(|(name, value)| value.map(|Setting(value)| (name, value))).collect();
        for (name, value) in &named {
            settings[*name] = json!(value);
        }
        (!named.is_empty()).then_some(settings)
    }
}

/// Runs the command.
pub(super) async fn run(connection: &ConnectionArgs, args: AdminArgs) -> Result<(), CliError> {
    match args.command {
        AdminCommand::Bootstrap { name, stack, aws_endpoint_url, json } => bootstrap(&name, stack.as_deref(), aws_endpoint_url, json).await,
        AdminCommand::Sweep { apply, json } => sweep(&Client::new(&connection.resolve()?)?, apply, json).await,
        AdminCommand::Workspaces(command) => workspaces(&Client::new(&connection.resolve()?)?, command).await,
    }
}

async fn bootstrap(name: &str, stack: Option<&str>, endpoint: Option<Url>, json: bool) -> Result<(), CliError> {
    let settings = Settings::read(environment()).map_err(|error| CliError::usage(error).hint("docs/settings.md lists every setting"))?;
    let prefix = stack.map_or(settings.table_prefix, |stack| format!("{stack}-"));
    let aws = sdk(endpoint.as_ref().map(Url::as_str)).await;
    let tables = Tables::new(aws_sdk_dynamodb::Client::new(&aws), prefix.clone());
    let created = ApiKeys::new(tables).create(None, name, Role::SystemAdmin, None).await;
    let (key, secret) = created.map_err(|error| {
        CliError::failed(format!("the key was not created: {error}")).hint(format!(
            "check the AWS credentials and region, and that the stack's tables exist (their names start with {prefix:?}: --stack or ADE_TABLE_PREFIX)"
        ))
    })?;
    if json {
        print_line(json!({ "id": key.key_id, "role": "system_admin", "name": name, "secret": secret.expose() }).to_string().as_bytes());
    } else {
        println!("{} Created {}, a system admin's key. It is shown this once:\n", style("✓").green(), key.key_id);
        println!("{}", secret.expose());
    }
    Ok(())
}

/// Sweeps to the end, however many requests that takes, and adds up what each found.
async fn sweep(client: &Client, apply: bool, json: bool) -> Result<(), CliError> {
    const COUNTS: [&str; 8] =
        ["/runs/count", "/runs/bytes", "/documents/count", "/documents/bytes", "/archives/count", "/archives/bytes", "/expired", "/failed"];
    let mut total: Option<Value> = None;
    let mut after = Value::Null;
    loop {
        let mut part = client.ask(Method::POST, "/system/sweep", Some(&json!({ "apply": apply, "after": after }))).await?;
        after = part["next"].take();
        if let Some(total) = &total {
            for count in COUNTS {
                let so_far = total.pointer(count).and_then(Value::as_u64).unwrap_or_default();
                if let Some(value) = part.pointer_mut(count) {
                    *value = (so_far + value.as_u64().unwrap_or_default()).into();
                }
            }
        }
        if after.is_null() {
            print_item(&part, json, SWEPT);
            if !json && !apply {
                println!("nothing was removed; `ade admin sweep --apply` removes it");
            }
            return Ok(());
        }
        total = Some(part);
    }
}

const SWEPT: &[Column] = &[
    ("runs", |swept| things(&swept["runs"])),
    ("documents", |swept| things(&swept["documents"])),
    ("archives of builds", |swept| things(&swept["archives"])),
    ("documents that expire", |swept| text(swept, "/expired")),
    ("failed", |swept| text(swept, "/failed")),
];

fn things(swept: &Value) -> String {
    format!("{}, {} bytes", text(swept, "/count"), text(swept, "/bytes"))
}

async fn workspaces(client: &Client, command: WorkspacesCommand) -> Result<(), CliError> {
    match command {
        WorkspacesCommand::List { json } => {
            let workspaces = client.all("/workspaces", &Query::default()).await?;
            print_list(&workspaces, json, LIST, "no workspaces yet; create one with `ade admin workspaces create NAME`");
        }
        WorkspacesCommand::Create { name, slug, json } => {
            let body = json!({ "name": name, "slug": slug });
            print_item(&client.ask(Method::POST, "/workspaces", Some(&body)).await?, json, LIST);
        }
        WorkspacesCommand::Show { id, json } => {
            print_item(&client.ask(Method::GET, &format!("/workspaces/{id}"), None).await?, json, WORKSPACE);
        }
        WorkspacesCommand::Update { id, name, slug, settings, json } => {
            let path = format!("/workspaces/{id}");
            let mut known = client.ask(Method::GET, &path, None).await?;
            let settings = settings.over(known["settings"].take());
            let body = json!({ "name": name, "slug": slug, "settings": settings });
            print_item(&client.ask(Method::PATCH, &path, Some(&body)).await?, json, WORKSPACE);
        }
        WorkspacesCommand::Delete { id, purge } => {
            client.ask(Method::DELETE, &format!("/workspaces/{id}?purge={purge}"), None).await?;
            print_done(&json!({}), false, &format!("{id} is deleted"));
        }
    }
    Ok(())
}

const WORKSPACE: &[Column] = &[
    ("workspace", |workspace| text(workspace, "/id")),
    ("slug", |workspace| text(workspace, "/slug")),
    ("name", |workspace| text(workspace, "/name")),
    ("created", |workspace| time(workspace, "/created")),
    ("runs at once", |workspace| own(workspace, "/settings/concurrent_runs")),
    ("seconds for a run", |workspace| own(workspace, "/settings/run_timeout_seconds")),
    ("days runs are kept", |workspace| own(workspace, "/settings/run_retention_days")),
    ("days documents are kept", |workspace| own(workspace, "/settings/document_retention_days")),
];

/// A setting of a workspace, or that the installation's holds.
fn own(workspace: &Value, pointer: &str) -> String {
    let value = text(workspace, pointer);
    if value.is_empty() { "as the installation says".to_owned() } else { value }
}

const LIST: &[Column] = &[
    ("workspace", |workspace| text(workspace, "/id")),
    ("slug", |workspace| text(workspace, "/slug")),
    ("name", |workspace| text(workspace, "/name")),
    ("created", |workspace| time(workspace, "/created")),
];
