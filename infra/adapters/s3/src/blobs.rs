//! [`Blobs`] on top of a bucket.

use std::{fmt, ops::Range, sync::Arc};

use async_trait::async_trait;
use aws_sdk_s3::config::Credentials;
use dormouse_core::{
    Result,
    ports::{
        Blob, BlobInfo, BlobPage, Blobs, Host, ListedBlob, NewBlob, name_of_segment,
        segment_of_name,
    },
};
use futures::{StreamExt, stream};

use crate::{
    connection::Connection,
    failure::{Answer, answer, failed, unavailable},
    options::S3Options,
    reading,
    upload::{Parts, Target, Upload},
};

/// Blobs in a bucket, which any number of processes may share. Use it in a tokio runtime.
///
/// Credentials are those of the environment: variables, the profile, a web identity, the container or the
/// machine. It needs the rights `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`,
/// `s3:AbortMultipartUpload`, and `s3:ListBucket`, without which S3 does not say that an object is missing.
pub struct S3Blobs {
    connection: Connection,
    host: Arc<dyn Host>,
}

impl S3Blobs {
    /// Blobs in the bucket that `options` name. Nothing is looked for before the first request. Uploads that
    /// are given up are removed by tasks of `host`.
    pub fn new(options: S3Options, host: Arc<dyn Host>) -> Self {
        Self { connection: Connection::new(options), host }
    }

    /// Uses `credentials` instead of those of the environment.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.connection.credentials = Some(credentials);
        self
    }

    async fn target(&self, tenant: &str, name: &str) -> Target {
        let (bucket, key) =
            (self.connection.options.bucket.clone(), self.connection.of_blob(tenant, name));
        Target { client: self.connection.client().await.clone(), bucket, key }
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, tenant: &str, name: &str, blob: NewBlob) -> Result<bool> {
        BlobInfo::validate_name(tenant, name)?;
        let media_type = blob.media_type().to_owned();
        let mut parts = Parts::of(blob.into_content());
        let target = self.target(tenant, name).await;
        let (first, all) = parts.next().await?;
        if all {
            return target.put(&media_type, first).await;
        }
        // Before much is sent for nothing.
        if self.head(tenant, name).await?.is_some() {
            return Ok(false);
        }
        let mut upload = target.begin(&media_type, &self.host).await?;
        let sent = async {
            upload.append(first).await?;
            send_rest(&mut upload, parts).await
        };
        match sent.await {
            Ok(()) => upload.finish().await,
            Err(error) => {
                // The first error counts. What cannot be removed now is left to the bucket's own rule.
                drop(upload.give_up().await);
                Err(error)
            }
        }
    }

    async fn get(
        &self,
        tenant: &str,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Blob>> {
        BlobInfo::validate_name(tenant, name)?;
        let wanted = range.as_ref().map(reading::header);
        if wanted != Some(None) {
            let Target { client, bucket, key } = self.target(tenant, name).await;
            let request = client.get_object().bucket(bucket).key(key).set_range(wanted.flatten());
            match request.send().await.map_err(answer) {
                Ok(found) => return reading::blob(found).map(Some),
                Err(Ok(Answer::Missing)) => return Ok(None),
                Err(Ok(Answer::Beyond)) => {}
                Err(Ok(_)) => return Err(unavailable("the blob is being deleted")),
                Err(Err(error)) => return Err(error),
            }
        }
        let nothing = |info| Blob { info, content: stream::empty().boxed() };
        Ok(self.head(tenant, name).await?.map(nothing))
    }

    async fn head(&self, tenant: &str, name: &str) -> Result<Option<BlobInfo>> {
        BlobInfo::validate_name(tenant, name)?;
        let Target { client, bucket, key } = self.target(tenant, name).await;
        match client.head_object().bucket(bucket).key(key).send().await.map_err(answer) {
            Ok(found) => reading::info(found.content_length, found.content_type).map(Some),
            Err(Ok(Answer::Missing)) => Ok(None),
            Err(Ok(_)) => Err(unavailable("the store of blobs gave an unexpected answer")),
            Err(Err(error)) => Err(error),
        }
    }

    async fn delete(&self, tenant: &str, name: &str) -> Result<()> {
        BlobInfo::validate_name(tenant, name)?;
        let Target { client, bucket, key } = self.target(tenant, name).await;
        let request = client.delete_object().bucket(bucket).key(key).customize();
        let once = request.config_override(crate::connection::once());
        match once.send().await.map_err(answer) {
            Ok(_) | Err(Ok(Answer::Missing)) => Ok(()),
            Err(Ok(_)) => Err(unavailable("the blob is being written or deleted by others")),
            Err(Err(error)) => Err(error),
        }
    }

    async fn list(&self, tenant: &str, page: BlobPage) -> Result<Vec<ListedBlob>> {
        page.validate(tenant)?;
        let prefix = self.connection.of_tenant(tenant);
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let mut after = page.after.map(|after| format!("{prefix}{}", segment_of_name(&after)));
        let mut listed = Vec::new();
        loop {
            let missing = i32::try_from(limit - listed.len()).unwrap_or(i32::MAX);
            let client = self.connection.client().await;
            let request = client.list_objects_v2().bucket(&self.connection.options.bucket);
            let request = request.prefix(&prefix).max_keys(missing).set_start_after(after);
            let found = request.send().await.map_err(failed)?;
            let objects = found.contents.unwrap_or_default();
            after = objects.last().and_then(|object| object.key.clone());
            for object in objects {
                let segment = object.key.as_deref().and_then(|key| key.strip_prefix(&prefix));
                // Whatever else lies there is no blob.
                if let Some(name) = segment.and_then(name_of_segment) {
                    listed.push(ListedBlob {
                        name,
                        length: reading::info(object.size, None)?.length,
                    });
                }
            }
            if listed.len() >= limit || after.is_none() || found.is_truncated != Some(true) {
                return Ok(listed);
            }
        }
    }
}

async fn send_rest(upload: &mut Upload, mut parts: Parts) -> Result<()> {
    loop {
        let (part, last) = parts.next().await?;
        upload.append(part).await?;
        if last {
            return Ok(());
        }
    }
}

impl fmt::Debug for S3Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Blobs").field("options", &self.connection.options).finish_non_exhaustive()
    }
}
