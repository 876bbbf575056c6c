//! The item of a call that the gateway answered itself, both ways: an `mcp_call` of a server named
//! `dormouse`.

use serde_json::{Map, Value, json};

use crate::chat::{Part, told};

/// What the gateway is called among the servers of tools.
const LABEL: &str = "dormouse";

/// The kind of the item.
pub(super) const KIND: &str = "mcp_call";

/// The id of such an item in the answer of this id.
pub(super) fn id(answer: &str, index: u64) -> String {
    format!("mcp_{answer}_{index}")
}

/// An item in the making.
#[derive(Debug)]
pub(super) struct Item {
    id: String,
    name: String,
    arguments: String,
    status: &'static str,
    output: Option<String>,
    error: Option<String>,
}

impl Item {
    /// A call that begins.
    pub(super) fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: String::new(),
            status: "in_progress",
            output: None,
            error: None,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn arguments(&self) -> &str {
        &self.arguments
    }

    /// More of the arguments comes.
    pub(super) fn extend(&mut self, arguments: &str) {
        self.arguments.push_str(arguments);
    }

    /// The arguments are all there. None are an empty object: clients fail to parse nothing.
    pub(super) fn complete(&mut self) {
        if self.arguments.trim().is_empty() {
            "{}".clone_into(&mut self.arguments);
        }
    }

    /// The tool has answered.
    pub(super) fn answer(&mut self, parts: &[Part], is_error: bool) {
        let text = told(parts);
        (self.status, self.output, self.error) =
            if is_error { ("failed", None, Some(text)) } else { ("completed", Some(text), None) };
    }

    /// The result will not come.
    pub(super) fn give_up(&mut self) {
        self.status = "incomplete";
    }

    pub(super) fn value(&self) -> Value {
        let error = self.error.as_ref().map(|text| {
            let content = [json!({ "type": "text", "text": text })];
            json!({ "type": "mcp_tool_execution_error", "content": content })
        });
        json!({
            "id": self.id,
            "type": KIND,
            "status": self.status,
            "server_label": LABEL,
            "name": self.name,
            "arguments": self.arguments,
            "output": self.output,
            "error": error,
            "approval_request_id": null,
        })
    }
}

/// Reads an item back, as a call and its result. `None`: it is none of the gateway's.
pub(super) fn decode(item: &Map<String, Value>) -> Option<(Part, Part)> {
    let text = |field: &str| item.get(field)?.as_str().map(str::to_owned);
    let ours = item.get("server_label").and_then(Value::as_str) == Some(LABEL);
    let id = text("id").filter(|_| ours)?;
    let call = Part::ToolCall {
        id: id.clone(),
        name: text("name")?,
        arguments: text("arguments").unwrap_or_default(),
        custom: false,
    };
    let failed = item.get("error").and_then(|error| {
        let parts = error.get("content")?.as_array()?;
        let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
        Some(texts.collect::<String>())
    });
    let is_error = failed.is_some();
    let text = failed.or_else(|| text("output")).unwrap_or_default();
    let parts = vec![Part::Text { text, cache: None }];
    Some((call, Part::ToolResult { call_id: id, parts, is_error, cache: None }))
}
