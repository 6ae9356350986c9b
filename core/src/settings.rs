//! Everything that can be configured, declared once: name, default, unit and meaning.
//!
//! `docs/settings.md` is generated from these declarations. Every binary reads them at start and refuses to start with
//! one sentence that names the variable when a value is not usable, or when an `ADE_*` variable is not a setting at all
//! (a misspelt setting that is silently ignored is worse than a start that fails).

use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::filter::Targets;

/// A problem with the environment, in one sentence that names the variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The value of a known setting can't be used.
    #[error("{name} is {value:?}: expected {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it was set to.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// An `ADE_*` variable that no setting declares.
    #[error("{name} is not a setting of ADE{hint}")]
    Unknown {
        /// The variable.
        name: String,
        /// `; did you mean ADE_…?`, or nothing.
        hint: String,
    },
}

/// One declared setting, for documentation.
#[derive(Debug, Clone, Copy)]
pub struct Declaration {
    /// The environment variable.
    pub name: &'static str,
    /// What is used when it is not set; empty means "not set".
    pub default: &'static str,
    /// What a value is: a unit or a kind.
    pub kind: &'static str,
    /// What it does.
    pub doc: &'static str,
}

/// A value that can be read from an environment variable.
trait Value: Sized {
    /// What a person should write, after "expected".
    const EXPECTED: &'static str;
    /// Unit or kind for the documentation.
    const KIND: &'static str;
    fn parse(text: &str) -> Option<Self>;
}

impl Value for String {
    const EXPECTED: &'static str = "a text";
    const KIND: &'static str = "text";
    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const KIND: &'static str = T::KIND;
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() { Some(None) } else { T::parse(text).map(Some) }
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";
    const KIND: &'static str = "true or false";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Value for u32 {
    const EXPECTED: &'static str = "a whole number from 1";
    const KIND: &'static str = "number";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| *n > 0)
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "an absolute path";
    const KIND: &'static str = "path";
    fn parse(text: &str) -> Option<Self> {
        let path = PathBuf::from(text);
        path.is_absolute().then_some(path)
    }
}

/// A list of web origins (`https://host[:port]`), separated by commas.
impl Value for Vec<String> {
    const EXPECTED: &'static str = "origins like https://example.com, separated by commas, or *";
    const KIND: &'static str = "origins";
    fn parse(text: &str) -> Option<Self> {
        let origins: Self = text.split(',').map(str::trim).filter(|o| !o.is_empty()).map(str::to_owned).collect();
        let valid = |o: &String| {
            o == "*"
                || o.strip_prefix("https://")
                    .or_else(|| o.strip_prefix("http://"))
                    .is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']))
        };
        origins.iter().all(valid).then_some(origins)
    }
}

/// A duration set in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl Seconds {
    /// As a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl Value for Seconds {
    const EXPECTED: &'static str = "a whole number of seconds from 1";
    const KIND: &'static str = "seconds";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().filter(|n| *n > 0).map(Self)
    }
}

/// A period of time; read as a number of days, hours, minutes or seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl Value for Period {
    const EXPECTED: &'static str = "a number with d, h, m or s for days, hours, minutes or seconds";
    const KIND: &'static str = "period";
    fn parse(text: &str) -> Option<Self> {
        let (number, seconds) = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)]
            .into_iter()
            .find_map(|(unit, seconds)| text.strip_suffix(unit).map(|number| (number.trim_end(), seconds)))?;
        // A thousand years are as good as for ever.
        let seconds = number.parse::<u64>().ok()?.checked_mul(seconds)?;
        (1..=86_400 * 365_000).contains(&seconds).then(|| Self(Duration::from_secs(seconds)))
    }
}

/// A size in bytes; read as a number with an optional `KiB`, `MiB` or `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl Value for ByteSize {
    const EXPECTED: &'static str = "a number of bytes, or one with KiB, MiB or GiB";
    const KIND: &'static str = "bytes";
    fn parse(text: &str) -> Option<Self> {
        let (number, unit) = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
            .into_iter()
            .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number.trim_end(), unit)))
            .unwrap_or((text, 1));
        number.parse::<u64>().ok().filter(|n| *n > 0)?.checked_mul(unit).map(Self)
    }
}

/// Whether what users wrote is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxMode {
    /// An executor does not start unless every layer is in force.
    Required,
    /// By every layer that this machine has.
    On,
    /// Not at all, but for limits.
    Off,
}

