//! A run that was interrupted goes on as if nothing had happened, whatever is done around it.

use std::{collections::BTreeSet, sync::Arc};

use dormouse_core::{
    agent::{
        Ending, Limits, Loop, Next, Orchestration, Purpose, Ran, Said, Step, Terms,
        orchestration::Web,
    },
    chat::{FinishReason, Message, Part, Role, Usage},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CHAT, runs, with};
use crate::bench::{Bench, Reply, Steps, calls, resumed, says};

const ADD: (&str, &str, &str) = ("a", "calculator", r#"{"expression":"1+2"}"#);
const FOUND: &str = r#"{"Answer": "three", "AnswerType": "calc"}"#;

/// What is asked for, and what the model says to it.
fn scenes() -> Vec<(&'static str, Value, Vec<Reply>)> {
    let everything =
        json!({ "intent": true, "plan": true, "critique": 2, "run_code": true, "web": true });
    vec![
        (
            "m",
            everything,
            vec![
                says("calculation"),
                says("1. Add."),
                calls([ADD]),
                says("```python\nbroken\n```"),
                says("```python\nprint(3)\n```"),
                says("VERDICT: no\n- say it"),
                says("It is 4."),
                says("SCORE: 3\n- wrong"),
                says("It is 3."),
                says("SCORE: 9"),
            ],
        ),
        (
            "m",
            json!({ "critique": 2 }),
            vec![says("It is 3."), says("SCORE: 7\n- short"), says("It is 5."), says("SCORE: 2")],
        ),
        (
            "small",
            json!({ "plan": true, "critique": 1 }),
            vec![
                says("1. Add."),
                says("I think 4."),
                says("It is 4."),
                says("VERDICT: no\n- wrong"),
                says("DONE: It is 3."),
                says("SCORE: 9"),
            ],
        ),
    ]
}

#[tokio::test]
async fn a_run_goes_on_from_any_step_with_the_same_questions_and_the_same_answer() {
    for (model, fields, script) in scenes() {
        let body = with(CHAT, model, &fields);
        let play = async |from: Vec<Step>, script: Vec<Reply>| {
            let bench = Bench::able(runs, script).web([FOUND]);
            let journal = Arc::new(Steps::default());
            journal.recorded.lock().unwrap().extend(from.clone());
            let origin = resumed("run_1", from, &journal);
            let answer = bench.ask(CHAT, body.clone(), origin).await.unwrap();
            let mut whole = dormouse_core::chat::Whole::default();
            let events = bench.collect(answer).await.unwrap();
            events.into_iter().for_each(|event| whole.push(event).unwrap());
            let parts = &whole.choices[&0].parts;
            let texts = parts.iter().filter_map(|part| match part {
                Part::Text { text, .. } => Some(text.clone()),
                _ => None,
            });
            let answer: String = texts.collect();
            let mut recorded = journal.recorded.lock().unwrap().clone();
            // Each process has receipts of its own.
            for step in &mut recorded {
                if let Step::Said(said) = step {
                    said.receipt.clear();
                }
            }
            (bench.asked(), recorded, answer, bench.fetched().len())
        };
        let (asked, all, answer, _) = play(Vec::new(), script.clone()).await;
        assert_eq!(asked.len(), script.len());
        assert_eq!(all.last(), Some(&Step::Ended(Ending::Done)));
        for cut in 0..=all.len() {
            let done = all[..cut].iter().filter(|it| matches!(it, Step::Said(_))).count();
            let (again, recorded, told, fetched) =
                play(all[..cut].to_vec(), script[done..].to_vec()).await;
            assert_eq!(again, asked[done..], "{model} from {cut}");
            assert_eq!(recorded, all, "{model} from {cut}");
            assert_eq!(told, answer, "{model} from {cut}");
            let looked_up = |step: &&Step| matches!(step, Step::Ran(_));
            let before =
                all.iter().position(|it| matches!(it, Step::Said(said) if said.purpose.is_work()));
            let due =
                all[cut.min(before.unwrap())..before.unwrap()].iter().filter(looked_up).count();
            assert_eq!(fetched, due, "{model} from {cut}: what was found is not looked for again");
        }
    }
}

fn answer(purpose: Purpose, text: &str, called: bool, emulated: bool) -> Step {
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::Text { text: text.into(), cache: None });
    }
    if called {
        let (id, name) = ("c".into(), "calculator".into());
        parts.push(Part::ToolCall { id, name, arguments: "{}".into(), custom: false });
    }
    Step::Said(Box::new(Said {
        message: Message { parts, ..Message::text(Role::Assistant, "") },
        finish_reason: FinishReason::Stop,
        purpose,
        emulated,
        receipt: "r".into(),
        model: "m".into(),
        usage: Usage::default(),
    }))
}

