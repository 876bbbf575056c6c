//! What is read of answers.

use std::collections::BTreeSet;

use dormouse_core::{
    Code,
    chat::{Dialect, Event, FinishReason, Part, Role, Signature, Whole},
    wire::{Called, Outgoing, gemini::Gemini},
};
use dormouse_testkit::reading::cut;
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use crate::transcript::{streamed, transcript, whole};

const STREAMS: [&[u8]; 4] = [
    transcript!("text.sse"),
    transcript!("thinking_calls.sse"),
    transcript!("signed_text.sse"),
    transcript!("broken_off.sse"),
];

fn text(text: &str) -> Part {
    Part::Text { text: text.into(), cache: None }
}

fn reason(whole: &Whole, choice: u32) -> Option<FinishReason> {
    whole.choices[&choice].finish_reason.clone()
}

#[test]
fn a_text_comes_in_pieces() {
    let read = streamed([transcript!("text.sse")]);
    let whole = read.whole();
    assert_eq!(whole.id, "x1VzaPmSDoW3mNAP6pXbsQ8");
    assert_eq!(whole.model, "gemini-2.5-flash");
    assert_eq!(read.parts(), [text("The sky is blue because of Rayleigh scattering.")]);
    assert_eq!(reason(&whole, 0), Some(FinishReason::Stop));
    assert_eq!(whole.usage.expect("counts").total(), 18);
}

#[test]
fn thoughts_are_signed_in_front_of_the_call_they_led_to() {
    let read = streamed([transcript!("thinking_calls.sse")]);
    let parts = read.parts();
    let [Part::Reasoning { text, signature, redacted: false }, calls @ ..] = &parts[..] else {
        panic!("{parts:?}");
    };
    assert_eq!(text, "**Checking the Weather**\n\nTwo cities, so two calls.");
    let signed = Signature::new(Dialect::Gemini, "EuIFCt8FAXLI2nxZ0Q+a/0=");
    assert_eq!(signature.as_ref(), Some(&signed));
    let said: Vec<(&str, &str)> = calls.iter().map(call).collect();
    let expected = [
        ("get_weather", r#"{"city":"Paris","days":2}"#),
        ("get_weather", r#"{"city":"Rome"}"#),
        ("now", "{}"),
    ];
    assert_eq!(said, expected);
    assert_eq!(reason(&read.whole(), 0), Some(FinishReason::ToolCalls));
}

fn call(part: &Part) -> (&str, &str) {
    match part {
        Part::ToolCall { name, arguments, .. } => (name, arguments),
        other => panic!("no call: {other:?}"),
    }
}

fn ids(parts: &[Part]) -> Vec<String> {
    let id = |part: &Part| match part {
        Part::ToolCall { id, .. } => Some(id.clone()),
        _ => None,
    };
    parts.iter().filter_map(id).collect()
}

#[test]
fn a_call_without_an_id_gets_one_that_no_other_has() {
    let sent = transcript!("thinking_calls.sse");
    let first = ids(&streamed([sent]).parts());
    assert_eq!(first[2], "fc-7", "the provider's own id is kept");
    assert_eq!(first, ids(&streamed([sent]).parts()), "the same answer, the same ids");
    let next = String::from_utf8_lossy(sent).replace("MD4jaf", "NE5kbg");
    let next = ids(&streamed([next.as_bytes()]).parts());
    let all: BTreeSet<&String> = first[..2].iter().chain(&next[..2]).collect();
    assert_eq!(all.len(), 4, "{all:?}");
}

#[test]
fn a_text_that_has_begun_is_signed_behind_it() {
    let parts = streamed([transcript!("signed_text.sse")]).parts();
    let signature = Some(Signature::new(Dialect::Gemini, "EqYBCqMBAdHtim/8Qh=="));
    let signed = Part::Reasoning { text: String::new(), signature, redacted: true };
    assert_eq!(parts, [text("Forty-two."), signed]);
}

#[test]
fn what_is_signed_goes_back_signed() {
    for (name, sent) in [("calls", STREAMS[1]), ("text", STREAMS[2])] {
        let parts = streamed([sent]).parts();
        let mut request = dormouse_core::chat::Request::default();
        request.messages.push(dormouse_core::chat::Message::text(Role::User, "?"));
        let mut answer = dormouse_core::chat::Message::text(Role::Assistant, "");
        answer.parts = parts;
        request.messages.push(answer);
        let outgoing = Outgoing {
            model: "gemini-3-pro-preview",
            max_output_tokens: None,
            max_tokens_field: dormouse_core::wire::MaxTokensField::MaxTokens,
            openai: false,
            stream: false,
            slot: None,
        };
        let call = Gemini.encode_request(&request, &outgoing).expect("a request");
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        insta::assert_json_snapshot!(format!("signed_{name}"), body["contents"][1]);
    }
}

#[test]
fn a_blocked_prompt_is_a_refusal() {
    let read = whole(transcript!("blocked_prompt.json"));
    let refusal = "The provider blocked the prompt: PROHIBITED_CONTENT.";
    assert_eq!(read.parts(), [Part::Refusal { text: refusal.into() }]);
    assert_eq!(reason(&read.whole(), 0), Some(FinishReason::ContentFilter));
    assert_eq!(read.whole().usage.expect("counts").input, 31);
}

#[test]
fn what_the_providers_own_tools_did_is_carried_whole() {
    let parts = whole(transcript!("code_execution.json")).parts();
    let other = |value: Value| Part::Other { dialect: Dialect::Gemini, value };
    let code = json!({ "executableCode": { "language": "PYTHON", "code": "print(6*7)" } });
    let result = json!({ "codeExecutionResult": { "outcome": "OUTCOME_OK", "output": "42\n" } });
    let expected = [text("Let me compute."), other(code), other(result), text("It is 42.")];
    assert_eq!(parts, expected);
}

#[test]
fn several_candidates_are_several_choices() {
    let whole = whole(transcript!("two_candidates.json")).whole();
    assert_eq!(reason(&whole, 0), Some(FinishReason::Stop));
    assert_eq!(reason(&whole, 1), Some(FinishReason::Length));
    assert_eq!(whole.choices[&1].parts, [text("ta")]);
    insta::assert_json_snapshot!("log_probabilities", whole.choices[&0].extensions);
}

#[test]
fn a_call_that_the_model_botched_is_no_answer() {
    let error = whole(transcript!("malformed_call.json")).error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamFailed);
    assert!(error.message().contains("get_weather(city="), "{error}");
}

#[test]
fn an_error_in_mid_stream_ends_what_was_said() {
    let read = streamed([transcript!("broken_off.sse")]);
    assert!(read.events.iter().any(|event| matches!(event, Event::PartDelta { .. })));
    let error = read.error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamUnavailable);
    assert_eq!(error.message(), "The model is overloaded. Please try again later.");
}