impl Value for SandboxMode {
    const EXPECTED: &'static str = "required, on or off";
    const KIND: &'static str = "required, on or off";
    fn parse(text: &str) -> Option<Self> {
        match text {
            "required" => Some(Self::Required),
            "on" => Some(Self::On),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// What is logged.
impl Value for Targets {
    const EXPECTED: &'static str = "a level (error, warn, info, debug, trace or off), or some like ade_core=debug, separated by commas";
    const KIND: &'static str = "levels";
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// Subjects of people, separated by commas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subjects(pub Vec<String>);

impl Value for Subjects {
    const EXPECTED: &'static str = "subjects, separated by commas";
    const KIND: &'static str = "subjects";
    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.split(',').map(str::trim).filter(|subject| !subject.is_empty()).map(str::to_owned).collect()))
    }
}

macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:literal $field:ident: $ty:ty = $default:literal;)+) => {
        /// The settings of a function, the executor or the builder.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        /// Every setting there is.
        pub const DECLARATIONS: &[Declaration] = &[
            $(Declaration { name: $name, default: $default, kind: <$ty as Value>::KIND, doc: concat!($($doc, "\n"),+) },)+
        ];

        impl Settings {
            /// Reads the settings from `(name, value)` pairs, such as the environment of the process.
            pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, SettingsError> {
                $(let mut $field: Option<$ty> = None;)+
                for (name, value) in variables {
                    match name.as_str() {
                        $($name => $field = Some(parse($name, &value)?),)+
                        other if other.starts_with("ADE_") => return Err(unknown(other)),
                        _ => {}
                    }
                }
                Ok(Self { $($field: match $field { Some(value) => value, None => parse($name, $default)? },)+ })
            }
        }
    };
}

