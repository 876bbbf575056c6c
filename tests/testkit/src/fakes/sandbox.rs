//! A sandbox that runs nothing: programs do as a test says.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{Confinement, Ended, File, Limits, Program, Ran, Sandbox, Workspace},
};

/// The files of a workspace by their paths.
pub type Files = BTreeMap<String, Bytes>;
type Script = dyn Fn(&Program, &mut Files) -> Ran + Send + Sync;

/// Files in memory, and programs that a test writes as one function.
pub struct FakeSandbox {
    workspaces: Mutex<BTreeMap<(String, String), Files>>,
    script: Box<Script>,
}

impl FakeSandbox {
    /// A sandbox in which every program does what `script` does.
    pub fn new(script: impl Fn(&Program, &mut Files) -> Ran + Send + Sync + 'static) -> Self {
        Self { workspaces: Mutex::default(), script: Box::new(script) }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(String, String), Files>> {
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self, workspace: &Workspace) -> Files {
        self.all().get(&key(workspace)).cloned().unwrap_or_default()
    }
}

fn key(workspace: &Workspace) -> (String, String) {
    (workspace.tenant.clone(), workspace.name.clone())
}

/// A path without detours.
fn plain(path: &str) -> Result<String> {
    let refused = || Error::invalid("path", "this leads out of the workspace");
    let mut parts = Vec::new();
    if path.starts_with('/') || path.contains('\0') {
        return Err(refused());
    }
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop().ok_or_else(refused)?;
        } else {
            parts.push(part);
        }
    }
    Ok(parts.join("/"))
}

fn named(path: &str) -> Result<String> {
    let path = plain(path)?;
    if path.is_empty() {
        return Err(Error::invalid("path", "this is not the path of a file"));
    }
    Ok(path)
}

/// Files, and the directories that they are in.
fn listed(files: &Files, directory: &str) -> Vec<File> {
    let mut found = BTreeMap::new();
    let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with(&prefix)) {
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        found.insert(path.clone(), File { path: path.clone(), size, directory: false });
        let above = path.match_indices('/').filter(|(at, _)| *at > prefix.len());
        for (at, _) in above {
            let path = path.split_at(at).0.to_owned();
            found.insert(path.clone(), File { path, size: 0, directory: true });
        }
    }
    found.into_values().collect()
}

#[async_trait]
impl Sandbox for FakeSandbox {
    async fn confinement(&self) -> Result<Confinement> {
        Ok(Confinement { active: vec!["nothing is run".to_owned()], ..Confinement::default() })
    }

    async fn run(&self, workspace: &Workspace, program: &Program, limits: &Limits) -> Result<Ran> {
        if program.command.is_empty() {
            return Err(Error::invalid("command", "there is no program to run"));
        }
        let mut ran = (self.script)(program, self.all().entry(key(workspace)).or_default());
        for printed in [&mut ran.stdout, &mut ran.stderr] {
            let kept = printed.kept.len().min(limits.output);
            let rest = printed.kept.split_off(kept);
            printed.dropped += u64::try_from(rest.len()).unwrap_or(u64::MAX);
        }
        if ran.time > limits.time {
            ran.ended = Ended::OutOfTime;
        }
        Ok(ran)
    }

    async fn read(&self, workspace: &Workspace, path: &str) -> Result<Option<Bytes>> {
        let (files, path) = (self.files(workspace), named(path)?);
        if !listed(&files, &path).is_empty() {
            return Err(Error::invalid("path", "this is not a file"));
        }
        Ok(files.get(&path).cloned())
    }

    async fn write(&self, workspace: &Workspace, path: &str, content: Bytes) -> Result<()> {
        let path = named(path)?;
        let mut all = self.all();
        let files = all.entry(key(workspace)).or_default();
        let above = path.match_indices('/').any(|(at, _)| files.contains_key(path.split_at(at).0));
        if above || !listed(files, &path).is_empty() {
            return Err(Error::invalid("path", "a part of this is not a directory"));
        }
        files.insert(path, content);
        Ok(())
    }

    async fn list(&self, workspace: &Workspace, path: &str) -> Result<Vec<File>> {
        if path.starts_with('/') {
            return Err(Error::invalid("path", "this leads out of the workspace"));
        }
        Ok(listed(&self.files(workspace), &plain(path)?))
    }

    async fn pack(&self, workspace: &Workspace) -> Result<Bytes> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in self.files(workspace) {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
            archive.append_data(&mut header, path, &*content).map_err(broken)?;
        }
        archive.into_inner().map(Bytes::from).map_err(broken)
    }

    async fn unpack(&self, workspace: &Workspace, archive: Bytes) -> Result<()> {
        if !self.files(workspace).is_empty() {
            return Err(Error::new(Code::Conflict, "the workspace is not empty"));
        }
        let mut files = Files::new();
        for entry in tar::Archive::new(&*archive).entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let path = entry.path().map_err(broken)?.into_owned();
            if entry.header().entry_type().is_file() {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).map_err(broken)?;
                files.insert(name(&path)?, content.into());
            }
        }
        self.all().insert(key(workspace), files);
        Ok(())
    }

    async fn discard(&self, workspace: &Workspace) -> Result<()> {
        self.all().remove(&key(workspace));
        Ok(())
    }
}

fn name(path: &Path) -> Result<String> {
    named(path.to_str().unwrap_or_default())
}

fn broken(error: io::Error) -> Error {
    Error::invalid("archive", "this cannot be unpacked").caused_by(error)
}

impl fmt::Debug for FakeSandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeSandbox").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn its_files_are_those_of_a_sandbox() {
        let nothing = |_: &Program, _: &mut Files| panic!("nothing is run");
        block_on(crate::conformance::sandbox_files(&FakeSandbox::new(nothing)));
    }
}
