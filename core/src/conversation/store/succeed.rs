//! Having one conversation go on from another.

use std::time::Duration;

use super::Conversations;
use crate::{
    Result,
    chat::{Source, Usage},
    conversation::{
        Opened, Prefix, Session, Turn,
        apart::Apart,
        records::{NAMES, PIECES_A_COMMIT, Stored, put_session, store},
        session::{Claim, System, fresh_id},
        window::{bytes, share},
    },
    ports::{When, Write},
};

/// For how long nobody else may go on with a conversation that a request has had compacted: until that has
/// claimed it itself. Should it fail before, the conversation is busy for no longer.
const HEAD_START: Duration = Duration::from_secs(10);

impl Conversations {
    /// The writes that archive a conversation and begin the one that goes on from it: with a turn that stands
    /// for its beginning, and with its end word for word. They go with the settlement of the call that wrote
    /// the first. The other value is the id of the new conversation. Where `goes_on`, a request is about to go
    /// on with it, and others find it busy for a while.
    ///
    /// # Errors
    ///
    /// [`Code::ConversationTooLong`](crate::Code::ConversationTooLong) if a turn cannot be kept.
    pub(crate) async fn succeed(
        &self,
        tenant: &str,
        opened: &Opened,
        turns: &[Turn],
        (usage, replaced, goes_on): (Usage, u64, bool),
    ) -> Result<(Vec<Write>, String)> {
        let now = self.host.now();
        let id = fresh_id(&*self.host);
        let kept_until = now + opened.lifetime * 2;
        let mut heads = Vec::new();
        let (mut length, mut apart) = (0, 0);
        for (number, turn) in (0..).zip(turns) {
            let Apart { bytes: value, length: more, .. } =
                self.keep_apart(tenant, &id, turn, kept_until).await?;
            apart += more;
            length += u64::try_from(value.len()).unwrap_or(u64::MAX);
            let Stored { pieces, head } = store((&id, number, &turn.receipt), &value, kept_until)?;
            for some in pieces.chunks(PIECES_A_COMMIT) {
                self.commit(tenant, some.to_vec()).await?;
            }
            heads.extend(head);
        }
        let claim = turns
            .first()
            .map(|first| Claim { receipt: first.receipt.clone(), until: now + HEAD_START });
        let before = &opened.session;
        let tail: u64 = turns.iter().skip(1).map(|turn| bytes(&turn.messages)).sum();
        let messages = turns.iter().map(|turn| turn.messages.len()).sum::<usize>();
        let system = (0..).zip(turns).filter(|(_, turn)| !turn.system.is_empty()).last();
        let system = system.map(|(turn, it)| System { turn, prefix: Prefix::of(&it.system) });
        let said = turns.iter().fold(Prefix::default(), |said, turn| said.and(&turn.messages));
        let successor = Session {
            created_at: now,
            updated_at: now,
            turns: u32::try_from(turns.len()).unwrap_or(u32::MAX),
            messages: u32::try_from(messages).unwrap_or(u32::MAX),
            bytes: length,
            apart,
            tokens: share(before.tokens, tail, tail.saturating_add(replaced))
                .saturating_add(usage.output),
            source: Source::Estimated,
            shown_from: 0,
            predecessor: Some(opened.id.clone()),
            successor: None,
            system,
            prefix: said,
            kept_until,
            claim: claim.filter(|_| goes_on),
            ..before.clone()
        };
        let archived = Session { successor: Some(id.clone()), claim: None, ..before.clone() };
        let expires_at = now + opened.policy.ttl;
        let name = before.name.as_ref();
        let name =
            name.map(|name| Write::put_until(NAMES, name, id.clone(), kept_until, When::Any));
        let mut writes = vec![
            put_session(&opened.id, &archived, opened.expires_at, opened.place.when())?,
            put_session(&id, &successor, expires_at, When::Absent)?,
        ];
        writes.extend(heads.into_iter().chain(name));
        Ok((writes, id))
    }
}
