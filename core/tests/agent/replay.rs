//! What comes next follows from what was recorded, and from nothing else.

use std::collections::BTreeSet;

use dormouse_core::{
    agent::{Ending, Limits, Loop, Next, Purpose, Ran, Said, Step, Terms, idempotency_key},
    chat::{FinishReason, Message, Part, Role, Usage},
};
use proptest::prelude::*;

fn terms(limits: Limits) -> Terms {
    let ours = BTreeSet::from(["add".to_owned(), "look".to_owned()]);
    Terms { ours, limits, ..Terms::default() }
}

fn said(parts: Vec<Part>, emulated: bool) -> Said {
    let calls = parts.iter().any(|part| matches!(part, Part::ToolCall { .. }));
    Said {
        message: Message { parts, ..Message::text(Role::Assistant, "") },
        finish_reason: if calls { FinishReason::ToolCalls } else { FinishReason::Stop },
        purpose: Purpose::Work,
        emulated,
        receipt: "r".into(),
        model: "m".into(),
        usage: Usage::default(),
    }
}

fn spoke(said: Said) -> Step {
    Step::Said(Box::new(said))
}

fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

fn call(name: &str, id: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::ToolCall { id, name, arguments, custom: false }
}

fn ran(call: u32, result: &str) -> Step {
    Step::Ran(Ran { call, parts: vec![text(result)], is_error: false })
}

fn agent(steps: Vec<Step>) -> Loop {
    Loop::new(terms(Limits { steps: 4, ..Limits::default() }), steps)
}

#[test]
fn a_plain_answer_ends_a_run_of_a_model_with_tools() {
    let run = agent(vec![spoke(said(vec![text("42")], false))]);
    assert_eq!(run.next(), Next::End(Ending::Done));
}

#[test]
fn a_model_told_in_words_must_say_that_it_is_done() {
    let thinks = spoke(said(vec![text("I think 42")], true));
    assert_eq!(agent(vec![thinks.clone()]).next(), Next::Nudge);
    let done = spoke(said(vec![text("Hm.\nDONE: 42")], true));
    assert_eq!(agent(vec![done]).next(), Next::End(Ending::Done));
    let again = agent(vec![thinks.clone(), Step::Nudged, thinks]);
    assert_eq!(
        again.next(),
        Next::End(Ending::Done),
        "it has an answer, and does not know the word"
    );
}

#[test]
fn a_model_that_does_nothing_is_nudged_once() {
    let nothing = spoke(said(Vec::new(), false));
    assert_eq!(agent(vec![nothing.clone()]).next(), Next::Nudge);
    let nudged = agent(vec![nothing.clone(), Step::Nudged]);
    assert_eq!(nudged.next(), Next::Ask(Purpose::Work));
    assert_eq!(nudged.messages().len(), 1, "an empty answer is not told");
    let again = agent(vec![nothing.clone(), Step::Nudged, nothing]);
    assert_eq!(again.next(), Next::End(Ending::Idle));
}

#[test]
fn our_calls_run_and_those_of_the_caller_are_handed_back() {
    let both = spoke(said(vec![call("add", "a", "{}"), call("open", "b", "{}")], false));
    let Next::Call(due) = agent(vec![both.clone()]).next() else { panic!() };
    assert_eq!(due.iter().map(|call| &*call.name).collect::<Vec<_>>(), ["add"]);
    assert_eq!(agent(vec![both, ran(0, "3")]).next(), Next::End(Ending::HandedBack));
    let theirs = spoke(said(vec![call("open", "b", "{}")], false));
    assert_eq!(agent(vec![theirs]).next(), Next::End(Ending::HandedBack));
}

#[test]
fn only_what_is_missing_is_run_again() {
    let two = spoke(said(vec![call("add", "a", "{}"), call("look", "a", "{}")], false));
    let Next::Call(due) = agent(vec![two, ran(0, "3")]).next() else { panic!() };
    assert_eq!(
        due.iter().map(|call| call.index).collect::<Vec<_>>(),
        [1],
        "though the ids are the same"
    );
}

