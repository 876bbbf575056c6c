//! Tools for a model that has none: the request that is sent, and the answer that comes back.

use dormouse_core::{
    chat::{
        Chunk, Event, FinishReason, Grammar, Message, OutputFormat, Part, PartKind, Request, Role,
        Tool, ToolChoice, Whole,
    },
    emulate::{Abilities, Constraints, Emulation, Stage},
    parse::Flaw,
};
use serde_json::{Value, json};

use crate::reader::{ids, scripted, tools};

fn request(messages: Vec<Message>) -> Request {
    Request { messages, tools: tools(), ..Request::default() }
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn call(id: &str, name: &str, arguments: &str) -> Part {
    let (id, name, arguments) = (id.into(), name.into(), arguments.into());
    Part::ToolCall { id, name, arguments, custom: false }
}

fn result(call_id: &str, text: &str) -> Message {
    let parts = vec![Part::Text { text: text.into(), cache: None }];
    let part = Part::ToolResult { call_id: call_id.into(), parts, is_error: false, cache: None };
    Message { parts: vec![part], ..Message::text(Role::Tool, "") }
}

fn said(parts: Vec<Part>) -> Message {
    Message { parts, ..Message::text(Role::Assistant, "") }
}

fn emulated(request: &Request) -> Emulation {
    emulated_by(request, Constraints::Nothing)
}

fn emulated_by(request: &Request, constraints: Constraints) -> Emulation {
    Emulation::new(request, Abilities { constraints, ..Abilities::default() }, ids()).unwrap()
}

/// The one text of a message.
fn text(message: &Message) -> &str {
    match &message.parts[..] {
        [Part::Text { text, .. }] => text,
        other => panic!("{other:?}"),
    }
}

/// All the text that a model reads, in order.
fn prompt(request: &Request) -> String {
    let lines = request.messages.iter().map(|it| format!("{:?}: {}\n", it.role, text(it)));
    lines.collect()
}

/// Lets the stage read a whole answer, an event at a time.
fn answer(stage: &mut Stage, pieces: &[&str]) -> Vec<Event> {
    let mut events = Vec::new();
    for event in scripted(pieces, false) {
        events.extend(stage.push(event.into()).into_iter().flat_map(|chunk| chunk.events));
    }
    events
}

fn whole(events: Vec<Event>) -> Whole {
    let (mut whole, mut grammar) = (Whole::default(), Grammar::default());
    for event in events {
        grammar.check(&event).unwrap();
        whole.push(event).unwrap();
    }
    grammar.complete().unwrap();
    whole
}

#[test]
fn a_model_without_tools_calls_one() {
    let asked = request(vec![user("How is the weather in Paris?")]);
    let Emulation { request, mut stage } = emulated(&asked);
    assert!(request.tools.is_empty() && request.original.is_none());
    assert!(prompt(&request).contains("{\"name\":\"get_weather\",\"description\":"));

    let printed = "<think>Hm.</think>I look.\n<tool_call>\n{\"name\": \"get_weather\", \
                   \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>";
    let mut events = answer(&mut stage, &[&printed[..40], &printed[40..]]);
    events.extend(stage.finish().into_iter().flat_map(|chunk| chunk.events));
    let choice = whole(events).choices.remove(&0).unwrap();
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
    assert!(matches!(&choice.parts[..], [
        Part::Reasoning { text: thought, .. },
        Part::Text { text, .. },
        Part::ToolCall { id, name, arguments, .. },
    ] if thought == "Hm." && text == "I look.\n" && id == "call_1" && name == "get_weather"
        && arguments == "{\"city\":\"Paris\"}"));
}

#[test]
fn where_no_tool_may_be_called_nothing_is_emulated() {
    let mut none = request(vec![user("hi")]);
    none.tool_choice = Some(ToolChoice::None);
    let mut bare = request(vec![user("hi")]);
    bare.tools.clear();
    for request in [none, bare] {
        assert!(Emulation::new(&request, Abilities::default(), ids()).is_none());
    }
}

#[test]
fn every_turn_begins_with_the_bytes_of_the_one_before() {
    let mut messages = vec![
        Message::text(Role::System, "Be brief."),
        user("How is the weather?"),
        said(vec![
            Part::Text { text: "I look.".into(), cache: None },
            call("a", "get_weather", "{\"city\": \"Paris\"}"),
            call("b", "get_time", ""),
        ]),
        result("b", "noon"),
        result("a", "sunny"),
    ];
    let mut before = String::new();
    for next in [said(vec![call("c", "get_time", "{}")]), result("c", "one"), user("Thanks.")] {
        let now = prompt(&emulated(&request(messages.clone())).request);
        assert!(now.starts_with(before.trim_end()), "{now}\n\n{before}");
        messages.push(next);
        before = now;
    }
}

#[test]
fn calls_and_results_are_written_as_the_model_should_write_them() {
    let messages = vec![
        user("?"),
        said(vec![
            call("a", "get_weather", "{\"city\": \"Paris\"}"),
            call("b", "get_time", ""),
            call("c", "bash", "not json"),
        ]),
        result("b", "noon"),
        result("a", "sunny"),
        user("And?"),
    ];
    let Emulation { request, .. } = emulated(&request(messages));
    assert_eq!(
        text(&request.messages[2]),
        "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>\n\
         <tool_call>\n{\"name\": \"get_time\", \"arguments\": {}}\n</tool_call>\n\
         <tool_call>\n{\"name\": \"bash\", \"arguments\": \"not json\"}\n</tool_call>"
    );
    // In the order of the calls, and together with what the user said.
    let Part::Text { text: results, .. } = &request.messages[3].parts[0] else { panic!() };
    assert_eq!(
        results,
        "<tool_response>\nsunny\n</tool_response>\n<tool_response>\nnoon\n</tool_response>"
    );
    assert_eq!(request.messages[3].role, Role::User);
    assert_eq!(request.messages.len(), 4);
}

#[test]
fn a_call_that_must_be_made_is_constrained() {
    let mut asked = request(vec![user("?")]);
    asked.tool_choice = Some(ToolChoice::Named("get_time".into()));
    let Emulation { request, mut stage } = emulated_by(&asked, Constraints::JsonSchema);
    let OutputFormat::JsonSchema { schema, .. } = &request.output_format else { panic!() };
    assert_eq!(schema["properties"]["name"], json!({ "const": "get_time" }));
    assert!(text(&request.messages[1]).ends_with("`get_time`."));
    let events = answer(&mut stage, &["{\"name\":\"get_time\",\"arguments\":{}}"]);
    assert!(matches!(&whole(events).choices[&0].parts[..], [Part::ToolCall { .. }]));
}

#[test]
fn a_failed_tool_says_so_once() {
    for (said, told) in [("no clock", "Error: no clock"), ("error: no clock", "error: no clock")] {
        let mut failed = result("1", said);
        if let Part::ToolResult { is_error, .. } = &mut failed.parts[0] {
            *is_error = true;
        }
        let asked = request(vec![user("?"), said_call(), failed]);
        let told = format!("<tool_response>\n{told}\n</tool_response>");
        assert!(prompt(&emulated(&asked).request).contains(&told));
    }
}

fn said_call() -> Message {
    said(vec![call("1", "get_time", "{}")])
}

#[test]
fn a_schema_cannot_say_text_or_a_call_but_a_grammar_can() {
    let asked = request(vec![user("?")]);
    assert_eq!(
        emulated_by(&asked, Constraints::JsonSchema).request.output_format,
        OutputFormat::Text
    );
    let grammar = emulated_by(&asked, Constraints::Grammar).request.extensions.0["grammar"].clone();
    let grammar = grammar.as_str().unwrap();
    assert!(grammar.starts_with("root ::= text ( call ( \"\\n\" call )* )?"));
    assert!(grammar.contains(r#"tool-0 ::= "\"name\": \"get_weather\", \"arguments\": " "{" ws"#));
    let mut required = asked;
    required.tool_choice = Some(ToolChoice::Required);
    required.parallel_tool_calls = Some(false);
    let grammar =
        emulated_by(&required, Constraints::Grammar).request.extensions.0["grammar"].clone();
    assert!(grammar.as_str().unwrap().starts_with("root ::= call\n"));
}

#[test]
fn a_flawed_call_is_asked_for_once_more() {
    let flawed = "I look.\n<tool_call>\n{\"name\": \"fly\", \"arguments\": {}}\n</tool_call>";
    let Emulation { mut stage, .. } = emulated(&request(vec![user("?")]));
    let mut events: Vec<Event> = Vec::new();
    for event in scripted(&[flawed], false) {
        if stage.flaw().is_none() {
            events.extend(stage.push(event.into()).into_iter().flat_map(|chunk| chunk.events));
        }
    }
    assert_eq!(stage.flaw(), Some(&Flaw::UnknownTool { name: "fly".into() }));
    let again = stage.reask().unwrap();
    let [.., printed, complaint] = &again.messages[..] else { panic!() };
    assert_eq!(text(printed), flawed);
    assert!(text(complaint).starts_with("There is no tool `fly`. The tools are: get_weather, "));

    events.extend(answer(&mut stage, &["<tool_call>{\"name\": \"get_time\"}</tool_call>"]));
    events.extend(stage.finish().into_iter().flat_map(|chunk| chunk.events));
    let choice = whole(events).choices.remove(&0).unwrap();
    assert!(matches!(&choice.parts[..], [
        Part::Text { text, .. },
        Part::ToolCall { name, .. },
    ] if text == "I look.\n" && name == "get_time"));
    assert!(stage.reask().is_none());
}

#[test]
fn a_flaw_that_nobody_mends_is_told_as_it_is() {
    let printed = "<tool_call>{\"name\": \"get_weather\", \"arguments\": {}}</tool_call>";
    let chunk = Chunk { events: scripted(&[printed], false), verbatim: None };
    let Emulation { mut stage, .. } = emulated(&request(vec![user("?")]));
    let mut events: Vec<Event> = stage.push(chunk).into_iter().flat_map(|it| it.events).collect();
    let call =
        |event: &Event| matches!(event, Event::PartStart { kind: PartKind::ToolCall { .. }, .. });
    assert!(!events.iter().any(call));
    assert!(matches!(stage.flaw(), Some(Flaw::MissingField { .. })));
    events.extend(stage.finish().into_iter().flat_map(|chunk| chunk.events));
    assert!(events.iter().any(call));
    assert_eq!(whole(events).choices[&0].finish_reason, Some(FinishReason::ToolCalls));
}

#[test]
fn an_answer_without_the_call_that_was_required_is_flawed() {
    let mut asked = request(vec![user("?")]);
    asked.tool_choice = Some(ToolChoice::Required);
    let Emulation { mut stage, .. } = emulated(&asked);
    let chunk = Chunk { events: scripted(&["No."], false), verbatim: None };
    stage.push(chunk);
    assert_eq!(stage.flaw(), Some(&Flaw::NoCall));
}

#[test]
fn a_custom_tool_is_called_with_text() {
    let mut asked = request(vec![
        user("?"),
        said(vec![Part::ToolCall {
            id: "a".into(),
            name: "apply_patch".into(),
            arguments: "*** Begin\n\"x\"".into(),
            custom: true,
        }]),
        result("a", "done"),
    ]);
    asked.tools = vec![Tool { name: "apply_patch".into(), custom: true, ..Tool::default() }];
    let Emulation { request, mut stage } = emulated(&asked);
    let written =
        "{\"name\": \"apply_patch\", \"arguments\": {\"input\":\"*** Begin\\n\\\"x\\\"\"}}";
    assert!(text(&request.messages[2]).contains(written));
    let events = answer(&mut stage, &[&format!("<tool_call>\n{written}\n</tool_call>")]);
    assert!(matches!(
        &whole(events).choices[&0].parts[..],
        [Part::ToolCall { arguments, custom: true, .. }] if arguments == "*** Begin\n\"x\""
    ));
}

#[test]
fn the_same_tools_are_described_in_the_same_bytes() {
    let one = emulated(&request(vec![user("a")])).request;
    let mut other =
        request(vec![user("b"), said(vec![call("a", "get_time", "{}")]), result("a", "1")]);
    other.tool_choice = Some(ToolChoice::Required);
    let other = emulated(&other).request;
    assert_eq!(one.messages[0], other.messages[0]);
    let line =
        text(&one.messages[0]).lines().find(|line| line.starts_with("{\"name\":\"get_weather\""));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    let keys: Vec<&String> = line["parameters"]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["city", "days", "metric"]);
}
