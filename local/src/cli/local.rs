//! `ade up` and `ade reset`: an ADE on this machine.

use std::env;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use console::style;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};
use url::Url;

use super::report::shown;
use super::{CliError, error};
use crate::embedded;
use crate::up::{Options, Stack, UpError};

/// Run ADE on this machine until Ctrl-C
#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8000)]
    port: u16,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".ade")]
    data_dir: PathBuf,
    /// Use the DynamoDB and S3 of this endpoint, such as `http://localhost:4566`, instead of the embedded ones
    #[arg(long, value_name = "URL")]
    aws_endpoint_url: Option<Url>,
    /// Add to this file what functions do with AWS, to compare it with what they may
    #[arg(long, value_name = "FILE", hide = true)]
    record_uses: Option<PathBuf>,
}

/// Empty a local data directory: workspaces, configs, documents, runs and keys are gone
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// The directory to empty
    #[arg(long, value_name = "DIR", default_value = ".ade")]
    data_dir: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs `ade up`.
pub(super) async fn up(args: UpArgs) -> Result<(), CliError> {
    log_to_stderr();
    // Before anything is started, so that no signal finds something half started.
    let mut signals = Signals::listen()?;
    let UpArgs { port, data_dir, aws_endpoint_url, record_uses } = args;
    let options = Options { port, data_dir, aws_endpoint_url, record_uses, environment: environment() };
    let stack = tokio::select! {
        started = Stack::start(options) => started?,
        () = signals.stop() => return Ok(()),
    };
    announce(&stack);
    signals.stop().await;
    eprintln!("stopping …");
    stack.shutdown().await?;
    Ok(())
}

fn announce(stack: &Stack) {
    let local = stack.local();
    let key: String = local.api_key.chars().take(18).collect();
    let data_dir = shown(stack.data_dir());
    println!("{} ADE is running at {}\n", style("✓").green().bold(), style(&local.url).bold().underlined());
    println!("  console    {}  {}", style(stack.sign_in_url()).bold(), style("(opens signed in, once)").dim());
    println!("  API key    {key}…  {}", style(format!("(whole key: {data_dir}/local.json)")).dim());
    println!("  workspace  default  {}", style(local.workspace_id).dim());
    println!("  data       {data_dir}");
    println!("  logs       {data_dir}/logs/functions");
    if !stack.has_uv() {
        println!(
            "\n{} uv was not found: configs with dependencies of their own can't be built (`make tools` gets it)",
            style("!").yellow()
        );
    }
    println!("\nClean a workbook in another terminal: {}", style("ade run FILE.xlsx").bold());
    println!("Stop with Ctrl-C; what is stored stays.");
}

/// Runs `ade reset`.
pub(super) fn reset(args: &ResetArgs) -> Result<(), CliError> {
    let question = format!("Remove every workspace, config, document and run in {}?", args.data_dir.display());
    if !args.yes && !confirmed(&question)? {
        return Err(CliError::usage("nothing was removed").hint("answer with yes, or give --yes"));
    }
    embedded::reset(&args.data_dir)
        .map_err(|error| CliError::failed(error::chain(&error)).hint("stop the `ade up` that uses it, or name another with --data-dir"))?;
    println!("{} {} is empty", style("✓").green(), args.data_dir.display());
    Ok(())
}

/// Asks a person. Without one nothing is assumed.
pub(super) fn confirmed(question: &str) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage("not asked, so nothing was removed").hint("say --yes to go on without a question"));
    }
    print!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdout()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut answer))
        .map_err(|error| CliError::failed(error).hint("give --yes where nobody can answer"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl From<UpError> for CliError {
    fn from(error: UpError) -> Self {
        let hint = error.hint().unwrap_or_else(|| "what the functions said is in .ade/logs/functions".to_owned());
        Self::failed(error::chain(&error)).hint(hint)
    }
}

/// The environment as text. What is not Unicode is replaced, and refused later by the name of its setting.
pub(super) fn environment() -> Vec<(String, String)> {
    env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())).collect()
}

/// Warnings and errors of the host itself; functions write their own logs.
pub(super) fn log_to_stderr() {
    // The embedded database warns of every refusal, such as that of a table that exists already; its callers handle them.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("dynoxide", LevelFilter::ERROR);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(std::io::stderr().is_terminal());
    // A second call keeps the first subscriber, which is the same.
    drop(registry().with(lines).with(filter).try_init());
}

/// Ctrl-C and what service managers send.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    pub(super) fn listen() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CliError::failed(format!("cannot listen for signals: {error}")).hint("is this machine out of memory or file handles?")
            })
        };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits until one arrives.
    pub(super) async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
