//! Any value of each type that the API reads or writes.

use std::fmt::Debug;
use std::str::FromStr;

use ade_core::access::{PrincipalKind, Role, Submitter};
use ade_core::build::{Archive, BuildStatus, VersionChoice};
use ade_core::config::{ConfigIssue, FileStatus, IssueSeverity};
use ade_core::document::DocumentStatus;
use ade_core::eventlog::{BuildStep, Event, EventBody, EventObject, Failure, FailureCode, LogLevel, LogLine, LogStream, StepStatus};
use ade_core::run::{RetryBuild, RunDocument, RunOptions, RunResult, RunStatus};
use ade_core::workspace::WorkspaceSettings;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::builds::{Build, BuildLinks, BuildObject, BuildOptions, CreateBuild, Package};
use crate::configs::{
    Config, ConfigDiff, ConfigDiffObject, ConfigFile, ConfigFileChange, ConfigFileObject, ConfigFiles, ConfigFilesObject, ConfigObject,
    ConfigSource, ConfigStatus, ConfigUpload, ConfigUploadObject, ConfigValidation, ConfigValidationObject, ConfigVersion,
    ConfigVersionDetails, ConfigVersionFile, ConfigVersionObject, CreateConfig, CreateConfigUpload, ImportConfig, MoveConfigFile,
    UpdateConfig,
};
use crate::documents::{CreateDocument, CreatedDocument, Document, DocumentObject, Upload};
use crate::downloads::Download;
use crate::edge::List;
use crate::edge::problem::{FieldError, ProblemDocument};
use crate::events::LogEntry;
use crate::keys::{ApiKey, ApiKeyObject, CreateApiKey, CreatedApiKey};
use crate::members::{Member, MemberObject, PutMember};
use crate::previews::{CellKind, PreviewCell, PreviewRow, Sheet, SheetObject, SheetPreview, SheetPreviewObject, SheetVisibility};
use crate::runs::{
    CreateRun, CreateRuns, FieldSummary, FindingSummary, LastRun, MappedColumn, OutputKind, RetryRun, Run, RunIssue, RunIssueObject,
    RunLinks, RunLogs, RunLogsObject, RunObject, RunOutput, RunOutputObject, RunSummary, RunSummaryObject, TableSummary, UnmappedColumn,
};
use crate::system::{Availability, Component, Health, HealthObject, Meta, MetaObject, PutSafeMode, SafeMode, SafeModeObject};
use crate::workspaces::{CreateWorkspace, UpdateWorkspace, Workspace, WorkspaceObject};

pub(super) const EVENT_TYPES: [&str; 9] =
    ["run.created", "run.started", "run.log", "run.output", "run.completed", "build.created", "build.step", "build.log", "build.completed"];

fn id<T: FromStr<Err: Debug> + Debug>(prefix: &'static str) -> impl Strategy<Value = T> {
    "[0-7][0-9A-HJKMNP-TV-Z]{25}".prop_map(move |ulid| format!("{prefix}{ulid}").parse().unwrap())
}

fn text() -> &'static str {
    "\\PC{0,30}"
}

fn name() -> &'static str {
    "[^\\s\\pC]\\PC{0,30}"
}

fn sha256() -> &'static str {
    "[0-9a-f]{64}"
}

fn seconds() -> impl Strategy<Value = i64> {
    0i64..4_000_000_000
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), btree_map("[a-z]{1,6}", inner, 0..4).prop_map(Value::from_iter),]
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    const CODES: [FailureCode; 15] = [
        FailureCode::BuildFailed,
        FailureCode::EngineError,
        FailureCode::ConfigError,
        FailureCode::InputError,
        FailureCode::Timeout,
        FailureCode::OutOfMemory,
        FailureCode::CpuLimitExceeded,
        FailureCode::FileSizeLimitExceeded,
        FailureCode::ProcessLimitExceeded,
        FailureCode::LimitExceeded,
        FailureCode::EngineKilled,
        FailureCode::ExecutorLost,
        FailureCode::CanceledByUser,
        FailureCode::SafeMode,
        FailureCode::Internal,
    ];
    (select(&CODES[..]), text()).prop_map(|(code, stage)| Failure { code, stage })
}

