//! What was said before in a request's conversation is put in front of it, and what is said is added.
//!
//! The conversation is claimed by the call that is to answer, in the stage `reserve`, and its turn is added
//! when that call is booked, in the stage `settle`.

mod compact;
mod heard;
mod room;

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Gateway, Origin};
pub use compact::Compacted;
pub(super) use heard::Heard;
use room::Model;

use crate::{
    Code, Error, Result,
    accounting::Draft,
    chat::{Dialect, Message, Request, Role, Source},
    conversation::{
        Address, MAX_APART, MAX_BYTES, Opened, Policy, Turn, apart, continues, summary::Parts,
        window::Weight,
    },
    keys::Caller,
    ports::{Outcome, Timestamp, Version, Write},
};

/// A conversation to which a call belongs that is being answered.
#[derive(Debug)]
pub(super) struct Conversing {
    tenant: String,
    purpose: Purpose,
    dialect: Dialect,
    /// The model that is asked, in the caller's words.
    model: String,
    /// Whether an agent's instructions are among its system messages.
    instructed: bool,
    now: Timestamp,
    /// The messages that were put in front of the request's own.
    earlier: Range<usize>,
    opened: Mutex<Opened>,
    /// The conversation that was made of this one.
    successor: Mutex<Option<String>>,
}

/// What becomes of the answer.
#[derive(Debug)]
enum Purpose {
    /// It is added.
    Answer {
        /// What the request says beyond what was said before.
        asked: Vec<Message>,
        /// Its system messages, where they are new.
        system: Vec<Message>,
        /// The first turn that the model is shown.
        shown_from: u32,
        /// How many tokens it is shown, and how that is known.
        context: Option<(u64, Source)>,
    },
    /// It takes the place of a part of the conversation.
    Summary {
        parts: Parts,
        /// The turn that holds the system's messages.
        system: Option<Turn>,
        /// Whether the request that has it made goes on from it.
        goes_on: bool,
    },
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

    /// Which messages of the request were put in front of its own.
    pub(super) fn earlier(&self) -> Range<usize> {
        self.earlier.clone()
    }

    /// How many tokens the model is shown of it, and how that is known.
    pub(super) fn context(&self) -> Option<(u64, Source)> {
        match &self.purpose {
            Purpose::Answer { context, .. } => *context,
            Purpose::Summary { .. } => None,
        }
    }

    /// Gives the claim back, in a commit of its own.
    async fn give_back(&self, gateway: &Gateway) -> Result<()> {
        let writes = self.opened().release()?;
        match gateway.conversations.commit(&self.tenant, writes).await? {
            Outcome::Applied(versions) => self.opened().released(&versions),
            Outcome::Refused { .. } => {
                tracing::warn!("a claim was not given back: its conversation was changed");
            }
        }
        Ok(())
    }

