use ade_core::id::RunId;

use super::get::find;
use super::outputs::finished;
use crate::downloads::{Download, download};
use crate::edge::problem::ProblemDocument;
use crate::edge::{Answer, Call, Problem};

/// Longest path of an output: what a key may have left beside its prefix.
const PATH_LIMIT: usize = 900;

/// Download an output of a run
#[utoipa::path(
    get,
    path = "/runs/{run_id}/outputs/{path}",
    operation_id = "download-run-output",
    tag = "Runs",
    params(
        ("run_id" = RunId, Path, description = "The run."),
        ("path" = String, Path, description = "The output's name; it may hold slashes.", example = "contacts_normalized.xlsx"),
    ),
    responses(
        (status = 200, description = "Where to download it; with `Accept: application/json`.", body = Download),
        (status = 307, description = "Go and download it there.", headers(("Location" = String, description = "A signed URL."))),
        (
            status = 409,
            description = "The run is not over yet (`output_not_ready`).",
            body = ProblemDocument,
            content_type = "application/problem+json",
        ),
    ),
    extensions(("x-ade-greedy" = json!(true)))
)]
pub async fn download_run_output(call: Call) -> Answer {
    let run = find(&call).await?;
    finished(&run)?;
    let no_such = || Problem::no_such("output");
    let path = Some(call.request.parameter("path")).filter(|path| is_plain(path)).ok_or_else(no_such)?;
    let objects = &call.ade().objects;
    let prefix = run.outcome.report.output_uri.as_deref().and_then(|uri| objects.key_of(uri)).ok_or_else(no_such)?;
    let key = format!("{prefix}{path}");
    let object = objects.head(&key).await?.ok_or_else(no_such)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    download(&call, &key, name, object.byte_size).await
}

/// Whether a path stays below where it starts, whoever resolves it.
pub(super) fn is_plain(path: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.chars().any(|c| c.is_control() || c == '\\');
    path.len() <= PATH_LIMIT && path.split('/').all(part)
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn only_paths_below_are_looked_up() {
        for good in ["a.xlsx", "a/b c/d.csv", "名前.xlsx", "..a/b..", "%2e%2e"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a/..", "a\\b", "a\0b", "a\nb"] {
            assert!(!is_plain(bad), "{bad:?}");
        }
    }
}
