//! The OpenAPI document, derived from the handlers.
//!
//! `docs/openapi.json` is this document, written by `make openapi`; a test fails when it is
//! stale. Gateways, typed clients and the reference are generated from the committed file.

use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    self, Components, ContentBuilder, InfoBuilder, License, ObjectBuilder, Ref, RefOr, Required, ResponseBuilder, Schema, ServerBuilder,
};
use utoipa::{Modify, OpenApi, ToSchema as _};

use crate::edge::problem::{PROBLEM_JSON, ProblemDocument};
use crate::{builds, configs, documents, keys, members, runs, system, workspaces};

#[cfg(test)]
mod tests;

/// The header by which a request can be sent again.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The committed document.
pub const COMMITTED: &str = include_str!("../../docs/openapi.json");

/// Every handler, once more.
#[derive(OpenApi)]
#[openapi(
    paths(
        system::health,
        system::get_meta,
        system::get_openapi,
        system::get_docs,
        system::get_safe_mode,
        system::put_safe_mode,
        system::sweep,
        workspaces::create_workspace,
        workspaces::list_workspaces,
        workspaces::get_workspace,
        workspaces::update_workspace,
        workspaces::delete_workspace,
        keys::create_api_key,
        keys::list_api_keys,
        keys::revoke_api_key,
        members::list_members,
        members::put_member,
        members::delete_member,
        configs::create_config,
        configs::list_configs,
        configs::get_config,
        configs::update_config,
        configs::delete_config,
        configs::list_config_files,
        configs::get_config_file,
        configs::put_config_file,
        configs::delete_config_file,
        configs::move_config_file,
        configs::validate_config,
        configs::create_config_upload,
        configs::import_config,
        configs::export_config,
        configs::list_config_versions,
        configs::get_config_version,
        configs::diff_config_versions,
        builds::create_build,
        builds::list_builds,
        builds::get_build,
        builds::list_build_logs,
        builds::follow_build_events,
        builds::cancel_build,
        documents::create_document,
        documents::complete_document,
        documents::list_documents,
        documents::get_document,
        documents::delete_document,
        documents::download_document,
        documents::list_document_sheets,
        documents::preview_document,
        runs::create_run,
        runs::create_runs,
        runs::list_runs,
        runs::get_run,
        runs::retry_run,
        runs::list_run_logs,
        runs::follow_run_events,
        runs::cancel_run,
        runs::download_run_log,
        runs::get_run_artifact,
        runs::get_run_summary,
        runs::list_run_issues,
        runs::list_run_outputs,
        runs::download_run_output,
        runs::preview_run_output,
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "System", description = "The system itself."),
        (name = "Workspaces", description = "Workspaces, the keys to them and their members."),
        (name = "Configs", description = "Python packages of rules: a draft and immutable versions."),
        (name = "Builds", description = "A config's version, frozen into an environment."),
        (name = "Documents", description = "Workbooks and text tables, uploaded straight to storage."),
        (name = "Runs", description = "Executions of a build over documents."),
    ),
    modifiers(&Common)
)]
struct Handlers;

/// The document as the handlers describe it.
pub fn document() -> openapi::OpenApi {
    Handlers::openapi()
}

/// The document as it is committed.
pub fn text() -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(&document())? + "\n")
}

/// What all operations have in common.
struct Common;

impl Modify for Common {
    fn modify(&self, api: &mut openapi::OpenApi) {
        api.info = InfoBuilder::new()
            .title("ADE")
            .version("1")
            .description(Some(
                "The Automatic Data Extractor turns messy workbooks into clean, auditable ones. Rules are Python packages (configs) \
                 that are built into frozen environments and run on documents.\n\n\
                 Errors are `application/problem+json`; `code` is stable. Unknown fields of requests are refused, unknown fields of \
                 answers and unknown event types must be ignored. Times are Unix seconds.",
            ))
            .license(Some(License::new("MIT OR Apache-2.0")))
            .build();
        api.servers = Some(vec![ServerBuilder::new().url("/api/v1").build()]);
        let components = api.components.get_or_insert_with(Components::new);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key.")).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = ApiKeyValue::with_description("X-API-Key", "An API key, for clients that keep `Authorization` to themselves.");
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(header)));
        let none: [&str; 0] = [];
        api.security = Some(vec![SecurityRequirement::new("bearer", none), SecurityRequirement::new("api_key", none)]);
        components.schemas.values_mut().for_each(always_whole);
        for item in api.paths.paths.values_mut() {
            item.post.iter_mut().for_each(take_key);
            let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
            operations.into_iter().flatten().for_each(add_problems);
        }
    }
}

/// Resources always have all their fields, null until known: a schema with an `object` field requires every field.
fn always_whole(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema
        && object.properties.contains_key("object")
        && !object.properties.contains_key("elapsed_ms")
    {
        object.required = object.properties.keys().cloned().collect();
    }
}

/// Every POST may be sent again.
fn take_key(operation: &mut openapi::path::Operation) {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
    let key = ParameterBuilder::new()
        .name(IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes it safe to send the request again within 24 hours: the same key with the same request gets the first answer, with \
             `Idempotent-Replayed: true`, and nothing is done twice. Secrets are not repeated, uploads are presigned anew.",
        ))
        .schema(Some(schema));
    operation.parameters.get_or_insert_default().push(key.build().into());
}

/// Every operation may be refused; which ways there are follows from what it takes.
fn add_problems(operation: &mut openapi::path::Operation) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let stands_in = |place: &ParameterIn| parameters.iter().any(|parameter| matches!(parameter, RefOr::T(p) if p.parameter_in == *place));
    let (has_path, has_query) = (stands_in(&ParameterIn::Path), stands_in(&ParameterIn::Query));
    let has_body = operation.request_body.is_some();
    let has_key = parameters.iter().any(|parameter| matches!(parameter, RefOr::T(p) if p.name == IDEMPOTENCY_KEY));
    let has_json = matches!(&operation.request_body, Some(RefOr::T(body)) if body.content.contains_key("application/json"));
    let open = operation.security.is_some();
    let refusals = [
        ("400", has_body || has_key, "The body is missing or not JSON, or a header can't be read."),
        ("401", !open, "No key, or not a valid one."),
        ("403", !open, "The key's role lacks a permission."),
        ("404", has_path, "There is no such thing, or not for this caller."),
        ("409", has_body || has_key, "Another state is needed first, or somebody else was faster."),
        ("413", has_body, "Too large."),
        ("415", has_json, "The body is not `application/json`."),
        ("422", has_body || has_query || has_key, "Fields can't be accepted; `errors` names them."),
        ("429", true, "Too many requests; `Retry-After` says when to try again."),
        ("500", true, "A fault of ADE itself."),
        ("503", true, "Something ADE needs does not answer; `Retry-After` says when to try again."),
    ];
    for (status, applies, description) in refusals {
        if applies && !operation.responses.responses.contains_key(status) {
            let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDocument::name()))).build();
            let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, problem).build();
            operation.responses.responses.insert(status.to_owned(), response.into());
        }
    }
}
