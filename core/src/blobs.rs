//! Blobs on top of records, for hosts that have nothing better.
//!
//! The content is cut into pieces, each a record. A blob exists from the moment when its head does, which names
//! them; it is written last, in the same commit where all of it fits. Pieces without a head are those of a
//! writer that is still writing, or dead, or of a blob that is being deleted: a record says so from before the
//! first of them until after the last, and when it is old, they are removed.

mod loose;
mod pieces;

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use loose::Loose;
use pieces::{Pieces, piece_id};
use serde::{Deserialize, Serialize};

use crate::{
    Code, Error, Result,
    ports::{
        Blob, BlobInfo, BlobPage, Blobs, Commit, Host, ListedBlob, MAX_VALUE_BYTES, MAX_WRITES,
        NewBlob, Outcome, Page, Record, Records, When, Write, hex,
    },
};

const HEADS: &str = "blobs";
const PIECES: &str = "blobs.pieces";
/// How many pieces one commit writes.
const PIECES_A_COMMIT: usize = Commit::MAX_BYTES / MAX_VALUE_BYTES;
/// How many pieces a blob has at most whose head is written with them: room is left for the head.
const FEW: usize = PIECES_A_COMMIT - 1;
/// With the first of every so many blobs that a process writes, loose pieces are looked for.
const CLEAR_EVERY: u64 = 64;

/// Blobs kept as records.
pub struct RecordsBlobs {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    begun: AtomicU64,
}

/// What the head of a blob holds.
#[derive(Serialize, Deserialize)]
struct Head {
    media_type: String,
    length: u64,
    /// What the ids of its pieces begin with.
    pieces: String,
}

impl RecordsBlobs {
    /// Blobs kept in `records`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>) -> Self {
        Self { records, host, begun: AtomicU64::new(0) }
    }

    async fn find(&self, tenant: &str, name: &str) -> Result<Option<(Record, Head)>> {
        BlobInfo::validate_name(tenant, name)?;
        let Some(record) = self.records.get(tenant, HEADS, name).await? else { return Ok(None) };
        let head = read(&record)?;
        Ok(Some((record, head)))
    }

    fn loose<'a>(&'a self, tenant: &'a str) -> Loose<'a> {
        Loose { records: &*self.records, host: &*self.host, tenant }
    }

    /// Writes what does not fit into one commit; `first` are its first pieces.
    async fn put_many(
        &self,
        (tenant, name): (&str, &str),
        mut head: Head,
        first: Vec<Write>,
        mut rest: Pieces,
    ) -> Result<bool> {
        let loose = self.loose(tenant);
        let (note, version) = loose.note(&head.pieces).await?;
        let written = async {
            let mut pieces = first;
            while !pieces.is_empty() {
                self.records.commit(Commit::new(tenant, pieces)).await?;
                pieces = rest.take(PIECES_A_COMMIT, &head.pieces).await?;
            }
            Ok(())
        };
        if let Err(error) = written.await {
            // The first error counts, and what is not removed now is removed when the note is old.
            drop(loose.remove(&note, &head.pieces).await);
            return Err(error);
        }
        head.length = rest.length();
        let writes = vec![write(name, &head)?, loose::forget(&note, When::Version(version))];
        match self.records.commit(Commit::new(tenant, writes)).await? {
            Outcome::Applied(_) => Ok(true),
            Outcome::Refused { write: 0, .. } => {
                loose.remove(&note, &head.pieces).await?;
                Ok(false)
            }
            Outcome::Refused { .. } => {
                let message = "the content took so long to arrive that it was given up";
                Err(Error::new(Code::StoreUnavailable, message))
            }
        }
    }
}

#[async_trait]
impl Blobs for RecordsBlobs {
    async fn put(&self, tenant: &str, name: &str, blob: NewBlob) -> Result<bool> {
        if self.find(tenant, name).await?.is_some() {
            return Ok(false);
        }
        if self.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAR_EVERY) {
            self.loose(tenant).clear().await?;
        }
        let media_type = blob.media_type().to_owned();
        let mut pieces = Pieces::of(blob.into_content());
        let id = hex(self.host.random().into_iter().take(16));
        let mut writes = pieces.take(FEW, &id).await?;
        let mut head = Head { media_type, length: 0, pieces: id };
        if !pieces.is_at_end().await? {
            return self.put_many((tenant, name), head, writes, pieces).await;
        }
        head.length = pieces.length();
        writes.push(write(name, &head)?);
        let outcome = self.records.commit(Commit::new(tenant, writes)).await?;
        Ok(matches!(outcome, Outcome::Applied(_)))
    }

    async fn get(
        &self,
        tenant: &str,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>> {
        let Some((_, head)) = self.find(tenant, name).await? else { return Ok(None) };
        let info = BlobInfo { length: head.length, media_type: head.media_type };
        let part = info.part(range);
        let content = pieces::read(Arc::clone(&self.records), tenant.to_owned(), head.pieces, part);
        Ok(Some(Blob { info, content }))
    }

    async fn head(&self, tenant: &str, name: &str) -> Result<Option<BlobInfo>> {
        let found = self.find(tenant, name).await?;
        Ok(found.map(|(_, Head { media_type, length, .. })| BlobInfo { length, media_type }))
    }

    async fn delete(&self, tenant: &str, name: &str) -> Result<()> {
        let Some((record, head)) = self.find(tenant, name).await? else { return Ok(()) };
        let this = Write::delete_when(HEADS, name, When::Version(record.version));
        let pieces = pieces::count(head.length);
        if pieces < MAX_WRITES {
            let piece = |number| Write::delete(PIECES, piece_id(&head.pieces, number));
            let writes = [this].into_iter().chain((0..pieces).map(piece)).collect();
            // A refusal means that somebody else has deleted it.
            return self.records.commit(Commit::new(tenant, writes)).await.map(drop);
        }
        let loose = self.loose(tenant);
        let (note, noted) = loose.writing(&head.pieces);
        match self.records.commit(Commit::new(tenant, vec![this, noted])).await? {
            Outcome::Applied(_) => loose.remove(&note, &head.pieces).await,
            Outcome::Refused { .. } => Ok(()),
        }
    }

    async fn list(&self, tenant: &str, page: BlobPage) -> Result<Vec<ListedBlob>> {
        page.validate(tenant)?;
        let page = Page { after: page.after, limit: page.limit, ..Page::default() };
        let heads = self.records.page(tenant, HEADS, page).await?;
        let listed = |record: Record| {
            let length = read(&record)?.length;
            Ok(ListedBlob { name: record.id, length })
        };
        heads.into_iter().map(listed).collect()
    }
}

impl fmt::Debug for RecordsBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordsBlobs").field("records", &self.records).finish_non_exhaustive()
    }
}

fn read(record: &Record) -> Result<Head> {
    serde_json::from_slice(&record.value)
        .map_err(|error| Error::new(Code::Internal, "a kept blob cannot be read").caused_by(error))
}

fn write(name: &str, head: &Head) -> Result<Write> {
    let head = serde_json::to_vec(head)
        .map_err(|error| Error::new(Code::Internal, "a blob cannot be kept").caused_by(error))?;
    Ok(Write::put_when(HEADS, name, head, When::Absent))
}
