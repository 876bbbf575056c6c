//! What was said before in a request's conversation is put in front of it, and what is said is added.
//!
//! The conversation is claimed by the call that is to answer, in the stage `reserve`, and its turn is added
//! when that call is booked, in the stage `settle`.

mod heard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Gateway;
use crate::{
    Code, Error, Result,
    accounting::Draft,
    chat::{Dialect, Message, Request, Role},
    conversation::{Address, MAX_BYTES, Opened, Policy},
    keys::Caller,
    ports::{Timestamp, Version, Write},
};
pub(super) use heard::Heard;

/// A conversation to which a request belongs that is being answered.
#[derive(Debug)]
pub(super) struct Conversing {
    tenant: String,
    /// What the request says beyond what was said before.
    asked: Vec<Message>,
    /// Its system messages, where they are new.
    system: Vec<Message>,
    dialect: Dialect,
    /// The model that is asked, in the caller's words.
    model: String,
    /// The first turn that the model is shown.
    shown_from: u32,
    now: Timestamp,
    opened: Mutex<Opened>,
}

impl Conversing {
    /// The conversation's id.
    pub(super) fn id(&self) -> String {
        self.opened().id().to_owned()
    }

    /// Whether the request is answered even if its conversation is not to be had.
    pub(super) fn is_optional(&self) -> bool {
        self.opened().by_agent()
    }

    /// The writes that claim it, for the commit of this hold.
    pub(super) fn claim(&self, draft: &Draft) -> Result<Vec<Write>> {
        self.opened().claim(draft.receipt(), draft.until(), self.now)
    }

    /// They were written.
    pub(super) fn claimed(&self, versions: &[Option<Version>]) {
        self.opened().claimed(versions);
    }

    fn opened(&self) -> MutexGuard<'_, Opened> {
        // Every change is of single fields, so the state is whole even after a panic.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the conversation that a request names.
pub(super) async fn open(
    gateway: &Gateway,
    caller: &Caller,
    address: &Address,
) -> Result<Option<Opened>> {
    let policy = Policy::of(gateway.settings());
    if !policy.keeps() {
        return Ok(None);
    }
    match gateway.conversations.open(&caller.tenant, address, &policy).await {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if matches!(address, Address::Agent(_)) && is_taken(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_taken(error: &Error) -> bool {
    matches!(error.code(), Code::ConversationBusy | Code::ConversationArchived)
}

/// Puts what was said in front of `request`, unless that says it itself. `None`: the request is an agent's
/// and does not go on from what was said, or makes it too long; it is answered as it is.
pub(super) async fn recall(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &mut Request,
) -> Result<Option<Arc<Conversing>>> {
    let system_messages = request.messages.iter().take_while(|it| is_instruction(it)).count();
    let (system, said) = request.messages.split_at(system_messages);
    let complete = opened.is_continued_by(said);
    let before = opened.session();
    let begins = before.turns == 0;
    if opened.by_agent() && !complete && !begins {
        return Ok(None);
    }
    let known = if complete { usize::try_from(before.messages).unwrap_or(usize::MAX) } else { 0 };
    let asked = said.get(known..).unwrap_or_default().to_vec();
    match check_length(&opened, &asked) {
        Err(error) if opened.by_agent() => {
            tracing::debug!(error = &error as &dyn std::error::Error, "not kept any further");
            return Ok(None);
        }
        checked => checked?,
    }
    let shown_from = before.shown_from;
    let new_system = opened.new_system(system);
    if !opened.by_agent() {
        let system = system.to_vec();
        // What is written to a provider of the next request begins with what is written of this one.
        request.original = None;
        if !complete && !begins {
            let earlier = history(gateway, caller, &opened, request.dialect, system).await?;
            request.messages = earlier.into_iter().chain(asked.iter().cloned()).collect();
        }
    }
    Ok(Some(Arc::new(Conversing {
        tenant: caller.tenant.clone(),
        asked,
        system: new_system,
        dialect: request.dialect,
        model: request.model.clone(),
        shown_from,
        now: gateway.conversations.now(),
        opened: Mutex::new(opened),
    })))
}

/// The system's messages, those of the request before those that are kept, and the turns that are shown.
async fn history(
    gateway: &Gateway,
    caller: &Caller,
    opened: &Opened,
    dialect: Dialect,
    mut system: Vec<Message>,
) -> Result<Vec<Message>> {
    let (conversations, tenant) = (&gateway.conversations, &caller.tenant);
    if system.is_empty()
        && let Some(turn) = conversations.system(tenant, opened).await?
    {
        system = turn.system_in(dialect).collect();
    }
    let turns = conversations.turns(tenant, opened, opened.session().shown_from).await?;
    system.extend(turns.iter().flat_map(|turn| turn.told_in(dialect)));
    Ok(system)
}

fn is_instruction(message: &Message) -> bool {
    matches!(message.role, Role::System | Role::Developer)
}

/// Refuses what would make the conversation longer than it may be, its answer included.
fn check_length(opened: &Opened, asked: &[Message]) -> Result<()> {
    let (session, most) = (opened.session(), opened.policy().messages);
    let more = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    if session.messages.saturating_add(more).saturating_add(1) > most {
        let have = session.messages;
        let message = format!(
            "the conversation has {have} messages, and may have {most} with these and the answer"
        );
        return Err(Error::new(Code::ConversationTooLong, message));
    }
    let bytes = serde_json::to_vec(asked).map_or(0, |bytes| bytes.len());
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    if session.bytes.saturating_add(bytes) > MAX_BYTES {
        let message = format!("a conversation may have {MAX_BYTES} bytes");
        return Err(Error::new(Code::ConversationTooLong, message));
    }
    Ok(())
}
