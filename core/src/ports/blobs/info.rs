//! What a reader of blobs is given.

use std::{fmt, ops::Range};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::{Blob, BlobInfo};
use crate::Result;

impl Blob {
    /// All of the content, in one piece.
    ///
    /// # Errors
    ///
    /// [`StoreUnavailable`](crate::Code::StoreUnavailable) if it breaks off.
    pub async fn collect(self) -> Result<Bytes> {
        let mut content = self.content;
        let mut whole = BytesMut::new();
        while let Some(chunk) = content.try_next().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("info", &self.info).finish_non_exhaustive()
    }
}

impl BlobInfo {
    /// The bytes that `range` means of this blob: all of them if it is `None`, none at its end if it lies
    /// beyond or is empty.
    pub fn part(&self, range: Option<Range<u64>>) -> Range<u64> {
        let Range { start, end } = range.unwrap_or(0..self.length);
        let start = start.min(self.length);
        start..end.clamp(start, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::reversed_empty_ranges, reason = "such a range may be asked for")]
    fn a_range_is_cut_to_the_blob() {
        let info = BlobInfo { length: 10, media_type: "text/plain".into() };
        assert_eq!(info.part(None), 0..10);
        for (asked, meant) in [
            (0..10, 0..10),
            (3..7, 3..7),
            (3..u64::MAX, 3..10),
            (10..20, 10..10),
            (20..30, 10..10),
            (4..4, 4..4),
            (7..3, 7..7),
        ] {
            assert_eq!(info.part(Some(asked.clone())), meant, "{asked:?}");
        }
    }
}
