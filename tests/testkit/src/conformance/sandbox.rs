//! The contract of [`Sandbox`], clause by clause.
//!
//! What a program may not do to the machine is not seen through the port: adapters test it themselves.

mod files;
mod programs;

use std::{
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use dormouse_core::ports::{Limits, Program, Ran, Sandbox, Workspace};

/// Checks every clause of the [`Sandbox`] contract, on a sandbox that runs real programs: it has a POSIX shell
/// and the usual tools beside it.
pub async fn sandbox(sandbox: &dyn Sandbox) {
    sandbox_files(sandbox).await;
    programs::check(sandbox).await;
}

/// Checks the clauses that are about files.
pub async fn sandbox_files(sandbox: &dyn Sandbox) {
    files::check(sandbox).await;
}

/// A workspace that nobody has used before.
fn fresh() -> Workspace {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Names are any text.
    Workspace { tenant: "../Tenant é".into(), name: format!("run/{}.{number}", process::id()) }
}

/// A script for the shell.
fn script(text: &str) -> Program {
    Program { command: ["sh", "-c", text].map(str::to_owned).into(), stdin: Bytes::new() }
}

/// Runs a script within the usual limits.
async fn run(sandbox: &dyn Sandbox, workspace: &Workspace, text: &str) -> Ran {
    sandbox.run(workspace, &script(text), &Limits::default()).await.unwrap()
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
