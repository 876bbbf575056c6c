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
    ports::{Commit, Host, MAX_VALUE_BYTES, Records, Timestamp, When, Write},
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
        let expires_at = self.host.now() + self.retention;
        let head = self.prepare(tenant, (id, None), kept, expires_at).await?;
        self.commit(tenant, vec![head]).await
    }

    /// The write that keeps a response under `id` until `expires_at`, for a commit in which it comes true. What is
    /// too large for one record is written before, under a name that no other `attempt` to answer has.
    ///
    /// # Errors
    ///
    /// Those of [`put`](Self::put).
    pub(crate) async fn prepare(
        &self,
        tenant: &str,
        (id, attempt): (&str, Option<u32>),
        kept: &Kept,
        expires_at: Timestamp,
    ) -> Result<Write> {
        let body = Bytes::from(serde_json::to_vec(kept).map_err(unreadable)?);
        let write = |collection: &str, id: &str, value: Bytes| {
            Write::put_until(collection, id, value, expires_at, When::Any)
        };
        if body.len() <= MAX_VALUE_BYTES {
            return Ok(write(RESPONSES, id, body));
        }
        let count = body.len().div_ceil(MAX_VALUE_BYTES);
        if count > MAX_PIECES {
            return Err(too_large());
        }
        let pieces = Pieces { count, attempt };
        let piece = |number: usize| {
            let from = number * MAX_VALUE_BYTES;
            let to = body.len().min(from + MAX_VALUE_BYTES);
            write(PIECES, &pieces.id(id, number), body.slice(from..to))
        };
        let numbers: Vec<usize> = (0..count).collect();
        for some in numbers.chunks(PIECES_A_COMMIT) {
            self.commit(tenant, some.iter().copied().map(piece).collect()).await?;
        }
        Ok(write(RESPONSES, id, pieces.head().into()))
    }

    /// Reads the response of `tenant` with this `id`.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none: it was not kept, has expired, or is another tenant's.
    pub async fn get(&self, tenant: &str, id: &str) -> Result<Kept> {
        let head = self.head(tenant, id).await?;
        let Some(pieces) = Pieces::read(&head) else {
            return serde_json::from_slice(&head).map_err(unreadable);
        };
        let read = |number: usize| async move {
            let record = self.records.get(tenant, PIECES, &pieces.id(id, number)).await?;
            record.map(|record| record.value).ok_or_else(|| unknown(id))
        };
        let pieces: Vec<Bytes> =
            stream::iter(0..pieces.count).map(read).buffered(READS).try_collect().await?;
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
        let Some(pieces) = Pieces::read(&head) else { return Ok(()) };
        let numbers: Vec<usize> = (0..pieces.count).collect();
        for some in numbers.chunks(crate::ports::MAX_WRITES) {
            let delete = |number: &usize| Write::delete(PIECES, pieces.id(id, *number));
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

/// Where a response is that is not in its own record.
#[derive(Clone, Copy, Debug)]
struct Pieces {
    count: usize,
    /// Of a run, which process's they are: one that is late must not write over those of its successor.
    attempt: Option<u32>,
}

impl Pieces {
    fn read(head: &[u8]) -> Option<Self> {
        let (SPLIT, rest) = head.split_first().map(|(first, rest)| (*first, rest))? else {
            return None;
        };
        let text = std::str::from_utf8(rest).ok()?;
        let (count, attempt) = match text.split_once('/') {
            Some((count, attempt)) => (count, Some(attempt.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { count: count.parse::<usize>().ok()?.min(MAX_PIECES), attempt })
    }

    fn head(self) -> String {
        let attempt = self.attempt.map(|attempt| format!("/{attempt}")).unwrap_or_default();
        format!("{}{}{attempt}", char::from(SPLIT), self.count)
    }

    fn id(self, response: &str, number: usize) -> String {
        match self.attempt {
            Some(attempt) => format!("{response}/{attempt}/{number:04}"),
            None => format!("{response}/{number:04}"),
        }
    }
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
