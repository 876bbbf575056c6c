//! What is held back is bounded, and only what may be a call is held back at all.

use dormouse_core::{
    chat::{Chunk, Delta, Event, Part},
    parse::{CallOptions, MAX_CALL_BYTES, PrintedCalls},
};

use crate::reader::{Setup, ids, read, scripted, tools};

/// What has been said once each of these pieces was pushed.
fn said_after(pieces: &[&str]) -> Vec<String> {
    let mut calls = PrintedCalls::new(&tools(), CallOptions::default(), ids());
    let mut said = String::new();
    let mut after = Vec::new();
    for event in scripted(pieces, false) {
        let pushed = matches!(event, Event::PartDelta { .. });
        for event in calls.push(Chunk::from(event)).events {
            if let Event::PartDelta { delta: Delta::Text(text), .. } = event {
                said.push_str(&text);
            }
        }
        if pushed {
            after.push(said.clone());
        }
    }
    after
}

#[test]
fn words_flow_as_they_come() {
    assert_eq!(said_after(&["Hello ", "wor", "ld"]), ["Hello ", "Hello wor", "Hello world"]);
}

#[test]
fn json_of_the_answers_own_flows_with_its_first_field() {
    let after = said_after(&["{\"ci", "ty\": \"Pa", "ris\"}"]);
    assert_eq!(after, ["{\"ci", "{\"city\": \"Pa", "{\"city\": \"Paris\"}"]);
}

#[test]
fn json_that_names_no_tool_flows_with_the_name() {
    let after = said_after(&["{\"name\": \"", "Al", "ice\", \"arguments\": {"]);
    assert_eq!(after[0], "");
    assert_eq!(after[1], "{\"name\": \"Al");
}

#[test]
fn code_in_another_language_flows_with_its_first_line() {
    let after = said_after(&["```ru", "st\n", "fn main"]);
    assert_eq!(after, ["```ru", "```rust\n", "```rust\nfn main"]);
}

#[test]
fn a_tag_around_words_flows_with_the_words() {
    let after = said_after(&["a <tool_", "call>", "the ", "tag"]);
    assert_eq!(after[0], "a ");
    assert_eq!(after[1], "a ");
    assert_eq!(after[2], "a <tool_call>the ");
}

#[test]
fn a_call_that_does_not_end_is_text_at_the_limit() {
    let head = "<tool_call>{\"name\": \"bash\", \"arguments\": {\"command\": \"";
    let long = "x".repeat(MAX_CALL_BYTES);
    let after = said_after(&[head, &long]);
    assert_eq!(after[0], "");
    assert_eq!(after[1].len(), head.len() + long.len());
}

#[test]
fn a_long_call_is_read_and_a_longer_one_is_text() {
    for (length, calls) in [(MAX_CALL_BYTES - 200, 1), (MAX_CALL_BYTES, 0)] {
        let text = format!(
            "<tool_call>{{\"name\": \"bash\", \"arguments\": {{\"command\": \"{}\"}}}}</tool_call>",
            "x".repeat(length)
        );
        let pieces: Vec<&str> =
            text.as_bytes().chunks(1000).map(|it| std::str::from_utf8(it).unwrap()).collect();
        for pieces in [vec![text.as_str()], pieces] {
            let parts = read(Setup::default(), &pieces).parts;
            let found = parts.iter().filter(|it| matches!(it, Part::ToolCall { .. })).count();
            assert_eq!((parts.len(), found), (1, calls));
        }
    }
}

#[test]
fn beginnings_without_an_end_do_not_add_up() {
    for head in [
        "\n<tool_call>{\"name\": \"bash\", \"arguments\": {\"command\": \"",
        "\n<function=bash>\n<parameter=command>\n",
        "<|tool_call_begin|>functions.bash:0<|tool_call_argument_begin|>{",
        "<|python_tag|>",
        "\n```bash\n",
    ] {
        let text = head.repeat(8_000);
        let pieces: Vec<&str> =
            text.as_bytes().chunks(100).map(|it| std::str::from_utf8(it).unwrap()).collect();
        let reading = read(Setup { cut: true, ..Setup::default() }, &pieces);
        assert!(matches!(&reading.parts[..], [Part::Text { text: said, .. }] if *said == text));
    }
}
