//! Several processes on one file, and processes that are killed.
//!
//! The other processes are this program again, told by their environment what to do.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::{
    env,
    io::{BufRead, BufReader, Write as _, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use dormouse_core::ports::{Commit, Outcome, Page, Records, Write};
use dormouse_sqlite::SqliteRecords;
use dormouse_testkit::fakes::TestHost;
use futures::{executor::block_on, future::join_all};
use tempfile::TempDir;

const FILE: &str = "DORMOUSE_TEST_FILE";
const NAME: &str = "DORMOUSE_TEST_NAME";
const CEILING: &str = "DORMOUSE_TEST_CEILING";

fn open(path: &Path) -> SqliteRecords {
    SqliteRecords::new(path, Arc::new(TestHost::new()))
}

/// Starts a process that counts up to `ceiling`, together with all others.
fn start(path: &Path, name: &str, ceiling: i64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "the_other_process", "--nocapture"])
        .env(FILE, path)
        .env(NAME, name)
        .env(CEILING, ceiling.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn the_other_process() {
    // Asked for by hand it has no file to work on.
    let Some(path) = env::var_os(FILE) else { return };
    let (name, ceiling) = (env::var(NAME).unwrap(), env::var(CEILING).unwrap());
    let (records, ceiling) = (open(Path::new(&path)), ceiling.parse().unwrap());
    let count = async |task: usize| {
        for number in 0.. {
            let id = format!("{name}-{task}-{number}");
            let writes = vec![
                Write::put("receipts", &id, ""),
                Write::add_within("counters", "c", [("count", 1)], ("count", ceiling)),
            ];
            let outcome = records.commit(Commit::new("acme", writes)).await.unwrap();
            if matches!(outcome, Outcome::Refused { .. }) {
                break;
            }
            writeln!(stdout(), "committed {id}").unwrap();
        }
    };
    block_on(join_all((0..8).map(count)));
}

/// What a process says it has committed. A line that its death cut short does not count.
fn acknowledged(child: &mut Child, most: usize) -> Vec<String> {
    // One byte at a time, so that what is not asked for now can be read later.
    let mut lines = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    let (mut ids, mut line) = (Vec::new(), String::new());
    while ids.len() < most && lines.read_line(&mut line).unwrap() > 0 {
        if let Some((_, id)) = line.split_once("committed ")
            && let Some(id) = id.strip_suffix('\n')
        {
            ids.push(id.to_owned());
        }
        line.clear();
    }
    ids
}

/// All that is in the file: the ids of the receipts, and their count.
fn kept(path: &Path) -> (Vec<String>, i64) {
    let records = open(path);
    let (mut ids, mut page) = (Vec::new(), Page { limit: 1000, ..Page::default() });
    loop {
        let some = block_on(records.page("acme", "receipts", page.clone())).unwrap();
        let Some(last) = some.last() else { break };
        page.after = Some(last.id.clone());
        ids.extend(some.into_iter().map(|record| record.id));
    }
    let counter = block_on(records.get("acme", "counters", "c")).unwrap().unwrap();
    (ids, counter.counters["count"])
}

#[test]
fn a_killed_process_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let mut acknowledged_by_all = Vec::new();
    for round in 0..3 {
        let mut children = ["a", "b"].map(|name| start(&path, &format!("{name}{round}"), i64::MAX));
        for child in &mut children {
            acknowledged_by_all.extend(acknowledged(child, 150));
        }
        for child in &mut children {
            child.kill().unwrap();
            acknowledged_by_all.extend(acknowledged(child, usize::MAX));
            assert!(!child.wait().unwrap().success(), "it ended before it was killed");
        }

        let (ids, count) = kept(&path);

        for id in &acknowledged_by_all {
            assert!(ids.binary_search(id).is_ok(), "{id} was acknowledged, and is lost");
        }
        assert_eq!(usize::try_from(count).unwrap(), ids.len(), "a commit was applied by half");
    }
    assert!(acknowledged_by_all.len() >= 900);
}

#[test]
fn a_budget_is_never_passed_by_three_processes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dormouse.db");
    let mut children = ["a", "b", "c"].map(|name| start(&path, name, 1000));

    let mut committed: Vec<_> =
        children.iter_mut().flat_map(|child| acknowledged(child, usize::MAX)).collect();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }

    committed.sort_unstable();
    assert_eq!(committed.len(), 1000);
    assert_eq!(kept(&path), (committed, 1000));
}
