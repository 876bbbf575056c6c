//! All models together: who starts, who waits, who goes. Decides, and touches nothing: what is to be
//! done outside is left in [`Effect`]s.

#[cfg(test)]
mod invariants;
mod lives;
mod model;
mod room;
mod slots;

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use dormouse_core::{
    Code, Error, Result,
    ports::{Lease, ModelServer},
};
pub(crate) use model::Seat;
use model::{Model, Phase, Ticket};
use room::{Room, Verdict};
pub(crate) use slots::Slots;
use tokio::sync::{Notify, oneshot};

use crate::{ModelSpec, Options};

/// What happened to one model's servers since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Servers that became healthy.
    pub wakes: u64,
    /// How long these wakes took together.
    pub wake_time: Duration,
    /// Servers that could not be started, or died.
    pub failures: u64,
    /// Servers that were stopped because another model needed the room.
    pub evictions: u64,
}

/// What is to be done when the fleet is left alone again.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Start a server, and see it to its end.
    Start(Arc<str>),
    /// Let the server's task ask for its [`Errand`].
    Nudge(Arc<Notify>),
    /// Answer somebody in the queue.
    Reply(oneshot::Sender<Result<Lease>>, Result<Seat>),
}

/// What a caller gets at once.
#[derive(Debug)]
pub(crate) enum Entry {
    Seated(Seat),
    Queued(u64, oneshot::Receiver<Result<Lease>>),
}

/// What the task of a server is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Stop the server.
    Stop,
    /// Ask again at this time, or when nudged.
    Until(Duration),
    /// Ask again when nudged.
    Wait,
}

/// How a server ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// As it was told to.
    Stopped,
    /// For this reason.
    Failed(String),
}

/// Every model, and the rules between them.
#[derive(Debug)]
pub(crate) struct Fleet {
    models: BTreeMap<Arc<str>, Model>,
    room: Room,
    options: Arc<Options>,
    tickets: u64,
    closing: Option<Closing>,
    effects: Vec<Effect>,
}

/// How the fleet comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    /// Running answers are finished first.
    Gently,
    /// At once.
    Now,
}

impl Fleet {
    pub(crate) fn new(options: Arc<Options>) -> Self {
        let models = options.models.iter().cloned();
        let models = models.map(|spec| (Arc::from(spec.name.as_str()), Model::new(spec)));
        Self {
            models: models.collect(),
            room: Room::new(&options),
            options,
            tickets: 0,
            closing: None,
            effects: Vec::new(),
        }
    }

