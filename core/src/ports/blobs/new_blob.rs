//! A blob on its way into a store.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::{MAX_BLOB_BYTES, MAX_MEDIA_TYPE_BYTES};
use crate::{Code, Error, Result, ports::ByteStream};

/// Content that no store has yet.
pub struct NewBlob {
    media_type: String,
    content: ByteStream,
}

impl NewBlob {
    /// Content that arrives bit by bit. An error in it leaves nothing behind and is what
    /// [`put`](super::Blobs::put) then returns; so is [`BodyTooLarge`](Code::BodyTooLarge) where it
    /// has more than [`MAX_BLOB_BYTES`].
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](Code::InvalidRequest) for a `media_type` that is empty, longer than
    /// [`MAX_MEDIA_TYPE_BYTES`], or cannot stand in a header.
    pub fn streamed(media_type: impl Into<String>, content: ByteStream) -> Result<Self> {
        let media_type = media_type.into();
        let printable = media_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if media_type.trim() != media_type || !printable || media_type.is_empty() {
            return Err(Error::invalid("media_type", "must be printable ASCII"));
        }
        if media_type.len() > MAX_MEDIA_TYPE_BYTES {
            let at_most = format!("must have at most {MAX_MEDIA_TYPE_BYTES} bytes");
            return Err(Error::invalid("media_type", at_most));
        }
        Ok(Self { media_type, content: limited(content, MAX_BLOB_BYTES) })
    }

    /// Content that is all there.
    ///
    /// # Errors
    ///
    /// As [`streamed`](Self::streamed).
    pub fn whole(media_type: impl Into<String>, content: impl Into<Bytes>) -> Result<Self> {
        let content = content.into();
        Self::streamed(media_type, stream::iter([Ok(content)]).boxed())
    }

    /// What the content is, as in a `content-type` header.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The content, to be written as it arrives.
    pub fn into_content(self) -> ByteStream {
        self.content
    }

    /// All of the content, in one piece.
    ///
    /// # Errors
    ///
    /// That of the content.
    pub async fn collect(self) -> Result<Bytes> {
        let mut content = self.content;
        let Some(first) = content.try_next().await? else { return Ok(Bytes::new()) };
        let Some(second) = content.try_next().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(chunk) = content.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for NewBlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewBlob").field("media_type", &self.media_type).finish_non_exhaustive()
    }
}

/// `content`, which breaks off where it is longer than `most` bytes.
fn limited(content: ByteStream, most: u64) -> ByteStream {
    let mut length = 0_u64;
    let counted = content.map(move |chunk| {
        let chunk = chunk?;
        length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if length > most {
            let message = format!("the content has more than {most} bytes");
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        Ok(chunk)
    });
    counted.boxed()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn collect(content: ByteStream) -> Result<Bytes> {
        let blob = NewBlob { media_type: "text/plain".into(), content };
        blob.collect().now_or_never().unwrap()
    }

    fn chunks(count: usize) -> ByteStream {
        stream::iter((0..count).map(|_| Ok(Bytes::from_static(b"four")))).boxed()
    }

    #[test]
    fn content_may_be_as_long_as_the_limit_but_no_longer() {
        assert_eq!(collect(limited(chunks(3), 12)).unwrap(), "fourfourfour");
        let error = collect(limited(chunks(3), 11)).unwrap_err();
        assert_eq!(error.code(), Code::BodyTooLarge);
    }

    #[test]
    fn content_is_collected_whatever_its_chunks() {
        assert_eq!(collect(chunks(0)).unwrap(), "");
        assert_eq!(collect(chunks(1)).unwrap(), "four");
        assert_eq!(collect(chunks(2)).unwrap(), "fourfour");
    }

    #[test]
    fn a_media_type_is_what_a_header_can_say() {
        let long = "x".repeat(MAX_MEDIA_TYPE_BYTES + 1);
        for bad in ["", " text/plain", "text/\nplain", "tëxt/plain", &long] {
            let error = NewBlob::whole(bad, "").unwrap_err();
            assert_eq!(error.param(), Some("media_type"), "{bad:?}");
        }
        for good in ["text/plain; charset=utf-8", &long[1..]] {
            assert_eq!(NewBlob::whole(good, "").unwrap().media_type(), good);
        }
    }
}
