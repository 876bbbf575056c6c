//! Several processes on one file.

use std::{path::PathBuf, sync::Arc};

use dormouse_core::ports::Records;
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::{conformance::processes, fakes::TestHost};
use tempfile::TempDir;

fn open(path: &str) -> Arc<dyn Records> {
    Arc::new(SqliteRecords::new(path, Arc::new(TestHost::new())))
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("dormouse.db")
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn the_other_process() {
    processes::the_other(open);
}

#[tokio::test]
async fn a_budget_is_never_passed_by_four_processes() {
    let folder = TempDir::new().unwrap();
    processes::a_budget_is_never_passed(file(&folder).to_str().unwrap(), open).await;
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    processes::a_killed_process_loses_nothing(file(&folder).to_str().unwrap(), open).await;
}
