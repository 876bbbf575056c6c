//! The contract, and that nothing escapes the directory.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{fs, path::Path, sync::Arc};

use dormouse_files::FileBlobs;
use dormouse_testkit::{conformance, fakes::TestHost};
use tempfile::TempDir;

/// Every file and directory below `folder`.
fn all_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_below(&path));
        }
        found.push(path);
    }
    found
}

#[tokio::test]
async fn files_conform_and_none_is_beside_its_directory() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("blobs");

    conformance::blobs(&FileBlobs::new(&root, Arc::new(TestHost::new()))).await;

    let all = all_below(folder.path());
    assert!(all.len() > 50, "only {} files", all.len());
    assert!(all.iter().all(|path| path.starts_with(&root)), "{all:?}");
    let left = all_below(&root.join(".new"));
    assert!(left.is_empty(), "what was not finished is still there: {left:?}");
    for path in all {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.len() <= 255 && !name.contains(char::is_uppercase), "{name}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
    }
}
