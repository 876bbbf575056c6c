//! What is understood of the ways in which providers stream tool calls.

use dormouse_core::{
    Code,
    chat::{Event, FinishReason},
};
use serde_json::{Value, json};

use crate::provider::{call, delta, finish, parts, read, stream, text, tool_call};

#[test]
fn an_empty_list_of_tool_calls_is_no_tool_call() {
    let sent = [
        delta(&json!({ "role": "assistant", "content": "", "tool_calls": [] })),
        delta(&json!({ "content": "Hi", "tool_calls": [] })),
        finish("stop"),
    ];
    assert_eq!(parts(&sent), [text("Hi")]);
}

#[test]
fn the_pieces_of_arguments_add_up_to_what_the_model_wrote() {
    let sent = [
        call(
            &json!({ "index": 0, "id": "c1", "type": "function", "function": { "name": "ls", "arguments": "" } }),
        ),
        call(&json!({ "index": 0, "function": { "arguments": "{\"path\"" } })),
        call(&json!({ "index": 0, "function": { "arguments": ": \"/\"}" } })),
        finish("tool_calls"),
    ];
    assert_eq!(parts(&sent), [tool_call("c1", "ls", "{\"path\": \"/\"}")]);
}

#[test]
fn calls_whose_pieces_alternate_are_told_one_after_the_other() {
    let sent = [
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{\"x\"" } })),
        call(&json!({ "index": 1, "id": "b", "function": { "name": "g", "arguments": "{\"y\"" } })),
        call(&json!({ "index": 0, "function": { "arguments": ":1}" } })),
        call(&json!({ "index": 1, "function": { "arguments": ":2}" } })),
        finish("tool_calls"),
    ];
    assert_eq!(parts(&sent), [tool_call("a", "f", "{\"x\":1}"), tool_call("b", "g", "{\"y\":2}")]);
}

#[test]
fn a_complete_call_is_told_before_the_next_one_is() {
    let sent = [
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{}" } })),
        call(&json!({ "index": 1, "id": "b", "function": { "name": "g", "arguments": "{}" } })),
    ];
    let ends = read(&stream(&sent)).events();
    assert!(ends.contains(&Event::PartEnd { choice: 0, index: 0 }));
}

#[test]
fn text_in_the_middle_of_a_call_waits_for_its_end() {
    let sent = [
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{\"x\"" } })),
        delta(&json!({ "content": "by the way" })),
        call(&json!({ "index": 0, "function": { "arguments": ":1}" } })),
        finish("tool_calls"),
    ];
    assert_eq!(parts(&sent), [tool_call("a", "f", "{\"x\":1}"), text("by the way")]);
}

#[test]
fn calls_without_ids_get_the_same_ids_every_time() {
    let sent = [
        call(&json!({ "index": 0, "function": { "name": "f", "arguments": "{}" } })),
        call(&json!({ "index": 1, "id": "", "function": { "name": "g", "arguments": "{}" } })),
        finish("tool_calls"),
    ];
    assert_eq!(parts(&sent), [tool_call("call_0", "f", "{}"), tool_call("call_1", "g", "{}")]);
}

#[test]
fn calls_that_share_an_index_or_have_none_are_told_apart_by_their_ids() {
    for index in [json!(0), Value::Null] {
        let sent = [
            call(
                &json!({ "index": index, "id": "a", "function": { "name": "f", "arguments": "{}" } }),
            ),
            call(
                &json!({ "index": index, "id": "b", "function": { "name": "f", "arguments": "{}" } }),
            ),
            finish("tool_calls"),
        ];
        assert_eq!(parts(&sent), [tool_call("a", "f", "{}"), tool_call("b", "f", "{}")]);
    }
}

#[test]
fn arguments_as_an_object_become_text() {
    let sent = [
        call(
            &json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": { "x": 1 } } }),
        ),
        finish("tool_calls"),
    ];
    assert_eq!(parts(&sent), [tool_call("a", "f", "{\"x\":1}")]);
}

#[test]
fn a_call_of_a_tool_that_takes_nothing_has_an_empty_object() {
    let named =
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "" } }));
    assert_eq!(parts(&[named.clone(), finish("tool_calls")]), [tool_call("a", "f", "{}")]);
    // A call that was cut off must not look complete.
    assert_eq!(parts(&[named, finish("length")]), [tool_call("a", "f", "")]);
}

#[test]
fn a_truncated_call_keeps_its_invalid_arguments() {
    let sent = [
        call(&json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{\"x" } })),
        finish("length"),
    ];
    assert_eq!(parts(&sent), [tool_call("a", "f", "{\"x")]);
}

#[test]
fn a_call_without_a_name_is_refused() {
    let sent = [
        call(&json!({ "index": 0, "id": "a", "function": { "arguments": "{}" } })),
        finish("tool_calls"),
    ];
    let error = read(&stream(&sent)).error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamInvalid);
}

#[test]
fn the_forerunner_of_tool_calls_has_no_id() {
    let sent = [
        delta(&json!({ "function_call": { "name": "f", "arguments": "" } })),
        delta(&json!({ "function_call": { "arguments": "{\"x\":1}" } })),
        finish("function_call"),
    ];
    let whole = read(&stream(&sent)).whole();
    assert_eq!(whole.choices[&0].parts, [tool_call("", "f", "{\"x\":1}")]);
    let reason = FinishReason::Other("function_call".into());
    assert_eq!(whole.choices[&0].finish_reason, Some(reason));
}

#[test]
fn a_call_that_never_ends_does_not_fill_the_memory() {
    let mut sent = vec![call(
        &json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{" } }),
    )];
    let long = "x".repeat(1 << 20);
    sent.extend((0..17).map(|_| delta(&json!({ "content": long }))));
    let error = read(&stream(&sent)).error.expect("an error");
    assert_eq!(error.code(), Code::UpstreamInvalid);
}
