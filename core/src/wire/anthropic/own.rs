//! Calls that the gateway answered itself, and their results: this format's blocks for tools of the server.
//!
//! A result is told as that of Anthropic's own code execution, the one kind of result that holds any text and
//! that every client of this format knows: the text is what was printed, and a failure has a status of 1. The
//! ids tell these blocks from Anthropic's, so they are read back as what they were.

use serde_json::{Map, Value, json};

use crate::chat::{Part, told};

/// The kind of a call's block.
pub(super) const CALL: &str = "server_tool_use";
/// The kind of a result's block.
pub(super) const RESULT: &str = "bash_code_execution_tool_result";

/// What the ids of such blocks begin with.
const PREFIX: &str = "srvtoolu_dormouse_";

/// The id of a call as a caller is told it.
pub(super) fn id(call: &str) -> String {
    format!("{PREFIX}{call}")
}

/// Writes a call, complete.
pub(super) fn call(call: &str, name: &str, input: &Value) -> Value {
    json!({ "type": CALL, "id": id(call), "name": name, "input": input })
}

/// Writes a result.
pub(super) fn result(call: &str, parts: &[Part], is_error: bool) -> Map<String, Value> {
    let text = told(parts);
    let (stdout, stderr) = if is_error { ("", &*text) } else { (&*text, "") };
    let content = json!({
        "type": "bash_code_execution_result",
        "stdout": stdout,
        "stderr": stderr,
        "return_code": i32::from(is_error),
        "content": [],
    });
    let fields = [("type", RESULT.into()), ("tool_use_id", id(call).into()), ("content", content)];
    fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect()
}

/// Reads a block back. `None`: it is none of the gateway's.
pub(super) fn decode(block: &Map<String, Value>) -> Option<Part> {
    let text =
        |from: &Map<String, Value>, field: &str| from.get(field)?.as_str().map(str::to_owned);
    let call = |field: &str| text(block, field)?.strip_prefix(PREFIX).map(str::to_owned);
    match block.get("type")?.as_str()? {
        CALL => Some(Part::ToolCall {
            id: call("id")?,
            name: text(block, "name")?,
            arguments: block.get("input").map(Value::to_string).unwrap_or_default(),
            custom: false,
        }),
        RESULT => {
            let content = block.get("content")?.as_object()?;
            let is_error = content.get("return_code").and_then(Value::as_i64) != Some(0);
            let said = if is_error { "stderr" } else { "stdout" };
            let text = text(content, said).unwrap_or_default();
            let parts = vec![Part::Text { text, cache: None }];
            Some(Part::ToolResult { call_id: call("tool_use_id")?, parts, is_error, cache: None })
        }
        _ => None,
    }
}
