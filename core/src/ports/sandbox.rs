//! Where code that nobody has vouched for is run.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Result;

/// Runs programs that a model wrote or chose, each run's in a directory of its own.
///
/// # Contract
///
/// 1. A workspace is made when it is first used, is empty then, and is nobody else's: no program sees the files
///    of another workspace, or anything of the gateway's own (its environment, its files, its processes).
/// 2. [`run`](Self::run) starts the program in its workspace, which is also its home. It has no network unless
///    the adapter's settings give it one, and no secrets in its environment.
/// 3. A program that passes a limit is ended, and [`Ran::ended`] says which. Only of processes it just cannot
///    start more than it may. What it printed up to [`Limits::output`] is kept, from its beginning; the rest
///    is counted and dropped. A program that is not there has ended with status 127, as a shell would say.
/// 4. When `run` returns, or its future is dropped, no process of the program is left.
/// 5. Paths are relative to the workspace, with `/` between the parts. One that leads out of it, through a
///    link too, is an [`InvalidRequest`](crate::Code::InvalidRequest) that names `path`.
/// 6. What [`pack`](Self::pack) gives, a tar archive, [`unpack`](Self::unpack) restores in an empty workspace
///    of any sandbox. A workspace that is not empty takes none
///    ([`Conflict`](crate::Code::Conflict)).
/// 7. A workspace that does not exist is empty; [`discard`](Self::discard) may be called twice.
/// 8. What cannot be done because nothing holds programs here as the settings want it, or because the sandbox
///    cannot be reached, is [`SandboxUnavailable`](crate::Code::SandboxUnavailable).
#[async_trait]
pub trait Sandbox: fmt::Debug + Send + Sync {
    /// What holds programs here, as found out on this machine.
    async fn confinement(&self) -> Result<Confinement>;

    /// Runs a program to its end, or to its limits.
    async fn run(&self, workspace: &Workspace, program: &Program, limits: &Limits) -> Result<Ran>;

    /// A file of the workspace. `None`: there is none of this name.
    async fn read(&self, workspace: &Workspace, path: &str) -> Result<Option<Bytes>>;

    /// Writes a file, making the directories above it. Whole or not at all.
    async fn write(&self, workspace: &Workspace, path: &str, content: Bytes) -> Result<()>;

    /// The files below a directory (`""`: the workspace), in the order of their paths.
    async fn list(&self, workspace: &Workspace, path: &str) -> Result<Vec<File>>;

    /// Everything in the workspace, as one tar archive.
    async fn pack(&self, workspace: &Workspace) -> Result<Bytes>;

    /// Fills an empty workspace with what was packed.
    async fn unpack(&self, workspace: &Workspace, archive: Bytes) -> Result<()>;

    /// Ends what runs in the workspace and forgets its files.
    async fn discard(&self, workspace: &Workspace) -> Result<()>;
}

/// Names a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Workspace {
    /// Whose it is.
    pub tenant: String,
    /// Which of theirs: the id of a run or of a session.
    pub name: String,
}

/// What to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program, looked up on the sandbox's own path, and its arguments.
    pub command: Vec<String>,
    /// What it reads as its standard input.
    pub stdin: Bytes,
}

/// What a program may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Time on the wall clock.
    pub time: Duration,
    /// Memory of the whole process tree, in bytes.
    pub memory: u64,
    /// Processes and threads at once.
    pub processes: u32,
    /// Bytes of one file, and of the whole workspace.
    pub disk: u64,
    /// Bytes kept of what it prints, of standard output and standard error each.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            memory: 512 << 20,
            processes: 64,
            disk: 64 << 20,
            output: 64 << 10,
        }
    }
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// What it printed.
    pub stdout: Printed,
    /// What it printed as errors.
    pub stderr: Printed,
    /// How long it ran.
    pub time: Duration,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that no limit explains.
    Killed(i32),
    /// It ran out of time.
    OutOfTime,
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// It wrote more than it may keep.
    OutOfDisk,
}

/// What a program printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Its beginning.
    pub kept: Bytes,
    /// How many bytes came after that.
    pub dropped: u64,
}

/// A file of a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path in the workspace.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it is a directory.
    pub directory: bool,
}

/// What holds a program in its sandbox, for people to read and for a setting to insist on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// The means that work here, by name (`landlock`, `seccomp`, `cgroup`, …).
    pub active: Vec<String>,
    /// Those that do not, each with the reason.
    pub missing: Vec<(String, String)>,
}
