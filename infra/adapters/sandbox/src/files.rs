//! The files of a workspace, as the gateway reads and writes them.
//!
//! A program may have put links, pipes and closed directories where the gateway expects files, and may change
//! them while it looks. Every path is therefore opened below the workspace's own directory (`cap-std`, which is
//! `openat2(RESOLVE_BENEATH)`), and only plain files are read.

use std::{
    fs::File as StdFile,
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{PermissionsExt, fchown},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt, OpenOptions, OpenOptionsExt},
};
use dormouse_core::{Code, Error, Result, ports::File};
use rustix::fs::{AtFlags, Gid, Uid, chownat};

use crate::{
    folders::{Folder, broken},
    remove,
};

/// The most files of a list, and how deep they may be nested.
const MOST: usize = 10_000;
const DEEPEST: usize = 100;

/// The content of a file of at most `limit` bytes.
pub(crate) fn read(folder: &Folder, path: &str, limit: u64) -> Result<Option<Bytes>> {
    let opened = root(folder)?.open_with(named(path)?, &reading());
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(refused(error)),
    };
    let about = file.metadata().map_err(refused)?;
    if !about.is_file() {
        return Err(Error::invalid("path", "this is not a file"));
    }
    let mut content = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(refused)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        let message = format!("the file is larger than {limit} bytes, the limit");
        return Err(Error::invalid("path", message));
    }
    Ok(Some(content.into()))
}

/// Writes a file into a workspace that may have `limit` bytes.
pub(crate) fn write(folder: &Folder, path: &str, content: &[u8], limit: u64) -> Result<()> {
    let path = Path::new(named(path)?);
    let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if remove::size(&folder.files()).saturating_add(length) > limit {
        let message = format!("the workspace would be larger than {limit} bytes, the limit");
        return Err(Error::new(Code::OverQuota, message).at("content"));
    }
    let root = root(folder)?;
    if let Some(parent) = path.parent().filter(|it| !it.as_os_str().is_empty()) {
        make_all(&root, parent, folder.user).map_err(refused)?;
    }
    let before = root.symlink_metadata(path).ok().filter(cap_std::fs::Metadata::is_file);
    let mode = before.map_or(0o644, |about| about.mode() & 0o777);
    let prepared = || -> io::Result<(Dir, String)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let new = Dir::open_ambient_dir(folder.new_files(), ambient_authority())?;
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut file = new.create(&name)?.into_std();
        file.write_all(content)?;
        file.set_permissions(PermissionsExt::from_mode(mode))?;
        give(&file, folder.user)?;
        Ok((new, name))
    };
    let (new, name) = prepared().map_err(|error| broken("a file cannot be written", error))?;
    new.rename(&name, &root, path).map_err(|error| {
        // It has its name for nobody.
        drop(new.remove_file(&name));
        refused(error)
    })
}

/// Everything below a directory.
pub(crate) fn list(folder: &Folder, path: &str) -> Result<Vec<File>> {
    let root = root(folder)?;
    if path.starts_with('/') {
        return Err(refused(ErrorKind::PermissionDenied.into()));
    }
    let start = path.trim_end_matches('/');
    let directory = match start {
        "" => root,
        path => match root.open_dir(path) {
            Ok(directory) => directory,
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(refused(error)),
        },
    };
    let mut files = Vec::new();
    below(&directory, start, &mut files, 0)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn below(directory: &Dir, prefix: &str, files: &mut Vec<File>, depth: usize) -> Result<()> {
    // What was removed meanwhile, or was closed, has no files to show.
    let Ok(entries) = directory.entries() else { return Ok(()) };
    for entry in entries.flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if files.len() >= MOST || depth > DEEPEST {
            let message = format!("there are more than {MOST} files: name a directory with less");
            return Err(Error::invalid("path", message));
        }
        let size = if about.is_dir() { 0 } else { about.len() };
        files.push(File { path: path.clone(), size, directory: about.is_dir() });
        if about.is_dir()
            && let Ok(inner) = entry.open_dir()
        {
            below(&inner, &path, files, depth + 1)?;
        }
    }
    Ok(())
}

/// The workspace's own directory.
pub(crate) fn root(folder: &Folder) -> Result<Dir> {
    Dir::open_ambient_dir(folder.files(), ambient_authority())
        .map_err(|error| broken("a workspace cannot be opened", error))
}

/// How a file is opened that may be a pipe to which nobody writes.
pub(crate) fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options
}

/// Makes a directory and those above it.
pub(crate) fn make_all(root: &Dir, path: &Path, user: Option<u32>) -> io::Result<()> {
    for ancestor in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
        if ancestor.as_os_str().is_empty() {
            continue;
        }
        match root.create_dir(ancestor) {
            Ok(()) => {
                if let Some(user) = user {
                    // Of the directory itself, whatever has its name by now.
                    let (owner, group) = (Uid::from_raw(user), Gid::from_raw(user));
                    let made = root.open_dir(ancestor)?;
                    chownat(&made, "", Some(owner), Some(group), AtFlags::EMPTY_PATH)?;
                }
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes a new file the program's.
pub(crate) fn give(file: &StdFile, user: Option<u32>) -> io::Result<()> {
    user.map_or(Ok(()), |user| fchown(file, Some(user), Some(user)))
}

fn named(path: &str) -> Result<&str> {
    if path.is_empty() || path.contains('\0') {
        return Err(Error::invalid("path", "this is not the path of a file"));
    }
    Ok(path)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What a path cannot be used for, in words.
fn refused(error: io::Error) -> Error {
    let why = match (error.kind(), error.raw_os_error()) {
        // What `cap-std` says by itself.
        (ErrorKind::PermissionDenied, None) => "this leads out of the workspace".to_owned(),
        (ErrorKind::PermissionDenied, _) => "this cannot be opened".to_owned(),
        (ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty, _) => "this is a directory".into(),
        (ErrorKind::AlreadyExists | ErrorKind::NotADirectory, _) => {
            "a part of this is not a directory".to_owned()
        }
        _ => format!("this cannot be used: {error}"),
    };
    Error::invalid("path", why).caused_by(error)
}