fn submitter() -> impl Strategy<Value = Submitter> {
    let kind = select(&[PrincipalKind::ApiKey, PrincipalKind::User][..]);
    (kind, text(), text()).prop_map(|(kind, id, name)| Submitter { kind, id, name })
}

fn stream() -> impl Strategy<Value = LogStream> {
    select(&[LogStream::Stdout, LogStream::Stderr][..])
}

fn level() -> impl Strategy<Value = LogLevel> {
    select(&[LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error][..])
}

pub(super) fn create_workspace() -> impl Strategy<Value = CreateWorkspace> {
    (name(), of("[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}")).prop_map(|(name, slug)| CreateWorkspace { name, slug })
}

pub(super) fn update_workspace() -> impl Strategy<Value = UpdateWorkspace> {
    let slug = of("[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,3}");
    (of(name()), slug, of(workspace_settings())).prop_map(|(name, slug, settings)| UpdateWorkspace { name, slug, settings })
}

fn workspace_settings() -> impl Strategy<Value = WorkspaceSettings> {
    (of(1u32..=10_000), of(1u64..=86_400), of(1u32..=36_500), of(1u32..=36_500)).prop_map(
        |(concurrent_runs, run_timeout_seconds, run_retention_days, document_retention_days)| WorkspaceSettings {
            concurrent_runs,
            run_timeout_seconds,
            run_retention_days,
            document_retention_days,
        },
    )
}

fn role() -> impl Strategy<Value = Role> {
    select(&[Role::Viewer, Role::Operator, Role::Editor, Role::Admin][..])
}

pub(super) fn put_member() -> impl Strategy<Value = PutMember> {
    (role(), of(name())).prop_map(|(role, name)| PutMember { role, name })
}

pub(super) fn member() -> impl Strategy<Value = Member> {
    (text(), id("ws_"), of(name()), role(), seconds()).prop_map(|(subject, workspace_id, name, role, created)| Member {
        subject,
        object: MemberObject::Name,
        workspace_id,
        name,
        role,
        created,
    })
}

pub(super) fn put_safe_mode() -> impl Strategy<Value = PutSafeMode> {
    (any::<bool>(), of(name())).prop_map(|(enabled, detail)| PutSafeMode { enabled, detail })
}

pub(super) fn safe_mode() -> impl Strategy<Value = SafeMode> {
    (any::<bool>(), of(text()), any::<bool>(), of(seconds())).prop_map(|(enabled, detail, locked, updated)| SafeMode {
        object: SafeModeObject::Name,
        enabled,
        detail,
        locked,
        updated,
    })
}

pub(super) fn meta() -> impl Strategy<Value = Meta> {
    (text(), text(), of(text()), of(text())).prop_map(|(api_version, version, engine_spec, commit)| Meta {
        object: MetaObject::Name,
        api_version,
        version,
        engine_spec,
        commit,
    })
}

pub(super) fn create_api_key() -> impl Strategy<Value = CreateApiKey> {
    (name(), role(), of(seconds())).prop_map(|(name, role, expires)| CreateApiKey { name, role, expires })
}

pub(super) fn create_config() -> impl Strategy<Value = CreateConfig> {
    let source = prop_oneof![
        Just(ConfigSource::Template {}),
        id("cfg_").prop_map(|config_id| ConfigSource::Clone { config_id }),
        id("upl_").prop_map(|upload_id| ConfigSource::Archive { upload_id }),
    ];
    (name(), source).prop_map(|(name, source)| CreateConfig { name, source })
}

pub(super) fn create_config_upload() -> impl Strategy<Value = CreateConfigUpload> {
    (1u64..64 << 20, sha256()).prop_map(|(byte_size, sha256)| CreateConfigUpload { byte_size, sha256 })
}

pub(super) fn import_config() -> impl Strategy<Value = ImportConfig> {
    id("upl_").prop_map(|upload_id| ImportConfig { upload_id })
}

pub(super) fn config_upload() -> impl Strategy<Value = ConfigUpload> {
    let headers = btree_map("[a-z-]{1,12}", "[ -~]{0,20}", 0..4);
    (id("upl_"), text(), headers, seconds()).prop_map(|(id, url, headers, expires)| ConfigUpload {
        id,
        object: ConfigUploadObject::Name,
        upload: Upload { method: "PUT".to_owned(), url, headers, expires },
    })
}

