//! One at a time, first come first served, among the requests of one instance.
//!
//! Requests of an instance are tasks of the component model. Who waits reads a stream of the component model,
//! and who is done closes it: that reaches another task, as the wakers of [`tasks`](crate::tasks) do.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use spin_sdk::wasip3::{wit_bindgen::StreamWriter, wit_stream};

/// A queue for one place.
#[derive(Default)]
pub(crate) struct Turns(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    taken: bool,
    /// The others, by number. Dropping the writer tells its owner that the place is theirs.
    waiting: VecDeque<(u64, StreamWriter<u8>)>,
    next_number: u64,
}

impl Turns {
    /// Waits for the place.
    pub(crate) async fn take(&self) -> Turn<'_> {
        let (mut told, mut turn) = {
            let mut queue = self.queue();
            if !queue.taken {
                queue.taken = true;
                return Turn { turns: self, waiting_as: None };
            }
            let (writer, reader) = wit_stream::new();
            let number = queue.next_number;
            queue.next_number += 1;
            queue.waiting.push_back((number, writer));
            (reader, Turn { turns: self, waiting_as: Some(number) })
        };
        // Nothing is ever written: the stream ends.
        while told.next().await.is_some() {}
        turn.waiting_as = None;
        turn
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place, or one's number in the queue for it; given up when dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    waiting_as: Option<u64>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.turns.queue();
        if let Some(number) = self.waiting_as {
            let queued = queue.waiting.len();
            queue.waiting.retain(|(waiting, _)| *waiting != number);
            if queue.waiting.len() < queued {
                return;
            }
            // Told in the meantime, but gone before it could listen: the place is the next one's.
        }
        let next = queue.waiting.pop_front();
        queue.taken = next.is_some();
    }
}
