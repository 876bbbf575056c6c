//! A conversation in the hands of one request: what it may write, and on which condition.

use std::time::Duration;

use super::{
    Policy, Prefix, Session, Turn,
    records::{NAMES, SESSIONS, put_session},
    session::{Claim, System, title},
};
use crate::{
    Result,
    chat::{Message, Part, Usage},
    ports::{Timestamp, Version, When, Write},
};

/// The state in which a record was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// There is none.
    Absent,
    /// It is in this state.
    At(Version),
}

impl Place {
    pub(super) fn when(self) -> When {
        match self {
            Self::Absent => When::Absent,
            Self::At(version) => When::Version(version),
        }
    }

    fn of(version: Option<Version>) -> Self {
        version.map_or(Self::Absent, Self::At)
    }
}

/// A conversation as a request found it. It does not change under the request: whoever writes it first, wins.
#[derive(Clone, Debug)]
pub struct Opened {
    pub(super) id: String,
    pub(super) session: Session,
    pub(super) place: Place,
    /// When the session expires, if nothing is added.
    pub(super) expires_at: Timestamp,
    /// The record of its name, where that does not yet point here.
    pub(super) name: Option<Place>,
    /// The record of its name, where it was found by that.
    pub(super) pointer: Option<Place>,
    /// Whether all that was said comes with each request.
    pub(super) by_agent: bool,
    pub(super) policy: Policy,
    /// How long it lives after a turn at the most, a request at its end included.
    pub(super) lifetime: Duration,
}

/// A turn that is to be added.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) turn: Turn,
    /// The model that was asked.
    pub(crate) model: String,
    /// What the model read and wrote for it.
    pub(crate) usage: Usage,
    /// The first turn that the model was shown.
    pub(crate) shown_from: u32,
}

impl Opened {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is known of it.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whether it is named by an agent, which sends all that was said with each request.
    pub fn by_agent(&self) -> bool {
        self.by_agent
    }

    /// How it is kept.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether `messages` begin with all that was said in it, and go on.
    pub(crate) fn is_continued_by(&self, messages: &[Message]) -> bool {
        let said = usize::try_from(self.session.messages).unwrap_or(usize::MAX);
        !self.session.is_unborn()
            && messages.len() > said
            && messages.get(..said).is_some_and(|said| Prefix::of(said) == self.session.prefix)
    }

    /// What of a request's own system messages is to be kept: nothing if they are those of before.
    pub(crate) fn new_system(&self, system: &[Message]) -> Vec<Message> {
        let before = self.session.system.as_ref().map(|system| &system.prefix);
        if system.is_empty() || before == Some(&Prefix::of(system)) {
            return Vec::new();
        }
        system.iter().map(without_others).collect()
    }

    /// The writes that claim it for a call; they go with the call's hold, which ends at `until`.
    pub(crate) fn claim(
        &self,
        receipt: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Write>> {
        let claim = Claim { receipt: receipt.to_owned(), until };
        let session = Session { claim: Some(claim), ..self.session.clone() };
        let expires_at = self.expires_at.max(until);
        let mut writes = vec![put_session(&self.id, &session, expires_at, self.place.when())?];
        if let (Some(place), Some(name)) = (self.name, &session.name) {
            let kept = now + self.lifetime * 2;
            writes.push(Write::put_until(NAMES, name, self.id.clone(), kept, place.when()));
        }
        Ok(writes)
    }

    /// The claim was written.
    pub(crate) fn claimed(&mut self, versions: &[Option<Version>]) {
        let mut versions = versions.iter().copied();
        self.place = Place::of(versions.next().flatten());
        if self.name.is_some() {
            self.name = Some(Place::of(versions.next().flatten()));
        }
    }

    /// The writes that give a claim back. A conversation in which nothing was said ends with it, unless it was
    /// begun as a session.
    pub(crate) fn release(&self) -> Result<Vec<Write>> {
        if !self.session.is_unborn() || self.session.agent.is_some() {
            let session = Session { claim: None, ..self.session.clone() };
            return Ok(vec![put_session(&self.id, &session, self.expires_at, self.place.when())?]);
        }
        let mut writes = vec![Write::delete_when(SESSIONS, &self.id, self.place.when())];
        if let (Some(place), Some(name)) = (self.name, &self.session.name) {
            writes.push(Write::delete_when(NAMES, name, place.when()));
        }
        Ok(writes)
    }

    /// The claim was given back.
    pub(crate) fn released(&mut self, versions: &[Option<Version>]) {
        self.claimed(versions);
    }

    /// The session with one turn more.
    pub(super) fn with(
        &self,
        addition: &Addition,
        (bytes, apart): (u64, u64),
        now: Timestamp,
    ) -> Session {
        let Addition { turn, model, usage, shown_from } = addition;
        let before = &self.session;
        let count = u32::try_from(turn.messages.len()).unwrap_or(u32::MAX);
        let system = (!turn.system.is_empty())
            .then(|| System { turn: before.turns, prefix: Prefix::of(&turn.system) });
        let unborn = before.is_unborn();
        Session {
            title: if unborn { title(&turn.messages) } else { before.title.clone() },
            created_at: if unborn { now } else { before.created_at },
            updated_at: now,
            turns: before.turns.saturating_add(1),
            messages: before.messages.saturating_add(count),
            bytes: before.bytes.saturating_add(bytes),
            apart: before.apart.saturating_add(apart),
            tokens: usage.total(),
            source: usage.source,
            model: model.clone(),
            shown_from: *shown_from,
            system: system.or_else(|| before.system.clone()),
            prefix: before.prefix.and(&turn.messages),
            claim: None,
            ..before.clone()
        }
    }
}

/// What only one dialect understands of a system's messages changes with every request: an attribution.
fn without_others(message: &Message) -> Message {
    let mut message = message.clone();
    message.parts.retain(|part| !matches!(part, Part::Other { .. }));
    message
}
