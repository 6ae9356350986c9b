//! Whether this `ade` deploys what the checkout says.
//!
//! The template is compiled into `ade`, and the functions are built from the checkout. An `ade` of another version would put
//! the functions of one version into the template of another, so it refuses.

use std::path::Path;

use serde_json::Value;

use crate::cli::CliError;

/// The part of the template that is written by hand, as it was when this was compiled.
const STACK: &str = include_str!("../../../../infra/stack.yaml");

/// Refuses a checkout whose template is another one than this `ade` deploys.
pub(super) fn check(root: &Path) -> Result<(), CliError> {
    if read(root, "infra/stack.yaml")? != STACK {
        return Err(differs("infra/stack.yaml"));
    }
    let derived = [("infra/template.yaml", ade_infra::template()), ("infra/api.yaml", ade_infra::api())];
    for (file, deployed) in derived {
        let committed: Value = serde_saphyr::from_str(&read(root, file)?)
            .map_err(|error| CliError::usage(format!("{file} can't be read: {error}")).hint("write it again with `make openapi`"))?;
        if committed != deployed.map_err(CliError::fault)? {
            return Err(differs(file));
        }
    }
    Ok(())
}

fn read(root: &Path, file: &str) -> Result<String, CliError> {
    std::fs::read_to_string(root.join(file)).map_err(|error| {
        CliError::usage(format!("{file} can't be read: {error}")).hint("run `ade deploy` in a whole clone of ADE's repository")
    })
}

fn differs(file: &str) -> CliError {
    CliError::usage(format!("this `ade` is of another version than the checkout: {file} is not what it deploys"))
        .hint("run `make deploy`, which builds the checkout's own `ade` first; after a change in infra/ run `make openapi` before it")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILES: [&str; 3] = ["infra/stack.yaml", "infra/template.yaml", "infra/api.yaml"];

    #[test]
    fn only_the_checkout_that_it_was_built_from_is_deployed() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        check(&own).unwrap();
        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir(other.path().join("infra")).unwrap();
        for file in FILES {
            std::fs::copy(own.join(file), other.path().join(file)).unwrap();
        }
        check(other.path()).unwrap();
        for file in FILES {
            let text = std::fs::read_to_string(own.join(file)).unwrap();
            std::fs::write(other.path().join(file), format!("{text}\nAnother: 1\n")).unwrap();
            let refused = check(other.path()).unwrap_err().to_string();
            assert!(refused.contains(file) && refused.contains("make deploy"), "{refused}");
            std::fs::write(other.path().join(file), text).unwrap();
        }
    }
}
