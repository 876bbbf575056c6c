//! Turns as records: most are one, large ones are several.
//!
//! The pieces of a large turn are written before, under the name of its call, so that nobody takes them for
//! another's; the record that says where they are is written with the session. Who never gets there leaves
//! pieces that nobody reads and that expire.

use bytes::Bytes;

use super::session::Session;
use crate::{
    Code, Error, Result,
    ports::{Commit, MAX_VALUE_BYTES, Timestamp, When, Write},
};

pub(super) const SESSIONS: &str = "conversations";
pub(super) const NAMES: &str = "conversations.names";
pub(super) const TURNS: &str = "conversations.turns";
pub(super) const PIECES: &str = "conversations.pieces";
pub(super) const CONTENTS: &str = "conversations.contents";

/// What the value of a turn begins with that is elsewhere; the folder of its pieces and their number follow.
const SPLIT: u8 = b'#';
/// The most pieces of a turn.
const MAX_PIECES: usize = 32;
/// How many pieces are written at once.
pub(super) const PIECES_A_COMMIT: usize = Commit::MAX_BYTES / MAX_VALUE_BYTES;

/// The writes that store a turn.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// What is to be written before.
    pub(super) pieces: Vec<Write>,
    /// What makes it a turn of its conversation. `None` only for no turn at all.
    pub(super) head: Option<Write>,
}

/// Where turn `number` of `conversation` is.
pub(super) fn turn_id(conversation: &str, number: u32) -> String {
    format!("{conversation}/{number:06}")
}

/// The number of the turn at `id`.
pub(super) fn number(id: &str) -> Option<u32> {
    id.rsplit('/').next()?.parse().ok()
}

/// What sorts behind everything below `folder`, and nothing else does before.
pub(super) fn end_of(folder: &str) -> String {
    // '0' follows '/'.
    format!("{folder}0")
}

/// Writes a turn of these bytes.
pub(super) fn store(
    (conversation, number, receipt): (&str, u32, &str),
    bytes: &Bytes,
    until: Timestamp,
) -> Result<Stored> {
    let id = turn_id(conversation, number);
    let head = |value: Bytes| Some(Write::put_until(TURNS, &id, value, until, When::Absent));
    if bytes.len() <= MAX_VALUE_BYTES {
        return Ok(Stored { pieces: Vec::new(), head: head(bytes.clone()) });
    }
    let count = bytes.len().div_ceil(MAX_VALUE_BYTES);
    if count > MAX_PIECES {
        return Err(too_long(format!(
            "a turn of {} bytes is more than a conversation keeps",
            bytes.len()
        )));
    }
    let folder = format!("{id}-{receipt}");
    let piece = |place: usize| {
        let from = place * MAX_VALUE_BYTES;
        let value = bytes.slice(from..bytes.len().min(from + MAX_VALUE_BYTES));
        Write::put_until(PIECES, format!("{folder}/{place:04}"), value, until, When::Any)
    };
    let marker = format!("{}{folder}#{count}", char::from(SPLIT));
    Ok(Stored { pieces: (0..count).map(piece).collect(), head: head(marker.into()) })
}

/// The folder of a turn's pieces and how many they are, if it is elsewhere.
pub(super) fn elsewhere(head: &[u8]) -> Option<(String, usize)> {
    let (SPLIT, rest) = head.split_first().map(|(first, rest)| (*first, rest))? else {
        return None;
    };
    let (folder, count) = std::str::from_utf8(rest).ok()?.rsplit_once('#')?;
    Some((folder.to_owned(), count.parse().ok()?))
}

pub(super) fn put_session(
    id: &str,
    session: &Session,
    expires_at: Timestamp,
    when: When,
) -> Result<Write> {
    let value = serde_json::to_vec(session).map_err(super::session::unreadable)?;
    Ok(Write::put_until(SESSIONS, id, value, expires_at, when))
}

/// The refusal of what would make a conversation too long.
pub(super) fn too_long(why: String) -> Error {
    Error::new(Code::ConversationTooLong, why)
}