    /// The conversation that was made of it.
    fn successor(&self) -> Option<String> {
        self.successor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn succeeded_by(&self, id: Option<String>) {
        *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = id;
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
    let effective = gateway.tenants.of(&caller.tenant).await?;
    let policy = Policy::of(&effective.config);
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

/// Puts what was said in front of `request`, unless that says it itself: as much as the model has room for.
/// `None`: the request is an agent's and does not go on from what was said, or makes it too long; it is
/// answered as it is.
pub(super) async fn recall(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &mut Request,
    origin: &Origin,
) -> Result<Option<Arc<Conversing>>> {
    if opened.by_agent() {
        return Ok(followed(gateway, caller, opened, request));
    }
    let (_, said) = parts(request);
    if opened.session().turns == 0 || opened.is_continued_by(said) {
        return begun(gateway, caller, opened, request).map(Some);
    }
    let model = room::model(gateway, caller, &opened, (request, origin)).await?;
    let opened = match &model {
        Some(model) if compact::is_due(&opened, model.window) => {
            let compacted = compact::before_answer(gateway, caller, opened, &request.model, origin);
            Box::pin(compacted).await?
        }
        _ => opened,
    };
    continued(gateway, caller, opened, request, model).await.map(Some)
}

/// An agent's conversation, if the request begins it or goes on from it, or another in its place if the
/// request says more than it.
fn followed(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &Request,
) -> Option<Arc<Conversing>> {
    let (system, said) = parts(request);
    let opened = match opened.session().turns {
        0 => opened,
        _ if opened.is_continued_by(said) => opened,
        // What was kept was a request aside, or what the agent has given up.
        _ if said.len() > kept(&opened) => gateway.conversations.anew(&opened)?,
        _ => return None,
    };
    let asked = beyond(&opened, said);
    if let Err(error) = check_length(&opened, &asked) {
        tracing::debug!(error = &error as &dyn std::error::Error, "not kept any further");
        return None;
    }
    let (system, shown_from) = (opened.new_system(system), opened.session().shown_from);
    let purpose = Purpose::Answer { asked, system, shown_from, context: None };
    Some(conversing(gateway, caller, opened, request, (purpose, 0..0)))
}

/// A conversation that begins with `request`, or that it repeats and goes on from.
fn begun(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &mut Request,
) -> Result<Arc<Conversing>> {
    let (system, said) = parts(request);
    let asked = beyond(&opened, said);
    check_length(&opened, &asked)?;
    let (system, shown_from) = (opened.new_system(system), opened.session().shown_from);
    // What is written to a provider of the next request begins with what is written of this one.
    request.original = None;
    let purpose = Purpose::Answer { asked, system, shown_from, context: None };
    Ok(conversing(gateway, caller, opened, request, (purpose, 0..0)))
}

/// A conversation that goes on with what `request` says.
async fn continued(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &mut Request,
    model: Option<Model>,
) -> Result<Arc<Conversing>> {
    let (conversations, tenant) = (&gateway.conversations, &caller.tenant);
    let (own, asked) = parts(request);
    let (own_system, own_asked) = (own.len(), asked.len());
    let (mut system, asked) = (own.to_vec(), asked.to_vec());
    check_length(&opened, &asked)?;
    let new_system = opened.new_system(&system);
    if system.is_empty()
        && let Some(turn) = conversations.system(tenant, &opened).await?
    {
        system = turn.system_in(request.dialect).collect();
    }
    let shown_from = opened.session().shown_from;
    let turns = conversations.turns(tenant, &opened, shown_from).await?;
    request.original = None;
    request.messages = told(&system, &turns, &asked, request.dialect);
    let mut context = None;
    let mut first = 0;
    if let Some(model) = model {
        let room = model.room(gateway, &opened, request, &asked).await;
        let weights: Vec<Weight> = turns.iter().map(Weight::of).collect();
        first = room.first(&weights, continues(&asked));
        context = Some(room.shown(&weights, first));
        if let Some(shown) = turns.get(first..).filter(|_| first > 0) {
            request.messages = told(&system, shown, &asked, request.dialect);
        }
    }
    let shown_from = shown_from.saturating_add(u32::try_from(first).unwrap_or(u32::MAX));
    let purpose = Purpose::Answer { asked, system: new_system, shown_from, context };
    let earlier = own_system..request.messages.len().saturating_sub(own_asked);
    Ok(conversing(gateway, caller, opened, request, (purpose, earlier)))
}

fn conversing(
    gateway: &Gateway,
    caller: &Caller,
    opened: Opened,
    request: &Request,
    (purpose, earlier): (Purpose, Range<usize>),
) -> Arc<Conversing> {
    Arc::new(Conversing {
        tenant: caller.tenant.clone(),
        purpose,
        dialect: request.dialect,
        model: request.model.clone(),
        instructed: request.agent.instructed,
        now: gateway.conversations.now(),
        earlier,
        opened: Mutex::new(opened),
        successor: Mutex::default(),
    })
}

/// The system's messages of a request, and what is said in it.
fn parts(request: &Request) -> (&[Message], &[Message]) {
    let is_instruction =
        |message: &&Message| matches!(message.role, Role::System | Role::Developer);
    let system = request.messages.iter().take_while(is_instruction).count();
    request.messages.split_at(system)
}

/// What is said beyond what was said before.
fn beyond(opened: &Opened, said: &[Message]) -> Vec<Message> {
    said.get(kept(opened)..).unwrap_or_default().to_vec()
}

/// How many messages are kept.
fn kept(opened: &Opened) -> usize {
    usize::try_from(opened.session().messages).unwrap_or(usize::MAX)
}

fn told(system: &[Message], turns: &[Turn], asked: &[Message], dialect: Dialect) -> Vec<Message> {
    let earlier = turns.iter().flat_map(|turn| turn.told_in(dialect));
    system.iter().cloned().chain(earlier).chain(asked.iter().cloned()).collect()
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
    let (bytes, pictures) = apart::measure(&Turn { messages: asked.to_vec(), ..Turn::default() })?;
    if session.bytes.saturating_add(bytes) > MAX_BYTES {
        let message = format!("a conversation may have {MAX_BYTES} bytes");
        return Err(Error::new(Code::ConversationTooLong, message));
    }
    if session.apart.saturating_add(pictures) > MAX_APART {
        let message = format!(
            "the pictures and documents of a conversation may have {MAX_APART} bytes together"
        );
        return Err(Error::new(Code::ConversationTooLong, message));
    }
    Ok(())
}
