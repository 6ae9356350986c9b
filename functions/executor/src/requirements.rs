//! The few things about Python requirements that are decided here and not by uv.

use serde::Deserialize;

/// The engine's package: always met by the base environment, never fetched.
const ENGINE: &str = "ade-engine";

/// What a project requires.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirements {
    /// The requirements that an index must meet, without the engine's.
    pub lines: Vec<String>,
}

/// Why a project's requirements can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequirementsError {
    /// `pyproject.toml` can't be read.
    #[error("pyproject.toml is not valid TOML: {0}")]
    Toml(String),
    /// The dependencies would have to be computed by running the project's code.
    #[error("pyproject.toml declares its dependencies as dynamic; list them in [project].dependencies")]
    Dynamic,
    /// A requirement names no package.
    #[error("{0:?} in [project].dependencies does not name a package")]
    Nameless(String),
    /// A requirement is not met by the package index.
    #[error("{0:?} in [project].dependencies names a file or URL; only packages of the package index can be installed")]
    Direct(String),
}

#[derive(Deserialize)]
struct PyProject {
    #[serde(default)]
    project: Project,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Project {
    dependencies: Vec<String>,
    dynamic: Vec<String>,
}

impl Requirements {
    /// Reads `[project].dependencies` of a `pyproject.toml`.
    pub fn read(pyproject: &str) -> Result<Self, RequirementsError> {
        let file: PyProject = toml::from_str(pyproject).map_err(|error| RequirementsError::Toml(error.message().to_owned()))?;
        if file.project.dynamic.iter().any(|field| field == "dependencies") {
            return Err(RequirementsError::Dynamic);
        }
        let mut lines = Vec::new();
        for line in file.project.dependencies {
            let name = name(&line).ok_or_else(|| RequirementsError::Nameless(line.clone()))?;
            let rest = line.trim_start()[name.len()..].trim_start();
            if line.contains(['\n', '\r']) || rest.starts_with('/') || rest.starts_with(':') {
                return Err(RequirementsError::Nameless(line));
            }
            let specifier = rest.split(';').next().unwrap_or_default();
            if specifier.contains('@') {
                return Err(RequirementsError::Direct(line));
            }
            if normalized(name) != ENGINE {
                lines.push(line);
            }
        }
        Ok(Self { lines })
    }

    /// The requirements that are not obviously met: a plain name of a package that `has` knows needs nobody to decide anything.
    pub fn open(&self, has: impl Fn(&str) -> bool) -> Vec<String> {
        self.lines.iter().filter(|line| name(line) != Some(line.trim()) || !has(line.trim())).cloned().collect()
    }
}

/// The name that a requirement begins with ([PEP 508](https://peps.python.org/pep-0508/)).
fn name(requirement: &str) -> Option<&str> {
    let text = requirement.trim_start();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))).unwrap_or(text.len());
    let name = text[..end].trim_end_matches(['-', '_', '.']);
    (name.starts_with(|c: char| c.is_ascii_alphanumeric())).then_some(name)
}

/// Package name and version of a line of a lock file, `name==version …`; `None` for other lines.
pub fn pinned(line: &str) -> Option<(String, String)> {
    let (name, rest) = line.split_once("==")?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let version = rest.split([' ', ';', '\\']).next().unwrap_or_default();
    (plain && !version.is_empty()).then(|| (normalized(name), version.to_owned()))
}

/// A package's name in its one spelling ([PEP 503](https://peps.python.org/pep-0503/#normalized-names)).
pub fn normalized(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(dependencies: &str) -> Result<Vec<String>, RequirementsError> {
        Requirements::read(&format!("[project]\nname = \"x\"\ndependencies = {dependencies}")).map(|read| read.lines)
    }

    #[test]
    fn the_engine_is_never_fetched() {
        assert_eq!(read(r#"["ade-engine>=1.9", "ADE_Engine", "rapidfuzz>=3", "polars"]"#).unwrap(), ["rapidfuzz>=3", "polars"]);
        assert_eq!(
            read(r#"["ade-engine @ git+https://example.com/x"]"#),
            Err(RequirementsError::Direct("ade-engine @ git+https://example.com/x".into()))
        );
        assert_eq!(Requirements::read("[tool.x]\ny = 1").unwrap(), Requirements::default());
    }

    #[test]
    fn what_the_index_can_not_meet_is_refused() {
        for direct in ["a @ file:///etc", "a[b] @ https://x/y.whl", "a@https://x"] {
            assert_eq!(read(&format!("[{direct:?}]")), Err(RequirementsError::Direct(direct.into())));
        }
        for nameless in ["./here", "/abs", "-r other.txt", "--index-url x", "https://x/y.whl", "", "a\n-r b"] {
            assert_eq!(read(&format!("[{nameless:?}]")), Err(RequirementsError::Nameless(nameless.into())), "{nameless}");
        }
        assert!(read(r#"["a; python_version < '4' or extra == '@'"]"#).is_ok());
        assert_eq!(Requirements::read("[project]\ndynamic = [\"dependencies\"]"), Err(RequirementsError::Dynamic));
        assert!(matches!(Requirements::read("[project"), Err(RequirementsError::Toml(_))));
    }

    #[test]
    fn plain_names_in_the_base_need_nothing() {
        let requirements = Requirements { lines: vec!["polars".into(), "polars>=1".into(), "rapidfuzz".into()] };
        assert_eq!(requirements.open(|name| name == "polars"), ["polars>=1", "rapidfuzz"]);
    }

    #[test]
    fn lock_lines_read() {
        assert_eq!(pinned("et_xmlfile==2.0.0 \\"), Some(("et-xmlfile".into(), "2.0.0".into())));
        assert_eq!(pinned("a==1 ; python_version < '4'"), Some(("a".into(), "1".into())));
        assert_eq!(pinned("    --hash=sha256:aa=="), None);
        assert_eq!(pinned("# via a==b"), None);
        assert_eq!(normalized("A__b.-C"), "a-b-c");
    }
}
