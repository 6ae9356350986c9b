//! `ade configs`: rules, from a directory on this machine to a build that runs use.

mod archive;
mod chosen;
mod directory;
mod draft;
mod patch;
mod sync;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ade_core::config::{self, FileChange};
use ade_core::eventlog::EventBody;
use ade_core::id::BuildId;
use clap::{Args, Subcommand, ValueEnum};
use console::style;
use http::Method;
use serde_json::{Value, json};

use super::CliError;
use super::client::{ApiError, Client, Config, CreatedBuild, Query};
use super::connection::ConnectionArgs;
use super::display::{Display, print_line};
use super::documents::LocalFile;
use super::follow::{Followed, Follower, verdict};
use super::local::Signals;
use super::output::{Column, print_done, print_item, print_list, status, text, time};

use chosen::{Chosen, linked};
use directory::{Directory, Known, Link};
use draft::Draft;
use sync::{Comparison, Moved};

pub(super) use chosen::{choose, named};

/// Make configs, edit them in a directory, check, build and compare them
#[derive(Debug, Args)]
#[command(
    after_help = "CONFIG is a config's name, its id, or a directory with its files; left out, it is the config of the current directory."
)]
pub(super) struct ConfigsArgs {
    #[command(subcommand)]
    command: ConfigsCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigsCommand {
    /// Write the files of a new config into a directory; nothing is sent anywhere
    Init {
        /// A directory that is empty or not there yet
        directory: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the newest configs
    List {
        /// Only those whose name contains this
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Only those with this status
        #[arg(long, value_enum)]
        status: Option<StatusArg>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON, one config a line
        #[arg(long)]
        json: bool,
    },
    /// Show one config
    Show {
        /// The config
        config: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send what was changed in a directory to the draft of its config
    Push(PushArgs),
    /// Bring what was changed in the draft of a config into a directory
    Pull(PullArgs),
    /// Say what is wrong with the draft, without building it
    Validate {
        /// The config
        config: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Build the draft, and watch
    Build {
        /// The config
        config: Option<String>,
        /// Build even if nothing has changed
        #[arg(long)]
        force: bool,
        /// Print the build's events as they come, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show what is different between two versions, or between the draft and a directory
    Diff {
        /// The config; a directory is compared with the draft
        config: Option<String>,
        /// A version: its id, `active` or `draft` [default: active]
        from: Option<String>,
        /// The version that it is compared with
        #[arg(default_value = "draft")]
        to: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List the newest versions: what was built
    Versions {
        /// The config
        config: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// Print JSON, one version a line
        #[arg(long)]
        json: bool,
    },
    /// Save a config's files as a zip archive
    Export {
        /// The config
        config: Option<String>,
        /// Which files: `draft`, `active`, or the id of a version
        #[arg(default_value = "draft", value_name = "VERSION")]
        files: String,
        /// The file to write [default: the config's name with .zip]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace a file that is there already
        #[arg(long)]
        force: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace a config's draft by the files of a zip archive, or make a config of them
    Import {
        /// The archive
        archive: PathBuf,
        /// The config whose draft is replaced, by name or id
        #[arg(long, value_name = "NAME_OR_ID", conflicts_with = "new", required_unless_present = "new")]
        config: Option<String>,
        /// Make a new config with this name
        #[arg(long, value_name = "NAME")]
        new: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a config of the draft of another one
    Clone {
        /// The config that is copied
        config: String,
        /// The new one's name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a config another name
    Rename {
        /// The config
        config: String,
        /// Its new name
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a config with its draft, versions and builds
    Delete {
        /// The config
        config: String,
        /// Also its runs, with their outputs and logs
        #[arg(long)]
        purge: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// From here to there.
#[derive(Debug, Args)]
struct PushArgs {
    /// The directory
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The config, by name or id [default: the one that the directory belongs to]
    #[arg(long, value_name = "NAME_OR_ID", conflicts_with = "new")]
    config: Option<String>,
    /// Make a new config with this name
    #[arg(long, value_name = "NAME")]
    new: Option<String>,
    /// Where a file was changed on both sides, replace theirs by yours
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// From there to here.
#[derive(Debug, Args)]
struct PullArgs {
    /// The directory
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The config, by name or id [default: the one that the directory belongs to]
    #[arg(long, value_name = "NAME_OR_ID")]
    config: Option<String>,
    /// Overwrite what was changed in the directory
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Whether a config has been built.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusArg {
    /// It has a draft only
    Draft,
    /// It has a build, which runs use
    Active,
}

/// Runs the command.
pub(super) async fn run(connection: &ConnectionArgs, args: ConfigsArgs) -> Result<(), CliError> {
    if let ConfigsCommand::Init { directory, json } = &args.command {
        return init(directory, *json);
    }
    let client = Client::new(&connection.resolve()?)?;
    match args.command {
        // Done above: it needs no server.
        ConfigsCommand::Init { .. } => {}
        ConfigsCommand::List { name, status, limit, json } => {
            let path = format!("/workspaces/{}/configs", client.workspace().await?);
            let status = status.map(|status| match status {
                StatusArg::Draft => "draft",
                StatusArg::Active => "active",
            });
            let configs = client.first(&path, &Query::default().maybe("q", name).maybe("status", status), limit as usize).await?;
            print_list(&configs, json, LIST, "no such configs; make one with `ade configs init DIR` and `ade configs push DIR --new NAME`");
        }
        ConfigsCommand::Show { config, json } => {
            let chosen = choose(&client, config.as_deref()).await?;
            print_item(&client.ask(Method::GET, &path_of(&chosen.config), None).await?, json, SHOW);
        }
        ConfigsCommand::Push(args) => push(&client, &args).await?,
        ConfigsCommand::Pull(args) => pull(&client, &args).await?,
        ConfigsCommand::Validate { config, json } => {
            let chosen = choose(&client, config.as_deref()).await?;
            tell_unpushed(&chosen)?;
            validate(&client, &chosen.config, json).await?;
        }
        ConfigsCommand::Build { config, force, json } => {
            let chosen = choose(&client, config.as_deref()).await?;
            tell_unpushed(&chosen)?;
            build(&client, &chosen.config, force, json).await?;
        }
        ConfigsCommand::Diff { config, from, to, json } => {
            let chosen = choose(&client, config.as_deref()).await?;
            let diff = match (chosen, from) {
                (Chosen { config, directory: Some((directory, link)) }, None) => {
                    diff_of_directory(&client, &config, &directory, link).await?
                }
                (Chosen { config, .. }, from) => {
                    let from = from.as_deref().unwrap_or("active");
                    client.ask(Method::GET, &format!("{}/versions/{from}/diff/{to}", path_of(&config)), None).await?
                }
            };
            match diff["files"].as_array().map_or(&[][..], Vec::as_slice) {
                _ if json => print_line(diff.to_string().as_bytes()),
                [] => eprintln!("no difference between {} and {}", text(&diff, "/from"), text(&diff, "/to")),
                files => patch::print(files),
            }
        }
        ConfigsCommand::Versions { config, limit, json } => {
            let chosen = choose(&client, config.as_deref()).await?;
            let versions = client.first(&format!("{}/versions", path_of(&chosen.config)), &Query::default(), limit as usize).await?;
            print_list(&versions, json, VERSIONS, "no versions yet; `ade configs build` makes one of the draft");
        }
        ConfigsCommand::Export { config, files, out, force, json } => {
            let config = choose(&client, config.as_deref()).await?.config;
            let path = archive::export(&client, &config, &files, out.as_deref(), force).await?;
            let answer = json!({ "object": "ade.cli.config_archive", "config_id": config.id, "path": path });
            print_done(&answer, json, &format!("{} holds the files of {:?}", path.display(), config.name));
        }
        ConfigsCommand::Import { archive, config, new, json } => {
            let archive = LocalFile::check(&archive)?;
            let display = Display::new(json);
            if let Some(name) = new {
                let made = archive::create(&client, &name, &archive, &display).await?;
                print_done(&made, json, &format!("Made {:?}, {}, of {}", name, text(&made, "/id"), archive.name));
            } else {
                let config = named(&client, client.workspace().await?, config.as_deref().unwrap_or_default()).await?;
                let files = archive::import(&client, &config, &archive, &display).await?;
                let count = files["files"].as_array().map_or(0, Vec::len);
                print_done(&files, json, &format!("The draft of {:?} has the {count} files of {} now", config.name, archive.name));
            }
        }
        ConfigsCommand::Clone { config, name, json } => {
            let config = choose(&client, Some(&config)).await?.config;
            let made = archive::clone(&client, &config, &name).await?;
            print_done(&made, json, &format!("Made {name:?}, {}, of {:?}", text(&made, "/id"), config.name));
        }
        ConfigsCommand::Rename { config, name, json } => {
            let config = choose(&client, Some(&config)).await?.config;
            let renamed = client.ask(Method::PATCH, &path_of(&config), Some(&json!({ "name": name }))).await?;
            print_done(&renamed, json, &format!("{} is called {:?} now", config.id, text(&renamed, "/name")));
        }
        ConfigsCommand::Delete { config, purge, json } => {
            let config = choose(&client, Some(&config)).await?.config;
            client.delete(&format!("{}{}", path_of(&config), Query::default().with("purge", purge))).await?;
            print_done(&Value::Null, json, &format!("{} ({:?}) is deleted", config.id, config.name));
        }
    }
    Ok(())
}

/// Its path in the API.
fn path_of(config: &Config) -> String {
    format!("/workspaces/{}/configs/{}", config.workspace_id, config.id)
}

fn init(path: &Path, json: bool) -> Result<(), CliError> {
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::usage(format!("{} is not empty", path.display())).hint("name a directory that is not there yet"));
    }
    let template = config::template().map_err(|error| CliError::failed(error).hint("get another build of this command"))?;
    let directory = Directory::at(path);
    for (file, content) in &template {
        directory.write(file, content)?;
    }
    let files: Vec<_> = template.keys().map(ToString::to_string).collect();
    let answer = json!({ "object": "ade.cli.config_directory", "directory": path, "files": files });
    let next = format!("look into its README.md, then `ade configs push {} --new NAME`", path.display());
    print_done(&answer, json, &format!("{} holds a new config of {} files: {next}", path.display(), files.len()));
    Ok(())
}

async fn push(client: &Client, args: &PushArgs) -> Result<(), CliError> {
    let directory = Directory::at(&args.directory);
    if !args.directory.is_dir() {
        return Err(CliError::usage(format!("{} is not a directory", args.directory.display()))
            .hint("`ade configs init DIR` makes one with a new config, `ade configs pull DIR --config NAME` one with an old one"));
    }
    let (config, link) = match &args.new {
        Some(name) => {
            // Before a config is made that nothing can be sent to.
            directory.files(|_| false)?;
            let config = client.create_config(client.workspace().await?, name).await?;
            // Nobody else knows it yet: what it was made with is ours to replace.
            let made = Draft::of(client, &config).list().await?.into_iter();
            let files = made.map(|(path, etag)| (path.to_string(), Known { etag, sha256: String::new() })).collect();
            let link = Link { workspace_id: config.workspace_id, config_id: config.id, files };
            directory.save(&link)?;
            (config, link)
        }
        None => target(client, &directory, args.config.as_deref()).await?,
    };
    let moved = Comparison::of(&directory, Draft::of(client, &config), link).await?.push(args.force).await?;
    let left = "changed in the draft, and not here yet: `ade configs pull`";
    tell_moved("push", &moved, args.json, &config, "Pushed", left);
    Ok(())
}

async fn pull(client: &Client, args: &PullArgs) -> Result<(), CliError> {
    let directory = Directory::at(&args.directory);
    let (config, link) = target(client, &directory, args.config.as_deref()).await?;
    let moved = Comparison::of(&directory, Draft::of(client, &config), link).await?.pull(args.force).await?;
    tell_moved("pull", &moved, args.json, &config, "Pulled", "changed here, and not in the draft yet: `ade configs push`");
    Ok(())
}

/// The config that is named, or that the directory belongs to, and what the directory knows of it.
async fn target(client: &Client, directory: &Directory, wanted: Option<&str>) -> Result<(Config, Link), CliError> {
    let link = directory.link()?;
    let config = match (wanted, &link) {
        (Some(wanted), _) => named(client, client.workspace().await?, wanted).await?,
        (None, Some(link)) => linked(client, directory, link).await?,
        (None, None) => {
            return Err(CliError::usage(format!("{} belongs to no config yet", directory.path().display()))
                .hint("name a config with --config; `ade configs push --new NAME` makes one"));
        }
    };
    let of_another = Link { workspace_id: config.workspace_id, config_id: config.id, files: BTreeMap::new() };
    let link = link.filter(|link| link.config_id == config.id).unwrap_or(of_another);
    Ok((config, link))
}

fn tell_moved(what: &str, moved: &Moved, json: bool, config: &Config, verb: &str, left: &str) {
    let answer = json!({
        "object": format!("ade.cli.config_{what}"), "config_id": config.id,
        "written": moved.written, "deleted": moved.deleted, "left": moved.left,
    });
    if !json {
        for (sign, paths) in [("+", &moved.written), ("-", &moved.deleted)] {
            for path in paths {
                println!("  {sign} {path}");
            }
        }
        for path in &moved.left {
            eprintln!("  ! {path} was {left}");
        }
    }
    let count = moved.written.len() + moved.deleted.len();
    let files = if count == 1 { "file" } else { "files" };
    let words = if count == 0 { "nothing to do: both are the same".to_owned() } else { format!("{verb} {count} {files}") };
    let words = if count == 0 && !moved.left.is_empty() { format!("{verb} nothing") } else { words };
    print_done(&answer, json, &format!("{words}; {:?} is {}", config.name, config.id));
}

/// Says when the draft is not what the directory is: a check of the draft would be misunderstood.
fn tell_unpushed(chosen: &Chosen) -> Result<(), CliError> {
    let Some((directory, link)) = &chosen.directory else { return Ok(()) };
    let here = directory.files(|path| link.files.contains_key(path))?;
    let gone = link.files.keys().filter(|path| !here.keys().any(|other| other.as_str() == *path)).count();
    let changed = here.iter().filter(|(path, content)| link.files.get(path.as_str()).is_none_or(|known| !known.is(content))).count();
    if changed + gone > 0 {
        eprintln!("note: {} changes here are not in the draft yet: `ade configs push`", changed + gone);
    }
    Ok(())
}

async fn validate(client: &Client, config: &Config, json: bool) -> Result<(), CliError> {
    let validation = client.ask(Method::POST, &format!("{}/validate", path_of(config)), Some(&json!({}))).await?;
    let issues = validation["issues"].as_array().cloned().unwrap_or_default();
    if json {
        print_line(validation.to_string().as_bytes());
    } else {
        print_list(&issues, false, ISSUES, &format!("{} no issues", style("✓").green()));
    }
    if validation["valid"] == true {
        return Ok(());
    }
    let errors = issues.iter().filter(|issue| issue["severity"] == "error").count();
    let what = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
    Err(CliError::failed(format!("the draft of {:?} has {what}", config.name))
        .hint("correct the files that are named, push them and check again"))
}

async fn build(client: &Client, config: &Config, force: bool, json: bool) -> Result<(), CliError> {
    let mut signals = Signals::listen()?;
    let (id, stream) = match client.create_build(config.workspace_id, config.id, force).await? {
        CreatedBuild::Reused(build) => {
            print_done(&build, json, &format!("nothing has changed since {}, which runs use", text(&build, "/id")));
            return Ok(());
        }
        CreatedBuild::Started(id, stream) => (id, stream),
    };
    let mut display = Display::new(json);
    let follower = Follower::new(client, Followed::Build(id), 0, Some(stream));
    let outcome = tokio::select! {
        outcome = watch(follower, &mut display, id) => outcome,
        () = signals.stop() => Err(CliError::interrupted(format!("stopped watching; the build {id} goes on"))
            .hint(format!("see it with `ade builds logs --follow {id}`, or end it with `ade builds cancel {id}`"))),
    };
    display.clear();
    outcome?;
    if !json {
        print_done(&Value::Null, false, &format!("{id} is what runs of {:?} use now", config.name));
    }
    Ok(())
}

async fn watch(mut follower: Follower<'_>, display: &mut Display, id: BuildId) -> Result<(), CliError> {
    let lost = |error: ApiError| CliError::from(error).hint(format!("the build goes on; see it with `ade builds show {id}`"));
    let mut last = None;
    while let Some(event) = follower.next().await.map_err(lost)? {
        display.event(&event);
        last = event.event.map(|event| event.body);
    }
    last.filter(|last| matches!(last, EventBody::BuildCompleted { .. })).map_or(Ok(()), |last| verdict(Followed::Build(id), last))
}

/// What a push would change, in the form that the API gives differences.
async fn diff_of_directory(client: &Client, config: &Config, directory: &Directory, link: Link) -> Result<Value, CliError> {
    let changes = Comparison::of(directory, Draft::of(client, config), link).await?.diff().await?;
    let file = |change: FileChange| {
        json!({
            "path": change.path.as_str(), "status": change.status, "patch": change.patch,
            "from_byte_size": change.from_byte_size, "to_byte_size": change.to_byte_size,
        })
    };
    let files: Vec<_> = changes.into_iter().map(file).collect();
    Ok(json!({ "object": "ade.config.diff", "config_id": config.id, "from": "draft", "to": directory.path(), "files": files }))
}

const LIST: &[Column] = &[
    ("config", |config| text(config, "/id")),
    ("name", |config| text(config, "/name")),
    ("status", status),
    ("created", |config| time(config, "/created")),
    ("last run", |config| text(config, "/last_run/status")),
];

const SHOW: &[Column] = &[
    ("config", |config| text(config, "/id")),
    ("name", |config| text(config, "/name")),
    ("status", status),
    ("created", |config| time(config, "/created")),
    ("changed", |config| time(config, "/updated")),
    ("active build", |config| text(config, "/active_build_id")),
    ("active version", |config| text(config, "/active_version_id")),
    ("building", |config| text(config, "/building_build_id")),
    ("last run", |config| text(config, "/last_run/id")),
];

const VERSIONS: &[Column] = &[
    ("version", |version| text(version, "/id")),
    ("created", |version| time(version, "/created")),
    ("files", |version| text(version, "/file_count")),
    ("bytes", |version| text(version, "/byte_size")),
    ("build", |version| text(version, "/build_id")),
];

const ISSUES: &[Column] = &[
    ("where", |issue| {
        let line = text(issue, "/line");
        if line.is_empty() { text(issue, "/path") } else { format!("{}:{line}", text(issue, "/path")) }
    }),
    ("severity", |issue| text(issue, "/severity")),
    ("code", |issue| text(issue, "/code")),
    ("message", |issue| text(issue, "/message")),
];
