//! The pages of `docs/` that tell about the API: those that are generated are what the API is, and every example works.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http::Method;
use serde_json::Value;

use super::client::BASE;
use super::contract::Contract;
use super::roles::least_role;
use super::server::Stack;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");

/// Operations that need no example, and why.
const WITHOUT_EXAMPLE: [(&str, &str); 0] = [];
/// Refusals that are shown on purpose.
const SHOWN_REFUSALS: [(&str, u16); 1] = [("get-run", 404)];

/// Compares a generated page with the committed one, or writes it.
#[track_caller]
fn assert_page(name: &str, generated: &str) {
    let path = Path::new(DOCS).join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "docs/{name} is stale: run `make docs` and look at the difference");
}

#[test]
fn page_of_permissions_is_up_to_date() {
    let columns = ["viewer", "operator", "editor", "admin", "system_admin"];
    let mut page = String::from(
        "# Who may do what

For whoever gives out keys and roles. Generated from the table that a test holds against every route; it fails when this page is stale.

A key or member has one role in a workspace, and each role may do what the ones before it may. System admins belong to no workspace and may
do everything in all of them. What belongs to another workspace does not exist for a caller (404); what the role does not allow is refused
(403 `permission_denied`), and without a key or token everything is (401) but what anybody may ask for.
",
    );
    let mut by_tag: BTreeMap<usize, (String, String)> = BTreeMap::new();
    let contract = Contract::read();
    let tags = contract.tags();
    for operation in contract.operations() {
        let tag = operation.tag();
        let place = tags.iter().position(|other| *other == tag).unwrap();
        let (_, rows) = by_tag.entry(place).or_insert_with(|| (tag.to_owned(), String::new()));
        let least = least_role(&operation.id);
        let rank = columns.iter().position(|role| *role == least).unwrap_or(0);
        let anybody = if least == "anybody" { "✓" } else { "" };
        let roles: Vec<_> = (0..columns.len()).map(|index| if index >= rank { "✓" } else { "" }).collect();
        writeln!(rows, "| {} | `{} {}` | {anybody} | {} |", operation.id, operation.method, operation.path, roles.join(" | ")).unwrap();
    }
    for (tag, rows) in by_tag.values() {
        write!(page, "\n## {tag}\n\n| operation | | anybody | viewer | operator | editor | admin | system admin |\n|---|---|:-:|:-:|:-:|:-:|:-:|:-:|\n{rows}").unwrap();
    }
    assert_page("permissions.md", &page);
}

#[test]
fn page_of_events_is_up_to_date() {
    let contract = Contract::read();
    let mut page = String::from(
        "# Events

For whoever reads what happens to runs and builds. Generated from the API's description; a test fails when this page is stale.

A run and a build each have a log of events, one JSON object a line (NDJSON). Ids are 1, 2, 3 … without gaps. The first is `*.created`, the
last is `*.completed`, always and exactly once. A run that has to wait for a build has that build's events in its own log. How to follow a log,
and to go on after a cut, is in [api.md](api.md#following-what-happens). Ignore types and fields you do not know.

Live streams also carry lines `{\"type\":\"heartbeat\"}` after 10 s of silence: they have no id and are not stored.

## Every event

",
    );
    write_fields(&mut page, &fields(&contract, contract.schema("Event")));
    for variant in contract.schema("EventBody")["oneOf"].as_array().unwrap() {
        let fields = fields(&contract, variant);
        let kind = fields.iter().find(|field| field.name == "type").unwrap().schema["enum"][0].as_str().unwrap().to_owned();
        write!(page, "\n## `{kind}`\n\n{}\n\n", variant["description"].as_str().unwrap()).unwrap();
        write_fields(&mut page, &fields);
    }
    assert_page("events.md", &page);
}

struct Field<'a> {
    name: &'a str,
    schema: &'a Value,
    is_required: bool,
}

