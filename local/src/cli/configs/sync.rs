//! Bringing a directory and a draft together without losing what anybody wrote.
//!
//! Each file is compared three ways: as it is here, as it is there, and as it was when the two last agreed. What changed on one side
//! only can go to the other. What changed on both is a conflict, which is told before anything is moved. Somebody who changes a
//! file there at the same moment is noticed by its entity tag.

use std::collections::{BTreeMap, BTreeSet};

use ade_core::config::{ConfigPath, FileChange, FileSet, diff};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;

use super::directory::{Directory, Known, Link};
use super::draft::Draft;
use crate::cli::CliError;

/// How many files travel at the same time.
const CONCURRENT: usize = 8;

/// How a directory and a draft differ.
pub(super) struct Comparison<'a> {
    directory: &'a Directory,
    draft: Draft<'a>,
    /// What they agree on.
    link: Link,
    here: FileSet,
    /// Entity tags.
    there: BTreeMap<ConfigPath, String>,
    /// What was read from the draft to compare it.
    read: BTreeMap<ConfigPath, (String, Bytes)>,
    /// Changed in the directory only.
    changed_here: Vec<ConfigPath>,
    /// Changed in the draft only.
    changed_there: Vec<ConfigPath>,
    /// Changed on both sides, and not to the same.
    conflicts: Vec<ConfigPath>,
}

/// What was moved.
#[derive(Debug, Default, Serialize)]
pub(super) struct Moved {
    /// Files that were created or replaced.
    pub(super) written: Vec<String>,
    /// Files that were deleted.
    pub(super) deleted: Vec<String>,
    /// Files that are different on the other side, and stay so.
    pub(super) left: Vec<String>,
}

/// Which side a file was changed on since both had `known`.
#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Nowhere,
    Here,
    There,
    /// On both, perhaps to the same.
    Both,
}

fn changed(known: Option<&Known>, here: Option<&Bytes>, there: Option<&String>) -> Changed {
    let is_here = match (known, here) {
        (Some(known), Some(content)) => !known.is(content),
        (known, here) => known.is_some() != here.is_some(),
    };
    let is_there = known.map(|known| &known.etag) != there;
    match (is_here, is_there) {
        (false, false) => Changed::Nowhere,
        (true, false) => Changed::Here,
        (false, true) => Changed::There,
        (true, true) => Changed::Both,
    }
}

impl<'a> Comparison<'a> {
    /// Compares a directory with the draft that it is linked to.
    pub(super) async fn of(directory: &'a Directory, draft: Draft<'a>, link: Link) -> Result<Self, CliError> {
        let there = draft.list().await?;
        let has = |path: &str| link.files.contains_key(path) || there.keys().any(|other| other.as_str() == path);
        let here = if directory.path().exists() { directory.files(has)? } else { FileSet::new() };
        let known = link.files.keys().filter_map(|path| path.parse().ok());
        let paths: BTreeSet<ConfigPath> = here.keys().chain(there.keys()).cloned().chain(known).collect();
        let (changed_here, changed_there, conflicts) = Default::default();
        let mut comparison = Self { directory, draft, link, here, there, read: BTreeMap::new(), changed_here, changed_there, conflicts };
        let mut both = Vec::new();
        for path in paths {
            match changed(comparison.link.files.get(path.as_str()), comparison.here.get(&path), comparison.there.get(&path)) {
                Changed::Nowhere => {}
                Changed::Here => comparison.changed_here.push(path),
                Changed::There => comparison.changed_there.push(path),
                Changed::Both => both.push(path),
            }
        }
        let unread = both.iter().filter(|path| comparison.here.contains_key(*path) && comparison.there.contains_key(*path));
        comparison.read = read(&comparison.draft, unread.cloned()).await?;
        for path in both {
            match (comparison.here.get(&path), comparison.read.get(&path)) {
                (Some(content), Some((etag, same))) if content == same => {
                    let known = Known::new(etag.clone(), content);
                    comparison.link.files.insert(path.to_string(), known);
                }
                (None, None) if !comparison.there.contains_key(&path) => drop(comparison.link.files.remove(path.as_str())),
                _ => comparison.conflicts.push(path),
            }
        }
        Ok(comparison)
    }

    /// Brings what was changed here to the draft. Of conflicting files those of the directory win, if `force` says so.
    pub(super) async fn push(mut self, force: bool) -> Result<Moved, CliError> {
        if !force && !self.conflicts.is_empty() {
            return Err(self.conflict("`ade configs pull --force` takes theirs, `ade configs push --force` keeps yours"));
        }
        let left = self.changed_there.iter().map(ToString::to_string).collect();
        let mut moved = Moved { left, ..Moved::default() };
        let all: Vec<_> = self.changed_here.drain(..).chain(self.conflicts.drain(..)).collect();
        let (written, deleted): (Vec<_>, Vec<_>) = all.into_iter().partition(|path| self.here.contains_key(path));
        let outcome = self.push_all(written, deleted, &mut moved).await;
        // What did arrive is remembered, whatever happened to the rest.
        self.directory.save(&self.link)?;
        outcome.map(|()| moved)
    }

