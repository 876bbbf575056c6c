//! Whatever a model prints: the answer is legal, the same however it is cut, and nothing is lost.

use dormouse_core::chat::{Event, Part, PartKind};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::reader::{Setup, characters, read, scripted, told};

/// Pieces of which the forms of calls and thoughts are made.
const PIECES: [&str; 56] = [
    "<tool_call>",
    "</tool_call>",
    "<function_call>",
    "<function=get_weather>",
    "</function>",
    "<parameter=city>",
    "</parameter>",
    "<invoke name=\"bash\">",
    "<parameter name=\"command\">",
    "</invoke>",
    "{\"name\": \"get_weather\"",
    "{\"name\": \"fly\"",
    ", \"arguments\": ",
    "{\"city\": \"Paris\"}",
    "{\"days\": \"x\"}",
    "}",
    "{",
    "[",
    "]",
    "{}",
    "\"",
    "'",
    "`",
    "```",
    "```json\n",
    "```bash\n",
    "\n```",
    "\n",
    " ",
    "\n\n",
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<|channel|>analysis<|message|>",
    "<|channel|>commentary to=functions.get_time",
    "<|message|>",
    "<|end|>",
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "<|call|>",
    "[TOOL_CALLS]",
    "get_weather",
    "get_time\n",
    "[ARGS]",
    "get_weather(city=\"x\")",
    "TOOL: get_time",
    "INPUT: ",
    "Action: ",
    "<|python_tag|>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "for example ",
    "é",
    "words ",
];

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => any::<Index>().prop_map(|index| index.get(&PIECES).to_string()),
        1 => "[a-z<>{}\\[\\]\"'`| \\n]{1,4}",
    ];
    vec(piece, 1..14).prop_map(|pieces| pieces.concat())
}

fn setups() -> impl Strategy<Value = Setup> {
    any::<[bool; 4]>().prop_map(|[opened, anywhere, single, cut]| {
        let mut setup = Setup { cut, ..Setup::default() };
        setup.reasoning.opened = opened;
        setup.reasoning.anywhere = anywhere;
        setup.calls.single = single;
        setup
    })
}

fn pieces<'a>(text: &'a str, at: &[Index]) -> Vec<&'a str> {
    let mut places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    places.push(text.len());
    let mut cuts: Vec<usize> = at.iter().map(|index| *index.get(&places)).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_cut_does_not_matter(text in texts(), setup in setups(), at in vec(any::<Index>(), 0..6)) {
        let whole = told(&read(setup, &[&text]));
        prop_assert_eq!(&told(&read(setup, &pieces(&text, &at))), &whole);
        prop_assert_eq!(&told(&read(setup, &characters(&text))), &whole);
    }

    #[test]
    fn an_answer_without_calls_and_tags_is_what_it_was(text in "[a-zA-Z0-9 .,:;(){}\\[\\]\"'`\\n<>|é]{0,80}") {
        let reading = read(Setup::default(), &characters(&text));
        let calls = reading.parts.iter().any(|part| !matches!(part, Part::Text { .. }));
        prop_assume!(!calls);
        let said: String = reading.parts.iter().map(|part| match part {
            Part::Text { text, .. } => text.as_str(),
            _ => "",
        }).collect();
        prop_assert_eq!(said, text);
    }

    #[test]
    fn what_is_said_is_a_part_of_what_was_printed(text in texts(), setup in setups()) {
        // In order, too: nothing is made up, moved or said twice.
        let mut printed = text.chars();
        for part in read(setup, &[&text]).parts {
            let (Part::Text { text: said, .. } | Part::Reasoning { text: said, .. }) = &part else {
                continue;
            };
            let here = said.chars().all(|c| printed.any(|it| it == c));
            prop_assert!(here, "{:?} was not printed", said);
        }
    }

    #[test]
    fn text_that_is_no_call_is_held_back_no_longer_than_it_may_be_one(words in "[a-zA-Z ,.]{1,60}") {
        // The answer begins with a word of a tool's name at most: after the next one, everything flows.
        let text = format!("So: {words}");
        let reading = read(Setup::default(), &characters(&text));
        let deltas = reading.events.iter().filter(|it| matches!(it, Event::PartDelta { .. })).count();
        let spaces = text.chars().count();
        prop_assert!(deltas + 3 >= spaces - text.len() + text.trim_end().len(), "{deltas} of {spaces}");
    }
}

#[test]
fn ids_are_those_of_the_source_in_order() {
    let text = "<tool_call>{\"name\": \"get_time\"}</tool_call>\n\
                <tool_call>{\"name\": \"get_time\"}</tool_call>";
    let ids: Vec<String> = read(Setup::default(), &[text])
        .parts
        .into_iter()
        .map(|part| match part {
            Part::ToolCall { id, .. } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["call_1", "call_2"]);
    let starts = scripted(&["a"], false);
    assert!(matches!(starts[1], Event::PartStart { kind: PartKind::Text, .. }));
}
