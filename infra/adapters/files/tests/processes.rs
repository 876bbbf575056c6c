//! Several processes on one directory, and processes that are killed.
//!
//! The other processes are this program again, told by their environment what to do.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{
    env, fs,
    io::{BufRead, BufReader, Write as _, stdout},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use bytes::Bytes;
use dormouse_core::ports::{BlobPage, Blobs, NewBlob};
use dormouse_files::FileBlobs;
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, stream};
use tempfile::TempDir;

const ROOT: &str = "DORMOUSE_TEST_ROOT";
const SEED: &str = "DORMOUSE_TEST_SEED";
const BLOBS: usize = 200;

fn open(root: &Path, seed: u64) -> FileBlobs {
    FileBlobs::new(root, Arc::new(TestHost::seeded(seed)))
}

fn start(test: &str, root: &Path, seed: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(ROOT, root)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Where this process shall work, and its number; `None` if it was asked for by hand.
fn task() -> Option<(FileBlobs, u64)> {
    let root = env::var_os(ROOT)?;
    let seed = env::var(SEED).unwrap().parse().unwrap();
    Some((open(Path::new(&root), seed), seed))
}

#[tokio::test]
#[ignore = "another test starts it as a process of its own"]
async fn writes_every_name() {
    let Some((blobs, seed)) = task() else { return };
    for number in 0..BLOBS {
        let blob = NewBlob::whole("text/plain", seed.to_string().repeat(10_000)).unwrap();
        if blobs.put("acme", &format!("{number:04}"), blob).await.unwrap() {
            writeln!(stdout(), "wrote {number:04}").unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "another test starts it as a process of its own"]
async fn never_finishes() {
    let Some((blobs, _)) = task() else { return };
    let halfway = stream::once(async {
        writeln!(stdout(), "wrote half").unwrap();
        Ok(Bytes::from_static(b"second"))
    });
    let first = stream::iter([Ok(Bytes::from_static(b"first"))]);
    let content = first.chain(halfway).chain(stream::pending()).boxed();
    let blob = NewBlob::streamed("text/plain", content).unwrap();
    blobs.put("acme", "half", blob).await.unwrap();
}

/// What a process says it wrote, up to `most` blobs.
fn written(child: &mut Child, most: usize) -> Vec<String> {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let wrote = |line: String| Some(line.split_once("wrote ")?.1.to_owned());
    lines.map(Result::unwrap).filter_map(wrote).take(most).collect()
}

#[tokio::test]
async fn of_three_processes_that_write_one_name_one_wins() {
    let folder = TempDir::new().unwrap();
    let mut children =
        [1, 2, 3].map(|seed| (seed, start("writes_every_name", folder.path(), seed)));

    let mut winners: Vec<(String, u64)> = Vec::new();
    for (seed, child) in &mut children {
        winners.extend(written(child, usize::MAX).into_iter().map(|name| (name, *seed)));
        assert!(child.wait().unwrap().success());
    }
    winners.sort_unstable();

    let names: Vec<_> = winners.iter().map(|(name, _)| name.clone()).collect();
    let all: Vec<_> = (0..BLOBS).map(|number| format!("{number:04}")).collect();
    assert_eq!(names, all, "each name was written once");
    let blobs = open(folder.path(), 4);
    for (name, winner) in winners {
        let blob = blobs.get("acme", &name, None).await.unwrap().unwrap();
        assert_eq!(blob.collect().await.unwrap(), winner.to_string().repeat(10_000), "{name}");
    }
}

#[tokio::test]
async fn what_a_killed_process_left_is_unseen_and_then_removed() {
    let folder = TempDir::new().unwrap();
    let drafts = || fs::read_dir(folder.path().join(".new")).unwrap().count();
    let mut child = start("never_finishes", folder.path(), 1);
    assert_eq!(written(&mut child, 1), ["half"]);
    let put = async |seed, name: &str| {
        let blob = NewBlob::whole("text/plain", "whole").unwrap();
        assert!(open(folder.path(), seed).put("acme", name, blob).await.unwrap());
    };

    put(2, "beside").await;
    assert_eq!(drafts(), 1, "what another process is writing is left alone");
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = open(folder.path(), 3).list("acme", BlobPage::default()).await.unwrap();
    assert_eq!(listed.len(), 1, "half a blob is listed: {listed:?}");
    put(4, "half").await;

    assert_eq!(drafts(), 0, "what a dead process wrote is removed");
}
