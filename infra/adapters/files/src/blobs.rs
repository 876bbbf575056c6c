//! [`Blobs`] on top of files.

use std::{
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use dormouse_core::{
    Result,
    ports::{Blob, BlobInfo, BlobPage, Blobs, Host, ListedBlob, NewBlob},
};
use futures::TryStreamExt;

use crate::{
    draft::{Draft, clear},
    failure::blocking,
    layout::Layout,
    reading,
};

/// With the first of every so many blobs that a process writes, what dead writers left is removed.
const CLEAR_EVERY: u64 = 256;

/// Blobs as files in a directory. Use it in a tokio runtime.
///
/// The file system must have hard links. What was acknowledged survives a power cut.
#[derive(Debug)]
pub struct FileBlobs {
    layout: Layout,
    host: Arc<dyn Host>,
    begun: AtomicU64,
}

impl FileBlobs {
    /// Blobs in the directory `root`, which is made with the first one if it is missing; the directory
    /// around it must exist. Nothing is touched before.
    pub fn new(root: impl Into<PathBuf>, host: Arc<dyn Host>) -> Self {
        let root = root.into();
        let root = std::path::absolute(&root).unwrap_or(root);
        Self { layout: Layout { root }, host, begun: AtomicU64::new(0) }
    }

    async fn begin(&self, media_type: String) -> Result<Draft> {
        let clears = self.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAR_EVERY);
        let (layout, host) = (self.layout.clone(), Arc::clone(&self.host));
        blocking(move || {
            let drafts = layout.make_drafts()?;
            if clears {
                clear(&drafts)?;
            }
            Draft::begin(&drafts, &*host, &media_type)
        })
        .await
    }
}

#[async_trait]
impl Blobs for FileBlobs {
    async fn put(&self, tenant: &str, name: &str, blob: NewBlob) -> Result<bool> {
        // Most often a taken name is noticed here, before anything is written.
        if self.head(tenant, name).await?.is_some() {
            return Ok(false);
        }
        let draft = self.begin(blob.media_type().to_owned()).await?;
        let mut content = blob.into_content();
        while let Some(chunk) = content.try_next().await? {
            draft.append(chunk).await?;
        }
        draft.place(self.layout.clone(), tenant.to_owned(), name.to_owned()).await
    }

    async fn get(
        &self,
        tenant: &str,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>> {
        BlobInfo::validate_name(tenant, name)?;
        let path = self.layout.of_blob(tenant, name);
        let found = blocking(move || reading::open(&path)).await?;
        Ok(found
            .map(|(file, info)| Blob { content: reading::content(file, info.part(range)), info }))
    }

    async fn head(&self, tenant: &str, name: &str) -> Result<Option<BlobInfo>> {
        BlobInfo::validate_name(tenant, name)?;
        let path = self.layout.of_blob(tenant, name);
        let found = blocking(move || reading::open(&path)).await?;
        Ok(found.map(|(_, info)| info))
    }

    async fn delete(&self, tenant: &str, name: &str) -> Result<()> {
        BlobInfo::validate_name(tenant, name)?;
        let path = self.layout.of_blob(tenant, name);
        blocking(move || reading::delete(&path)).await
    }

    async fn list(&self, tenant: &str, page: BlobPage) -> Result<Vec<ListedBlob>> {
        page.validate(tenant)?;
        let directory = self.layout.of_tenant(tenant);
        blocking(move || reading::list(&directory, &page)).await
    }
}