#[test]
fn a_stream_without_its_end_has_broken_off() {
    let sent = String::from_utf8_lossy(STREAMS[0]).into_owned();
    let (cut, _) = sent
        .split_once("data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \".\"")
        .expect("the last");
    let error = streamed([cut.as_bytes()]).error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamFailed);
}

#[test]
fn a_reason_in_every_piece_ends_nothing() {
    let piece = |text: &str| {
        let candidate =
            json!({ "content": { "parts": [{ "text": text }] }, "finishReason": "STOP" });
        format!("data: {}\r\n\r\n", json!({ "candidates": [candidate] }))
    };
    let read = streamed([(piece("a") + &piece("b")).as_bytes()]);
    assert_eq!(read.parts(), [text("ab")]);
}

/// An answer made of odd parts, some of them nothing that Gemini would send.
fn odd() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-z]{0,3}".prop_map(|text| json!({ "text": text })),
        "[a-z]{0,3}".prop_map(|text| json!({ "text": text, "thought": true })),
        "[a-z]{0,3}".prop_map(|text| json!({ "text": text, "thoughtSignature": "s" })),
        Just(json!({ "functionCall": { "name": "f", "args": { "a": 1 } } })),
        Just(json!({ "functionCall": { "name": "f" }, "thoughtSignature": "t" })),
        Just(json!({ "functionCall": 3 })),
        Just(json!({ "thoughtSignature": "u" })),
        Just(json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } })),
        Just(json!({ "text": null })),
        Just(json!(7)),
    ];
    let reason = prop_oneof![Just(Value::Null), Just(json!("STOP")), Just(json!("SAFETY"))];
    let candidate = (vec(part, 0..4), reason, 0..3_u32).prop_map(|(parts, reason, index)| {
        json!({ "content": { "parts": parts }, "finishReason": reason, "index": index })
    });
    let object = prop_oneof![
        8 => vec(candidate, 0..3).prop_map(|it| json!({ "candidates": it })),
        1 => Just(json!({ "promptFeedback": { "blockReason": "SAFETY" } })),
        1 => Just(json!({ "usageMetadata": { "promptTokenCount": 4 } })),
        1 => Just(json!({ "candidates": 7, "usageMetadata": [] })),
    ];
    vec(object, 0..6)
        .prop_map(|objects| objects.iter().map(|object| format!("data: {object}\n\n")).collect())
}

proptest! {
    #[test]
    fn cuts_change_nothing(stream in 0..STREAMS.len(), at in vec(any::<usize>(), 0..12)) {
        let sent = STREAMS[stream];
        let (uncut, pieces) = (streamed([sent]), streamed(cut(sent, &at)));
        prop_assert_eq!(pieces.events, uncut.events);
        prop_assert_eq!(pieces.error.map(|it| it.code()), uncut.error.map(|it| it.code()));
    }

    #[test]
    fn odd_answers_are_legal_or_errors(sent in odd(), at in vec(any::<usize>(), 0..6)) {
        streamed(cut(sent.as_bytes(), &at));
    }

    #[test]
    fn garbage_is_an_error(sent in vec(any::<u8>(), 0..200), at in vec(any::<usize>(), 0..4)) {
        prop_assert!(streamed(cut(&sent, &at)).error.is_some());
        prop_assert!(Gemini.decode_answer(sent.into(), false).is_err());
    }
}
