//! However many write, and in whatever order they begin, end, leave or die: a history is a line.

use std::time::Duration;

use dormouse_core::{Code, accounting::Outcome, chat::Dialect, gateway::Answer};
use futures::FutureExt;
use proptest::{collection::vec, prelude::*};

use crate::bench::{Bench, Reply, named, says};

const WRITERS: usize = 4;

/// What a writer does next.
#[derive(Clone, Debug)]
enum Step {
    /// It asks, if it is not being answered.
    Ask(usize),
    /// It hears its answer to the end.
    Hear(usize),
    /// It leaves before it has heard anything.
    Leave(usize),
    /// Its process dies.
    Die(usize),
    /// The provider fails the next call.
    Fail,
    /// Time passes, in minutes.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..WRITERS).prop_map(Step::Ask),
        4 => (0..WRITERS).prop_map(Step::Hear),
        1 => (0..WRITERS).prop_map(Step::Leave),
        1 => (0..WRITERS).prop_map(Step::Die),
        1 => Just(Step::Fail),
        1 => (1_u64..30).prop_map(Step::Wait),
    ]
}

#[derive(Default)]
struct Play {
    /// What each writer is being answered, and what it asked.
    answers: [Option<(Answer, String)>; WRITERS],
    /// What was heard to its end, and so must be kept.
    heard: Vec<String>,
    /// What was heard after its claim had ended: kept, if nobody else came between.
    late: Vec<String>,
    asked: usize,
}

impl Play {
    async fn step(&mut self, bench: &Bench, step: Step) {
        match step {
            Step::Ask(writer) if self.answers[writer].is_none() => self.ask(bench, writer).await,
            Step::Hear(writer) => {
                if let Some((answer, text)) = self.answers[writer].take() {
                    let receipt = answer.receipt.clone();
                    if bench.hear(answer).await.is_ok() {
                        let heard = in_time(bench, &receipt).await;
                        (if heard { &mut self.heard } else { &mut self.late }).push(text);
                    }
                }
            }
            Step::Leave(writer) => drop(self.answers[writer].take()),
            Step::Die(writer) => std::mem::forget(self.answers[writer].take()),
            Step::Fail => bench.script([Reply::Breaks]),
            Step::Wait(minutes) => bench.host.advance(Duration::from_secs(60 * minutes)),
            Step::Ask(_) => {}
        }
        bench.host.run_spawned().await;
    }

    async fn ask(&mut self, bench: &Bench, writer: usize) {
        self.asked += 1;
        let text = format!("question {}", self.asked);
        let body = says(&text);
        let begun =
            bench.begin_at(writer % 2, "acme", &named("a"), (Dialect::OpenAiChat, &body)).await;
        match begun {
            Ok(answer) => self.answers[writer] = Some((answer, text)),
            Err(error) => assert_eq!(error.code(), Code::ConversationBusy),
        }
    }
}

/// Whether the call was booked as complete before its hold, and so its claim, had ended.
async fn in_time(bench: &Bench, receipt: &str) -> bool {
    let receipt = bench.gateways[0].ledger().receipt("acme", receipt).await.unwrap();
    receipt.outcome == Outcome::Completed && receipt.duration_ms < 660_000
}

async fn check(bench: &Bench, play: &Play) {
    let conversations = bench.gateways[0].conversations();
    let listed = conversations.list("acme", 0, 100).await.unwrap();
    let mut kept = Vec::new();
    for listed in listed.iter().rev() {
        let (session, turns) = conversations.read("acme", &listed.id).await.unwrap();
        assert_eq!(session.turns as usize, turns.len());
        assert_eq!(
            session.messages as usize,
            turns.iter().map(|it| it.messages.len()).sum::<usize>()
        );
        let texts = bench.texts(&listed.id).await;
        assert!(texts.chunks(2).all(|turn| turn.len() == 2), "{texts:?}");
        kept.extend(texts.chunks(2).map(|turn| turn[0].clone()));
        let told = bench.told();
        for place in (1..texts.len()).step_by(2) {
            let begun =
                told.iter().filter(|it| it.ends_with(&format!("\"{}\"}}", texts[place - 1])));
            for told in begun {
                let said: Vec<&String> = texts[..place].iter().collect();
                assert!(said.iter().all(|text| told.contains(text.as_str())), "{told}");
            }
        }
    }
    let lost: Vec<_> = play.heard.iter().filter(|text| !kept.contains(text)).collect();
    assert!(lost.is_empty(), "heard, but not kept: {lost:?} of {kept:?}");
    let mut once = kept.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), kept.len(), "kept twice: {kept:?}");
    let unheard = |text: &&String| !play.heard.contains(*text) && !play.late.contains(*text);
    assert_eq!(kept.iter().find(unheard), None, "kept, but not heard");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_history_is_a_line(steps in vec(step(), 1..40)) {
        let played = async {
            let bench = Bench::new();
            let mut play = Play::default();
            for step in steps {
                play.step(&bench, step).await;
            }
            for writer in 0..WRITERS {
                play.step(&bench, Step::Leave(writer)).await;
            }
            check(&bench, &play).await;
        };
        played.now_or_never().expect("nothing waits for anything but the test");
    }
}