    /// What is to be done since this was last asked.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        mem::take(&mut self.effects)
    }

    /// Starts the models of the preload list that fit beside each other.
    pub(crate) fn preload(&mut self, now: Duration) {
        let mut listed: Vec<_> =
            self.models.iter().filter(|(_, model)| model.spec.preload).collect();
        listed.sort_by_key(|(_, model)| -i64::from(model.spec.priority));
        let listed: Vec<_> = listed.into_iter().map(|(name, _)| Arc::clone(name)).collect();
        for name in listed {
            let model = self.models.get(&name);
            let verdict = model.map(|model| self.room.verdict(&self.models, model, &[]));
            if verdict == Some(Verdict::Fits) {
                self.start(&name, now);
            }
        }
    }

    /// Gives a caller a place, or one in the queue.
    pub(crate) fn enter(
        &mut self,
        name: &str,
        conversation: Option<&str>,
        now: Duration,
    ) -> Result<Entry> {
        let model = self.models.get_mut(name).ok_or_else(|| unknown(name))?;
        if self.closing.is_some() {
            return Err(model::closing());
        }
        if let Some(failure) = model.failure(now) {
            return Err(failure);
        }
        if model.waiting.is_empty()
            && let Some(seat) = model.seat(conversation, Duration::ZERO, now)
        {
            return Ok(Entry::Seated(seat));
        }
        if model.waiting.len() >= self.options.queue {
            return Err(model.busy(now));
        }
        self.tickets += 1;
        let number = self.tickets;
        let (reply, answer) = oneshot::channel();
        let warm = matches!(model.phase, Phase::Warm { .. });
        model.waiting.push_back(Ticket {
            number,
            conversation: conversation.map(ToOwned::to_owned),
            since: now,
            woken_in: warm.then_some(Duration::ZERO),
            reply,
        });
        self.start_who_waits(now);
        Ok(Entry::Queued(number, answer))
    }

    /// Forgets a caller who left the queue.
    pub(crate) fn leave(&mut self, name: &str, ticket: u64, now: Duration) {
        if let Some(model) = self.models.get_mut(name) {
            model.waiting.retain(|it| it.number != ticket);
        }
        self.tidy(name, now);
    }

    /// Takes a place back.
    pub(crate) fn free(&mut self, name: &str, life: u64, slot: Option<u32>, now: Duration) {
        let Some(model) = self.models.get_mut(name).filter(|model| model.life == life) else {
            return;
        };
        model.active = model.active.saturating_sub(1);
        model.last_used = now;
        model.slots.free(slot);
        self.tidy(name, now);
    }

    /// Stops a model's server when its answers are finished, and forgives its failures.
    pub(crate) fn release(&mut self, name: &str) -> Result<()> {
        let model = self.models.get_mut(name).ok_or_else(|| unknown(name))?;
        match &mut model.phase {
            Phase::Failed { .. } => {
                model.phase = Phase::Cold;
                model.failures = 0;
            }
            Phase::Waking { release, .. } if !model.waiting.is_empty() => *release = true,
            Phase::Cold | Phase::Draining | Phase::Waking { .. } | Phase::Warm { .. } => {
                self.drain(name);
            }
        }
        Ok(())
    }

    /// Whether nobody's answer is waited for any more.
    pub(crate) fn is_hurried(&self) -> bool {
        self.closing == Some(Closing::Now)
    }

    /// Whether no server runs.
    pub(crate) fn is_asleep(&self) -> bool {
        !self.models.values().any(Model::is_loaded)
    }

    pub(crate) fn reports(&self, now: Duration) -> Vec<ModelServer> {
        self.models.values().map(|model| model.report(now)).collect()
    }

    pub(crate) fn report(&self, name: &str, now: Duration) -> Option<ModelServer> {
        self.models.get(name).map(|model| model.report(now))
    }

    pub(crate) fn counters(&self) -> BTreeMap<String, Counters> {
        self.models.values().map(|model| (model.spec.name.clone(), model.counters)).collect()
    }

    /// What a server's task needs to know.
    pub(crate) fn orders(&self, name: &str) -> Option<(Arc<ModelSpec>, Arc<Notify>)> {
        let model = self.models.get(name)?;
        Some((Arc::clone(&model.spec), Arc::clone(&model.nudge)))
    }

    /// After a change: seats who can be seated, lets the server's task look, starts who waits.
    fn tidy(&mut self, name: &str, now: Duration) {
        let Some(model) = self.models.get_mut(name) else { return };
        while let Some(ticket) = model.waiting.front() {
            let conversation = ticket.conversation.clone();
            let woken_in = ticket.woken_in.unwrap_or_default();
            let Some(seat) = model.seat(conversation.as_deref(), woken_in, now) else { break };
            if let Some(ticket) = model.waiting.pop_front() {
                self.effects.push(Effect::Reply(ticket.reply, Ok(seat)));
            }
        }
        if model.is_loaded() {
            self.effects.push(Effect::Nudge(Arc::clone(&model.nudge)));
        }
        self.start_who_waits(now);
    }

    fn start_who_waits(&mut self, now: Duration) {
        let mut promised = Vec::new();
        for name in room::candidates(&self.models, now) {
            let Some(model) = self.models.get(&name) else { continue };
            match self.room.verdict(&self.models, model, &promised) {
                Verdict::Fits => self.start(&name, now),
                Verdict::After(evicted) => {
                    evicted.iter().for_each(|other| self.evict(other));
                    promised.push(name);
                }
                Verdict::Full => {}
                Verdict::Never => {
                    let reason = "it needs more memory than may be used";
                    self.failed(&name, reason, now);
                }
            }
        }
    }

    fn start(&mut self, name: &Arc<str>, now: Duration) {
        if let Some(model) = self.models.get_mut(name) {
            model.phase = Phase::Waking { since: now, release: false, abort: false };
            model.progress = None;
            self.effects.push(Effect::Start(Arc::clone(name)));
        }
    }

    fn evict(&mut self, name: &str) {
        if let Some(model) = self.models.get_mut(name) {
            model.counters.evictions += 1;
        }
        self.drain(name);
    }

    /// Lets no more answers begin: the server stops when those it gives are finished.
    fn drain(&mut self, name: &str) {
        let Some(model) = self.models.get_mut(name) else { return };
        match &mut model.phase {
            Phase::Waking { abort, .. } => *abort = true,
            Phase::Warm { .. } => model.phase = Phase::Draining,
            Phase::Draining => {}
            Phase::Cold | Phase::Failed { .. } => return,
        }
        self.effects.push(Effect::Nudge(Arc::clone(&model.nudge)));
    }

    /// Sends everybody in a model's queue away.
    fn dismiss(&mut self, name: &str, why: impl Fn(&str) -> Error) {
        let Some(model) = self.models.get_mut(name) else { return };
        let dismissed = model.waiting.drain(..);
        let replies = dismissed.map(|ticket| Effect::Reply(ticket.reply, Err(why(name))));
        self.effects.extend(replies);
    }
}

fn unknown(model: &str) -> Error {
    Error::new(Code::ModelNotFound, format!("there is no local model `{model}`"))
}
