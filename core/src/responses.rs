//! Responses that are kept: read, continued and deleted by their id.
//!
//! A response is kept with the whole conversation that led to it, so that one read continues it, and it can
//! be continued as long as it is kept itself. What is too large for one record is split over several; the
//! first is written last, so that nobody reads half a response.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Code, Error, Result,
    ports::{Commit, Host, MAX_VALUE_BYTES, Records, When, Write},
};

const RESPONSES: &str = "responses";
const PIECES: &str = "responses.pieces";
/// What the value of a record begins with whose response is elsewhere, in so many pieces.
const SPLIT: u8 = b'#';
/// The most pieces that a response is split into.
const MAX_PIECES: usize = 32;
/// How many pieces are written at once.
const PIECES_A_COMMIT: usize = Commit::MAX_BYTES / MAX_VALUE_BYTES;
/// How many pieces are read at once.
const READS: usize = 8;

/// The largest response that is kept, its conversation included, in bytes.
pub const MAX_BYTES: usize = MAX_PIECES * MAX_VALUE_BYTES;

/// A response that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The response, as the caller was given it; encrypted thoughts are in it, asked for or not.
    pub response: Value,
    /// All items that the model was given, oldest first, those of earlier responses among them.
    pub input: Vec<Value>,
}

impl Kept {
    /// The conversation up to now: what went in, and what came out.
    pub fn items(self) -> Vec<Value> {
        let mut items = self.input;
        if let Value::Object(mut response) = self.response
            && let Some(Value::Array(output)) = response.shift_remove("output")
        {
            items.extend(output);
        }
        items
    }
}

/// The responses of a gateway.
#[derive(Clone, Debug)]
pub struct Responses {
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
    retention: Duration,
}

impl Responses {
    /// The responses kept in `records`, each for as long as `retention`.
    pub fn new(records: Arc<dyn Records>, host: Arc<dyn Host>, retention: Duration) -> Self {
        Self { records, host, retention }
    }

    /// Whether any are kept.
    pub fn keeps(&self) -> bool {
        !self.retention.is_zero()
    }

    /// Keeps a response of `tenant` under `id`.
    ///
    /// # Errors
    ///
    /// [`Code::BodyTooLarge`] above [`MAX_BYTES`], [`Code::StoreUnavailable`] if the store is not there.
    pub async fn put(&self, tenant: &str, id: &str, kept: &Kept) -> Result<()> {
        let body = Bytes::from(serde_json::to_vec(kept).map_err(unreadable)?);
        let expires_at = self.host.now() + self.retention;
        let write = |collection: &str, id: &str, value: Bytes| {
            Write::put_until(collection, id, value, expires_at, When::Any)
        };
        if body.len() <= MAX_VALUE_BYTES {
            return self.commit(tenant, vec![write(RESPONSES, id, body)]).await;
        }
        let pieces = body.len().div_ceil(MAX_VALUE_BYTES);
        if pieces > MAX_PIECES {
            return Err(too_large());
        }
        let piece = |number: usize| {
            let from = number * MAX_VALUE_BYTES;
            let to = body.len().min(from + MAX_VALUE_BYTES);
            write(PIECES, &piece_id(id, number), body.slice(from..to))
        };
        let numbers: Vec<usize> = (0..pieces).collect();
        for some in numbers.chunks(PIECES_A_COMMIT) {
            self.commit(tenant, some.iter().copied().map(piece).collect()).await?;
        }
        let head = format!("{}{pieces}", char::from(SPLIT));
        self.commit(tenant, vec![write(RESPONSES, id, head.into())]).await
    }

    /// Reads the response of `tenant` with this `id`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none: it was not kept, has expired, or is another tenant's.
    pub async fn get(&self, tenant: &str, id: &str) -> Result<Kept> {
        let head = self.head(tenant, id).await?;
        let Some(pieces) = split(&head) else {
            return serde_json::from_slice(&head).map_err(unreadable);
        };
        let read = |number: usize| async move {
            let record = self.records.get(tenant, PIECES, &piece_id(id, number)).await?;
            record.map(|record| record.value).ok_or_else(|| unknown(id))
        };
        let pieces: Vec<Bytes> =
            stream::iter(0..pieces).map(read).buffered(READS).try_collect().await?;
        serde_json::from_slice(&pieces.concat()).map_err(unreadable)
    }

    /// Deletes the response of `tenant` with this `id`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none.
    pub async fn delete(&self, tenant: &str, id: &str) -> Result<()> {
        let head = self.head(tenant, id).await?;
        self.commit(tenant, vec![Write::delete(RESPONSES, id)]).await?;
        let numbers: Vec<usize> = (0..split(&head).unwrap_or_default()).collect();
        for some in numbers.chunks(crate::ports::MAX_WRITES) {
            let delete = |number: &usize| Write::delete(PIECES, piece_id(id, *number));
            self.commit(tenant, some.iter().map(delete).collect()).await?;
        }
        Ok(())
    }

    async fn head(&self, tenant: &str, id: &str) -> Result<Bytes> {
        if id.is_empty() || id.len() > MAX_ID || id.contains('\0') {
            return Err(unknown(id));
        }
        let record = self.records.get(tenant, RESPONSES, id).await?;
        record.map(|record| record.value).ok_or_else(|| unknown(id))
    }

    async fn commit(&self, tenant: &str, writes: Vec<Write>) -> Result<()> {
        self.records.commit(Commit::new(tenant, writes)).await.map(|_| ())
    }
}

/// The longest id of a response, in bytes: room is left for the number of a piece.
const MAX_ID: usize = 256;

fn piece_id(id: &str, number: usize) -> String {
    format!("{id}/{number:04}")
}

/// In how many pieces a response is.
fn split(head: &[u8]) -> Option<usize> {
    let (SPLIT, number) = head.split_first().map(|(first, rest)| (*first, rest))? else {
        return None;
    };
    let pieces: usize = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some(pieces.min(MAX_PIECES))
}

fn unknown(id: &str) -> Error {
    let id: String = id.chars().take(MAX_ID).collect();
    Error::new(Code::NotFound, format!("Response with id '{id}' not found."))
}

/// The refusal of a response that cannot be kept.
pub(crate) fn too_large() -> Error {
    let message = format!(
        "a conversation of more than {MAX_BYTES} bytes cannot be kept: set `store` to false and send all of it each time"
    );
    Error::new(Code::BodyTooLarge, message).at("store")
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a kept response cannot be read").caused_by(error)
}
