//! Directories that a program has made, which may be nested as deeply as it liked, and closed to everybody.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Removes a directory and all in it.
///
/// What is nested is first moved up, one level at a time, so that no path is too long and no more than one
/// directory is open.
pub(crate) fn all(top: &Path) -> io::Result<()> {
    let mut next = 0_u64;
    let mut left = vec![top.to_owned()];
    while let Some(directory) = left.pop() {
        for name in names(&directory)? {
            let path = directory.join(name);
            if !fs::symlink_metadata(&path)?.is_dir() {
                fs::remove_file(&path)?;
            } else if directory == top {
                left.push(path);
            } else {
                let up = loop {
                    next += 1;
                    let up = top.join(format!("{next}"));
                    if fs::symlink_metadata(&up).is_err() {
                        break up;
                    }
                };
                // Moving a directory changes it: it must be open to its owner.
                open_up(&path)?;
                fs::rename(&path, &up)?;
                left.push(up);
            }
        }
        if directory != top {
            fs::remove_dir(&directory)?;
        }
    }
    fs::remove_dir(top)
}

/// What a directory holds; one that is closed is opened.
fn names(directory: &Path) -> io::Result<Vec<OsString>> {
    open_up(directory)?;
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn open_up(directory: &Path) -> io::Result<()> {
    let mut permissions = fs::metadata(directory)?.permissions();
    if permissions.mode() & 0o700 != 0o700 {
        permissions.set_mode(0o700);
        fs::set_permissions(directory, permissions)?;
    }
    Ok(())
}

/// How much is in a directory, as far as it can be told.
pub(crate) fn size(top: &Path) -> u64 {
    let mut sum = 0_u64;
    let mut left: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(directory) = left.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else { continue };
            sum = sum.saturating_add(about.len().max(4096));
            if about.is_dir() {
                left.push(entry.path());
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nested_too_deep_for_a_path_is_removed_too() {
        let folder = tempfile::TempDir::new().unwrap();
        let top = folder.path().join("top");
        // Built from the bottom: a path of all of it would be longer than paths may be.
        let (mut inner, outer) = (folder.path().join("0"), folder.path().join("o"));
        fs::create_dir(&inner).unwrap();
        for depth in 1..50 {
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("d".repeat(200))).unwrap();
            inner = folder.path().join(depth.to_string());
            fs::rename(&outer, &inner).unwrap();
        }
        fs::rename(&inner, &top).unwrap();
        fs::write(top.join("1"), "a file where one of them would go").unwrap();
        all(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn what_a_program_has_closed_is_opened() {
        let folder = tempfile::TempDir::new().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("a/b")).unwrap();
        fs::write(top.join("a/b/c"), "").unwrap();
        for closed in ["a/b", "a"] {
            fs::set_permissions(top.join(closed), PermissionsExt::from_mode(0o000)).unwrap();
        }
        all(&top).unwrap();
        assert!(!top.exists());
    }
}
