//! Adding turns, and renewing those that would not last.

use std::sync::atomic::Ordering;

use super::Conversations;
use crate::{
    Result,
    conversation::{
        Opened, Session,
        apart::Apart,
        opened::Addition,
        records::{
            NAMES, PIECES, PIECES_A_COMMIT, Stored, TURNS, elsewhere, end_of, put_session, store,
        },
    },
    ports::{Page, Record, Timestamp, When, Write},
};

/// With every so many turns that a process adds, the contents of conversations that are gone are looked for.
const SWEEP_EVERY: u64 = 64;

impl Conversations {
    /// The writes that add a turn, and the session as they make it: they go with the settlement of the turn's
    /// call. What is too large for one commit is written before.
    ///
    /// # Errors
    ///
    /// [`Code::ConversationTooLong`](crate::Code::ConversationTooLong) if the turn cannot be kept.
    pub(crate) async fn append(
        &self,
        tenant: &str,
        opened: &Opened,
        addition: &Addition,
    ) -> Result<(Vec<Write>, Session)> {
        // The first of a process finds nothing more often than not.
        if self.appended.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.sweep(tenant).await;
        }
        let now = self.host.now();
        let (lifetime, policy) = (opened.lifetime, &opened.policy);
        let kept_until = now + lifetime * 2;
        let turn = &addition.turn;
        let Apart { bytes, length: apart, .. } =
            self.keep_apart(tenant, &opened.id, turn, kept_until).await?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut session = opened.with(addition, (length, apart), now);
        let mut renewed_name = None;
        if opened.session.is_unborn() {
            session.kept_until = kept_until;
        } else if opened.session.kept_until < now + lifetime {
            self.renew(tenant, &opened.id, kept_until).await?;
            session.kept_until = kept_until;
            renewed_name = session.name.as_ref().map(|name| {
                Write::put_until(NAMES, name, opened.id.clone(), kept_until, When::Any)
            });
        }
        let at = (opened.id.as_str(), opened.session.turns, addition.turn.receipt.as_str());
        let Stored { pieces, head } = store(at, &bytes, kept_until)?;
        for some in pieces.chunks(PIECES_A_COMMIT) {
            self.commit(tenant, some.to_vec()).await?;
        }
        let session_write =
            put_session(&opened.id, &session, now + policy.ttl, opened.place.when())?;
        let writes = [Some(session_write), head, renewed_name].into_iter().flatten().collect();
        Ok((writes, session))
    }

    /// Has every turn last until then. A turn that is gone meanwhile stays gone.
    async fn renew(&self, tenant: &str, id: &str, until: Timestamp) -> Result<()> {
        for collection in [TURNS, PIECES] {
            let mut after = format!("{id}/");
            loop {
                let limit = u32::try_from(PIECES_A_COMMIT).unwrap_or(1);
                let page =
                    Page { after: Some(after), before: Some(end_of(id)), limit, ..Page::default() };
                let found = self.records.page(tenant, collection, page).await?;
                let Some(last) = found.last() else { break };
                after = last.id.clone();
                let renewed = |record: Record| {
                    let when = When::Version(record.version);
                    Write::put_until(collection, record.id, record.value, until, when)
                };
                self.commit(tenant, found.into_iter().map(renewed).collect()).await?;
            }
        }
        Ok(())
    }

    /// Deletes a conversation's turns. Its session is gone already, so nobody reads them.
    pub(super) async fn delete_turns(&self, tenant: &str, id: &str) -> Result<()> {
        let mut after = format!("{id}/");
        loop {
            let page =
                Page { after: Some(after), before: Some(end_of(id)), limit: 20, ..Page::default() };
            let found = self.records.page(tenant, TURNS, page).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = last.id.clone();
            for (folder, _) in found.iter().filter_map(|head| elsewhere(&head.value)) {
                let pieces = self.pieces(tenant, &folder).await?;
                for some in pieces.chunks(20) {
                    let delete = |piece: &Record| Write::delete(PIECES, &piece.id);
                    self.commit(tenant, some.iter().map(delete).collect()).await?;
                }
            }
            let delete = |head: &Record| Write::delete(TURNS, &head.id);
            self.commit(tenant, found.iter().map(delete).collect()).await?;
        }
    }
}
