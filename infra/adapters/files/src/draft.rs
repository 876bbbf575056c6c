//! A file that is being written, and what dead writers leave of theirs.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use dormouse_core::{Result, ports::Host, ports::hex};

use crate::{
    failure::{blocking, found},
    head,
    layout::{Layout, to_disk},
};

/// A file without a place yet. Dropped, it is removed.
pub(crate) struct Draft {
    file: Arc<File>,
    path: PathBuf,
}

impl Draft {
    /// A file with the head of a blob, locked for as long as this process writes it.
    pub(crate) fn begin(drafts: &Path, host: &dyn Host, media_type: &str) -> io::Result<Self> {
        loop {
            let path = drafts.join(hex(host.random().into_iter().take(16)));
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let draft = Self { file: Arc::new(options.open(&path)?), path };
            draft.file.lock()?;
            // Before it was locked, it looked like that of a dead writer, and may have been removed.
            if draft.path.try_exists()? {
                (&*draft.file).write_all(&head::write(media_type))?;
                return Ok(draft);
            }
        }
    }

    /// Writes more of the content.
    pub(crate) async fn append(&self, content: Bytes) -> Result<()> {
        let file = Arc::clone(&self.file);
        blocking(move || (&*file).write_all(&content)).await
    }

    /// Brings the file to the disk, and then to its place, unless something is there: then this is `false`.
    pub(crate) async fn place(&self, layout: Layout, tenant: String, name: String) -> Result<bool> {
        let (file, path) = (Arc::clone(&self.file), self.path.clone());
        blocking(move || {
            file.sync_all()?;
            let directory = layout.make_tenant(&tenant)?;
            match fs::hard_link(path, layout.of_blob(&tenant, &name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                linked => linked?,
            }
            to_disk(&directory)?;
            Ok(true)
        })
        .await
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // What cannot be removed now goes with what dead writers leave.
        drop(fs::remove_file(&self.path));
    }
}

/// Removes what dead writers left.
pub(crate) fn clear(drafts: &Path) -> io::Result<()> {
    for entry in fs::read_dir(drafts)? {
        let path = entry?.path();
        // Its writer may finish meanwhile, and another process may remove it.
        let Some(file) = found(File::open(&path))? else { continue };
        match file.try_lock() {
            Ok(()) => drop(found(fs::remove_file(&path))?),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(())
}
