//! A run that was interrupted goes on elsewhere, and nothing is done twice.

use std::sync::Arc;

use dormouse_core::{
    Code,
    agent::{Ending, Step},
    chat::{Dialect, Event},
};

use crate::bench::{Bench, Steps, calls, question, resumed, says};

const CHAT: Dialect = Dialect::OpenAiChat;
const CALLS: [(&str, &str, &str); 2] =
    [("a", "add", r#"{"a":1,"b":2}"#), ("b", "add", r#"{"a":3,"b":4}"#)];

/// The texts of an answer.
fn text(events: &[Event]) -> String {
    let deltas = events.iter().filter_map(|event| match event {
        Event::PartDelta { delta: dormouse_core::chat::Delta::Text(text), .. } => Some(&**text),
        _ => None,
    });
    deltas.collect()
}

#[tokio::test]
async fn every_step_is_recorded_before_the_next_begins() {
    let bench = Bench::new([calls(CALLS), says("done")]);
    let journal = Arc::new(Steps::default());
    let origin = resumed("run_1", Vec::new(), &journal);
    let answer = bench.ask(CHAT, question("m"), origin).await.unwrap();
    assert_eq!(answer.run.as_deref(), Some("run_1"));
    bench.collect(answer).await.unwrap();
    let recorded = journal.recorded.lock().unwrap().clone();
    assert!(matches!(
        &recorded[..],
        [Step::Said(_), Step::Ran(_), Step::Ran(_), Step::Said(_), Step::Ended(Ending::Done)]
    ));
    let Step::Said(said) = &recorded[0] else { panic!() };
    assert_eq!(said.receipt, bench.receipts().await[0].id);
}

#[tokio::test]
async fn a_run_goes_on_from_any_step_as_if_nothing_had_happened() {
    let whole = Bench::new([calls(CALLS), says("It is 7.")]);
    let journal = Arc::new(Steps::default());
    let answer =
        whole.ask(CHAT, question("m"), resumed("run_1", Vec::new(), &journal)).await.unwrap();
    whole.collect(answer).await.unwrap();
    let all = journal.recorded.lock().unwrap().clone();
    let last = whole.told().pop().unwrap();

    for cut in 0..=all.len() {
        let script = if cut == 0 {
            vec![calls(CALLS), says("It is 7.")]
        } else if cut <= 3 {
            vec![says("It is 7.")]
        } else {
            vec![]
        };
        let bench = Bench::new(script);
        let journal = Arc::new(Steps::default());
        journal.recorded.lock().unwrap().extend(all[..cut].to_vec());
        let origin = resumed("run_1", all[..cut].to_vec(), &journal);
        let answer = bench.ask(CHAT, question("m"), origin).await.unwrap();
        bench.collect(answer).await.unwrap();
        assert_eq!(journal.recorded.lock().unwrap().len(), all.len(), "from {cut}");
        let ran = bench.log.calls.lock().unwrap().len();
        let due = all[cut..].iter().filter(|step| matches!(step, Step::Ran(_))).count();
        assert_eq!(ran, due, "from {cut}: what was recorded is not run again");
        if cut <= 3 {
            assert_eq!(bench.told().pop().unwrap(), last, "the model reads the same");
        }
    }
}

#[tokio::test]
async fn keys_are_the_same_when_a_call_is_tried_again() {
    let first = Bench::new([calls(CALLS), says("7")]);
    let journal = Arc::new(Steps::default());
    let origin = resumed("run_1", Vec::new(), &journal);
    let answer = first.ask(CHAT, question("m"), origin).await.unwrap();
    first.collect(answer).await.unwrap();
    let said = journal.recorded.lock().unwrap()[..1].to_vec();

    let again = Bench::new([says("7")]);
    let journal = Arc::new(Steps::default());
    journal.recorded.lock().unwrap().extend(said.clone());
    let answer = again.ask(CHAT, question("m"), resumed("run_1", said, &journal)).await.unwrap();
    again.collect(answer).await.unwrap();
    let keys = |bench: &Bench| {
        let calls = bench.log.calls.lock().unwrap();
        let mut keys: Vec<String> =
            calls.iter().map(|(_, context)| context.idempotency_key.clone()).collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&first), keys(&again));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_gone_on_from() {
    let bench = Bench::new([calls(CALLS), says("never asked")]);
    let journal = Arc::new(Steps { most: Some(2), ..Steps::default() });
    let origin = resumed("run_1", Vec::new(), &journal);
    let answer = bench.ask(CHAT, question("m"), origin).await.unwrap();
    let failed = bench.collect(answer).await.unwrap_err();
    assert_eq!(failed.code(), Code::StoreUnavailable);
    assert_eq!(bench.asked().len(), 1);
}

#[tokio::test]
async fn who_goes_on_tells_what_comes_and_not_what_was_told() {
    let bench = Bench::new([calls(CALLS), says("It is 7.")]);
    let journal = Arc::new(Steps::default());
    let answer =
        bench.ask(CHAT, question("m"), resumed("run_1", Vec::new(), &journal)).await.unwrap();
    bench.collect(answer).await.unwrap();
    let three = journal.recorded.lock().unwrap()[..3].to_vec();

    let later = Bench::new([says("It is 7.")]);
    let journal = Arc::new(Steps::default());
    journal.recorded.lock().unwrap().extend(three.clone());
    let answer = later.ask(CHAT, question("m"), resumed("run_1", three, &journal)).await.unwrap();
    let events = later.collect(answer).await.unwrap();
    assert_eq!(text(&events), "It is 7.");
    let parts = events.iter().filter(|event| matches!(event, Event::PartStart { .. })).count();
    assert_eq!(parts, 1);
    let usage = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    assert_eq!(usage.unwrap().input, 20, "what was used before counts");
}