    /// Deletes first: a directory may have taken a file's place.
    async fn push_all(&mut self, written: Vec<ConfigPath>, deleted: Vec<ConfigPath>, moved: &mut Moved) -> Result<(), CliError> {
        for path in deleted {
            if let Some(etag) = self.there.get(&path) {
                self.draft.delete(&path, etag).await.map_err(|error| CliError::from(error).about(&path))?;
            }
            self.link.files.remove(path.as_str());
            moved.deleted.push(path.to_string());
        }
        let (draft, here, there) = (&self.draft, &self.here, &self.there);
        let mut writes =
            futures::stream::iter(written.into_iter().filter_map(|path| here.get(&path).cloned().map(|content| (path, content))))
                .map(|(path, content)| async move {
                    let etag = draft.write(&path, there.get(&path).map(String::as_str), content.clone()).await;
                    (etag.map(|etag| Known::new(etag, &content)).map_err(|error| CliError::from(error).about(&path)), path)
                })
                .buffer_unordered(CONCURRENT);
        let mut outcome = Ok(());
        while let Some((written, path)) = writes.next().await {
            match written {
                Ok(known) => {
                    self.link.files.insert(path.to_string(), known);
                    moved.written.push(path.to_string());
                }
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        moved.written.sort();
        outcome
    }

    /// Brings what was changed in the draft here. If `force` says so, what was changed here is overwritten.
    pub(super) async fn pull(mut self, force: bool) -> Result<Moved, CliError> {
        if !force && !self.conflicts.is_empty() {
            return Err(
                self.conflict("`ade configs pull --force` takes theirs and overwrites yours; `ade configs push --force` keeps yours")
            );
        }
        let mut moved = Moved::default();
        let mut wanted = std::mem::take(&mut self.changed_there);
        wanted.append(&mut self.conflicts);
        for path in std::mem::take(&mut self.changed_here) {
            // What is here only is nobody's to take away.
            if force && self.there.contains_key(&path) { wanted.push(path) } else { moved.left.push(path.to_string()) }
        }
        let (written, deleted): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|path| self.there.contains_key(path));
        let mut content = read(&self.draft, written.iter().filter(|path| !self.read.contains_key(*path)).cloned()).await?;
        content.append(&mut self.read);
        let outcome = self.pull_all(written, deleted, &content, &mut moved);
        std::fs::create_dir_all(self.directory.path()).map_err(|error| {
            CliError::failed(format!("cannot create {}: {error}", self.directory.path().display())).hint("choose another directory")
        })?;
        self.directory.save(&self.link)?;
        outcome.map(|()| moved)
    }

    fn pull_all(
        &mut self,
        written: Vec<ConfigPath>,
        deleted: Vec<ConfigPath>,
        content: &BTreeMap<ConfigPath, (String, Bytes)>,
        moved: &mut Moved,
    ) -> Result<(), CliError> {
        for path in deleted {
            self.directory.remove(&path)?;
            self.link.files.remove(path.as_str());
            moved.deleted.push(path.to_string());
        }
        for path in written {
            let Some((etag, content)) = content.get(&path) else { continue };
            self.directory.write(&path, content)?;
            self.link.files.insert(path.to_string(), Known::new(etag.clone(), content));
            moved.written.push(path.to_string());
        }
        moved.written.sort();
        Ok(())
    }

    /// What a push of the whole directory would change in the draft.
    pub(super) async fn diff(mut self) -> Result<Vec<FileChange>, CliError> {
        let different: BTreeSet<_> = self.changed_here.iter().chain(&self.changed_there).chain(&self.conflicts).collect();
        let unread = different.iter().filter(|path| self.there.contains_key(**path) && !self.read.contains_key(**path));
        let mut content = read(&self.draft, unread.map(|path| (*path).clone())).await?;
        content.append(&mut self.read);
        let from = content.into_iter().filter(|(path, _)| different.contains(path)).map(|(path, (_, content))| (path, content));
        let to = self.here.iter().filter(|(path, _)| different.contains(path)).map(|(path, content)| (path.clone(), content.clone()));
        Ok(diff(&from.collect(), &to.collect()))
    }

    fn conflict(&self, hint: &str) -> CliError {
        let files: Vec<_> = self.conflicts.iter().map(|path| format!("\n  {path}")).collect();
        let what = if files.len() == 1 { "a file was" } else { "files were" };
        CliError::failed(format!("{what} changed here and in the draft; nothing was moved:{}", files.concat()))
            .hint(format!("see how they differ with `ade configs diff`; {hint}"))
    }
}

/// Reads files of a draft. One that is gone by now is left out.
async fn read(draft: &Draft<'_>, paths: impl Iterator<Item = ConfigPath>) -> Result<BTreeMap<ConfigPath, (String, Bytes)>, CliError> {
    let reads = futures::stream::iter(paths).map(|path| async move {
        match draft.read(&path).await {
            Ok(file) => Ok(Some((path, file))),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(CliError::from(error).about(&path)),
        }
    });
    reads.buffer_unordered(CONCURRENT).try_filter_map(async |file| Ok(file)).try_collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_of_three_states_is_told_apart() {
        let known = Known::new("\"1\"".to_owned(), b"old");
        let (old, new) = (Bytes::from_static(b"old"), Bytes::from_static(b"new"));
        let (first, second) = ("\"1\"".to_owned(), "\"2\"".to_owned());
        let cases = [
            (Some(&known), Some(&old), Some(&first), Changed::Nowhere),
            (None, None, None, Changed::Nowhere),
            (Some(&known), Some(&new), Some(&first), Changed::Here),
            (Some(&known), None, Some(&first), Changed::Here),
            (None, Some(&new), None, Changed::Here),
            (Some(&known), Some(&old), Some(&second), Changed::There),
            (Some(&known), Some(&old), None, Changed::There),
            (None, None, Some(&first), Changed::There),
            (Some(&known), Some(&new), Some(&second), Changed::Both),
            (Some(&known), Some(&new), None, Changed::Both),
            (Some(&known), None, Some(&second), Changed::Both),
            (Some(&known), None, None, Changed::Both),
            (None, Some(&new), Some(&first), Changed::Both),
        ];
        for (known, here, there, expected) in cases {
            assert_eq!(changed(known, here, there), expected, "{known:?} {here:?} {there:?}");
        }
    }
}
