//! Reading blobs and their names. All of it may wait for a disk.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
};

use bytes::Bytes;
use dormouse_core::ports::{
    BlobInfo, BlobPage, ByteStream, ListedBlob, name_of_segment, segment_of_name,
};
use futures::{StreamExt, stream};

use crate::{
    failure::{blocking, found},
    head,
    layout::to_disk,
};

/// How much of a blob is read at once.
const CHUNK: u64 = 256 * 1024;

/// A blob's file, and what its head says; `None` if there is none.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, BlobInfo)>> {
    let Some(file) = found(File::open(path))? else { return Ok(None) };
    let media_type = head::read(&file)?;
    let length = content_length(&file.metadata()?);
    Ok(Some((file, BlobInfo { length, media_type })))
}

/// The bytes of `part`, which the blob has.
pub(crate) fn content(file: File, part: Range<u64>) -> ByteStream {
    stream::try_unfold((file, part), |(file, rest)| async move {
        if rest.is_empty() {
            return Ok(None);
        }
        let until = rest.end.min(rest.start.saturating_add(CHUNK));
        let (file, chunk) = blocking(move || read(file, rest.start..until)).await?;
        Ok(Some((chunk, (file, until..rest.end))))
    })
    .boxed()
}

fn read(mut file: File, part: Range<u64>) -> io::Result<(File, Bytes)> {
    let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
    let mut chunk = vec![0; length];
    file.seek(SeekFrom::Start(head::LENGTH + part.start))?;
    file.read_exact(&mut chunk)?;
    Ok((file, chunk.into()))
}

/// The blobs in a tenant's directory.
pub(crate) fn list(directory: &Path, page: &BlobPage) -> io::Result<Vec<ListedBlob>> {
    let Some(entries) = found(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let after = page.after.as_deref().unwrap_or_default();
    let mut names = BTreeSet::new();
    for entry in entries {
        let segment = entry?.file_name();
        names.extend(segment.to_str().and_then(name_of_segment).filter(|name| **name > *after));
    }
    let mut listed = Vec::new();
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    for name in names {
        if listed.len() == limit {
            break;
        }
        let path = directory.join(segment_of_name(&name));
        // It may be deleted meanwhile.
        if let Some(metadata) = found(fs::metadata(path))? {
            listed.push(ListedBlob { name, length: content_length(&metadata) });
        }
    }
    Ok(listed)
}

fn content_length(file: &fs::Metadata) -> u64 {
    file.len().saturating_sub(head::LENGTH)
}

/// Removes a blob's file, if it is there, so that it is not back after a power cut.
pub(crate) fn delete(path: &Path) -> io::Result<()> {
    if found(fs::remove_file(path))?.is_some()
        && let Some(directory) = path.parent()
    {
        to_disk(directory)?;
    }
    Ok(())
}
