//! However many processes there are, and in whatever order they claim, work, are slow or die: each step is
//! recorded once, in order, and so is each event.

use std::time::Duration;

use bytes::Bytes;
use dormouse_core::runs::{Claimed, Lost, State, Taken};
use futures::FutureExt;
use proptest::{collection::vec, prelude::*};

use crate::bench::{Bench, event};

const WORKERS: usize = 3;

/// What a worker does next.
#[derive(Clone, Debug)]
enum Act {
    /// It tries to take the run over.
    Claim(usize),
    /// It records the next step, with an event.
    Record(usize),
    /// It tells an event.
    Tell(usize),
    /// It gives a sign of life, with the events that wait.
    Renew(usize),
    /// Its process dies.
    Die(usize),
    /// It leaves the run to others.
    Release(usize),
    /// It ends the run.
    End(usize),
    /// The caller cancels the run.
    Cancel,
    /// The next commit is applied, and its answer lost.
    Lose,
    /// Time passes, in seconds.
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let worker = || 0..WORKERS;
    prop_oneof![
        6 => worker().prop_map(Act::Claim),
        8 => worker().prop_map(Act::Record),
        6 => worker().prop_map(Act::Tell),
        3 => worker().prop_map(Act::Renew),
        1 => worker().prop_map(Act::Die),
        1 => worker().prop_map(Act::Release),
        1 => prop_oneof![3 => Just(Act::Lose), 1 => worker().prop_map(Act::End), 1 => Just(Act::Cancel)],
        3 => (1_u64..45).prop_map(Act::Wait),
    ]
}

/// What must be true in the end.
#[derive(Default)]
struct Play {
    workers: [Option<Claimed>; WORKERS],
    /// What each worker has told and not committed.
    waiting: [Vec<Bytes>; WORKERS],
    /// Who claimed last, and nobody has taken it over since.
    owner: Option<usize>,
    steps: Vec<Bytes>,
    events: Vec<Bytes>,
    over: bool,
    acts: usize,
}

impl Play {
    async fn act(&mut self, bench: &Bench, run: &str, act: Act) {
        self.acts += 1;
        match act {
            Act::Claim(worker) if self.workers[worker].is_none() => {
                self.claim(bench, run, worker).await;
            }
            Act::Record(worker) => {
                let told = self.tell(worker).await;
                let step = Bytes::from(format!("step {} by {worker}", self.steps.len()));
                let Some(claimed) = self.workers[worker].as_ref().filter(|_| told) else { return };
                let recorded = bench.run(claimed.record(step.clone(), None));
                if self.succeeded(worker, recorded) {
                    self.steps.push(step);
                }
            }
            Act::Tell(worker) => drop(self.tell(worker).await),
            Act::Renew(worker) => {
                let Some(claimed) = &self.workers[worker] else { return };
                let renewed = bench.run(claimed.renew());
                self.succeeded(worker, renewed);
            }
            Act::Die(worker) => {
                drop(self.workers[worker].take());
                self.waiting[worker].clear();
            }
            Act::Release(worker) => {
                let Some(claimed) = self.workers[worker].take() else { return };
                self.waiting[worker].clear();
                let released = bench.run(claimed.release());
                if self.succeeded(worker, released) {
                    self.owner = None;
                }
            }
            Act::End(worker) => {
                let Some(claimed) = self.workers[worker].take() else { return };
                let ended = bench.run(claimed.end(State::Completed, None, None));
                self.over |= self.succeeded(worker, ended);
            }
            Act::Cancel => {
                *bench.store.losing.lock().unwrap() = 0;
                let (_, ended) = bench.cancel(2, run).await;
                assert_ne!(ended, self.over, "a run is cancelled unless it is over");
                if ended {
                    self.events.push(event("cancelled"));
                    (self.over, self.owner) = (true, None);
                }
            }
            Act::Lose => *bench.store.losing.lock().unwrap() = 1,
            Act::Wait(seconds) => bench.host.advance(Duration::from_secs(seconds)),
            Act::Claim(_) => {}
        }
    }

    async fn claim(&mut self, bench: &Bench, run: &str, worker: usize) {
        *bench.store.losing.lock().unwrap() = 0;
        match bench.take(worker, run).await {
            Taken::Claimed(claimed) => {
                assert!(!self.over, "what is over is not claimed");
                if self.events.len() == 2 {
                    self.events.push(event("begun"));
                }
                self.workers[worker] = Some(*claimed);
                self.owner = Some(worker);
            }
            Taken::Ended(_) => assert!(self.over),
            Taken::Leased(_) => assert!(self.owner.is_some(), "somebody holds it"),
            Taken::Missing => unreachable!("it is kept"),
        }
    }

    async fn tell(&mut self, worker: usize) -> bool {
        let Some(claimed) = &self.workers[worker] else { return false };
        let told = event(&format!("{} by {worker}", self.acts));
        claimed.tell([told.clone()]).await;
        self.waiting[worker].push(told);
        true
    }

    /// Notes what a commit of a worker came to. Only the owner's succeed.
    fn succeeded(&mut self, worker: usize, result: dormouse_core::Result<()>) -> bool {
        let waiting = std::mem::take(&mut self.waiting[worker]);
        match result {
            Ok(()) => {
                assert_eq!(self.owner, Some(worker), "another process works on the run");
                assert!(!self.over, "nothing is added to what is over");
                self.events.extend(waiting);
                true
            }
            Err(error) => {
                assert!(Lost::is(&error), "{error}");
                assert!(self.owner != Some(worker) || self.over, "it was the owner's");
                drop(self.workers[worker].take());
                false
            }
        }
    }
}

async fn check(bench: &Bench, run: &str, play: &Play) {
    assert_eq!(bench.steps(run).await, play.steps, "each step once, in order");
    let told = bench.told(run, None).await;
    let bytes: Vec<Bytes> = told.iter().map(|event| event.bytes.clone()).collect();
    assert_eq!(bytes, play.events, "each event once, in order");
    let numbers: Vec<u64> = told.iter().map(|event| event.number).collect();
    let all: Vec<u64> = (0..).take(told.len()).collect();
    assert_eq!(numbers, all, "numbered without gaps");
    for after in (0..told.len()).step_by(3) {
        let rest = bench.told(run, Some(after.try_into().unwrap())).await;
        assert_eq!(rest, told[after + 1..], "from behind {after}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn each_step_is_recorded_once_and_in_order(acts in vec(act(), 1..60)) {
        let played = async {
            let bench = Bench::new();
            let run = bench.queued().await.id;
            let mut play = Play { events: vec![event("created"), event("queued")], ..Play::default() };
            for act in acts {
                play.act(&bench, &run, act).await;
            }
            check(&bench, &run, &play).await;
        };
        played.now_or_never().expect("nothing waits for anything but the test");
    }
}