pub(super) fn move_config_file() -> impl Strategy<Value = MoveConfigFile> {
    (text(), text()).prop_map(|(from, to)| MoveConfigFile { from, to })
}

pub(super) fn config_files() -> impl Strategy<Value = ConfigFiles> {
    let file = (text(), any::<u32>(), text()).prop_map(|(path, size, etag)| ConfigFile {
        object: ConfigFileObject::Name,
        path,
        byte_size: size.into(),
        etag,
    });
    (id("cfg_"), sha256(), of(id("cfv_")), vec(file, 0..4)).prop_map(|(config_id, fileset_hash, version_id, files)| ConfigFiles {
        object: ConfigFilesObject::Name,
        config_id,
        fileset_hash,
        version_id,
        file_count: files.len() as u64,
        byte_size: files.iter().map(|file| file.byte_size).sum(),
        files,
    })
}

pub(super) fn create_document() -> impl Strategy<Value = CreateDocument> {
    (name(), 1u64..1 << 40, "[a-z]{1,8}/[a-z]{1,8}", of(sha256())).prop_map(|(name, byte_size, content_type, sha256)| CreateDocument {
        name,
        byte_size,
        content_type,
        sha256,
    })
}

pub(super) fn create_build() -> impl Strategy<Value = CreateBuild> {
    any::<(bool, bool, bool)>().prop_map(|(stream, force, wait)| CreateBuild { stream, options: BuildOptions { force, wait } })
}

fn options() -> impl Strategy<Value = RunOptions> {
    let version = prop_oneof![Just(VersionChoice::Active), Just(VersionChoice::Draft), id("cfv_").prop_map(VersionChoice::Version)];
    (any::<[bool; 4]>(), of(vec(name(), 0..3)), version, level(), of(1u64..86_400), btree_map("[a-z]{1,8}", json(), 0..3)).prop_map(
        |(flags, input_sheet_names, version, log_level, timeout_seconds, metadata)| RunOptions {
            validate_only: flags[0],
            dry_run: flags[1],
            active_sheet_only: flags[2],
            force_rebuild: flags[3],
            input_sheet_names,
            version,
            log_level,
            timeout_seconds,
            metadata,
        },
    )
}

pub(super) fn create_run() -> impl Strategy<Value = CreateRun> {
    (any::<bool>(), vec(id("doc_"), 0..4), options()).prop_map(|(stream, input_documents, options)| CreateRun {
        stream,
        input_documents,
        options,
    })
}

pub(super) fn create_runs() -> impl Strategy<Value = CreateRuns> {
    (id("cfg_"), vec(id("doc_"), 1..4), options()).prop_map(|(config_id, input_documents, options)| CreateRuns {
        config_id,
        input_documents,
        options,
    })
}

pub(super) fn retry_run() -> impl Strategy<Value = RetryRun> {
    select(&[RetryBuild::Same, RetryBuild::Current][..]).prop_map(|build| RetryRun { build })
}

pub(super) fn run_issue() -> impl Strategy<Value = RunIssue> {
    (vec(text(), 6), any::<u32>(), of(text()), of(text()), of(text())).prop_map(|(texts, table, cell, output_cell, value)| RunIssue {
        object: RunIssueObject::Name,
        source_file: texts[0].clone(),
        source_sheet: texts[1].clone(),
        table_index: table.into(),
        cell,
        output_cell,
        field: texts[2].clone(),
        code: texts[3].clone(),
        severity: texts[4].clone(),
        message: texts[5].clone(),
        value,
    })
}

fn table_summary() -> impl Strategy<Value = TableSummary> {
    let mapped = (text(), text(), any::<u32>(), -9.0..9.0).prop_map(|(field, header, index, score)| MappedColumn {
        field,
        header,
        source_column_index: index.into(),
        score,
    });
    let unmapped = (text(), any::<u32>(), text()).prop_map(|(header, index, reason)| UnmappedColumn {
        header,
        source_column_index: index.into(),
        reason,
    });
    (vec(text(), 3), any::<[u32; 4]>(), vec(mapped, 0..3), vec(unmapped, 0..3)).prop_map(|(texts, n, mapped_columns, unmapped_columns)| {
        TableSummary {
            source_file: texts[0].clone(),
            source_sheet: texts[1].clone(),
            region: texts[2].clone(),
            table_index: n[0].into(),
            source_rows: n[1].into(),
            output_rows: n[2].into(),
            issues: n[3].into(),
            mapped_columns,
            unmapped_columns,
        }
    })
}

