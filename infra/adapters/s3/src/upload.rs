//! Writing an object that is not there yet.

use std::{sync::Arc, time::Duration};

use aws_sdk_s3::{
    Client,
    primitives::ByteStream as Body,
    types::{CompletedMultipartUpload, CompletedPart},
};
use bytes::{Bytes, BytesMut};
use dormouse_core::{
    Result,
    ports::{ByteStream, Host},
};
use futures::TryStreamExt;
use tokio::time::sleep;

use crate::{
    connection::once,
    failure::{Answer, answer, failed, unavailable},
};

/// What is longer than this is written in parts of this size, so that no more of it is ever held in memory.
pub const PART_BYTES: usize = 8 * 1024 * 1024;
/// How often an object is written while others write or delete it.
const ATTEMPTS: u32 = 5;
/// The pause after the first such attempt; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// Where an object will be.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    pub(crate) key: String,
}

/// Content, cut into parts.
pub(crate) struct Parts {
    content: ByteStream,
    rest: BytesMut,
}

impl Parts {
    pub(crate) fn of(content: ByteStream) -> Self {
        Self { content, rest: BytesMut::new() }
    }

    /// The next part, which is full; the last one may be smaller, and has nothing behind it.
    pub(crate) async fn next(&mut self) -> Result<(Bytes, bool)> {
        // One byte more shows that it is not the last.
        while self.rest.len() <= PART_BYTES {
            match self.content.try_next().await? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None => return Ok((self.rest.split().freeze(), true)),
            }
        }
        Ok((self.rest.split_to(PART_BYTES).freeze(), false))
    }
}

impl Target {
    /// Writes the object in one request; whether it was missing.
    pub(crate) async fn put(&self, media_type: &str, content: Bytes) -> Result<bool> {
        let mut pause = PAUSE;
        for _ in 0..ATTEMPTS {
            let request = self.client.put_object().bucket(&self.bucket).key(&self.key);
            let request = request
                .if_none_match("*")
                .content_type(media_type)
                .body(Body::from(content.clone()))
                .customize()
                .config_override(once());
            match request.send().await.map_err(answer) {
                Ok(_) => return Ok(true),
                Err(Ok(Answer::Taken)) => return Ok(false),
                // Soon it will be clear who wins.
                Err(Ok(Answer::Contested)) => sleep(pause).await,
                Err(Ok(_)) => break,
                Err(Err(error)) => return Err(error),
            }
            pause *= 2;
        }
        Err(unavailable("the blob is being written or deleted by others"))
    }

    /// Begins an object of several parts.
    pub(crate) async fn begin(&self, media_type: &str, host: &Arc<dyn Host>) -> Result<Upload> {
        let request = self.client.create_multipart_upload().bucket(&self.bucket).key(&self.key);
        let begun = request.content_type(media_type).send().await.map_err(failed)?;
        let id = begun.upload_id.ok_or_else(|| unavailable("the store of blobs began nothing"))?;
        let target = self.clone();
        Ok(Upload { target, id, parts: Vec::new(), host: Arc::clone(host), open: true })
    }
}

/// An object that is written in parts. Dropped before it is finished, it is given up.
pub(crate) struct Upload {
    target: Target,
    id: String,
    parts: Vec<CompletedPart>,
    host: Arc<dyn Host>,
    open: bool,
}

impl Upload {
    /// Writes the next part.
    pub(crate) async fn append(&mut self, part: Bytes) -> Result<()> {
        // 512 MB have 64 parts.
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let Target { client, bucket, key } = &self.target;
        let request = client.upload_part().bucket(bucket).key(key).upload_id(&self.id);
        let request = request.part_number(number).body(Body::from(part));
        let written = request.send().await.map_err(failed)?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(written.e_tag);
        self.parts.push(part.build());
        Ok(())
    }

    /// Makes the parts an object; whether it was missing.
    pub(crate) async fn finish(mut self) -> Result<bool> {
        let Target { client, bucket, key } = &self.target;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone()));
        let request =
            client.complete_multipart_upload().bucket(bucket).key(key).upload_id(&self.id);
        let request = request
            .if_none_match("*")
            .multipart_upload(parts.build())
            .customize()
            .config_override(once());
        match request.send().await.map_err(answer) {
            Ok(_) => {
                self.open = false;
                Ok(true)
            }
            Err(Ok(Answer::Taken)) => {
                self.give_up().await?;
                Ok(false)
            }
            Err(Ok(_)) => Err(unavailable("the blob is being written or deleted by others")),
            Err(Err(error)) => Err(error),
        }
    }

    /// Removes the parts.
    pub(crate) async fn give_up(&mut self) -> Result<()> {
        self.open = false;
        let Target { client, bucket, key } = &self.target;
        let request = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(&self.id);
        request.send().await.map_err(failed)?;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let Target { client, bucket, key } = self.target.clone();
        let request = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(&self.id);
        self.host.spawn(Box::pin(async move {
            // What cannot be removed now is left to the bucket's own rule.
            drop(request.send().await);
        }));
    }
}
