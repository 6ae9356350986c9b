//! Names of objects in the bucket. Nothing else builds keys.
//!
//! ```text
//! configs/<config_id>/draft/<path>
//! configs/<config_id>/versions/<digest>.tar.zst
//! builds/<build_id>/{venv.tar.zst,packages.json,sbom.json,logs/…}
//! documents/<document_id>/<name>
//! exports/<config_id>/<digest>.zip
//! imports/<workspace_id>/<upload_id>.zip
//! runs/<run_id>/{input,output,logs}/…
//! system/confinement.json
//! ```

use crate::id::{BuildId, ConfigId, ConfigUploadId, DocumentId, RunId, WorkspaceId};

/// Longest last part of a key made from a user's file name, in bytes: scratch files keep the name, and file systems stop at 255.
const NAME_LIMIT: usize = 180;

/// Prefix of everything that belongs to a config.
pub fn config_prefix(config: ConfigId) -> String {
    format!("configs/{config}/")
}

/// Prefix of everything that belongs to a build.
pub fn build_prefix(build: BuildId) -> String {
    format!("builds/{build}/")
}

/// Prefix of everything that belongs to a run.
pub fn run_prefix(run: RunId) -> String {
    format!("runs/{run}/")
}

/// Prefix of a config's draft files.
pub fn draft_prefix(config: ConfigId) -> String {
    format!("configs/{config}/draft/")
}

/// The archive of a version with this content digest.
pub fn version_archive(config: ConfigId, digest: &str) -> String {
    format!("configs/{config}/versions/{digest}.tar.zst")
}

/// Prefix of the archives that a config was exported to, which are kept for a day.
pub fn config_exports(config: ConfigId) -> String {
    format!("exports/{config}/")
}

/// The archive of files with this content digest, for people.
pub fn config_export(config: ConfigId, digest: &str) -> String {
    format!("exports/{config}/{digest}.zip")
}

/// An uploaded archive, which is kept for a day.
pub fn config_upload(workspace: WorkspaceId, upload: ConfigUploadId) -> String {
    format!("imports/{workspace}/{upload}.zip")
}

/// The packed environment of a build.
pub fn build_archive(build: BuildId) -> String {
    format!("builds/{build}/venv.tar.zst")
}

/// The packages in a build's environment.
pub fn build_packages(build: BuildId) -> String {
    format!("builds/{build}/packages.json")
}

/// The software bill of materials of a build's environment, in `CycloneDX`.
pub fn build_sbom(build: BuildId) -> String {
    format!("builds/{build}/sbom.json")
}

/// Prefix of a build's event segments.
pub fn build_logs(build: BuildId) -> String {
    format!("builds/{build}/logs/")
}

/// Prefix of everything that belongs to a document.
pub fn document_prefix(document: DocumentId) -> String {
    format!("documents/{document}/")
}

/// An uploaded document. The user's name for it is in the record; the key holds a safe form.
pub fn document(document: DocumentId, name: &str) -> String {
    format!("documents/{document}/{}", safe_name(name))
}

/// What confines user code on the executor that started last.
pub fn confinement() -> String {
    "system/confinement.json".to_owned()
}

/// A run's own copy of a document.
pub fn run_input(run: RunId, document: DocumentId, name: &str) -> String {
    format!("runs/{run}/input/{document}/{}", safe_name(name))
}

/// Prefix of the outputs of one attempt.
pub fn run_output(run: RunId, fence: u32) -> String {
    format!("runs/{run}/output/{fence}/")
}

/// Prefix of a run's event segments, and of what attempts leave in their log directories.
pub fn run_logs(run: RunId) -> String {
    format!("runs/{run}/logs/")
}

/// The audit record of one attempt.
pub fn run_artifact(run: RunId, fence: u32) -> String {
    format!("runs/{run}/logs/{fence}/artifact.json")
}

/// A file name that is safe as the last part of a key and as a name on disk: path separators, control characters and what
/// shells and URLs trip over become `_`; the extension is kept; at most 180 bytes.
pub fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '(' | ')' | '+' | ',' | '=' | '@') { c } else { '_' })
        .collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches('.');
    if clean.is_empty() {
        return "document".to_owned();
    }
    if clean.len() <= NAME_LIMIT {
        return clean.to_owned();
    }
    let (stem, extension) = match clean.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (clean, String::new()),
    };
    format!("{}{extension}", truncate(stem, NAME_LIMIT - extension.len()))
}

/// The longest prefix of `text` that is at most `limit` bytes and ends at a character.
pub fn truncate(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_name_becomes_a_safe_one(name in "\\PC{0,400}|[\\x00-\\x7f]{0,300}") {
            let safe = safe_name(&name);
            prop_assert!(!safe.is_empty() && safe.len() <= NAME_LIMIT);
            prop_assert!(!safe.contains(['/', '\\', '\0', '\n']) && safe != ".." && safe != ".");
            prop_assert_eq!(safe_name(&safe), safe.clone());
        }
    }

    #[test]
    fn the_extension_survives() {
        assert_eq!(safe_name("Q3 *final*.xlsx"), "Q3 _final_.xlsx");
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        let long = safe_name(&format!("{}.xlsx", "长".repeat(200)));
        assert_eq!(long.rsplit_once('.').map(|(_, extension)| extension), Some("xlsx"));
        assert_eq!(safe_name("..."), "document");
    }
}
