//! Conversations in the store.

mod append;
mod contents;
mod shelf;
mod succeed;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};

pub use shelf::Listed;

use super::{
    Address, Opened, Policy, Session, Turn,
    opened::Place,
    records::{NAMES, PIECES, SESSIONS, TURNS, elsewhere, end_of, number, put_session, turn_id},
    session::{fresh_id, is_id},
};
use crate::{
    Code, Error, Result,
    ports::{
        Blobs, Commit, Host, MAX_ID_BYTES, Outcome, Page, Record, Records, Timestamp, When, Write,
    },
};

/// What a caller is told to wait where another request writes the conversation.
const BUSY_RETRY: Duration = Duration::from_secs(1);
/// The longest name of a conversation, in bytes.
const MAX_NAME: usize = 256;
/// How many large turns are read at once.
const PIECED_READS: usize = 4;
/// The longest line of successors that is followed.
const MAX_SUCCESSORS: usize = 32;

/// The conversations of a gateway.
#[derive(Clone, Debug)]
pub struct Conversations {
    records: Arc<dyn Records>,
    blobs: Arc<dyn Blobs>,
    host: Arc<dyn Host>,
    hold_ttl: Duration,
    appended: Arc<AtomicU64>,
}

impl Conversations {
    /// Those kept in `records`, with their pictures in `blobs`, claimed by calls whose holds last for
    /// `hold_ttl`.
    pub fn new(
        records: Arc<dyn Records>,
        blobs: Arc<dyn Blobs>,
        host: Arc<dyn Host>,
        hold_ttl: Duration,
    ) -> Self {
        Self { records, blobs, host, hold_ttl, appended: Arc::default() }
    }

    /// Finds the conversation that a request names, or one that is yet to begin.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if there is none with this id, [`Code::ConversationArchived`] if another goes on
    /// from it (`details.successor` names it), [`Code::ConversationBusy`] if another request is about to write
    /// it, [`Code::InvalidRequest`] for a name that cannot be one.
    pub async fn open(&self, tenant: &str, address: &Address, policy: &Policy) -> Result<Opened> {
        let opened = match address {
            Address::New => self.unborn(None, policy),
            Address::Id(id) => self.existing(tenant, id, policy).await?,
            Address::Named(name) if is_id(name) => self.existing(tenant, name, policy).await?,
            Address::Named(name) | Address::Agent(name) => self.named(tenant, name, policy).await?,
        };
        if let Some(moved) = opened.session.moved(&opened.id) {
            return Err(moved);
        }
        if opened.session.is_claimed(self.host.now()) {
            return Err(busy());
        }
        Ok(Opened { by_agent: matches!(address, Address::Agent(_)), ..opened })
    }

    /// Finds the conversation that goes on from one which the request at hand has had compacted: it may be
    /// claimed for that.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open), but for [`Code::ConversationBusy`].
    pub(crate) async fn open_own(&self, tenant: &str, id: &str, policy: &Policy) -> Result<Opened> {
        let opened = self.existing(tenant, id, policy).await?;
        opened.session.moved(id).map_or(Ok(opened), Err)
    }

    async fn existing(&self, tenant: &str, id: &str, policy: &Policy) -> Result<Opened> {
        let record = self.record(tenant, id).await?;
        self.opened(&record, policy)
    }

    async fn named(&self, tenant: &str, name: &str, policy: &Policy) -> Result<Opened> {
        check_name(name)?;
        let unborn = |place| self.unborn(Some((name, place)), policy);
        let Some(pointer) = self.records.get(tenant, NAMES, name).await? else {
            return Ok(unborn(Place::Absent));
        };
        let mut id = String::from_utf8_lossy(&pointer.value).into_owned();
        // The name moves to a successor in the commit that makes it one; this is for who read it before.
        for _ in 0..MAX_SUCCESSORS {
            let Some(record) = self.records.get(tenant, SESSIONS, &id).await? else { break };
            let opened = self.opened(&record, policy)?;
            match &opened.session.successor {
                Some(successor) => id.clone_from(successor),
                None => {
                    let pointer = Some(Place::At(pointer.version));
                    return Ok(Opened { pointer, ..opened });
                }
            }
        }
        Ok(unborn(Place::At(pointer.version)))
    }

    /// A conversation in which nothing was said yet.
    fn unborn(&self, name: Option<(&str, Place)>, policy: &Policy) -> Opened {
        let now = self.host.now();
        let (name, pointer) = name.unzip();
        let name = name.map(str::to_owned);
        let session = Session { name, created_at: now, updated_at: now, ..Session::default() };
        Opened {
            id: fresh_id(&*self.host),
            session,
            place: Place::Absent,
            expires_at: now,
            name: pointer,
            pointer: None,
            by_agent: false,
            policy: policy.clone(),
            lifetime: self.lifetime(policy),
        }
    }

