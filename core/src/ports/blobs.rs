//! The port for what is too large for a record: content that is written once, and read whole or in part.

mod info;
mod limits;
mod new_blob;
mod segment;

use std::{fmt, ops::Range};

use async_trait::async_trait;

use super::ByteStream;
use crate::Result;

pub use new_blob::NewBlob;
pub use segment::{name_of_segment, segment_of_name, segment_of_tenant};

/// The largest blob, in bytes.
pub const MAX_BLOB_BYTES: u64 = 512 * 1024 * 1024;
/// The longest name of a blob, in bytes. A [segment](segment_of_name) of it fits every file system.
pub const MAX_BLOB_NAME_BYTES: usize = 80;
/// The longest media type, in bytes.
pub const MAX_MEDIA_TYPE_BYTES: usize = 255;

/// Keeps blobs, each named by tenant and name. A blob is never changed: it is there, or it is not.
///
/// # Contract
///
/// 1. **Isolation.** Every call names one tenant and sees nothing of any other, whatever characters
///    the names contain.
/// 2. **Whole or absent.** A blob exists from the moment when all of it is kept. Until then nobody
///    sees any of it; if its content breaks off, or the future of [`put`](Self::put) is dropped, it
///    never exists.
/// 3. **No overwriting.** Of any number of writers of one name, in any number of processes, exactly one
///    is told that it was written, until the blob is deleted. A `put` that fails with
///    [`StoreUnavailable`](crate::Code::StoreUnavailable) may have been applied.
/// 4. **Read your writes.** What a `put` or [`delete`](Self::delete) has acknowledged, later calls from
///    any process see.
/// 5. **Parts.** A range is cut to the length of the blob; what is left may be nothing. The content then
///    has exactly that part, in chunks of any size.
/// 6. **A blob comes back as it was written**, with its media type.
/// 7. **Deleting** what is not there changes nothing. A name is free again after its blob was deleted. Who
///    is reading the blob meanwhile reads it to its end, or is told that it broke off.
/// 8. **Order.** A list has names in byte order.
/// 9. **Limits** are served in full: [`MAX_BLOB_BYTES`], [`MAX_BLOB_NAME_BYTES`],
///    [`MAX_ID_BYTES`](super::MAX_ID_BYTES) for a tenant, [`MAX_MEDIA_TYPE_BYTES`],
///    [`BlobPage::MAX_LIMIT`]. Beyond them, for a name that is empty or holds a NUL, and for a media
///    type that cannot stand in a header, a call is [`InvalidRequest`](crate::Code::InvalidRequest) and
///    has no effect; content that is too long is [`BodyTooLarge`](crate::Code::BodyTooLarge).
///    [`BlobInfo::validate_name`], [`NewBlob`] and [`BlobPage::validate`] say so for every store.
/// 10. **Absence is a value**: a missing blob is `None`, a tenant without blobs an empty list.
/// 11. **Durability.** What was acknowledged survives the death of the process (except in
///     [`memory`](crate::memory)).
/// 12. **No silent end.** Content that breaks off ends in an error: to a reader in
///     [`StoreUnavailable`](crate::Code::StoreUnavailable), to a writer in the error of its own content.
/// 13. A store that cannot be reached is [`StoreUnavailable`](crate::Code::StoreUnavailable).
#[async_trait]
pub trait Blobs: fmt::Debug + Send + Sync {
    /// Keeps a blob under a name that no other has; `false` if one has it, and then nothing changes. That
    /// may be found out before the content is read, or after.
    async fn put(&self, tenant: &str, name: &str, blob: NewBlob) -> Result<bool>;

    /// Reads a blob, or the part of it that begins at byte `range.start` and ends before `range.end`.
    async fn get(
        &self,
        tenant: &str,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>>;

    /// What is known of a blob, without its content.
    async fn head(&self, tenant: &str, name: &str) -> Result<Option<BlobInfo>>;

    /// Removes a blob, if it is there.
    async fn delete(&self, tenant: &str, name: &str) -> Result<()>;

    /// The names and lengths of a tenant's blobs.
    async fn list(&self, tenant: &str, page: BlobPage) -> Result<Vec<ListedBlob>>;
}

/// A blob that is being read.
pub struct Blob {
    /// What is known of all of it, whichever part is read.
    pub info: BlobInfo,
    /// Its content, or the part that was asked for.
    pub content: ByteStream,
}

/// What is known of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// The length of its content, in bytes.
    pub length: u64,
    /// What its content is, as in a `content-type` header.
    pub media_type: String,
}

/// A blob in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedBlob {
    /// Its name.
    pub name: String,
    /// The length of its content, in bytes.
    pub length: u64,
}

/// Which part of a tenant's blobs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPage {
    /// Only names greater than this one.
    pub after: Option<String>,
    /// The most blobs to list: 1 to [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: u32,
}

impl Default for BlobPage {
    /// The first hundred.
    fn default() -> Self {
        Self { after: None, limit: 100 }
    }
}