#[test]
fn the_same_call_with_the_same_result_ends_a_run() {
    let again = |arguments| spoke(said(vec![call("add", "a", arguments)], false));
    let mut steps =
        vec![again(r#"{"a":1,"b":2}"#), ran(0, "3"), again(r#"{"a":1,"b":2}"#), ran(0, "3")];
    assert_eq!(agent(steps.clone()).next(), Next::Ask(Purpose::Work));
    let mut other = steps.clone();
    other.extend([again(r#"{"b":2,"a":1}"#), ran(0, "4")]);
    assert_eq!(agent(other).next(), Next::Ask(Purpose::Work), "another result is news");
    steps.extend([again(r#"{ "b": 2, "a": 1 }"#), ran(0, "3")]);
    assert_eq!(agent(steps).next(), Next::End(Ending::Repetition));
}

#[test]
fn the_last_step_runs_nothing_that_nobody_reads() {
    let steps = (0..4).flat_map(|n| {
        let called = said(vec![call("add", "a", &format!("[{n}]"))], false);
        [spoke(called), ran(0, "3")]
    });
    let mut steps: Vec<Step> = steps.collect();
    steps.pop();
    assert_eq!(agent(steps).next(), Next::End(Ending::Steps));
}

#[test]
fn an_answer_that_was_cut_ends_a_run_as_it_is() {
    let cut = Said { finish_reason: FinishReason::Length, ..said(vec![text("and so")], true) };
    assert_eq!(agent(vec![spoke(cut)]).next(), Next::End(Ending::Cut));
}

#[test]
fn what_ended_stays_ended() {
    let run = agent(vec![spoke(said(Vec::new(), false)), Step::Ended(Ending::Budget)]);
    assert_eq!(run.next(), Next::End(Ending::Budget));
}

#[test]
fn every_call_has_a_key_of_its_own_and_the_same_each_time() {
    let calls = said(vec![call("add", "a", "{}"), call("add", "a", "{}")], false).calls();
    let keys: BTreeSet<String> = [("r", 1), ("r", 2), ("s", 1)]
        .iter()
        .flat_map(|(run, step)| calls.iter().map(|call| idempotency_key(run, *step, call)))
        .collect();
    assert_eq!(keys.len(), 6);
    assert!(keys.contains(&idempotency_key("r", 1, &calls[0])));
}

/// An answer of up to three calls or a text, with its results in some order.
fn turn() -> impl Strategy<Value = (Vec<Step>, Vec<u32>)> {
    let name = prop_oneof!["add", "look", "open"];
    let calls = prop::collection::vec((name, "[ab]?", "[{}0-3]{0,2}"), 0..4);
    let words = prop_oneof![Just(""), Just("so"), Just("DONE: so")];
    (calls, words, any::<bool>()).prop_flat_map(|(calls, words, emulated)| {
        let mut parts: Vec<Part> = if words.is_empty() { vec![] } else { vec![text(words)] };
        parts.extend(calls.iter().map(|(name, id, arguments)| call(name, id, arguments)));
        let answer = said(parts, emulated);
        let ours: Vec<u32> = answer
            .calls()
            .iter()
            .filter(|call| call.name != "open")
            .map(|call| call.index)
            .collect();
        (Just(vec![spoke(answer)]), Just(ours).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn results_in_any_order_tell_the_model_the_same(
        turns in prop::collection::vec((turn(), any::<bool>()), 0..4),
    ) {
        let (mut shuffled, mut sorted) = (Vec::new(), Vec::new());
        for ((answer, order), nudged) in turns {
            shuffled.extend(answer.clone());
            sorted.extend(answer);
            let mut ordered = order.clone();
            ordered.sort_unstable();
            shuffled.extend(order.iter().map(|call| ran(*call, &format!("result {call}"))));
            sorted.extend(ordered.iter().map(|call| ran(*call, &format!("result {call}"))));
            if nudged {
                shuffled.push(Step::Nudged);
                sorted.push(Step::Nudged);
            }
        }
        let (shuffled, sorted) = (agent(shuffled), agent(sorted));
        prop_assert_eq!(shuffled.messages(), sorted.messages());
        prop_assert_eq!(shuffled.next(), sorted.next());
    }

    #[test]
    fn a_run_that_is_read_back_goes_on_the_same_way(
        turns in prop::collection::vec(turn(), 0..4), cut in 0_usize..16,
    ) {
        let steps: Vec<Step> = turns
            .into_iter()
            .flat_map(|(answer, order)| {
                let results = order.into_iter().map(|call| ran(call, "r"));
                answer.into_iter().chain(results).collect::<Vec<_>>()
            })
            .take(cut)
            .collect();
        let mut live = agent(Vec::new());
        let mut before = Vec::new();
        for step in &steps {
            live.push(step.clone());
            let told = live.messages();
            if matches!(step, Step::Said(_)) {
                prop_assert!(told.starts_with(&before), "what was told once stays in front");
                before = told;
            }
        }
        let recorded = serde_json::to_string(&steps).unwrap();
        let resumed = agent(serde_json::from_str(&recorded).unwrap());
        prop_assert_eq!(resumed.next(), live.next());
        prop_assert_eq!(resumed.messages(), live.messages());
    }
}
