//! A machine whose clock stands still until it is moved.

use std::{
    future::poll_fn,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::ports::{Host, Timestamp};
use futures::{FutureExt, future::BoxFuture};

/// A host in the hands of a test: time passes when it is [`advance`](Self::advance)d, spawned work
/// runs when the test [runs](Self::run_spawned) it, and randomness repeats from run to run.
#[derive(Debug)]
pub struct TestHost {
    state: Mutex<State>,
}

struct State {
    elapsed: Duration,
    sleepers: Vec<(Duration, Waker)>,
    spawned: Vec<BoxFuture<'static, ()>>,
    drawn: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("elapsed", &self.elapsed).finish_non_exhaustive()
    }
}

impl TestHost {
    /// The wall clock when nothing has elapsed: some moment in 2027.
    const EPOCH: Timestamp = Timestamp(1_800_000_000_000);

    /// A host on which nothing has happened yet.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// A host with another sequence of randomness than those of other seeds.
    pub fn seeded(seed: u64) -> Self {
        Self {
            state: Mutex::new(State {
                elapsed: Duration::ZERO,
                sleepers: Vec::new(),
                spawned: Vec::new(),
                drawn: seed << 32,
            }),
        }
    }

    /// Lets `time` pass, and wakes whoever slept until then.
    pub fn advance(&self, time: Duration) {
        let mut state = self.state();
        state.elapsed += time;
        let now = state.elapsed;
        let (due, waiting) =
            mem::take(&mut state.sleepers).into_iter().partition(|(until, _)| *until <= now);
        state.sleepers = waiting;
        drop(state);
        let due: Vec<(Duration, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Runs what was spawned, and what that spawns, as far as it goes. What still waits goes on with
    /// the next call.
    pub async fn run_spawned(&self) {
        poll_fn(|context| {
            loop {
                let mut tasks = mem::take(&mut self.state().spawned);
                let before = tasks.len();
                tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
                let ended = before - tasks.len();
                let mut state = self.state();
                let begun = state.spawned.len();
                state.spawned.append(&mut tasks);
                if ended + begun == 0 {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }

    /// Runs `work`, and beside it whatever is spawned.
    ///
    /// # Panics
    ///
    /// If `work` waits for something that nothing here will do.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let mut work = Box::pin(work);
        async move {
            for _ in 0..1000 {
                if let Some(value) = work.as_mut().now_or_never() {
                    return value;
                }
                self.run_spawned().await;
            }
            unreachable!("nothing moves any more");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Host for TestHost {
    fn now(&self) -> Timestamp {
        Self::EPOCH + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    /// Counts from the call, not from the first poll as an `async fn` would.
    fn sleep<'a, 'b>(&'a self, time: Duration) -> BoxFuture<'b, ()>
    where
        'a: 'b,
    {
        let until = self.elapsed() + time;
        Box::pin(poll_fn(move |context| {
            let mut state = self.state();
            if until <= state.elapsed {
                return Poll::Ready(());
            }
            let sleeper = (until, context.waker().clone());
            if !state.sleepers.iter().any(|(at, waker)| *at == until && waker.will_wake(&sleeper.1))
            {
                state.sleepers.push(sleeper);
            }
            Poll::Pending
        }))
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        self.state().spawned.push(work);
    }

    /// Splitmix64, four times: evenly spread, and no secret.
    fn random(&self) -> [u8; 32] {
        let mut state = self.state();
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            state.drawn = state.drawn.wrapping_add(1);
            let mut word = state.drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::{FutureExt, executor::block_on};

    use super::*;

    #[test]
    fn a_sleeper_wakes_when_its_time_has_passed_and_not_before() {
        let host = TestHost::new();
        let mut sleep = host.sleep(Duration::from_secs(2)).boxed();

        host.advance(Duration::from_millis(1999));
        assert!((&mut sleep).now_or_never().is_none());
        host.advance(Duration::from_millis(1));
        assert!((&mut sleep).now_or_never().is_some());
    }

    #[test]
    fn what_spawned_work_spawns_is_run_too() {
        let host = Arc::new(TestHost::new());
        let (inner, outer) = (Arc::clone(&host), Arc::clone(&host));
        host.spawn(Box::pin(async move {
            let later = Arc::clone(&inner);
            inner.spawn(Box::pin(async move { later.advance(Duration::from_secs(1)) }));
        }));

        block_on(outer.run_spawned());

        assert_eq!(host.elapsed(), Duration::from_secs(1));
    }

    #[test]
    fn random_bytes_differ_from_draw_to_draw_and_from_seed_to_seed() {
        let host = TestHost::new();
        let first = host.random();
        assert_ne!(first, host.random());
        assert_ne!(first, TestHost::seeded(1).random());
        assert_eq!(first, TestHost::new().random());
    }
}
