//! Who waits for which model of this machine, in the order they came.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The lines in front of the models.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: BTreeMap<String, BTreeSet<u64>>,
}

impl Lines {
    /// A place at the end of the line for `model`; `None` if `limit` wait already.
    pub(super) fn join(&self, model: &str, limit: u32) -> Option<Place> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let line = state.waiting.entry(model.to_owned()).or_default();
        if line.len() >= limit {
            return None;
        }
        line.insert(number);
        drop(state);
        Some(Place { lines: self.clone(), model: model.to_owned(), number })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line for a model, left when dropped.
#[derive(Debug)]
pub(super) struct Place {
    lines: Lines,
    model: String,
    number: u64,
}

impl Place {
    /// How far in front it is: 1 is next.
    pub(super) fn position(&self) -> usize {
        let state = self.lines.state();
        let ahead = state.waiting.get(&self.model).map(|line| line.range(..self.number).count());
        ahead.unwrap_or_default() + 1
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lines.state();
        if let Some(line) = state.waiting.get_mut(&self.model) {
            line.remove(&self.number);
            if line.is_empty() {
                state.waiting.remove(&self.model);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_lets_those_behind_move_up() {
        let lines = Lines::default();
        let first = lines.join("a", 2).unwrap();
        let second = lines.join("a", 2).unwrap();
        assert!(lines.join("a", 2).is_none(), "the line is full");
        assert_eq!(lines.join("b", 2).unwrap().position(), 1, "each model has its own line");
        assert_eq!((first.position(), second.position()), (1, 2));

        drop(first);

        assert_eq!(second.position(), 1);
        assert_eq!(lines.join("a", 2).unwrap().position(), 2);
        drop(second);
        assert!(lines.state().waiting.is_empty(), "a line that nobody stands in is forgotten");
    }
}