pub(super) fn run_summary() -> impl Strategy<Value = RunSummary> {
    let field = (text(), any::<u32>()).prop_map(|(field, columns)| FieldSummary { field, columns: columns.into() });
    let finding = (text(), text(), text(), any::<u32>()).prop_map(|(code, severity, message, count)| FindingSummary {
        code,
        severity,
        message,
        count: count.into(),
    });
    (
        (id("run_"), select(&RunStatus::ALL[..]), of(text()), of(text()), of(result())),
        (vec(field, 0..3), vec(table_summary(), 0..3), vec(finding, 0..3), any::<bool>()),
    )
        .prop_map(|(about, found)| RunSummary {
            run_id: about.0,
            object: RunSummaryObject::Name,
            status: about.1,
            outcome: about.2,
            engine_version: about.3,
            counts: about.4,
            fields: found.0,
            tables: found.1,
            findings: found.2,
            truncated: found.3,
        })
}

pub(super) fn workspace() -> impl Strategy<Value = Workspace> {
    (id("ws_"), name(), text(), seconds(), workspace_settings(), role()).prop_map(|(id, name, slug, created, settings, role)| Workspace {
        id,
        object: WorkspaceObject::Name,
        name,
        slug,
        created,
        settings,
        role,
    })
}

pub(super) fn created_api_key() -> impl Strategy<Value = CreatedApiKey> {
    let role = select(&[Role::Viewer, Role::Operator, Role::Editor, Role::Admin, Role::SystemAdmin][..]);
    (id("key_"), of(id("ws_")), name(), role, seconds(), of(seconds()), of(seconds()), of(seconds()), of(text())).prop_map(
        |(id, workspace_id, name, role, created, expires, last_used, revoked, secret)| CreatedApiKey {
            key: ApiKey { id, object: ApiKeyObject::Name, workspace_id, name, role, created, expires, last_used, revoked },
            secret,
        },
    )
}

pub(super) fn config() -> impl Strategy<Value = Config> {
    let status = select(&[ConfigStatus::Draft, ConfigStatus::Active][..]);
    let times = (seconds(), seconds());
    (id("cfg_"), id("ws_"), name(), status, times, of(id("build_")), of(id("cfv_")), of(id("build_")), of(last_run())).prop_map(
        |(id, workspace_id, name, status, (created, updated), active_build_id, active_version_id, building_build_id, last_run)| Config {
            id,
            object: ConfigObject::Name,
            workspace_id,
            name,
            status,
            created,
            updated,
            active_build_id,
            active_version_id,
            building_build_id,
            last_run,
        },
    )
}

fn last_run() -> impl Strategy<Value = LastRun> {
    (id("run_"), select(&RunStatus::ALL[..]), seconds(), of(seconds())).prop_map(|(id, status, created, finished)| LastRun {
        id,
        status,
        created,
        finished,
    })
}

pub(super) fn update_config() -> impl Strategy<Value = UpdateConfig> {
    of(name()).prop_map(|name| UpdateConfig { name })
}

pub(super) fn config_version() -> impl Strategy<Value = ConfigVersionDetails> {
    let file = (text(), any::<u32>(), sha256()).prop_map(|(path, size, sha256)| ConfigVersionFile { path, byte_size: size.into(), sha256 });
    (id("cfv_"), id("cfg_"), sha256(), any::<u32>(), seconds(), of(id("build_")), vec(file, 0..4)).prop_map(
        |(id, config_id, content_digest, byte_size, created, build_id, files)| ConfigVersionDetails {
            version: ConfigVersion {
                id,
                object: ConfigVersionObject::Name,
                config_id,
                content_digest,
                file_count: files.len() as u32,
                byte_size: byte_size.into(),
                created,
                build_id,
            },
            files,
        },
    )
}

