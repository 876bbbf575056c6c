//! Clauses 1 and 5 to 7: workspaces and what is in them.

use bytes::Bytes;
use dormouse_core::{
    Code,
    ports::{File, Sandbox},
};

use super::fresh;

pub(super) async fn check(sandbox: &dyn Sandbox) {
    what_does_not_exist_is_empty(sandbox).await;
    a_workspace_is_nobody_elses(sandbox).await;
    files_are_listed_in_the_order_of_their_paths(sandbox).await;
    a_file_is_replaced_as_a_whole(sandbox).await;
    a_path_that_leads_out_is_refused(sandbox).await;
    what_was_packed_is_restored(sandbox).await;
    nothing_can_be_packed_and_restored(sandbox).await;
    a_workspace_that_is_not_empty_takes_no_archive(sandbox).await;
}

async fn what_does_not_exist_is_empty(sandbox: &dyn Sandbox) {
    let nowhere = fresh();
    assert_eq!(sandbox.read(&nowhere, "a").await.unwrap(), None, "clause 7: it has no files");
    assert_eq!(sandbox.list(&nowhere, "").await.unwrap(), [], "clause 7: and lists none");
    assert_eq!(sandbox.list(&nowhere, "a/b").await.unwrap(), [], "clause 7: nor below a directory");
    sandbox.discard(&nowhere).await.expect("clause 7: it may be discarded");
    sandbox.discard(&nowhere).await.expect("clause 7: twice");
}

async fn a_workspace_is_nobody_elses(sandbox: &dyn Sandbox) {
    let (mine, theirs) = (fresh(), fresh());
    sandbox.write(&mine, "a", Bytes::from_static(b"mine")).await.unwrap();
    assert_eq!(sandbox.read(&theirs, "a").await.unwrap(), None, "clause 1: of the same tenant");
    let mut other = mine.clone();
    other.tenant = "another".into();
    assert_eq!(sandbox.read(&other, "a").await.unwrap(), None, "clause 1: of the same name");
    sandbox.discard(&mine).await.unwrap();
    assert_eq!(sandbox.read(&mine, "a").await.unwrap(), None, "clause 7: discarded is empty");
    for workspace in [theirs, other] {
        sandbox.discard(&workspace).await.unwrap();
    }
}

async fn files_are_listed_in_the_order_of_their_paths(sandbox: &dyn Sandbox) {
    let here = fresh();
    for path in ["b", "a/c/d", "a/b", "é"] {
        sandbox.write(&here, path, Bytes::from_static(b"12345")).await.unwrap();
    }
    let file = |path: &str| File { path: path.into(), size: 5, directory: false };
    let directory = |path: &str| File { path: path.into(), size: 0, directory: true };
    let below = [file("a/b"), directory("a/c"), file("a/c/d")];
    let all = [directory("a"), file("a/b"), directory("a/c"), file("a/c/d"), file("b"), file("é")];
    assert_eq!(sandbox.list(&here, "").await.unwrap(), all, "all of them");
    assert_eq!(sandbox.list(&here, "a").await.unwrap(), below, "those below a directory");
    assert_eq!(sandbox.list(&here, "nowhere").await.unwrap(), [], "and below none");
    sandbox.discard(&here).await.unwrap();
}

async fn a_file_is_replaced_as_a_whole(sandbox: &dyn Sandbox) {
    let here = fresh();
    for content in ["a longer content", "short", ""] {
        sandbox.write(&here, "d/f", Bytes::from(content)).await.unwrap();
        assert_eq!(sandbox.read(&here, "d/f").await.unwrap().unwrap(), content);
    }
    let error = sandbox.write(&here, "d/f/g", Bytes::new()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest, "a file is no directory: {error}");
    let error = sandbox.read(&here, "d").await.unwrap_err();
    assert_eq!(error.param(), Some("path"), "a directory is no file: {error}");
    sandbox.discard(&here).await.unwrap();
}

async fn a_path_that_leads_out_is_refused(sandbox: &dyn Sandbox) {
    let here = fresh();
    sandbox.write(&here, "a/b", Bytes::new()).await.unwrap();
    for path in ["../b", "/etc/passwd", "a/../../b", "..", "", "a\0b"] {
        let error = sandbox.read(&here, path).await.expect_err(path);
        assert_eq!(error.code(), Code::InvalidRequest, "clause 5: {path:?}: {error}");
        assert_eq!(error.param(), Some("path"), "clause 5: {path:?}: {error}");
        let error = sandbox.write(&here, path, Bytes::new()).await.expect_err(path);
        assert_eq!(error.param(), Some("path"), "clause 5: to write {path:?}: {error}");
    }
    for path in ["..", "/", "a/../.."] {
        let error = sandbox.list(&here, path).await.expect_err(path);
        assert_eq!(error.param(), Some("path"), "clause 5: to list {path:?}: {error}");
    }
    assert_eq!(sandbox.read(&here, "a/../a/b").await.unwrap().unwrap(), "", "clause 5: within");
    sandbox.discard(&here).await.unwrap();
}

async fn what_was_packed_is_restored(sandbox: &dyn Sandbox) {
    let (here, there) = (fresh(), fresh());
    let long = format!("{}/file", "directory".repeat(20));
    let content = Bytes::from(vec![7; 100_000]);
    for path in ["a", "b/c", &long] {
        sandbox.write(&here, path, content.clone()).await.unwrap();
    }
    let archive = sandbox.pack(&here).await.unwrap();
    sandbox.unpack(&there, archive).await.unwrap();
    assert_eq!(
        sandbox.list(&there, "").await.unwrap(),
        sandbox.list(&here, "").await.unwrap(),
        "clause 6: the same files"
    );
    assert_eq!(
        sandbox.read(&there, &long).await.unwrap().unwrap(),
        content,
        "clause 6: as they were"
    );
    for workspace in [here, there] {
        sandbox.discard(&workspace).await.unwrap();
    }
}

async fn nothing_can_be_packed_and_restored(sandbox: &dyn Sandbox) {
    let (there, nowhere) = (fresh(), fresh());
    let nothing = sandbox.pack(&nowhere).await.expect("clause 7: nothing can be packed");
    sandbox.unpack(&there, nothing).await.expect("clause 7: and restored");
    assert_eq!(sandbox.list(&there, "").await.unwrap(), [], "clause 6: as nothing");
    let error = sandbox.unpack(&there, Bytes::from(vec![b'x'; 2000])).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidRequest, "clause 6: not an archive: {error}");
    for workspace in [there, nowhere] {
        sandbox.discard(&workspace).await.unwrap();
    }
}

async fn a_workspace_that_is_not_empty_takes_no_archive(sandbox: &dyn Sandbox) {
    let (here, there) = (fresh(), fresh());
    sandbox.write(&here, "a", Bytes::from_static(b"new")).await.unwrap();
    sandbox.write(&there, "a", Bytes::from_static(b"old")).await.unwrap();
    let archive = sandbox.pack(&here).await.unwrap();
    let error = sandbox.unpack(&there, archive).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict, "clause 6: {error}");
    assert_eq!(sandbox.read(&there, "a").await.unwrap().unwrap(), "old", "clause 6: it stays");
    for workspace in [here, there] {
        sandbox.discard(&workspace).await.unwrap();
    }
}
