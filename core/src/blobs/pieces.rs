//! Content in pieces.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};

use super::PIECES;
use crate::{
    Code, Error, Result,
    ports::{ByteStream, MAX_VALUE_BYTES, Records, Write},
};

/// The size of every piece but the last.
const PIECE_BYTES: u64 = MAX_VALUE_BYTES as u64;
/// How many pieces are read at once.
const READS: usize = 4;

/// How many pieces content of this length has.
pub(super) fn count(length: u64) -> usize {
    usize::try_from(length.div_ceil(PIECE_BYTES)).unwrap_or(usize::MAX)
}

pub(super) fn piece_id(blob: &str, number: usize) -> String {
    format!("{blob}/{number:04}")
}

/// Content that is being cut.
pub(super) struct Pieces {
    content: ByteStream,
    rest: BytesMut,
    taken: usize,
    length: u64,
}

impl Pieces {
    pub(super) fn of(content: ByteStream) -> Self {
        Self { content, rest: BytesMut::new(), taken: 0, length: 0 }
    }

    /// How much was taken.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Whether nothing is left to take.
    pub(super) async fn is_at_end(&mut self) -> Result<bool> {
        self.fill(1).await?;
        Ok(self.rest.is_empty())
    }

    /// The next pieces, up to `most`, as writes for the blob whose pieces have this id.
    pub(super) async fn take(&mut self, most: usize, blob: &str) -> Result<Vec<Write>> {
        let mut writes = Vec::new();
        while writes.len() < most {
            self.fill(MAX_VALUE_BYTES).await?;
            let piece = self.rest.split_to(self.rest.len().min(MAX_VALUE_BYTES)).freeze();
            if piece.is_empty() {
                break;
            }
            self.length += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            writes.push(Write::put(PIECES, piece_id(blob, self.taken), piece));
            self.taken += 1;
        }
        Ok(writes)
    }

    /// Reads until `wanted` bytes are at hand, or the content ends.
    async fn fill(&mut self, wanted: usize) -> Result<()> {
        while self.rest.len() < wanted {
            match self.content.try_next().await? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(())
    }
}

/// The bytes of `part` of a blob that has them.
pub(super) fn read(
    records: Arc<dyn Records>,
    tenant: String,
    blob: String,
    part: Range<u64>,
) -> ByteStream {
    let pieces = if part.is_empty() { 0..0 } else { part.start / PIECE_BYTES..count_to(part.end) };
    let piece = move |number: u64| {
        let (records, tenant, part) = (Arc::clone(&records), tenant.clone(), part.clone());
        let id = piece_id(&blob, usize::try_from(number).unwrap_or(usize::MAX));
        async move {
            let found = records.get(&tenant, PIECES, &id).await?;
            let piece = found.map(|record| record.value).unwrap_or_default();
            cut(&piece, number * PIECE_BYTES, &part)
        }
    };
    stream::iter(pieces).map(piece).buffered(READS).boxed()
}

fn count_to(end: u64) -> u64 {
    end.div_ceil(PIECE_BYTES)
}

/// What `part` has of the piece that begins at `start`.
fn cut(piece: &Bytes, start: u64, part: &Range<u64>) -> Result<Bytes> {
    let at = |place: u64| usize::try_from(place.saturating_sub(start)).unwrap_or(usize::MAX);
    let (from, to) = (at(part.start), at(part.end.min(start + PIECE_BYTES)));
    if to > piece.len() {
        // It was deleted meanwhile.
        return Err(Error::new(Code::StoreUnavailable, "a blob broke off"));
    }
    Ok(piece.slice(from..to))
}
