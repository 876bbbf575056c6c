//! How runs end, each with a clear word.

use std::time::Duration;

use dormouse_core::chat::Dialect;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};

use crate::bench::{Bench, Reply, calls, frames, question, question_in, says};

const CHAT: Dialect = Dialect::OpenAiChat;

fn add(id: &'static str, arguments: &'static str) -> Reply {
    calls([(id, "add", arguments)])
}

/// The ending, the finish reason and the text of an answer.
fn told(answer: &Value) -> (&str, &str, &str) {
    let choice = &answer["choices"][0];
    (
        answer["dormouse"]["ending"].as_str().unwrap(),
        choice["finish_reason"].as_str().unwrap(),
        choice["message"]["content"].as_str().unwrap(),
    )
}

#[tokio::test]
async fn the_limit_of_steps_ends_a_run() {
    let script = [add("a", r#"{"a":1,"b":1}"#), add("b", r#"{"a":1,"b":2}"#)];
    let bench = Bench::new(script);
    let mut body = question("m");
    body["dormouse"]["max_steps"] = 2.into();
    let answer = bench.whole(CHAT, body).await;
    assert_eq!(told(&answer), ("steps", "length", "[Stopped: the limit of steps was reached.]"));
    assert_eq!(bench.log.calls.lock().unwrap().len(), 1, "nobody would read the last result");
}

#[tokio::test]
async fn a_request_cannot_have_more_steps_than_the_gateway_allows() {
    let script = [add("a", r#"{"a":1,"b":1}"#), says("never asked")];
    let bench = Bench::set(&[("DORMOUSE_AGENT_STEPS", "1")], script);
    let mut body = question("m");
    body["dormouse"]["max_steps"] = 9.into();
    assert_eq!(told(&bench.whole(CHAT, body).await).0, "steps");
}

#[tokio::test]
async fn the_same_call_with_the_same_result_ends_a_run() {
    let bench = Bench::new(["a", "b", "c"].map(|id| add(id, r#"{"a":1,"b":1}"#)));
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(told(&answer).0, "repetition");
    assert_eq!(told(&answer).1, "length");
    assert_eq!(bench.asked().len(), 3);
}

#[tokio::test]
async fn a_model_that_says_nothing_is_nudged_once_and_then_left() {
    let bench = Bench::new([says(""), says("")]);
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(told(&answer), ("idle", "length", "[Stopped: the model gave no answer.]"));
    let nudged = bench.asked()[1]["messages"].as_array().unwrap().len();
    assert_eq!(nudged, 2, "the question and the nudge");
}

#[tokio::test]
async fn a_nudged_model_may_go_on() {
    let bench = Bench::new([says(""), says("It is 3.")]);
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(told(&answer), ("done", "stop", "It is 3."));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_told_as_such() {
    let bench = Bench::new([Reply::Cut("and so")]);
    let answer = bench.whole(CHAT, question("m")).await;
    assert_eq!(told(&answer), ("cut", "length", "and so"));
}

#[tokio::test]
async fn the_time_of_a_run_ends_a_silent_model() {
    let bench = Bench::set(&[("DORMOUSE_AGENT_TIMEOUT", "1m")], [Reply::Hangs("Let me")]);
    let mut answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    let mut said = String::new();
    let mut whole = dormouse_core::chat::Whole::default();
    loop {
        let Some(chunk) = answer.chunks.next().now_or_never() else {
            bench.host.run_spawned().await;
            bench.host.advance(Duration::from_secs(10));
            continue;
        };
        let Some(chunk) = chunk else { break };
        for event in chunk.unwrap().events {
            if let dormouse_core::chat::Event::PartDelta { delta, .. } = &event {
                said.push_str(delta.text());
            }
            whole.push(event).unwrap();
        }
    }
    assert_eq!(said, "Let me\n\n[Stopped: the time for this request is over.]");
    let [receipt] = bench.receipts().await.try_into().unwrap();
    assert!(receipt.usage.output > 0, "what was said is paid for");
}

#[tokio::test]
async fn the_time_of_a_run_ends_a_tool_that_does_not() {
    let set = [("DORMOUSE_AGENT_TIMEOUT", "10s"), ("DORMOUSE_TOOL_TIMEOUT", "1h")];
    let bench = Bench::set(&set, [calls([("a", "wait", "{}")])]);
    let mut answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    let mut whole = dormouse_core::chat::Whole::default();
    loop {
        let Some(chunk) = answer.chunks.next().now_or_never() else {
            bench.host.run_spawned().await;
            bench.host.advance(Duration::from_secs(1));
            continue;
        };
        let Some(chunk) = chunk else { break };
        chunk.unwrap().events.into_iter().for_each(|event| whole.push(event).unwrap());
    }
    let about = whole.extensions.0["dormouse"].clone();
    assert_eq!(about["ending"], "time");
    assert_eq!(bench.log.working.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_tool_that_takes_too_long_is_ended_and_the_run_goes_on() {
    let bench = Bench::new([calls([("a", "wait", "{}")]), says("It did not answer.")]);
    let mut answer = bench.ask(CHAT, question("m"), Default::default()).await.unwrap();
    loop {
        match answer.chunks.next().now_or_never() {
            Some(Some(chunk)) => drop(chunk.unwrap()),
            Some(None) => break,
            None => {
                bench.host.run_spawned().await;
                bench.host.advance(Duration::from_secs(5));
            }
        }
    }
    let result = bench.asked()[1]["messages"][2]["content"].as_str().unwrap().to_owned();
    assert!(result.contains("30 s"), "{result}");
}

#[tokio::test]
async fn every_dialect_names_the_ending_in_its_own_word() {
    for (dialect, reason) in [
        (CHAT, "\"finish_reason\":\"length\""),
        (Dialect::OpenAiResponses, "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"),
        (Dialect::Anthropic, "\"stop_reason\":\"max_tokens\""),
    ] {
        let ask = || {
            let mut body = question_in(dialect, "m");
            body["dormouse"]["max_steps"] = 1.into();
            (Bench::new([add("a", r#"{"a":1,"b":1}"#)]), body)
        };
        let (bench, body) = ask();
        let sent = bench.stream(dialect, body).await;
        let (bench, body) = ask();
        let whole = bench.whole(dialect, body).await.to_string();
        for told in [&sent, &whole] {
            assert!(told.contains(reason), "{told}");
            assert!(told.contains("\"ending\":\"steps\""), "{told}");
            assert!(told.contains("the limit of steps was reached"), "{told}");
        }
        assert!(!frames(&sent).is_empty());
    }
}

#[tokio::test]
async fn runs_and_their_endings_are_counted() {
    let bench = Bench::new([add("a", r#"{"a":1,"b":1}"#), says("2")]);
    bench.whole(CHAT, question("m")).await;
    let figures = bench.gateway.figures().await.unwrap();
    for line in ["dormouse_agent_runs_total{ending=\"done\"} 1", "dormouse_agent_steps_total 2"] {
        assert!(figures.contains(line), "{figures}");
    }
    assert_eq!(json!(bench.asked().len()), 2);
}