pub(super) fn config_validation() -> impl Strategy<Value = ConfigValidation> {
    let severity = select(&[IssueSeverity::Error, IssueSeverity::Warning][..]);
    let issue = (of(text()), of(any::<u32>().prop_map(u64::from)), text(), text(), severity)
        .prop_map(|(path, line, code, message, severity)| ConfigIssue { path, line, code, message, severity });
    (id("cfg_"), of(sha256()), any::<bool>(), vec(issue, 0..4)).prop_map(|(config_id, fileset_hash, valid, issues)| ConfigValidation {
        object: ConfigValidationObject::Name,
        config_id,
        fileset_hash,
        valid,
        issues,
    })
}

pub(super) fn config_diff() -> impl Strategy<Value = ConfigDiff> {
    let status = select(&[FileStatus::Added, FileStatus::Removed, FileStatus::Modified][..]);
    let size = || of(any::<u32>().prop_map(u64::from));
    let change = (text(), status, size(), size(), of(text())).prop_map(|(path, status, from_byte_size, to_byte_size, patch)| {
        ConfigFileChange { path, status, from_byte_size, to_byte_size, patch }
    });
    (id("cfg_"), text(), text(), vec(change, 0..4)).prop_map(|(config_id, from, to, files)| ConfigDiff {
        object: ConfigDiffObject::Name,
        config_id,
        from,
        to,
        files,
    })
}

fn document() -> impl Strategy<Value = Document> {
    let status = select(&[DocumentStatus::Pending, DocumentStatus::Ready][..]);
    let times = (seconds(), of(seconds()));
    (id("doc_"), id("ws_"), name(), status, text(), any::<u32>(), of(sha256()), submitter(), times, of(last_run())).prop_map(
        |(id, workspace_id, name, status, content_type, byte_size, sha256, uploader, (created, completed), last_run)| Document {
            id,
            object: DocumentObject::Name,
            workspace_id,
            name,
            status,
            content_type,
            byte_size: byte_size.into(),
            sha256,
            uploader,
            created,
            completed,
            last_run,
        },
    )
}

pub(super) fn created_document() -> impl Strategy<Value = CreatedDocument> {
    (document(), text(), btree_map("[a-z-]{1,12}", text(), 0..3), seconds()).prop_map(|(document, url, headers, expires)| CreatedDocument {
        document,
        upload: Upload { method: "PUT".to_owned(), url, headers, expires },
    })
}

pub(super) fn build() -> impl Strategy<Value = Build> {
    use BuildStatus::{Active, Building, Canceled, Failed, Queued};
    let package = (text(), text()).prop_map(|(name, version)| Package { name, version });
    let archive = (any::<u32>(), sha256()).prop_map(|(byte_size, sha256)| Archive { byte_size: byte_size.into(), sha256 });
    (
        (id("build_"), id("ws_"), id("cfg_"), id("cfv_")),
        (select(&[Queued, Building, Active, Failed, Canceled][..]), any::<bool>(), sha256()),
        (of(text()), of(text()), seconds(), of(seconds()), of(seconds())),
        (of(any::<i32>()), of(text()), of(text()), of(failure()), of(archive), of(vec(package, 0..3))),
    )
        .prop_map(|(ids, state, facts, outcome)| Build {
            id: ids.0,
            object: BuildObject::Name,
            workspace_id: ids.1,
            config_id: ids.2,
            config_version_id: ids.3,
            status: state.0,
            reused: state.1,
            fingerprint: state.2,
            engine_version: facts.0,
            python_version: facts.1,
            created: facts.2,
            started: facts.3,
            finished: facts.4,
            exit_code: outcome.0,
            summary: outcome.1,
            error_message: outcome.2,
            failure: outcome.3,
            archive: outcome.4,
            packages: outcome.5,
            links: BuildLinks { this: String::new(), events: String::new(), logs: String::new() },
        })
}

fn run_document() -> impl Strategy<Value = RunDocument> {
    (id("doc_"), name(), text(), any::<u32>(), of(sha256())).prop_map(|(document_id, name, content_type, byte_size, sha256)| RunDocument {
        document_id,
        name,
        content_type,
        byte_size: byte_size.into(),
        sha256,
    })
}

fn result() -> impl Strategy<Value = RunResult> {
    any::<[u32; 8]>().prop_map(|n| RunResult {
        tables: n[0].into(),
        rows: n[1].into(),
        mapped_columns: n[2].into(),
        unmapped_columns: n[3].into(),
        issues: n[4].into(),
        outputs: n[5].into(),
        log_lines: n[6].into(),
        log_lines_dropped: n[7].into(),
    })
}

