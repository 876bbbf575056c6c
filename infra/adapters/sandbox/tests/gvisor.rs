//! gVisor, where it is installed: Debian's package `runsc`.
#![cfg(target_os = "linux")]

use std::path::Path;

use dormouse_core::{
    Code,
    ports::{Ended, Limits, Program, Sandbox, Workspace},
};
use dormouse_sandbox::{Options, ProcessSandbox};
use dormouse_testkit::conformance;
use tempfile::TempDir;

fn sandbox(folder: &Path, runsc: &str) -> ProcessSandbox {
    let helper = env!("CARGO_BIN_EXE_dormouse-sandbox-helper").into();
    let gvisor = Some(runsc.into());
    ProcessSandbox::new(Options { helper, gvisor, ..Options::new(folder.join("workspaces")) })
}

fn workspace() -> Workspace {
    Workspace { tenant: "t".into(), name: "w".into() }
}

#[tokio::test]
async fn gvisor_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let program = Program { command: vec!["true".into()], ..Program::default() };
    let sandbox = sandbox(folder.path(), "/nowhere/runsc");
    let error = sandbox.run(&workspace(), &program, &Limits::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::SandboxUnavailable, "{error}");
    assert!(error.message().contains("/nowhere/runsc"), "{error}");
}

#[tokio::test]
#[ignore = "needs a runsc on PATH"]
async fn gvisor_conforms() {
    let folder = TempDir::new().unwrap();
    conformance::sandbox(&sandbox(folder.path(), "runsc")).await;
}

#[tokio::test]
#[ignore = "needs a runsc on PATH"]
async fn a_program_in_gvisor_sees_another_kernel() {
    let folder = TempDir::new().unwrap();
    let command = ["sh", "-c", "cat /proc/version; pwd"].map(str::to_owned).into();
    let program = Program { command, ..Program::default() };
    let ran = sandbox(folder.path(), "runsc").run(&workspace(), &program, &Limits::default()).await;
    let ran = ran.unwrap();
    assert_eq!(ran.ended, Ended::Exited(0), "{ran:?}");
    let (printed, here) = (
        String::from_utf8_lossy(&ran.stdout.kept).into_owned(),
        std::fs::read_to_string("/proc/version").unwrap(),
    );
    assert!(!printed.contains(here.trim()) && printed.contains("/workspace"), "{printed}");
}
