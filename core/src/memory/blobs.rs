//! Blobs in a map: forgotten when the process ends.

use std::{
    collections::BTreeMap,
    fmt,
    ops::{Bound, Range},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};

use crate::{
    Result,
    ports::{Blob, BlobInfo, BlobPage, Blobs, ListedBlob, NewBlob},
};

/// Blobs of this process only, in a map under a lock that is never held across an `await`.
#[derive(Default)]
pub struct MemoryBlobs {
    blobs: Mutex<BTreeMap<Key, Kept>>,
}

/// Tenant and name: in this order the blobs of one tenant are neighbours, sorted by name.
type Key = (String, String);

#[derive(Clone)]
struct Kept {
    info: BlobInfo,
    content: Bytes,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn blobs(&self) -> MutexGuard<'_, BTreeMap<Key, Kept>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, tenant: &str, name: &str) -> Result<Option<Kept>> {
        BlobInfo::validate_name(tenant, name)?;
        Ok(self.blobs().get(&(tenant.to_owned(), name.to_owned())).cloned())
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, tenant: &str, name: &str, blob: NewBlob) -> Result<bool> {
        if self.find(tenant, name)?.is_some() {
            return Ok(false);
        }
        let media_type = blob.media_type().to_owned();
        let content = blob.collect().await?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let kept = Kept { info: BlobInfo { length, media_type }, content };
        let mut blobs = self.blobs();
        let key = (tenant.to_owned(), name.to_owned());
        if blobs.contains_key(&key) {
            return Ok(false);
        }
        blobs.insert(key, kept);
        Ok(true)
    }

    async fn get(
        &self,
        tenant: &str,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>> {
        let found = self.find(tenant, name)?;
        Ok(found.map(|Kept { info, content }| {
            let Range { start, end } = info.part(range);
            let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
            let part = content.slice(at(start)..at(end));
            Blob { info, content: stream::iter([Ok(part)]).boxed() }
        }))
    }

    async fn head(&self, tenant: &str, name: &str) -> Result<Option<BlobInfo>> {
        Ok(self.find(tenant, name)?.map(|kept| kept.info))
    }

    async fn delete(&self, tenant: &str, name: &str) -> Result<()> {
        BlobInfo::validate_name(tenant, name)?;
        self.blobs().remove(&(tenant.to_owned(), name.to_owned()));
        Ok(())
    }

    async fn list(&self, tenant: &str, page: BlobPage) -> Result<Vec<ListedBlob>> {
        page.validate(tenant)?;
        let after = Bound::Excluded((tenant.to_owned(), page.after.unwrap_or_default()));
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let blobs = self.blobs();
        let of_tenant =
            blobs.range((after, Bound::Unbounded)).take_while(|(key, _)| key.0 == tenant);
        let listed = |(key, kept): (&Key, &Kept)| ListedBlob {
            name: key.1.clone(),
            length: kept.info.length,
        };
        Ok(of_tenant.take(limit).map(listed).collect())
    }
}

impl fmt::Debug for MemoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBlobs").finish_non_exhaustive()
    }
}