settings! {
    /// Bucket that holds documents, configs, builds and `runs/<run_id>/…`.
    "ADE_BUCKET" bucket: String = "ade-data";
    /// What the names of the `DynamoDB` tables start with.
    "ADE_TABLE_PREFIX" table_prefix: String = "ade-";
    /// Name or ARN of the function that executes runs.
    "ADE_EXECUTOR_FUNCTION" executor_function: String = "ade-executor";
    /// Name or ARN of the function that makes builds.
    "ADE_BUILDER_FUNCTION" builder_function: String = "ade-builder";
    /// Sends the workspace as the tenant id when the executor or builder is invoked, for functions with tenant isolation.
    "ADE_TENANT_ISOLATION" tenant_isolation: bool = "false";
    /// Streams answers that take long. Off for gateways that only pass on whole ones: answers of events are what there is by now, then, and
    /// whoever reads them asks for the rest.
    "ADE_RESPONSE_STREAMING" response_streaming: bool = "true";
    /// Web origins that may call the API from a browser; `*` allows any.
    "ADE_CORS_ORIGINS" cors_origins: Vec<String> = "";
    /// Endpoint that presigned upload and download URLs name, when it is not S3's own.
    "ADE_S3_PUBLIC_ENDPOINT" s3_public_endpoint: Option<String> = "";
    /// Puts the bucket in the path of S3 URLs instead of the host name.
    "ADE_S3_PATH_STYLE" s3_path_style: bool = "false";
    /// Issuer of the access tokens that people sign in with (`OpenID` Connect); no tokens are accepted when it is not set.
    "ADE_OIDC_ISSUER" oidc_issuer: Option<String> = "";
    /// Audience that access tokens must be for: their `aud`, or the `client_id` that Amazon Cognito writes instead.
    "ADE_OIDC_AUDIENCE" oidc_audience: Option<String> = "";
    /// Where the issuer's public keys are; `<issuer>/.well-known/jwks.json` when not set.
    "ADE_OIDC_JWKS_URL" oidc_jwks_url: Option<String> = "";
    /// Client that the web console signs people in as, at the issuer: a public one, for authorization codes with PKCE. Without it the
    /// console takes API keys only.
    "ADE_OIDC_CLIENT_ID" oidc_client_id: Option<String> = "";
    /// What the console asks the issuer for.
    "ADE_OIDC_SCOPE" oidc_scope: String = "openid profile email";
    /// Subjects (`sub` of their tokens) of the people who administer the system, separated by commas.
    "ADE_OIDC_ADMINS" oidc_admins: Subjects = "";
    /// Digest of the base environment that builds are made on. Known to functions so that they can tell whether a build can be reused.
    "ADE_BASE_DIGEST" base_digest: Option<String> = "";
    /// Directory of the base environment: the engine and its dependencies, read-only.
    "ADE_BASE_DIR" base_dir: PathBuf = "/opt/ade/base";
    /// Scratch directory of runs: `<dir>/<run_id>/<fence>/{input,output,logs}`, removed after each run.
    "ADE_RUNS_DIR" runs_dir: PathBuf = "/tmp/ade/runs";
    /// Where builds are made and unpacked: `<dir>/<workspace_id>/<config_id>/<build_id>/.venv`.
    "ADE_VENVS_DIR" venvs_dir: PathBuf = "/tmp/ade/venvs";
    /// What the environments in `ADE_VENVS_DIR` may need together; those that were not used for longest are removed.
    "ADE_VENVS_SIZE_LIMIT" venvs_size_limit: ByteSize = "8GiB";
    /// The `uv` program that installs a config's dependencies; found on `PATH` when not set.
    "ADE_UV" uv: Option<PathBuf> = "";
    /// Another `ade_engine` to install instead of the base's: a path, a wheel or a requirement with the same command line.
    "ADE_ENGINE_SPEC" engine_spec: Option<String> = "";
    /// Forces safe mode: new runs and builds are recorded and end at once as `canceled`; nothing is executed.
    "ADE_SAFE_MODE" safe_mode: bool = "false";
    /// What people are told while `ADE_SAFE_MODE` is on.
    "ADE_SAFE_MODE_DETAIL" safe_mode_detail: Option<String> = "";
    /// How long a run may take when its options do not say; a run ends earlier when its function's time is up.
    "ADE_RUN_TIMEOUT_SECONDS" run_timeout: Seconds = "840";
    /// How long a build may take.
    "ADE_BUILD_TIMEOUT_SECONDS" build_timeout: Seconds = "600";
    /// Confines what users wrote: `required` refuses to start unless every layer is in force, `on` uses those that the machine has.
    "ADE_SANDBOX" sandbox: SandboxMode = "on";
    /// Memory an engine process and everything it starts may use.
    "ADE_RUN_MEMORY_LIMIT" run_memory_limit: ByteSize = "4GiB";
    /// CPU time an engine process may use.
    "ADE_RUN_CPU_SECONDS" run_cpu: Seconds = "3600";
    /// Size of one file that an engine process may write.
    "ADE_RUN_FILE_SIZE_LIMIT" run_file_size_limit: ByteSize = "4GiB";
    /// Size of all files together that an engine leaves, also those in its temporary directory.
    "ADE_RUN_OUTPUT_LIMIT" run_output_limit: ByteSize = "8GiB";
    /// Files an engine process may have open.
    "ADE_RUN_OPEN_FILES" run_open_files: u32 = "1024";
    /// Processes and threads an engine may start.
    "ADE_RUN_PROCESSES" run_processes: u32 = "256";
    /// Engine output kept in a run's log; past it the log says so and lines are only counted.
    "ADE_LOG_BYTES_LIMIT" log_bytes_limit: ByteSize = "50MiB";
    /// Lines of engine output kept in a run's log; past it the log says so and lines are only counted.
    "ADE_LOG_LINES_LIMIT" log_lines_limit: u32 = "1000000";
    /// Largest document that may be uploaded.
    "ADE_DOCUMENT_SIZE_LIMIT" document_size_limit: ByteSize = "512MiB";
    /// What a document may grow to when it is unpacked (workbooks are ZIP archives).
    "ADE_DOCUMENT_EXPANDED_LIMIT" document_expanded_limit: ByteSize = "4GiB";
    /// How long presigned upload and download URLs are valid.
    "ADE_PRESIGN_SECONDS" presign: Seconds = "300";
    /// Runs of one workspace that are worked on at once; more stay queued, in order.
    "ADE_WORKSPACE_RUNS" workspace_runs: u32 = "100";
    /// How often a run or build is tried before it fails, when its executor is lost or storage fails for long.
    "ADE_MAX_ATTEMPTS" max_attempts: u32 = "3";
    /// How long runs are kept after their end, with outputs, logs and copies of documents; for ever when not set.
    "ADE_RUN_RETENTION" run_retention: Option<Period> = "";
    /// How long documents are kept; for ever when not set. Runs have copies of their own.
    "ADE_DOCUMENT_RETENTION" document_retention: Option<Period> = "";
    /// How long the archives of builds are kept that are not the active build of their config; for ever when empty. Whoever needs such a build
    /// later waits until it is built again.
    "ADE_ARCHIVE_RETENTION" archive_retention: Option<Period> = "30d";
    /// How long an announced document may take to be uploaded and completed before it is removed.
    "ADE_UPLOAD_RETENTION" upload_retention: Period = "1d";
    /// How long the bytes of deleted documents, and what is left of deleted workspaces, stay.
    "ADE_DELETED_RETENTION" deleted_retention: Period = "7d";
    /// How often the local host calls the reaper, which looks after lost runs and builds.
    "ADE_LOCAL_REAPER_SECONDS" local_reaper: Seconds = "10";
    /// Cap of the local host's concurrent executors; the number of cores when not set.
    "ADE_LOCAL_EXECUTORS" local_executors: Option<u32> = "";
    /// What functions log: a level, such as `info`, or levels by module, such as `ade_core=debug,info`. Programs built for
    /// release have no level `trace`.
    "ADE_LOG" log: Targets = "info";
    /// Base URL of the ADE that the `ade` command talks to.
    "ADE_URL" url: Option<String> = "";
    /// API key that the `ade` command uses.
    "ADE_API_KEY" api_key: Option<String> = "";
}

