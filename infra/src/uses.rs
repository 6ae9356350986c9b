//! What functions did, compared with what they may do.
//!
//! A local ADE records what its functions do with AWS; over the whole test suite that is all they ever need. What a function may do
//! and never does is a permission too many, and what it does without being allowed to would fail on AWS.

use std::collections::{BTreeMap, BTreeSet};

use crate::InfraError;
use crate::grants::roles;

/// Grants that functions use by chance only, so that no test is sure to see it; each with the reason.
const SELDOM: &[(&str, &str, &str)] = &[
    ("builder", "s3:GetObject builds", "a builder reads the log of a build only when Lambda delivers its event to a second one meanwhile"),
    ("builder", "s3:ListBucket", "the same"),
    ("create-runs", "dynamodb:GetItem runs", "the function has to end after the runs are recorded and before that is noted"),
    ("put-config-file", "s3:DeleteObject configs", "the config has to be deleted between two requests of one call"),
    ("reaper", "dynamodb:DeleteItem workspaces", "a purged workspace is forgotten a minute later, which no test waits for"),
    ("sweep", "dynamodb:DeleteItem workspaces", "the same"),
];

/// Compares lines of a function, a tab and what it did with the grants; what is wrong, a line each.
pub fn differences(recorded: &str) -> Result<Vec<String>, InfraError> {
    compare(recorded, SELDOM)
}

fn compare(recorded: &str, seldom: &[(&str, &str, &str)]) -> Result<Vec<String>, InfraError> {
    let done: BTreeSet<(&str, &str)> = recorded.lines().filter_map(|line| line.split_once('\t')).collect();
    let is_seldom = |function: &str, what: &str| seldom.iter().any(|(of, grant, _)| (*of, *grant) == (function, what));
    let roles = roles()?;
    let allowed: BTreeSet<(&str, String)> =
        roles.iter().flat_map(|role| role.grants().map(|grant| (role.function.as_str(), grant.to_string()))).collect();
    let unallowed = done.iter().filter(|(function, what)| !allowed.contains(&(*function, (*what).to_owned())));
    let mut differences: Vec<_> = unallowed.map(|(function, what)| format!("{function} did what it may not: {what}")).collect();

    let mut shared = BTreeMap::<String, Vec<&str>>::new();
    for role in &roles {
        for what in role.own.iter().map(ToString::to_string) {
            if !done.contains(&(role.function.as_str(), what.as_str())) && !is_seldom(&role.function, &what) {
                differences.push(format!("{} never did what it may: {what}", role.function));
            }
        }
        for what in role.shared.iter().copied().flatten() {
            shared.entry(what.to_string()).or_default().push(&role.function);
        }
    }
    // One function that does it shows that the code which they share needs it.
    for (what, functions) in shared {
        if !functions.iter().any(|function| done.contains(&(*function, what.as_str())) || is_seldom(function, &what)) {
            differences.push(format!("none of {} did what they may: {what}", functions.join(", ")));
        }
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Everything that every function may do.
    fn everything() -> Vec<String> {
        let roles = roles().unwrap();
        roles.iter().flat_map(|role| role.grants().map(|grant| format!("{}\t{grant}", role.function))).collect()
    }

    #[test]
    fn whoever_does_all_that_it_may_and_nothing_else_differs_in_nothing() {
        assert_eq!(compare(&everything().join("\n"), &[]).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn every_difference_is_found() {
        let mut lines = everything();
        let removed = |line: &String| {
            line == "get-run\tdynamodb:GetItem runs"
                || (line.ends_with("\tdynamodb:DeleteItem workspaces") && (line.starts_with("sweep") || line.starts_with("reaper")))
        };
        lines.retain(|line| !removed(line));
        lines.push("get-meta\ts3:GetObject runs".to_owned());
        let found = compare(&lines.join("\n"), &[]).unwrap();
        let expected = [
            "get-meta did what it may not: s3:GetObject runs",
            "get-run never did what it may: dynamodb:GetItem runs",
            "none of sweep, reaper did what they may: dynamodb:DeleteItem workspaces",
        ];
        assert_eq!(found, expected);
        let seldom = [("get-run", "dynamodb:GetItem runs", "one reason"), ("reaper", "dynamodb:DeleteItem workspaces", "another")];
        assert_eq!(compare(&lines.join("\n"), &seldom).unwrap(), expected[..1]);
    }
}
