//! The contract of [`Blobs`], clause by clause.
//!
//! Durability (11) and an unreachable store (13) take a process to kill and a store to spoil: adapters test
//! them themselves.

mod isolation;
mod limits;
mod listing;
mod reading;
mod writing;

use std::ops::Range;

use bytes::Bytes;
use dormouse_core::{
    Result,
    ports::{Blob, BlobPage, Blobs, NewBlob},
};
use futures::{StreamExt, stream};

use super::records::fresh;

/// Checks every clause of the [`Blobs`] contract that a store can be asked about.
pub async fn blobs(blobs: &dyn Blobs) {
    let shelf = Shelf::new(blobs);
    isolation::check(&shelf).await;
    writing::check(&shelf).await;
    reading::check(&shelf).await;
    listing::check(&shelf).await;
    limits::check(&shelf).await;
}

/// The media type where none matters.
const TEXT: &str = "text/plain";
/// Larger than what a store moves at once, and no multiple of anything.
const LARGE: usize = 17 * 1024 * 1024 + 3;

/// The blobs of a tenant that no other run knows, in the store under test.
struct Shelf<'a> {
    blobs: &'a dyn Blobs,
    tenant: String,
}

impl<'a> Shelf<'a> {
    fn new(blobs: &'a dyn Blobs) -> Self {
        Self { blobs, tenant: fresh("tenant") }
    }

    /// The same store, another tenant.
    fn next_door(&self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..*self }
    }

    /// Puts a text.
    async fn put(&self, name: &str, content: impl Into<Bytes>) -> bool {
        self.blobs.put(&self.tenant, name, text(content)).await.unwrap()
    }

    /// Begins to read a blob or a part of it.
    async fn open(&self, name: &str, range: Option<Range<u64>>) -> Option<Blob> {
        self.blobs.get(&self.tenant, name, range).await.unwrap()
    }

    /// All of a blob.
    async fn read(&self, name: &str) -> Option<Bytes> {
        Some(self.open(name, None).await?.collect().await.unwrap())
    }

    /// A part of a blob that exists.
    async fn part(&self, name: &str, range: Range<u64>) -> Bytes {
        self.open(name, Some(range)).await.unwrap().collect().await.unwrap()
    }

    async fn delete(&self, name: &str) {
        self.blobs.delete(&self.tenant, name).await.unwrap();
    }

    async fn names(&self, page: BlobPage) -> Vec<String> {
        let listed = self.blobs.list(&self.tenant, page).await.unwrap();
        listed.into_iter().map(|blob| blob.name).collect()
    }

    /// Fails unless nothing at all is to be seen of a blob.
    async fn is_absent(&self, claim: &str, name: &str) {
        assert_eq!(self.read(name).await, None, "{claim}: it is not read");
        let head = self.blobs.head(&self.tenant, name).await.unwrap();
        assert_eq!(head, None, "{claim}: nothing is known of it");
        let names = self.names(BlobPage::default()).await;
        assert!(!names.contains(&name.to_owned()), "{claim}: it is not listed");
    }
}

fn text(content: impl Into<Bytes>) -> NewBlob {
    NewBlob::whole(TEXT, content).unwrap()
}

/// A text that arrives in these chunks.
fn chunked<Chunks>(chunks: Chunks) -> NewBlob
where
    Chunks: IntoIterator<Item = Result<Bytes>, IntoIter: Send + 'static>,
{
    NewBlob::streamed(TEXT, stream::iter(chunks).boxed()).unwrap()
}

/// Content of which no two parts look the same.
fn large(seed: usize) -> Bytes {
    let seed = u64::try_from(seed).unwrap();
    let mut content = Vec::with_capacity(LARGE + 8);
    let mut word = 0_u64;
    while content.len() < LARGE {
        word += 1;
        content.extend_from_slice(&(word + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    }
    content.truncate(LARGE);
    content.into()
}

fn length(content: &[u8]) -> u64 {
    u64::try_from(content.len()).unwrap()
}