pub(super) fn run() -> impl Strategy<Value = Run> {
    (
        (id("run_"), id("ws_"), id("cfg_"), of(id("cfv_")), of(id("build_")), of(id("run_"))),
        (select(&RunStatus::ALL[..]), 1u32..99, any::<bool>(), of(1u64..1 << 40)),
        (vec(run_document(), 0..3), options(), submitter(), text(), seconds(), of(seconds()), of(seconds())),
        (of(any::<i32>()), of(text()), of(text()), of(failure()), of(result()), of(text()), of(text()), of(text())),
    )
        .prop_map(|(ids, state, facts, outcome)| Run {
            id: ids.0,
            object: RunObject::Name,
            workspace_id: ids.1,
            config_id: ids.2,
            config_version_id: ids.3,
            build_id: ids.4,
            retry_of_run_id: ids.5,
            status: state.0,
            attempt: state.1,
            cancel_requested: state.2,
            last_event_id: state.3,
            input_documents: facts.0,
            options: facts.1,
            submitted_by: facts.2,
            trace_id: facts.3,
            created: facts.4,
            started: facts.5,
            finished: facts.6,
            exit_code: outcome.0,
            summary: outcome.1,
            error_message: outcome.2,
            failure: outcome.3,
            result: outcome.4,
            artifact_uri: outcome.5,
            output_uri: outcome.6,
            logs_uri: outcome.7,
            links: RunLinks {
                this: String::new(),
                events: String::new(),
                logs: String::new(),
                artifact: String::new(),
                outputs: String::new(),
            },
        })
}

pub(super) fn run_list() -> impl Strategy<Value = List<Run>> {
    (vec(run(), 0..3), of(text())).prop_map(|(runs, next)| List::new(runs, next))
}

pub(super) fn run_logs() -> impl Strategy<Value = RunLogs> {
    let entry = (any::<u32>(), seconds(), stream(), of(level()), text()).prop_map(|(id, created, stream, level, message)| LogEntry {
        id: id.into(),
        created,
        stream,
        level,
        message,
    });
    (id("run_"), vec(entry, 0..4), of(any::<u32>())).prop_map(|(run_id, entries, next)| RunLogs {
        run_id,
        object: RunLogsObject::Name,
        entries,
        next_after_id: next.map(u64::from),
    })
}

pub(super) fn run_output() -> impl Strategy<Value = RunOutput> {
    let kind = select(&[OutputKind::Workbook, OutputKind::Table, OutputKind::File][..]);
    (text(), kind, text(), any::<u32>(), of(sha256())).prop_map(|(name, kind, content_type, byte_size, sha256)| RunOutput {
        object: RunOutputObject::Name,
        name,
        kind,
        content_type,
        byte_size: byte_size.into(),
        sha256,
    })
}

fn sheet() -> impl Strategy<Value = Sheet> {
    let visibility = select(&[SheetVisibility::Visible, SheetVisibility::Hidden, SheetVisibility::VeryHidden][..]);
    (text(), any::<bool>(), visibility).prop_map(|(name, active, visibility)| Sheet { object: SheetObject::Name, name, active, visibility })
}

pub(super) fn sheet_list() -> impl Strategy<Value = List<Sheet>> {
    vec(sheet(), 0..4).prop_map(|sheets| List::new(sheets, None))
}

pub(super) fn sheet_preview() -> impl Strategy<Value = SheetPreview> {
    const KINDS: [CellKind; 6] = [CellKind::Text, CellKind::Number, CellKind::Boolean, CellKind::Date, CellKind::Time, CellKind::Duration];
    let cell = of((select(&KINDS[..]), text()).prop_map(|(kind, text)| PreviewCell { kind, text }));
    let row = (any::<u32>(), vec(cell, 0..4)).prop_map(|(number, cells)| PreviewRow { number: number.into(), cells });
    let number = || of(any::<u32>().prop_map(u64::from));
    ((text(), sheet(), any::<u32>(), vec(row, 0..4)), (number(), number(), number()), (of(text()), of(text()))).prop_map(
        |((name, sheet, offset, rows), (next_offset, row_count, column_count), (encoding, delimiter))| SheetPreview {
            object: SheetPreviewObject::Name,
            name,
            sheet,
            offset: offset.into(),
            rows,
            has_more: next_offset.is_some(),
            next_offset,
            row_count,
            column_count,
            encoding,
            delimiter,
        },
    )
}

