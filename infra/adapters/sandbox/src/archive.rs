//! A workspace as one tar archive: its files with their modes, its directories and its links.

use std::{
    fs, io,
    io::{ErrorKind, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use cap_std::{
    ambient_authority,
    fs::{Dir, MetadataExt},
};
use dormouse_core::{Code, Error, Result};
use tar::{Archive, Builder, EntryType, Header};

use crate::{
    files::{give, make_all, reading, root},
    folders::{Folder, broken},
    remove,
};

/// How deep directories may be nested.
const DEEPEST: usize = 100;

/// Packs a workspace whose files have at most `limit` bytes together.
pub(crate) fn pack(folder: &Folder, limit: u64) -> Result<Bytes> {
    let mut packing = Packing { archive: Builder::new(Vec::new()), left: limit };
    let packed = packing.add(&root(folder)?, Path::new(""), 0);
    let packed = packed.and_then(|()| packing.archive.into_inner());
    packed.map(Bytes::from).map_err(|error| {
        if error.kind() == ErrorKind::QuotaExceeded {
            let message = "the workspace holds too much to be packed";
            return Error::new(Code::OverQuota, message);
        }
        broken("a workspace cannot be packed", error)
    })
}

struct Packing {
    archive: Builder<Vec<u8>>,
    left: u64,
}

impl Packing {
    fn add(&mut self, directory: &Dir, prefix: &Path, depth: usize) -> io::Result<()> {
        if depth > DEEPEST {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        let mut entries = directory.entries()?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(cap_std::fs::DirEntry::file_name);
        for entry in entries {
            let about = match entry.metadata() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                about => about?,
            };
            let (path, kind) = (prefix.join(entry.file_name()), about.file_type());
            let mut header = Header::new_gnu();
            header.set_mode(about.mode() & 0o777);
            if kind.is_dir() {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                self.archive.append_data(&mut header, &path, io::empty())?;
                self.add(&entry.open_dir()?, &path, depth + 1)?;
            } else if kind.is_symlink() {
                header.set_entry_type(EntryType::Symlink);
                header.set_size(0);
                let target = directory.read_link_contents(entry.file_name())?;
                self.archive.append_link(&mut header, &path, target)?;
            } else if kind.is_file() {
                let file = entry.open_with(&reading())?;
                let length = file.metadata()?.len();
                self.left = self.left.checked_sub(length).ok_or(ErrorKind::QuotaExceeded)?;
                header.set_size(length);
                // It may be written to meanwhile: it is as long as it was, come what may.
                let content = file.take(length).chain(io::repeat(0)).take(length);
                self.archive.append_data(&mut header, &path, content)?;
            }
            // Pipes and sockets mean nothing without the programs at their ends.
        }
        Ok(())
    }
}

/// Fills an empty workspace, which may have `limit` bytes.
pub(crate) fn unpack(folder: &Folder, archive: &[u8], limit: u64) -> Result<()> {
    // Beside the files, and moved there as a whole: a directory takes the place of an empty one only.
    let new = tempfile(folder).map_err(|error| broken("a workspace cannot be filled", error))?;
    let filled = fill(&new, archive, limit, folder.user).and_then(|()| {
        fs::rename(&new, folder.files()).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                Error::new(Code::Conflict, "the workspace is not empty")
            }
            _ => broken("a workspace cannot be filled", error),
        })
    });
    if filled.is_err()
        && let Err(error) = remove::all(&new)
    {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "an archive is left half unpacked"
        );
    }
    filled
}

fn tempfile(folder: &Folder) -> io::Result<PathBuf> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let new = folder.new_files().join(format!("{}-{number}-unpacked", std::process::id()));
    fs::create_dir(&new)?;
    fs::set_permissions(&new, PermissionsExt::from_mode(0o755))?;
    give(&fs::File::open(&new)?, folder.user)?;
    Ok(new)
}

fn fill(new: &Path, archive: &[u8], limit: u64, user: Option<u32>) -> Result<()> {
    let wrong =
        |error: io::Error| Error::invalid("archive", "this cannot be unpacked").caused_by(error);
    let root = Dir::open_ambient_dir(new, ambient_authority()).map_err(wrong)?;
    let mut left = limit;
    for entry in Archive::new(archive).entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        let path = entry.path().map_err(wrong)?.into_owned();
        let mode = entry.header().mode().map_err(wrong)? & 0o777;
        let parent = path.parent().unwrap_or(Path::new(""));
        make_all(&root, parent, user).map_err(wrong)?;
        match entry.header().entry_type() {
            EntryType::Directory => make_all(&root, &path, user).map_err(wrong)?,
            EntryType::Regular => {
                let over = || Error::new(Code::OverQuota, "the archive holds too much");
                left = left.checked_sub(entry.size()).ok_or_else(over)?;
                let mut file = root.create(&path).map_err(wrong)?.into_std();
                io::copy(&mut entry, &mut file).and_then(|_| file.flush()).map_err(wrong)?;
                file.set_permissions(PermissionsExt::from_mode(mode)).map_err(wrong)?;
                give(&file, user).map_err(wrong)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name().map_err(wrong)?;
                let target = target.ok_or_else(|| wrong(ErrorKind::InvalidData.into()))?;
                root.symlink_contents(target, &path).map_err(wrong)?;
            }
            other => {
                let message = format!("an archive may not hold a {other:?}");
                return Err(Error::invalid("archive", message));
            }
        }
    }
    Ok(())
}