impl Settings {
    /// Reads the settings from this process's environment.
    pub fn from_env() -> Result<Self, SettingsError> {
        // Values that are not Unicode are replaced: they then fail the check of their setting, by name.
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        Self::read(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }
}

fn parse<T: Value>(name: &'static str, value: &str) -> Result<T, SettingsError> {
    T::parse(value.trim()).ok_or_else(|| SettingsError::Invalid { name, value: value.to_owned(), expected: T::EXPECTED })
}

fn unknown(name: &str) -> SettingsError {
    let hint = DECLARATIONS
        .iter()
        .map(|d| (edit_distance(name, d.name), d.name))
        .min()
        .filter(|(distance, _)| *distance <= 4)
        .map(|(_, near)| format!("; did you mean {near}?"))
        .unwrap_or_default();
    SettingsError::Unknown { name: name.to_owned(), hint }
}

/// Levenshtein distance, for suggesting the setting that was meant.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The settings page of the documentation, generated from the declarations.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\nFor whoever operates ADE. Generated from `core/src/settings.rs`; a test fails when this page is stale.\n\n\
         Settings are environment variables, read once when a function starts. A value that can't be used, or an `ADE_*` variable that\n\
         is not listed here, stops the start with one sentence that names it. AWS itself is found by the SDK's standard variables: `AWS_REGION`,\n\
         `AWS_ACCESS_KEY_ID` and the others of credentials, `AWS_ENDPOINT_URL` or that of a service (`AWS_ENDPOINT_URL_S3`). Functions read\n\
         no files for it; `ade deploy` and `ade admin` do.\n\n\
         | setting | default | value | meaning |\n|---|---|---|---|\n",
    );
    for d in DECLARATIONS {
        let default = if d.default.is_empty() { "–".to_owned() } else { format!("`{}`", d.default) };
        let doc = d.doc.split_whitespace().collect::<Vec<_>>().join(" ");
        let row = ["`".to_owned() + d.name + "`", default, d.kind.to_owned(), doc.replace('|', "\\|")];
        page.extend(["| ", &row.join(" | "), " |\n"]);
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn defaults_are_usable_and_foreign_variables_ignored() {
        let settings = read(&[("PATH", "/bin"), ("AWS_REGION", "x")]).unwrap();
        assert_eq!(settings.bucket, "ade-data");
        assert_eq!(settings.run_memory_limit, ByteSize(4 << 30));
    }

    #[test]
    fn a_bad_value_is_one_sentence_naming_the_variable() {
        let error = read(&[("ADE_RUN_TIMEOUT_SECONDS", "soon")]).unwrap_err().to_string();
        assert_eq!(error, "ADE_RUN_TIMEOUT_SECONDS is \"soon\": expected a whole number of seconds from 1");
        assert!(read(&[("ADE_RUNS_DIR", "relative")]).unwrap_err().to_string().starts_with("ADE_RUNS_DIR is \"relative\""));
        assert!(read(&[("ADE_CORS_ORIGINS", "example.com")]).is_err());
        assert!(
            read(&[("ADE_LOG", "ade_core=loud")]).unwrap_err().to_string().starts_with("ADE_LOG is \"ade_core=loud\": expected a level")
        );
    }

    #[test]
    fn an_unknown_variable_is_refused_by_name() {
        let error = read(&[("ADE_BUKET", "x")]).unwrap_err().to_string();
        assert_eq!(error, "ADE_BUKET is not a setting of ADE; did you mean ADE_BUCKET?");
        assert_eq!(read(&[("ADE_SOMETHING_ELSE", "x")]).unwrap_err().to_string(), "ADE_SOMETHING_ELSE is not a setting of ADE");
    }

    #[test]
    fn sizes_read_with_units() {
        let size = |text| ByteSize::parse(text).map(|s| s.0);
        assert_eq!(size("64KiB"), Some(65536));
        assert_eq!(size("2 MiB"), Some(2 << 20));
        assert_eq!(size("17"), Some(17));
        assert_eq!(size("0"), None);
        assert_eq!(size("99999999999GiB"), None);
    }

    #[test]
    fn periods_read_with_units() {
        let seconds = |text| Period::parse(text).map(|period| period.0.as_secs());
        assert_eq!((seconds("90d"), seconds("12 h"), seconds("5m"), seconds("1s")), (Some(7_776_000), Some(43_200), Some(300), Some(1)));
        assert_eq!([seconds("0d"), seconds("7"), seconds("d"), seconds("-1d"), seconds("99999999999999999d")], [None; 5]);
    }

    #[test]
    fn the_page_in_docs_is_current() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(page, markdown()).unwrap();
        }
        assert!(std::fs::read_to_string(page).unwrap() == markdown(), "docs/settings.md is stale: run `make docs`");
    }
}
