//! What every function costs before it does anything: how large it is, and how long it takes to start.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::Stack;
use crate::stats::{Table, ms, percentile, summary};

/// An id of something that is not there.
const ULID: &str = "01JZX3Q4T5V6W7X8Y9ZABCDEFG";
/// What is packaged as an image, which has no limit of this kind.
const WORKERS: [&str; 2] = ["executor", "builder"];

/// Sizes of all programs that are deployed.
pub(crate) fn sizes(table: &mut Table) {
    let bin = Path::new(env!("CARGO_BIN_EXE_ade")).parent().unwrap();
    let size = |name: &str| bin.join(name).metadata().unwrap_or_else(|error| panic!("{name}: {error}")).len() as f64 / 1e6;
    let template = ade_infra::template().unwrap();
    let code = template["Resources"].as_object().unwrap().values().filter_map(|resource| resource.pointer("/Properties/CodeUri")?.as_str());
    let mut sizes: Vec<(f64, &str)> =
        code.filter_map(|uri| uri.rsplit('/').next()).filter(|name| !WORKERS.contains(name)).map(|name| (size(name), name)).collect();
    sizes.sort_by(|one, other| one.0.total_cmp(&other.0));
    let ((smallest, small), (largest, large)) = (sizes[0], sizes[sizes.len() - 1]);
    let what = format!("function binaries, all {}: smallest (`{small}`) to largest (`{large}`)", sizes.len());
    table.row(&what, format!("{smallest:.1} to {largest:.1} MB, median {:.1} MB", sizes[sizes.len() / 2].0), "≤ 13 MB");
    let workers = WORKERS.map(|name| format!("{:.1} MB", size(name))).join(", ");
    table.row("executor, builder", workers, "–");
}

/// The first request of every function: process start, sign-in, and an answer, which is mostly that something is not there or not asked for in the
/// right way. Each is asked once, so each finds no process.
pub(crate) async fn cold_starts(stack: &Stack, table: &mut Table) {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_slice(&text).unwrap();
    let mut samples: Vec<(Duration, String)> = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let (Ok(method), Some(id)) = (method.to_uppercase().parse::<Method>(), operation["operationId"].as_str()) else { continue };
            // Nothing is changed: the workspace that is here is only read.
            let workspace = if method == Method::GET { stack.workspace.clone() } else { format!("ws_{ULID}") };
            let mut request = stack.request(method.clone(), &filled(path, &workspace));
            if matches!(method, Method::POST | Method::PUT | Method::PATCH) {
                request = request.json(&json!({ "nothing": "that is known" }));
            }
            let start = Instant::now();
            let answer = request.send().await.unwrap();
            let (status, took) = (answer.status(), start.elapsed());
            assert!(!status.is_server_error(), "{id}: {status}");
            samples.push((took, id.to_owned()));
        }
    }
    let times: Vec<Duration> = samples.iter().map(|(took, _)| *took).collect();
    table.row("function cold start, spawn to first answer, sign-in included, every function once", summary(&times), "≤ 30 ms");
    let (slowest, name) = samples.iter().max().unwrap();
    let within = times.iter().filter(|took| **took <= Duration::from_millis(30)).count();
    table.row(
        "the same: p90, the slowest, and how many are within the target",
        format!("{}, {} (`{name}`), {within} of {}", ms(percentile(&times, 0.9)), ms(*slowest), times.len()),
        "–",
    );
}

/// A path with what it names: this workspace, and things that are not there.
fn filled(path: &str, workspace: &str) -> String {
    let mut segments: Vec<String> = Vec::new();
    for segment in path.split('/') {
        segments.push(match segment {
            "{workspace_id}" => workspace.to_owned(),
            "{config_id}" => format!("cfg_{ULID}"),
            "{document_id}" => format!("doc_{ULID}"),
            "{run_id}" => format!("run_{ULID}"),
            "{build_id}" => format!("build_{ULID}"),
            "{key_id}" => format!("key_{ULID}"),
            other if other.starts_with('{') => format!("cfv_{ULID}"),
            other => other.to_owned(),
        });
    }
    segments.join("/")
}
