//! The words that tell a model which tools there are, and how to call them.

use serde_json::{Map, Value};

use crate::{
    agent::done,
    chat::{Message, Part, Request, Role, Tool, ToolChoice},
    parse,
};

const BEFORE: &str = "# Tools

You can use the tools below. Each line describes one; `parameters` is the JSON Schema of its arguments.

<tools>
";

const AFTER: &str = r#"</tools>

To use a tool, write its name and its arguments as one JSON object between these tags, then stop and wait for the result:

<tool_call>
{"name": "<the tool's name>", "arguments": {<the arguments>}}
</tool_call>

Results come back between <tool_response> tags. If no tool is needed, answer without any of these tags."#;

const ONE: &str = "\n\nUse one tool at a time.";
const SEVERAL: &str =
    "\n\nYou may use several tools at once: write one <tool_call> after the other.";

/// Adds what the model must know to the messages.
///
/// The tools go to the end of the first instructions, the same for every turn. What is asked of this
/// turn alone (`tool_choice`) goes to the very end, so that it costs a prompt cache nothing.
pub(super) fn describe(request: &Request, in_loop: bool, messages: &mut Vec<Message>) {
    let mut tools = text(request);
    if in_loop {
        tools.push_str(&done::instruction(&request.tools));
    }
    match messages.first_mut() {
        Some(first) if matches!(first.role, Role::System | Role::Developer) => {
            append(&mut first.parts, &tools);
        }
        _ => messages.insert(0, Message::text(Role::System, tools)),
    }
    if let Some(demand) = demand(request.tool_choice.as_ref()) {
        match messages.last_mut() {
            Some(last) if last.role == Role::User => append(&mut last.parts, &demand),
            _ => messages.push(Message::text(Role::User, demand)),
        }
    }
}

/// The description of the tools: the same bytes for the same tools.
fn text(request: &Request) -> String {
    let mut text = BEFORE.to_owned();
    for tool in request.tools.iter().filter(|tool| !tool.name.is_empty()) {
        text.push_str(&line(tool));
        text.push('\n');
    }
    text.push_str(AFTER);
    text.push_str(if request.parallel_tool_calls == Some(false) { ONE } else { SEVERAL });
    text
}

fn line(tool: &Tool) -> String {
    let mut fields = Map::new();
    fields.insert("name".into(), tool.name.as_str().into());
    if let Some(description) = &tool.description {
        fields.insert("description".into(), description.as_str().into());
    }
    if let Some(schema) = parse::schema(tool) {
        fields.insert("parameters".into(), schema);
    }
    Value::Object(fields).to_string()
}

fn demand(choice: Option<&ToolChoice>) -> Option<String> {
    match choice? {
        ToolChoice::Required => Some("Answer this with a <tool_call>.".into()),
        ToolChoice::Named(name) => Some(format!("Answer this with a <tool_call> of `{name}`.")),
        ToolChoice::Auto | ToolChoice::None | ToolChoice::Other(_) => None,
    }
}

/// Adds a paragraph, to the last text where there is one: some servers take only one.
fn append(parts: &mut Vec<Part>, more: &str) {
    match parts.last_mut() {
        Some(Part::Text { text, .. }) => {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(more);
        }
        _ => parts.push(Part::Text { text: more.to_owned(), cache: None }),
    }
}
