//! Reading objects.

use std::ops::Range;

use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream as Body};
use dormouse_core::{
    Result,
    ports::{Blob, BlobInfo, ByteStream, MAX_BLOB_BYTES},
};
use futures::{StreamExt, stream};

use crate::failure::unavailable;

/// What a server says that does not know an object's type, or was not told.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The `Range` header that asks for `range`; `None` if it has no byte that any blob has.
///
/// Syntax: <https://www.rfc-editor.org/rfc/rfc9110#section-14.1.1>.
pub(crate) fn header(range: &Range<u64>) -> Option<String> {
    let end = range.end.min(MAX_BLOB_BYTES);
    (range.start < end).then(|| format!("bytes={}-{}", range.start, end - 1))
}

/// What is known of an object, of which S3 says this.
pub(crate) fn info(length: Option<i64>, media_type: Option<String>) -> Result<BlobInfo> {
    let length = length.and_then(|length| u64::try_from(length).ok());
    let length =
        length.ok_or_else(|| unavailable("the store of blobs does not say how long a blob is"))?;
    let media_type = media_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
    Ok(BlobInfo { length, media_type })
}

/// The object that S3 answers with, or the part of it that was asked for.
pub(crate) fn blob(answer: GetObjectOutput) -> Result<Blob> {
    let sent = info(answer.content_length, answer.content_type)?;
    let content = checked(answer.body, sent.length);
    let info = match answer.content_range {
        None => sent,
        // `bytes 0-9/26`
        Some(range) => {
            let whole = range.rsplit_once('/').and_then(|(_, whole)| whole.parse().ok());
            info(whole, Some(sent.media_type))?
        }
    };
    Ok(Blob { info, content })
}

/// A body that ends in an error unless it has `length` bytes.
fn checked(body: Body, length: u64) -> ByteStream {
    stream::try_unfold((body, length), |(mut body, missing)| async move {
        match body.next().await {
            Some(Ok(chunk)) => {
                let read = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                let missing = missing.checked_sub(read);
                let missing =
                    missing.ok_or_else(|| unavailable("a blob is longer than it should be"))?;
                Ok(Some((chunk, (body, missing))))
            }
            Some(Err(error)) => Err(unavailable("a blob broke off").caused_by(error)),
            None if missing > 0 => Err(unavailable("a blob broke off")),
            None => Ok(None),
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use dormouse_core::Code;
    use futures::{FutureExt, TryStreamExt};

    use super::*;

    #[test]
    fn a_range_is_asked_for_in_bytes_that_exist() {
        assert_eq!(header(&(0..10)).as_deref(), Some("bytes=0-9"));
        assert_eq!(header(&(5..u64::MAX)).as_deref(), Some("bytes=5-536870911"));
        for nothing in [0..0, 5..5, MAX_BLOB_BYTES..u64::MAX] {
            assert_eq!(header(&nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_body_of_another_length_does_not_end_silently() {
        let read = |length| {
            let body = checked(Body::from_static(b"four"), length);
            body.try_collect::<Vec<_>>().now_or_never().unwrap().map(|chunks| chunks.concat())
        };
        assert_eq!(read(4).unwrap(), b"four");
        for wrong in [3, 5] {
            assert_eq!(read(wrong).unwrap_err().code(), Code::StoreUnavailable);
        }
    }
}
