//! The operating system's randomness, drawn a store at a time: a request needs some three times, and each
//! call of the system costs more than it gives.

use std::{
    fmt, mem,
    sync::{Mutex, PoisonError},
};

/// Bytes of one draw.
const DRAW: usize = 32;
/// Draws that one call of the system is enough for.
const DRAWS: usize = 32;

/// Random bytes that nobody has had yet. What was given is forgotten here.
///
/// Nothing in this process forks without at once becoming another program, so no two processes give the same
/// bytes. A machine that is copied while it runs, and goes on twice, would: at most [`DRAWS`] times.
#[derive(Default)]
pub(super) struct Randomness(Mutex<Vec<[u8; DRAW]>>);

impl Randomness {
    /// Bytes that are fit for secrets.
    ///
    /// # Panics
    ///
    /// If the operating system gives none.
    #[expect(clippy::expect_used, reason = "there is no safe way to go on without randomness")]
    pub(super) fn draw(&self) -> [u8; DRAW] {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if left.is_empty() {
            // Put there when it is random: a panic leaves nothing behind that is not.
            let mut fresh = [[0; DRAW]; DRAWS];
            getrandom::fill(fresh.as_flattened_mut())
                .expect("the operating system gives randomness");
            left.extend_from_slice(&fresh);
        }
        // Overwritten where it was: what was given is not kept.
        let given = left.last_mut().map(mem::take).expect("there are draws left");
        left.pop();
        given
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Randomness")
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use super::*;

    #[test]
    fn nothing_is_given_twice() {
        let randomness = Randomness::default();
        let draw = || (0..1000).map(|_| randomness.draw()).collect::<Vec<_>>();
        let drawn: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let different: BTreeSet<_> = drawn.iter().collect();
        assert_eq!(different.len(), 4000);
        assert!(!different.contains(&[0; DRAW]));
    }

    #[test]
    fn what_was_given_is_not_kept() {
        let randomness = Randomness::default();
        let given = randomness.draw();
        let kept = randomness.0.lock().unwrap();
        assert_eq!(kept.len(), DRAWS - 1);
        assert!(!kept.contains(&given));
    }
}
