//! Directories that cannot be used, files that are spoiled.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{error::Error as _, fs, path::Path, sync::Arc};

use dormouse_core::{
    Code, Error,
    ports::{BlobPage, Blobs, NewBlob},
};
use dormouse_files::FileBlobs;
use dormouse_testkit::fakes::TestHost;
use tempfile::TempDir;

fn open(root: &Path) -> FileBlobs {
    FileBlobs::new(root, Arc::new(TestHost::new()))
}

fn text() -> NewBlob {
    NewBlob::whole("text/plain", "content").unwrap()
}

fn assert_unavailable(error: &Error, root: &Path) {
    assert_eq!(error.code(), Code::StoreUnavailable);
    assert!(error.delay().is_some(), "{error}");
    assert!(error.source().is_some(), "the cause is for the log");
    assert!(!error.to_string().contains(root.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_missing_folder_is_an_unavailable_store_until_it_is_there() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("missing").join("blobs");
    let blobs = open(&root);

    assert_unavailable(&blobs.put("acme", "a", text()).await.unwrap_err(), &root);
    assert!(!root.exists());
    fs::create_dir(folder.path().join("missing")).unwrap();

    assert!(blobs.put("acme", "a", text()).await.unwrap());
}

#[tokio::test]
async fn looking_creates_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("blobs");
    let blobs = open(&root);
    assert!(blobs.get("acme", "a", None).await.unwrap().is_none());
    assert!(blobs.list("acme", BlobPage::default()).await.unwrap().is_empty());
    blobs.delete("acme", "a").await.unwrap();
    assert!(!root.exists());
}

#[tokio::test]
async fn a_file_that_holds_no_blob_is_an_unavailable_store_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let blobs = open(folder.path());
    assert!(blobs.put("acme", "a", text()).await.unwrap());
    let file = folder.path().join("acme").join("a");
    fs::write(&file, "a letter to grandmother".repeat(100)).unwrap();

    for error in [
        blobs.get("acme", "a", None).await.map(|_| ()).unwrap_err(),
        blobs.put("acme", "a", text()).await.map(|_| ()).unwrap_err(),
    ] {
        assert_unavailable(&error, folder.path());
    }

    assert_eq!(fs::read_to_string(&file).unwrap(), "a letter to grandmother".repeat(100));
}

#[tokio::test]
async fn a_file_that_was_cut_off_does_not_end_silently() {
    let folder = TempDir::new().unwrap();
    let blobs = open(folder.path());
    assert!(blobs.put("acme", "a", text()).await.unwrap());
    let reading = blobs.get("acme", "a", None).await.unwrap().unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("acme/a")).unwrap();
    file.set_len(515).unwrap();

    assert_unavailable(&reading.collect().await.unwrap_err(), folder.path());
}

#[tokio::test]
async fn other_files_in_the_directory_are_not_listed() {
    let folder = TempDir::new().unwrap();
    let blobs = open(folder.path());
    assert!(blobs.put("acme", "a", text()).await.unwrap());
    for other in [".DS_Store", "A", "a.txt", "z-"] {
        fs::write(folder.path().join("acme").join(other), "").unwrap();
    }
    let listed = blobs.list("acme", BlobPage::default()).await.unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
}
