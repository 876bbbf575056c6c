//! The contract, on this machine.
#![cfg(target_os = "linux")]

use dormouse_sandbox::{Options, ProcessSandbox};
use dormouse_testkit::conformance;
use tempfile::TempDir;

#[tokio::test]
async fn a_sandbox_of_processes_conforms() {
    let folder = TempDir::new().expect("a directory");
    let helper = env!("CARGO_BIN_EXE_dormouse-sandbox-helper").into();
    let options = Options { helper, ..Options::new(folder.path().join("workspaces")) };
    let sandbox = ProcessSandbox::new(options);

    conformance::sandbox(&sandbox).await;
}
