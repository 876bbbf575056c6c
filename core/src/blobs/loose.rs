//! Pieces that belong to no blob, yet or any more.

use std::time::Duration;

use super::PIECES;
use crate::{
    Code, Error, Result,
    ports::{Commit, Host, MAX_WRITES, Outcome, Page, Records, Version, When, Write},
};

const LOOSE: &str = "blobs.loose";
/// How long a writer may write before its pieces are taken for those of a dead one.
const OLD: Duration = Duration::from_secs(24 * 3600);
/// How many notes are looked at at once.
const NOTES: u32 = 10;

/// The notes about loose pieces of a tenant. The id of one begins with the time from which on it is old.
pub(super) struct Loose<'a> {
    pub(super) records: &'a dyn Records,
    pub(super) host: &'a dyn Host,
    pub(super) tenant: &'a str,
}

/// Forgets a note.
pub(super) fn forget(note: &str, when: When) -> Write {
    Write::delete_when(LOOSE, note, when)
}

impl Loose<'_> {
    /// The id of a note about the pieces of `blob`, and what writes it.
    pub(super) fn writing(&self, blob: &str) -> (String, Write) {
        let note = format!("{:012x}-{blob}", (self.host.now() + OLD).0);
        let write = Write::put(LOOSE, &note, blob.to_owned());
        (note, write)
    }

    /// Notes that the pieces of `blob` belong to none.
    pub(super) async fn note(&self, blob: &str) -> Result<(String, Version)> {
        let (note, write) = self.writing(blob);
        match self.records.commit(Commit::new(self.tenant, vec![write])).await? {
            Outcome::Applied(versions) => versions.first().copied().flatten().map(|it| (note, it)),
            Outcome::Refused { .. } => None,
        }
        .ok_or_else(|| Error::new(Code::Internal, "the store gave a new record no version"))
    }

    /// Removes the pieces of `blob`, and then the note about them.
    pub(super) async fn remove(&self, note: &str, blob: &str) -> Result<()> {
        let limit = u32::try_from(MAX_WRITES).unwrap_or(u32::MAX);
        loop {
            // Behind the slash comes a number, and behind that nothing.
            let (after, before) = (Some(format!("{blob}/")), Some(format!("{blob}0")));
            let page = Page { after, before, limit, ..Page::default() };
            let pieces = self.records.page(self.tenant, PIECES, page).await?;
            if pieces.is_empty() {
                break;
            }
            let delete = pieces.iter().map(|piece| Write::delete(PIECES, &piece.id)).collect();
            self.records.commit(Commit::new(self.tenant, delete)).await?;
        }
        let commit = Commit::new(self.tenant, vec![forget(note, When::Any)]);
        self.records.commit(commit).await.map(drop)
    }

    /// Removes what old notes are about.
    pub(super) async fn clear(&self) -> Result<()> {
        let before = Some(format!("{:012x}", self.host.now().0));
        let page = Page { before, limit: NOTES, ..Page::default() };
        for note in self.records.page(self.tenant, LOOSE, page).await? {
            let Ok(blob) = str::from_utf8(&note.value) else { continue };
            // Whoever is writing after all shall find out: its own note has changed.
            let claim =
                Write::put_when(LOOSE, &note.id, note.value.clone(), When::Version(note.version));
            let claimed = self.records.commit(Commit::new(self.tenant, vec![claim])).await?;
            if matches!(claimed, Outcome::Applied(_)) {
                self.remove(&note.id, blob).await?;
            }
        }
        Ok(())
    }
}
