//! Files that cannot be used.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::{error::Error as _, fs, path::Path, sync::Arc, time::Duration};

use dormouse_core::{
    Code, Error,
    ports::{Commit, Outcome, Page, Records, Write},
};
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::fakes::TestHost;
use futures::{
    executor::block_on,
    future::{join, join_all},
};
use rusqlite::Connection;
use tempfile::TempDir;

fn open(path: &Path) -> SqliteRecords {
    SqliteRecords::new(path, Arc::new(TestHost::new()))
}

fn count() -> Commit {
    Commit::new("acme", vec![Write::add("counters", "c", [("count", 1)])])
}

async fn counted(records: &SqliteRecords) -> i64 {
    records.get("acme", "counters", "c").await.unwrap().unwrap().counters["count"]
}

/// Checks that an error can be retried, has a cause for the log, and tells clients no paths.
fn assert_unavailable(error: &Error, path: &Path) {
    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.source().is_some(), "{error} has no cause");
    assert!(error.delay().is_some(), "{error} does not say when to come back");
    assert!(!error.to_string().contains(path.to_str().unwrap()), "{error} tells the path");
}

/// Checks that every call to the store is refused.
async fn assert_down(records: &SqliteRecords, path: &Path) {
    let get = records.get("acme", "counters", "c").await.unwrap_err();
    let page = records.page("acme", "counters", Page::default()).await.unwrap_err();
    let commit = records.commit(count()).await.unwrap_err();
    for error in [get, page, commit] {
        assert_unavailable(&error, path);
    }
}

#[test]
fn nothing_is_touched_before_the_first_call() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let records = open(&path);
    assert!(!path.exists());

    assert_eq!(block_on(records.get("acme", "counters", "c")).unwrap(), None);
    assert!(path.exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    block_on(open(&folder.path().join("dormouse.db")).commit(count())).unwrap();

    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        // SQLite may remove its log between the two calls.
        if let Ok(metadata) = entry.metadata() {
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{entry:?}");
        }
    }
}

#[test]
fn a_missing_folder_is_an_unavailable_store_until_it_is_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("missing").join("dormouse.db");
    let records = open(&path);
    block_on(assert_down(&records, &path));

    fs::create_dir(folder.path().join("missing")).unwrap();

    block_on(records.commit(count())).unwrap();
    assert_eq!(block_on(counted(&records)), 1);
}

#[test]
fn a_file_that_is_no_database_is_an_unavailable_store_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    fs::write(&path, "a letter to grandmother".repeat(1000)).unwrap();

    block_on(assert_down(&open(&path), &path));

    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter to grandmother".repeat(1000));
}

#[test]
fn a_corrupted_file_is_an_unavailable_store() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let records = open(&path);
    let puts = (0..20).map(|id| Write::put("things", format!("{id}"), vec![0; 4096])).collect();
    block_on(records.commit(Commit::new("acme", puts))).unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();

    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xff);
    fs::write(&path, bytes).unwrap();

    let reopened = open(&path);
    block_on(assert_down(&reopened, &path));
}

#[test]
fn a_file_of_a_newer_gateway_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 1000).unwrap();

    block_on(assert_down(&open(&path), &path));

    let version = newer.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    assert_eq!(version.unwrap(), 1000);
}

#[test]
fn a_memory_path_is_a_file_like_any_other() {
    let records = SqliteRecords::new(":memory:", Arc::new(TestHost::new()));
    let expected = std::env::current_dir().unwrap().join(":memory:");
    assert!(format!("{records:?}").contains(expected.to_str().unwrap()), "{records:?}");
}

#[test]
fn while_another_process_writes_commits_are_refused_in_time_and_reads_go_on() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let records = open(&path).with_lock_timeout(Duration::from_millis(50));
    block_on(records.commit(count())).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let error = block_on(records.commit(count())).unwrap_err();

    assert_unavailable(&error, &path);
    assert!(error.message().contains("locked"), "{error}");
    assert_eq!(block_on(counted(&records)), 1);
    other.execute_batch("ROLLBACK").unwrap();
    block_on(records.commit(count())).unwrap();
    assert_eq!(block_on(counted(&records)), 2);
}

#[test]
fn commits_beyond_the_queue_are_refused_at_once_and_the_others_are_applied() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let records = open(&path).with_lock_timeout(Duration::from_secs(60));
    block_on(records.commit(count())).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    // `join` asks for all commits before it polls the second future, which lets them through.
    let all = join_all((0..1000).map(|_| records.commit(count())));
    let release = async { other.execute_batch("ROLLBACK").unwrap() };
    let (outcomes, ()) = block_on(join(all, release));

    let (applied, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert!(applied.iter().flatten().all(|outcome| matches!(outcome, Outcome::Applied(_))));
    assert!(applied.len() >= 512, "only {} of 1000 were taken", applied.len());
    assert!(!refused.is_empty(), "1000 commits found a place in the queue");
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Code::StoreUnavailable);
        assert!(error.delay().is_some());
    }
    let applied = i64::try_from(applied.len()).unwrap();
    assert_eq!(block_on(counted(&records)), 1 + applied);
}

#[test]
fn a_commit_that_fails_does_not_fail_those_beside_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let records = open(&path).with_lock_timeout(Duration::from_secs(60));
    block_on(records.commit(count())).unwrap();
    let other = Connection::open(&path).unwrap();
    let broken = Commit::new("acme", vec![Write::add("counters", "broken", [("count", 1)])]);
    block_on(records.commit(broken.clone())).unwrap();
    other.execute("UPDATE records SET counters = 'not JSON' WHERE id = 'broken'", []).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let all = join_all([count(), broken, count()].map(|commit| records.commit(commit)));
    let release = async { other.execute_batch("ROLLBACK").unwrap() };
    let (outcomes, ()) = block_on(join(all, release));

    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert_unavailable(outcomes[1].as_ref().unwrap_err(), &path);
    assert_eq!(block_on(counted(&records)), 3);
}

#[test]
fn what_has_expired_leaves_the_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let host = Arc::new(TestHost::new());
    let records = SqliteRecords::new(&path, Arc::clone(&host) as _);
    let expiry = dormouse_core::ports::Host::now(&*host) + Duration::from_secs(1);
    let fleeting = |id| Write::put_until("things", format!("{id}"), "", expiry, Default::default());
    let commit = Commit::new("acme", (0..20).map(fleeting).collect()).with_token("token");
    block_on(records.commit(commit)).unwrap();

    host.advance(Duration::from_secs(3600));
    block_on(records.commit(count())).unwrap();

    let file = Connection::open(&path).unwrap();
    let rows = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        file.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((rows("records"), rows("tokens")), (1, 0));
}
