//! What is too large for one record, in several.

use bytes::Bytes;

use super::{EVENTS, STEPS};
use crate::ports::{Commit, MAX_VALUE_BYTES, MAX_WRITES, Record, Timestamp, When, Write};

/// Where the events are kept of which the first has this number.
pub(super) fn event(run: &str, first: u64) -> String {
    format!("{run}/{first:010}")
}

/// Where a step is kept.
pub(super) fn step(run: &str, number: u32) -> String {
    format!("{run}/{number:04}")
}

/// The number in the name of a piece: its step's, or its first event's.
pub(super) fn number(id: &str) -> Option<u64> {
    whole(id).rsplit_once('/').and_then(|(_, number)| number.parse().ok())
}

/// The name of what a piece belongs to.
pub(super) fn whole(id: &str) -> &str {
    id.rsplit_once('.').map_or(id, |(whole, _)| whole)
}

/// Between which ids the steps of a run are, and its events.
pub(super) fn below(run: &str) -> (String, String) {
    (format!("{run}/"), format!("{run}0"))
}

/// Between which ids the pieces of a run's request are.
pub(super) fn of_request(run: &str) -> (String, String) {
    (format!("{run}."), format!("{run}/"))
}

/// The writes that keep `bytes` under a name. Without bytes there are none.
pub(super) fn split(
    collection: &str,
    name: &str,
    bytes: &Bytes,
    expires_at: Timestamp,
) -> Vec<Write> {
    // Who writes holds the lease, so what may be there is its own, or of nobody any more.
    let write = |(part, piece): (usize, &[u8])| {
        let piece = bytes.slice_ref(piece);
        Write::put_until(collection, format!("{name}.{part:02}"), piece, expires_at, When::Any)
    };
    bytes.chunks(MAX_VALUE_BYTES).enumerate().map(write).collect()
}

/// Puts pieces together again.
pub(super) fn join<'a>(records: impl Iterator<Item = &'a Record>) -> Bytes {
    let values: Vec<&[u8]> = records.map(|record| record.value.as_ref()).collect();
    match values.as_slice() {
        [] => Bytes::new(),
        values => Bytes::from(values.concat()),
    }
}

/// Writes, by commits: as many in each as it may have.
pub(super) fn commits(writes: Vec<Write>) -> Vec<Vec<Write>> {
    let mut commits: Vec<Vec<Write>> = Vec::new();
    let mut room = 0_usize;
    for write in writes {
        let size = match &write {
            Write::Put { value, .. } => value.len(),
            Write::Delete { .. } | Write::Add { .. } => 0,
        };
        match commits.last_mut() {
            Some(commit) if size <= room && commit.len() < MAX_WRITES => {
                room -= size;
                commit.push(write);
            }
            _ => {
                room = Commit::MAX_BYTES.saturating_sub(size);
                commits.push(vec![write]);
            }
        }
    }
    commits
}

/// The writes that keep a step.
pub(super) fn of_step(run: &str, number: u32, bytes: &Bytes, expires_at: Timestamp) -> Vec<Write> {
    split(STEPS, &step(run, number), bytes, expires_at)
}

/// The writes that keep events.
pub(super) fn of_events(name: &str, bytes: &Bytes, expires_at: Timestamp) -> Vec<Write> {
    split(EVENTS, name, bytes, expires_at)
}
