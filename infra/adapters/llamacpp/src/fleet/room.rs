//! Who fits into memory beside whom.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc, time::Duration};

use super::model::{Model, Phase};
use crate::Options;

/// What may be loaded at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    max_loaded: Option<usize>,
    memory_budget: Option<u64>,
}

/// What it takes to load one more model.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: there is room.
    Fits,
    /// These must go first (none: others are on their way out already).
    After(Vec<Arc<str>>),
    /// Somebody must finish first.
    Full,
    /// It does not even fit alone.
    Never,
}

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    models: usize,
    bytes: u64,
}

impl Load {
    fn plus(self, other: Self) -> Self {
        Self { models: self.models + other.models, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

impl Room {
    pub(super) fn new(options: &Options) -> Self {
        Self { max_loaded: options.max_loaded, memory_budget: options.memory_budget }
    }

    fn holds(self, load: Load) -> bool {
        self.max_loaded.is_none_or(|most| load.models <= most)
            && self.memory_budget.is_none_or(|most| load.bytes <= most)
    }

    /// Files are only looked at where their length matters.
    fn load(self, model: &Model) -> Load {
        Load { models: 1, bytes: self.memory_budget.map_or(0, |_| model.spec.memory()) }
    }

    fn loads<'a>(self, models: impl Iterator<Item = &'a Model>) -> Load {
        models.map(|model| self.load(model)).fold(Load::default(), Load::plus)
    }

    /// What it takes to load `wanted` while the room that was made for `promised` stays theirs.
    pub(super) fn verdict(
        self,
        models: &BTreeMap<Arc<str>, Model>,
        wanted: &Model,
        promised: &[Arc<str>],
    ) -> Verdict {
        let needed = self.load(wanted);
        if !self.holds(needed) {
            return Verdict::Never;
        }
        let promised = promised.iter().filter_map(|name| models.get(name));
        let needed = needed.plus(self.loads(promised));
        let loaded = || models.values().filter(|model| model.is_loaded());
        if self.holds(needed.plus(self.loads(loaded()))) {
            return Verdict::Fits;
        }
        let stays = |model: &&Model| !matches!(model.phase, Phase::Draining);
        let mut idle: Vec<_> = models.iter().filter(|(_, model)| model.is_idle()).collect();
        idle.sort_by_key(|(_, model)| Reverse((model.spec.priority, model.last_used)));
        let mut evicted = Vec::new();
        loop {
            let left = loaded()
                .filter(stays)
                .filter(|model| !evicted.iter().any(|gone: &Arc<str>| **gone == *model.spec.name));
            if self.holds(needed.plus(self.loads(left))) {
                return Verdict::After(evicted);
            }
            let Some((name, _)) = idle.pop() else { return Verdict::Full };
            evicted.push(Arc::clone(name));
        }
    }
}

/// Who is to be started next: the important first, then those who wait for longest.
pub(super) fn candidates(models: &BTreeMap<Arc<str>, Model>, now: Duration) -> Vec<Arc<str>> {
    let mut wanting: Vec<_> =
        models.iter().filter(|(_, model)| model.wants_to_start(now)).collect();
    wanting.sort_by_key(|(_, model)| {
        let since = model.waiting.front().map(|ticket| ticket.since);
        (Reverse(model.spec.priority), since)
    });
    wanting.into_iter().map(|(name, _)| Arc::clone(name)).collect()
}
