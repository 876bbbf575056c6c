//! Tools that are programs: one executable each, in a directory.
//!
//! | call                | says                                                                             |
//! |---------------------|----------------------------------------------------------------------------------|
//! | `plugin --describe` | prints `{"name", "description", "input_schema", "timeout_seconds"}`; the last is not needed |
//! | `plugin`            | reads `{"input": {…}, "context": {…}}`, prints `{"output": …}` or `{"error": "…"}`, or plain text |
//!
//! An operator put the programs there, so they run as the gateway does, outside of its sandbox, but with a
//! clean environment: none of the gateway's secrets are in it. Whatever they do wrong (print garbage, flood,
//! hang, crash, leave children behind) ends in what the model is told.

mod plugin;
mod run;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use dormouse_core::{
    Code, Error, Result,
    tools::{Tool, Toolbox},
};
use futures::{StreamExt, stream};
use plugin::Plugin;

/// The most programs of a directory.
const MAX_PLUGINS: usize = 128;
/// How long a program may take to describe itself, if nothing else is said: less than whoever asks for tools
/// waits, so that one that hangs is found out and remembered.
const DESCRIBES_WITHIN: Duration = Duration::from_secs(4);
/// How many programs describe themselves at once.
const AT_ONCE: usize = 8;

/// The programs in a directory, as tools. They are looked for whenever the tools are asked for, and asked to
/// describe themselves when they are new or have changed, or could not be started the last time.
#[derive(Debug)]
pub struct Plugins {
    directory: PathBuf,
    patience: Duration,
    known: Mutex<BTreeMap<PathBuf, Known>>,
}

/// A program that was asked what it is.
#[derive(Clone, Debug)]
struct Known {
    state: State,
    /// `None`: it did not say.
    plugin: Option<Arc<Plugin>>,
}

/// What changes when a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    length: u64,
    changed: Option<SystemTime>,
}

impl Plugins {
    /// The programs in `directory`: its executable files, but for those that are hidden, and those that
    /// anyone may write to.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), patience: DESCRIBES_WITHIN, known: Mutex::default() }
    }

    /// The same, where a program may take so long to describe itself.
    #[must_use]
    pub fn describing_within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program at `path`, as it is now.
    async fn learn(&self, path: PathBuf, state: State) -> Option<Arc<Plugin>> {
        let known = self.known().get(&path).filter(|known| known.state == state).cloned();
        if let Some(known) = known {
            return known.plugin;
        }
        let plugin = match Plugin::describe(&path, self.patience).await {
            Ok(described) => described.map(Arc::new).map_err(|why| left_out(&path, &why)).ok(),
            Err(error) => {
                left_out(&path, &format!("this time, since it cannot be run: {error}"));
                return None;
            }
        };
        self.known().insert(path, Known { state, plugin: plugin.clone() });
        plugin
    }
}

#[async_trait]
impl Toolbox for Plugins {
    async fn tools(&self) -> Result<Vec<Arc<dyn Tool>>> {
        let programs = programs(&self.directory).map_err(|error| {
            Error::new(Code::Internal, "the directory of plugins cannot be read").caused_by(error)
        })?;
        self.known().retain(|path, _| programs.iter().any(|(it, _)| it == path));
        let learning = programs.into_iter().map(|(path, state)| self.learn(path, state));
        let learned: Vec<_> = stream::iter(learning).buffered(AT_ONCE).collect().await;
        let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
        for plugin in learned.into_iter().flatten() {
            let name = &plugin.definition().name;
            if tools.iter().any(|tool| tool.definition().name == *name) {
                tracing::warn!(
                    name,
                    "two plugins have the same name; the first by file name counts"
                );
            } else {
                tools.push(plugin);
            }
        }
        Ok(tools)
    }
}

fn left_out(program: &Path, why: &str) {
    tracing::warn!(plugin = %program.display(), why, "a plugin is left out");
}

/// The programs in a directory, in the order of their file names.
fn programs(directory: &Path) -> io::Result<Vec<(PathBuf, State)>> {
    let mut programs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            let path = entry.path();
            programs.extend(program(&path).map(|state| (path, state)));
        }
    }
    programs.sort_by(|(one, _), (other, _)| one.cmp(other));
    if programs.len() > MAX_PLUGINS {
        tracing::warn!(most = MAX_PLUGINS, "there are too many plugins; the last are left out");
        programs.truncate(MAX_PLUGINS);
    }
    Ok(programs)
}

/// The state of the file that `path` leads to, by links too, if it is a program that only its owner may change.
fn program(path: &Path) -> Option<State> {
    // One that is gone by now is none.
    let metadata = fs::metadata(path).ok()?;
    let mode = metadata.permissions().mode();
    if !metadata.is_file() || mode & 0o111 == 0 {
        return None;
    }
    if mode & 0o002 != 0 {
        tracing::warn!(plugin = %path.display(), "a plugin that anyone may change is left out");
        return None;
    }
    Some(State {
        file: (metadata.dev(), metadata.ino()),
        length: metadata.len(),
        changed: metadata.modified().ok(),
    })
}
