//! Where files are, and how directories are made and brought to the disk.

use std::{
    fs::{DirBuilder, File},
    io,
    path::{Path, PathBuf},
};

use dormouse_core::ports::{segment_of_name, segment_of_tenant};

/// The directory of what is still being written. No tenant's segment looks like this.
const NEW: &str = ".new";

/// The paths below the root.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
}

impl Layout {
    /// The directory of a tenant's blobs.
    pub(crate) fn of_tenant(&self, tenant: &str) -> PathBuf {
        self.root.join(segment_of_tenant(tenant))
    }

    /// The file of a blob.
    pub(crate) fn of_blob(&self, tenant: &str, name: &str) -> PathBuf {
        self.of_tenant(tenant).join(segment_of_name(name))
    }

    /// The directory of what is still being written.
    pub(crate) fn of_drafts(&self) -> PathBuf {
        self.root.join(NEW)
    }

    /// Makes the directory of drafts, and the root if it is missing. The directory around the root must
    /// exist: a mistyped path shall not become an empty store.
    pub(crate) fn make_drafts(&self) -> io::Result<PathBuf> {
        let drafts = self.of_drafts();
        make(&self.root)?;
        make(&drafts)?;
        Ok(drafts)
    }

    /// Makes a tenant's directory, so that it outlives a power cut with what will be in it.
    pub(crate) fn make_tenant(&self, tenant: &str) -> io::Result<PathBuf> {
        let directory = self.of_tenant(tenant);
        if make(&directory)? {
            to_disk(&self.root)?;
        }
        Ok(directory)
    }
}

/// Makes a directory for its owner's eyes only; whether it was missing.
fn make(directory: &Path) -> io::Result<bool> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Brings the entries of a directory to the disk.
pub(crate) fn to_disk(directory: &Path) -> io::Result<()> {
    // Elsewhere a directory cannot be opened, and the file system sees to it.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
