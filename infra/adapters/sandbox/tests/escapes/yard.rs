//! Sandboxes to break out of, and how to look for what got out.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use dormouse_core::ports::{Limits, Program, Ran, Sandbox, Workspace};
use dormouse_sandbox::{Options, ProcessSandbox};
use tempfile::TempDir;

/// How long something may take that must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A sandbox, and the directory in which its own is.
#[derive(Debug)]
pub(crate) struct Yard {
    pub(crate) name: &'static str,
    pub(crate) sandbox: ProcessSandbox,
    pub(crate) folder: TempDir,
}

/// Every way in which programs are held.
pub(crate) fn yards() -> [Yard; 2] {
    [yard("with namespaces", true), yard("without namespaces", false)]
}

fn yard(name: &'static str, namespaces: bool) -> Yard {
    let folder = TempDir::new().unwrap();
    // Programs are another user than root, and must get to their files.
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let options = Options { namespaces, ..options(folder.path()) };
    Yard { name, sandbox: ProcessSandbox::new(options), folder }
}

pub(crate) fn options(folder: &Path) -> Options {
    let helper = env!("CARGO_BIN_EXE_dormouse-sandbox-helper").into();
    Options { helper, ..Options::new(folder.join("workspaces")) }
}

impl Yard {
    /// Runs a program in the yard's usual workspace.
    pub(crate) async fn run(&self, command: &[&str], limits: &Limits) -> Ran {
        let program =
            Program { command: command.iter().map(|&it| it.into()).collect(), stdin: Bytes::new() };
        let ran = self.sandbox.run(&workspace("a"), &program, limits).await;
        ran.unwrap_or_else(|error| {
            panic!("{}: {error}: {:?}", self.name, std::error::Error::source(&error))
        })
    }

    /// Runs a script, and returns everything that it printed.
    pub(crate) async fn sh(&self, script: &str) -> String {
        let ran = self.run(&["sh", "-c", script], &usual()).await;
        format!("{}{}", text(&ran.stdout.kept), text(&ran.stderr.kept))
    }

    /// The same for Python.
    pub(crate) async fn python(&self, script: &str) -> String {
        let ran = self.run(&["python3", "-c", script], &usual()).await;
        format!("{}{}", text(&ran.stdout.kept), text(&ran.stderr.kept))
    }
}

/// Limits that nothing here reaches, on a slow machine either.
pub(crate) fn usual() -> Limits {
    Limits { time: Duration::from_secs(300), ..Limits::default() }
}

pub(crate) fn workspace(name: &str) -> Workspace {
    Workspace { tenant: "tenant".into(), name: name.into() }
}

pub(crate) fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A number of seconds to sleep for, longer than any test, by which the sleeper is known.
pub(crate) fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("7777.{}{:04}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// How many processes of the machine have a mark.
pub(crate) fn marked(mark: &str) -> usize {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|it| fs::read(it.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(mark)).count()
}

/// Waits until something is so.
pub(crate) async fn until(claim: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "{claim}");
        tokio::task::yield_now().await;
    }
}
