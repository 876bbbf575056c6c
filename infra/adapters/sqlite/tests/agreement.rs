//! Whatever happens to both, the SQLite store and the reference agree.

use std::sync::Arc;

use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::{conformance::records_agree_with_the_reference, fakes::TestHost};
use futures::executor::block_on;
use tempfile::TempDir;

#[test]
fn sqlite_does_what_the_reference_does() {
    let (folder, host) = (TempDir::new().unwrap(), Arc::new(TestHost::new()));
    let records = SqliteRecords::new(folder.path().join("dormouse.db"), Arc::clone(&host) as _);
    records_agree_with_the_reference(&records, &host, &|story| block_on(story));
}
