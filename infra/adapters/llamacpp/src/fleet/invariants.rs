//! What holds whatever happens in whatever order: the fleet among callers who come and go and servers
//! that come up, die and stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Duration,
};

use dormouse_core::ports::Lease;
use proptest::{collection::vec, prelude::*};
use tokio::sync::oneshot::{Receiver, error::TryRecvError};

use super::{Effect, Ending, Entry, Errand, Fleet, Seat};
use crate::{ModelSpec, Options};

const NAMES: [&str; 3] = ["a", "b", "c"];
const SIZES: [u64; 3] = [2, 3, 5];
const BUDGET: u64 = 7;
const MAX_LOADED: usize = 2;
const PLACES: u32 = 2;

#[derive(Clone, Debug)]
enum Step {
    Come(usize, Option<u8>),
    Leave(usize),
    Finish(usize),
    Release(usize),
    /// A waking server is healthy; a warm one does its errand.
    Go(usize),
    Die(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let model = 0..NAMES.len();
    let step = prop_oneof![
        4 => (model.clone(), proptest::option::of(0..4_u8)).prop_map(|(it, who)| Step::Come(it, who)),
        1 => (0..8_usize).prop_map(Step::Leave),
        3 => (0..8_usize).prop_map(Step::Finish),
        1 => model.clone().prop_map(Step::Release),
        6 => model.clone().prop_map(Step::Go),
        1 => model.prop_map(Step::Die),
        2 => (1..90_u64).prop_map(Step::Pass),
    ];
    vec(step, 1..120)
}

struct World {
    fleet: Fleet,
    now: Duration,
    /// The servers that run, and whether they are healthy.
    running: BTreeMap<Arc<str>, bool>,
    queue: Vec<(&'static str, u64, Receiver<dormouse_core::Result<Lease>>)>,
    seats: Vec<Seat>,
    /// The seats of those whose server died.
    lost: Vec<Seat>,
}

impl World {
    fn new() -> Self {
        let spec = |(name, size): (&str, u64)| ModelSpec {
            memory_bytes: Some(size),
            ..ModelSpec::new(name, vec!["serve".to_owned(), "{port}".to_owned()])
        };
        let options = Options {
            models: NAMES.into_iter().zip(SIZES).map(spec).collect(),
            memory_budget: Some(BUDGET),
            max_loaded: Some(MAX_LOADED),
            queue: 4,
            idle_timeout: Duration::from_secs(60),
            ..Options::default()
        };
        let fleet = Fleet::new(Arc::new(options));
        let now = Duration::from_secs(1);
        let (queue, seats, lost) = (Vec::new(), Vec::new(), Vec::new());
        Self { fleet, now, running: BTreeMap::new(), queue, seats, lost }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Come(model, who) => self.come(NAMES[model], who),
            Step::Leave(at) if at < self.queue.len() => {
                let (model, ticket, _) = self.queue.remove(at);
                self.fleet.leave(model, ticket, self.now);
            }
            Step::Finish(at) if at < self.seats.len() => {
                let seat = self.seats.remove(at);
                self.fleet.free(&seat.model, seat.life, seat.slot, self.now);
            }
            Step::Release(model) => self.fleet.release(NAMES[model]).unwrap(),
            Step::Go(model) => self.go(NAMES[model]),
            Step::Die(model) => {
                if let Some((model, _)) = self.running.remove_entry(NAMES[model]) {
                    let (lost, kept) = mem::take(&mut self.seats)
                        .into_iter()
                        .partition::<Vec<_>, _>(|seat| seat.model == model);
                    self.seats = kept;
                    self.lost.extend(lost);
                    self.fleet.ended(&model, Ending::Failed("it died".to_owned()), self.now);
                }
            }
            Step::Pass(seconds) => self.now += Duration::from_secs(seconds),
            // A lease of a dead server is dropped late, when another may run.
            Step::Finish(_) => {
                if let Some(seat) = self.lost.pop() {
                    self.fleet.free(&seat.model, seat.life, seat.slot, self.now);
                }
            }
            Step::Leave(_) => {}
        }
        self.settle();
    }

    fn come(&mut self, model: &'static str, who: Option<u8>) {
        let who = who.map(|who| who.to_string());
        match self.fleet.enter(model, who.as_deref(), self.now) {
            Ok(Entry::Seated(seat)) => self.seats.push(seat),
            Ok(Entry::Queued(ticket, answer)) => self.queue.push((model, ticket, answer)),
            Err(_) => {}
        }
    }

    fn go(&mut self, model: &str) {
        match self.running.get_mut(model) {
            Some(healthy @ false) => {
                if self.fleet.errand(model, self.now) == Errand::Stop {
                    return self.stop(model);
                }
                *healthy = true;
                self.fleet.warmed(model, "http://here/v1".to_owned(), Some(PLACES), self.now);
            }
            Some(true) if self.fleet.errand(model, self.now) == Errand::Stop => self.stop(model),
            _ => {}
        }
    }

    fn stop(&mut self, model: &str) {
        let busy = self.seats.iter().any(|seat| &*seat.model == model);
        assert!(!busy, "{model} is stopped in mid-answer");
        self.running.remove(model);
        self.fleet.ended(model, Ending::Stopped, self.now);
    }

    /// Does what the fleet decided, and looks whether it may have.
    fn settle(&mut self) {
        for effect in self.fleet.effects() {
            match effect {
                Effect::Start(model) => {
                    let beside = self.running.insert(Arc::clone(&model), false);
                    assert_eq!(beside, None, "{model} is started twice");
                }
                Effect::Nudge(_) => {}
                Effect::Reply(caller, Err(error)) => drop(caller.send(Err(error))),
                Effect::Reply(caller, Ok(seat)) => {
                    let lease = Lease {
                        base_url: seat.base_url.clone(),
                        woken_in: seat.woken_in,
                        slot: seat.slot,
                        guard: Box::new(()),
                    };
                    match caller.send(Ok(lease)) {
                        Ok(()) => self.seats.push(seat),
                        Err(_) => self.fleet.free(&seat.model, seat.life, seat.slot, self.now),
                    }
                }
            }
        }
        self.queue.retain_mut(|(.., answer)| matches!(answer.try_recv(), Err(TryRecvError::Empty)));
        self.check();
    }

    fn check(&self) {
        let size = |model: &str| NAMES.into_iter().zip(SIZES).find(|(name, _)| *name == model);
        let used: u64 = self.running.keys().filter_map(|model| size(model)).map(|it| it.1).sum();
        assert!(used <= BUDGET, "{used} of {BUDGET} bytes are used");
        assert!(self.running.len() <= MAX_LOADED, "too many are loaded");
        let mut slots = BTreeSet::new();
        for seat in &self.seats {
            assert_eq!(self.running.get(&seat.model), Some(&true), "a seat in {}", seat.model);
            assert!(slots.insert((&seat.model, seat.slot)), "a slot is shared");
            assert!(seat.slot.is_some_and(|slot| slot < PLACES), "a place beyond the slots");
        }
    }

    /// Everybody goes home, one after the other.
    fn wind_down(&mut self) {
        for round in 0.. {
            while !self.seats.is_empty() {
                self.take(&Step::Finish(0));
            }
            if self.queue.is_empty() && self.running.is_empty() {
                return;
            }
            assert!(round < 200, "{} wait, {:?} run for ever", self.queue.len(), self.running);
            (0..NAMES.len()).for_each(|model| self.take(&Step::Go(model)));
            if self.queue.is_empty() {
                self.take(&Step::Pass(61));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nobody_is_loaded_twice_stopped_while_busy_or_left_waiting(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.take(step));
        world.wind_down();
    }
}