pub(super) fn download() -> impl Strategy<Value = Download> {
    (text(), seconds(), text(), any::<u32>()).prop_map(|(url, expires, name, byte_size)| Download {
        url,
        expires,
        name,
        byte_size: byte_size.into(),
    })
}

pub(super) fn health() -> impl Strategy<Value = Health> {
    let status = || select(&[Availability::Available, Availability::Degraded, Availability::Unavailable][..]);
    let component = (text(), status(), of(text())).prop_map(|(name, status, detail)| Component { name, status, detail });
    (status(), vec(component, 0..5)).prop_map(|(status, components)| Health { object: HealthObject::Name, status, components })
}

fn log_line() -> impl Strategy<Value = LogLine> {
    // A `null` is not told apart from no data.
    let data = json().prop_filter("null", |data| !data.is_null());
    (stream(), text(), of(level()), of(text()), of(data), any::<bool>())
        .prop_map(|(stream, message, level, name, data, truncated)| LogLine { stream, message, level, name, data, truncated })
}

fn event_body() -> impl Strategy<Value = EventBody> {
    use BuildStep::{CollectMetadata, CreateVenv, InstallConfig, InstallEngine, Publish, UpgradePip, VerifyImports};
    let steps = [CreateVenv, UpgradePip, InstallEngine, InstallConfig, VerifyImports, CollectMetadata, Publish];
    let step_status = select(&[StepStatus::Started, StepStatus::Completed, StepStatus::Skipped][..]);
    prop_oneof![
        (text(), id("cfg_")).prop_map(|(status, config_id)| EventBody::RunCreated { status, config_id }),
        any::<u32>().prop_map(|attempt| EventBody::RunStarted { attempt }),
        log_line().prop_map(EventBody::RunLog),
        (text(), any::<u32>(), text()).prop_map(|(path, size, content_type)| EventBody::RunOutput {
            path,
            byte_size: size.into(),
            content_type
        }),
        (text(), of(any::<i32>()), of(text()), of(failure()), of(text()), vec(text(), 0..3)).prop_map(
            |(status, exit_code, error_message, failure, summary, output_paths)| EventBody::RunCompleted {
                status,
                exit_code,
                error_message,
                failure,
                summary,
                output_paths,
            }
        ),
        (text(), id("cfg_"), sha256()).prop_map(|(status, config_id, fingerprint)| EventBody::BuildCreated {
            status,
            config_id,
            fingerprint
        }),
        (select(steps.to_vec()), step_status, of(any::<u32>()), of(text())).prop_map(|(step, status, millis, message)| {
            EventBody::BuildStep { step, status, duration_ms: millis.map(u64::from), message }
        }),
        log_line().prop_map(EventBody::BuildLog),
        (text(), of(any::<i32>()), of(text()), of(text())).prop_map(|(status, exit_code, error_message, summary)| {
            EventBody::BuildCompleted { status, exit_code, error_message, summary }
        }),
    ]
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let object = select(&[EventObject::Run, EventObject::Build][..]);
    (object, event_body(), of(id("run_")), of(id("build_")), 1u64..1 << 40, seconds(), any::<u32>(), of(text())).prop_map(
        |(object, body, run_id, build_id, id, created, elapsed, trace_id)| Event {
            object,
            body,
            run_id,
            build_id,
            id,
            created,
            elapsed_ms: elapsed.into(),
            trace_id,
        },
    )
}

pub(super) fn problem() -> impl Strategy<Value = ProblemDocument> {
    let field = (text(), text(), text()).prop_map(|(path, message, code)| FieldError { path, message, code });
    (400u16..600, text(), text(), text(), text(), vec(field, 0..3), of(id("build_"))).prop_map(
        |(status, detail, code, instance, request_id, errors, build_id)| ProblemDocument {
            kind: "about:blank".to_owned(),
            title: String::new(),
            status,
            detail,
            code,
            instance,
            request_id,
            errors,
            build_id,
        },
    )
}