fn terms() -> impl Strategy<Value = Terms> {
    let around = (
        any::<bool>(),
        any::<Option<bool>>(),
        0_u32..4,
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(None), Just(Some(Web::Always)), Just(Some(Web::Auto))],
        any::<bool>(),
    );
    (around, 1_u32..12).prop_map(
        |((intent, plan, critique, formed, run_code, web, asked), steps)| {
            let ours = ["calculator", "python", "web_search"].map(str::to_owned);
            Terms {
                ours: BTreeSet::from(ours),
                limits: Limits { steps, ..Limits::default() },
                around: Orchestration {
                    intent,
                    plan,
                    critique,
                    schema: formed.then(|| json!({ "type": "integer" })),
                    run_code,
                    web,
                    question: asked.then(|| "What is the latest news?".to_owned()),
                },
            }
        },
    )
}

fn words() -> impl Strategy<Value = (&'static str, bool, bool)> {
    let text = prop_oneof![
        Just(""),
        Just("3"),
        Just("It is 3."),
        Just("DONE: 3"),
        Just("task"),
        Just("search"),
        Just("SCORE: 2\n- wrong"),
        Just("SCORE: 9"),
        Just("VERDICT: no"),
        Just("```python\n1\n```"),
    ];
    (text, prop::bool::weighted(0.2), any::<bool>())
}

/// What the model reads.
fn question(run: &Loop) -> (String, Vec<Message>) {
    (run.behind(), run.messages())
}

proptest! {
    #[test]
    fn every_run_ends_within_its_limits_and_is_the_same_from_every_step(
        terms in terms(), said in prop::collection::vec(words(), 24), fails in any::<u32>(),
    ) {
        let mut run = Loop::new(terms.clone(), Vec::new());
        let (mut said, mut before) = (said.into_iter(), None::<(String, Vec<Message>)>);
        let (mut trials, mut reviews) = (0, 0);
        let ending = loop {
            let recorded = serde_json::to_string(run.steps()).unwrap();
            let resumed = Loop::new(terms.clone(), serde_json::from_str(&recorded).unwrap());
            prop_assert_eq!(resumed.next(), run.next());
            prop_assert_eq!(question(&resumed), question(&run));
            match run.next() {
                Next::End(ending) => break ending,
                Next::Nudge => run.push(Step::Nudged),
                Next::Ask(purpose) => {
                    let now = question(&run);
                    if let Some((behind, messages)) = &before {
                        prop_assert_eq!(behind, &now.0, "what stands behind the question stays");
                        prop_assert!(now.1.starts_with(messages), "and so does what was said");
                    }
                    reviews += u32::from(purpose == Purpose::Critique);
                    let (text, called, emulated) = said.next().expect("it ends before");
                    if purpose.is_work() {
                        before = Some(now);
                    }
                    run.push(answer(purpose, text, called, emulated));
                }
                Next::Call(calls) => {
                    for call in calls {
                        trials += u32::from(call.id.starts_with("code"));
                        let is_error = fails & (1 << (run.steps().len() % 32)) != 0;
                        let parts = vec![Part::Text { text: "so".into(), cache: None }];
                        run.push(Step::Ran(Ran { call: call.index, parts, is_error }));
                    }
                }
            }
        };
        prop_assert!(run.asked() <= terms.limits.steps);
        prop_assert!(reviews <= terms.around.critique);
        prop_assert!(trials <= 3);
        prop_assert!(ending != Ending::Done || run.standing().is_some());
        let kept = run.turn(ending);
        prop_assert!(kept.iter().all(|message| message.role != Role::System));
    }
}

#[test]
fn a_step_that_was_recorded_before_there_was_a_purpose_is_work() {
    let step = answer(Purpose::Work, "3", false, false);
    let recorded = serde_json::to_value(&step).unwrap();
    assert_eq!(recorded["said"].get("purpose"), None);
    assert_eq!(serde_json::from_value::<Step>(recorded).unwrap(), step);
}