/// The fields of an object, those of its parts too.
fn fields<'a>(contract: &'a Contract, schema: &'a Value) -> Vec<Field<'a>> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        // What happened is told variant by variant.
        return if name == "EventBody" { Vec::new() } else { fields(contract, contract.schema(name)) };
    }
    let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| fields(contract, part));
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    let own = own.map(|(name, schema)| Field { name, schema, is_required: required.contains(&name.as_str()) });
    parts.chain(own).collect()
}

fn write_fields(page: &mut String, fields: &[Field<'_>]) {
    page.push_str("| field | |\n|---|---|\n");
    for Field { name, schema, is_required } in fields.iter().filter(|field| field.name != "type") {
        let description = |schema: &Value| schema["description"].as_str().map(str::to_owned);
        let text = description(schema).or_else(|| schema["oneOf"].as_array()?.iter().find_map(description)).unwrap_or_default();
        let absent = if *is_required { "" } else { " Null or left out when there is nothing to say." };
        writeln!(page, "| `{name}` | {text}{absent} |").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_has_an_example_that_works() {
    let stack = Stack::start().await;
    let here = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(stack.data_dir(), here.path().join(".ade")).unwrap();
    let (trace, path) = trace_curl(here.path());
    let page = std::fs::read_to_string(Path::new(DOCS).join("api.md")).unwrap();
    let mut script = Command::new("bash");
    script.args(["-eu", "-c", &examples(&page)]).current_dir(here.path()).env_clear().env("PATH", path).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || script.output().unwrap()).await.unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let trace = said(&std::fs::read(trace).unwrap());
    let tail = trace.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(output.status.success(), "{}\n{}\n{tail}", said(&output.stdout), said(&output.stderr));

    let mut shown = BTreeSet::new();
    for (method, path, status) in requests(&trace) {
        let path = path.split('?').next().unwrap_or_default();
        let operation = path.strip_prefix(BASE).and_then(|path| stack.api.contract().operation(&method, path));
        let id = operation.map(|operation| operation.id).unwrap_or_default();
        assert!(status < 400 || SHOWN_REFUSALS.contains(&(&id, status)), "{method} {path} ({id}) is answered with {status}");
        shown.insert(id);
    }
    let all = stack.api.contract().operations().into_iter().map(|operation| operation.id);
    let missing: Vec<_> = all.filter(|id| !shown.contains(id) && !WITHOUT_EXAMPLE.iter().any(|(without, _)| without == id)).collect();
    assert!(missing.is_empty(), "docs/api.md has no example of {missing:?}");
}

/// What the page says to type, one after the other.
fn examples(page: &str) -> String {
    let blocks = page.split("```bash\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// A `curl` that writes down what it asks for and is answered: where it writes, and a `PATH` that has it.
fn trace_curl(here: &Path) -> (PathBuf, String) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var("PATH").unwrap();
    let curl = std::env::split_paths(&path).map(|directory| directory.join("curl")).find(|curl| curl.is_file());
    let curl = curl.expect("the examples need curl 7.84 or newer");
    let (tools, trace) = (here.join("tools"), here.join("trace"));
    std::fs::create_dir(&tools).unwrap();
    let script = format!("#!/bin/sh\nexec '{}' -v \"$@\" 2>>'{}'\n", curl.display(), trace.display());
    std::fs::write(tools.join("curl"), script).unwrap();
    std::fs::set_permissions(tools.join("curl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    (trace, format!("{}:{path}", tools.display()))
}

/// The requests in a trace, and the statuses of their answers.
fn requests(trace: &str) -> Vec<(Method, String, u16)> {
    let mut requests = Vec::new();
    let mut asked = None;
    for line in trace.lines() {
        let mut words = line.get(2..).unwrap_or_default().split(' ');
        if line.starts_with("> ") && line.contains(" HTTP/1.1") {
            asked = words.next().and_then(|method| method.parse().ok()).zip(words.next().map(str::to_owned));
        } else if line.starts_with("< HTTP/1.1 ")
            && let Some(status) = words.nth(1).and_then(|status| status.parse().ok()).filter(|status| *status >= 200)
            && let Some((method, path)) = asked.take()
        {
            requests.push((method, path, status));
        }
    }
    requests
}