    /// Begins a session with an agent, in which nothing was said yet.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub(crate) async fn begin(&self, tenant: &str, agent: &str, policy: &Policy) -> Result<Listed> {
        let Opened { id, mut session, .. } = self.unborn(None, policy);
        session.agent = Some(agent.to_owned());
        let expires_at = self.host.now() + policy.ttl;
        let write = put_session(&id, &session, expires_at, When::Absent)?;
        match self.commit(tenant, vec![write]).await? {
            Outcome::Applied(_) => Ok(Listed { id, session }),
            Outcome::Refused { .. } => Err(busy()),
        }
    }

    /// One that is yet to begin and takes the name of `opened`, if that was found by its name.
    pub(crate) fn anew(&self, opened: &Opened) -> Option<Opened> {
        let name = opened.session.name.as_deref().zip(opened.pointer)?;
        let unborn = self.unborn(Some(name), &opened.policy);
        Some(Opened { by_agent: opened.by_agent, ..unborn })
    }

    fn opened(&self, record: &Record, policy: &Policy) -> Result<Opened> {
        let session = Session::read(record)?;
        Ok(Opened {
            id: record.id.clone(),
            session,
            place: Place::At(record.version),
            expires_at: record.expires_at.unwrap_or(Write::LATEST_EXPIRY),
            name: None,
            pointer: None,
            by_agent: false,
            policy: policy.clone(),
            lifetime: self.lifetime(policy),
        })
    }

    fn lifetime(&self, policy: &Policy) -> Duration {
        policy.ttl.saturating_add(self.hold_ttl)
    }

    async fn record(&self, tenant: &str, id: &str) -> Result<Record> {
        if !is_id(id) {
            return Err(unknown(id));
        }
        self.records.get(tenant, SESSIONS, id).await?.ok_or_else(|| unknown(id))
    }

    /// The turns of a conversation, from number `from` on.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`] if it was deleted meanwhile.
    pub(crate) async fn turns(
        &self,
        tenant: &str,
        opened: &Opened,
        from: u32,
    ) -> Result<Vec<Turn>> {
        self.read_turns(tenant, &opened.id, from..opened.session.turns).await
    }

    /// The system's messages that a conversation has.
    pub(crate) async fn system(&self, tenant: &str, opened: &Opened) -> Result<Option<Turn>> {
        let Some(system) = &opened.session.system else { return Ok(None) };
        let range = system.turn..system.turn.saturating_add(1);
        Ok(self.read_turns(tenant, &opened.id, range).await?.pop())
    }

    async fn read_turns(
        &self,
        tenant: &str,
        id: &str,
        numbers: std::ops::Range<u32>,
    ) -> Result<Vec<Turn>> {
        let mut heads: Vec<Record> = Vec::new();
        let mut after = match numbers.start.checked_sub(1) {
            Some(before) => turn_id(id, before),
            None => format!("{id}/"),
        };
        let before = turn_id(id, numbers.end);
        let wanted =
            usize::try_from(numbers.end.saturating_sub(numbers.start)).unwrap_or(usize::MAX);
        while heads.len() < wanted {
            let limit =
                u32::try_from(wanted - heads.len()).unwrap_or(u32::MAX).min(Page::MAX_LIMIT);
            let page =
                Page { after: Some(after), before: Some(before.clone()), limit, ..Page::default() };
            let found = self.records.page(tenant, TURNS, page).await?;
            let Some(last) = found.last() else { break };
            after = last.id.clone();
            heads.extend(found);
        }
        let whole = heads.len() == wanted
            && numbers.zip(&heads).all(|(wanted, head)| number(&head.id) == Some(wanted));
        if !whole {
            return Err(unknown(id));
        }
        let read = |head: Record| async move { self.read_turn(tenant, id, &head).await };
        stream::iter(heads).map(read).buffered(PIECED_READS).try_collect().await
    }

    async fn read_turn(&self, tenant: &str, id: &str, head: &Record) -> Result<Turn> {
        let Some((folder, count)) = elsewhere(&head.value) else {
            return self.whole(tenant, id, &head.value).await;
        };
        let pieces = self.pieces(tenant, &folder).await?;
        if pieces.len() != count {
            return Err(Error::new(Code::Internal, "a stored conversation is not whole"));
        }
        let values: Vec<_> = pieces.into_iter().map(|piece| piece.value).collect();
        self.whole(tenant, id, &values.concat()).await
    }

    async fn pieces(&self, tenant: &str, folder: &str) -> Result<Vec<Record>> {
        let (after, before) = (format!("{folder}/"), end_of(folder));
        let page = Page { after: Some(after), before: Some(before), ..Page::default() };
        self.records.page(tenant, PIECES, page).await
    }

    pub(crate) async fn commit(&self, tenant: &str, writes: Vec<Write>) -> Result<Outcome> {
        self.records.commit(Commit::new(tenant, writes)).await
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.host.now()
    }
}

fn check_name(name: &str) -> Result<()> {
    const { assert!(MAX_NAME <= MAX_ID_BYTES) };
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        let why = format!("`session_id` must be 1 to {MAX_NAME} bytes without NUL");
        return Err(Error::invalid("session_id", why));
    }
    Ok(())
}

/// The refusal of who comes second.
pub(crate) fn busy() -> Error {
    let message = "another request is being answered in this conversation";
    Error::new(Code::ConversationBusy, message).retry_after(BUSY_RETRY)
}

/// The refusal of an id that no conversation of the tenant has.
pub(crate) fn unknown(id: &str) -> Error {
    let id: String = id.chars().take(MAX_NAME).collect();
    Error::new(Code::NotFound, format!("there is no conversation `{id}`"))
}
