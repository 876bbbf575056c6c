//! The steps of a run, for callers who asked for them: this format has no word for a tool that ran already.
//!
//! In a stream each is a chunk without choices, with the step under `dormouse.step`; a whole answer has all of
//! them under `dormouse.steps`.

use serde_json::{Map, Value, json};

use crate::chat::{Delta, Part, told};

/// What stands between what was said before a tool ran and after.
pub(super) const BETWEEN: &str = "\n\n";

/// A call that the gateway answers itself, or the result.
#[derive(Debug)]
pub(super) struct Step(Map<String, Value>);

impl Step {
    pub(super) fn call(id: &str, name: &str) -> Self {
        Self::of(json!({ "type": "tool_call", "id": id, "name": name, "arguments": "" }))
    }

    pub(super) fn result(call_id: &str, parts: &[Part], is_error: bool) -> Self {
        let output = told(parts);
        Self::of(json!({
            "type": "tool_result", "call_id": call_id, "output": output, "is_error": is_error,
        }))
    }

    fn of(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self(fields),
            _ => Self(Map::new()),
        }
    }

    /// More of the arguments comes.
    pub(super) fn extend(&mut self, delta: &Delta) {
        if let Some(Value::String(arguments)) = self.0.get_mut("arguments") {
            arguments.push_str(delta.text());
        }
    }

    pub(super) fn value(self) -> Value {
        self.0.into()
    }
}

/// All steps of an answer.
pub(super) fn all(parts: &[Part], own: impl Fn(&str) -> bool) -> Vec<Value> {
    let steps = parts.iter().filter_map(|part| match part {
        Part::ToolCall { id, name, arguments, .. } if own(id) => {
            let mut step = Step::call(id, name);
            step.extend(&Delta::Arguments(arguments.clone()));
            Some(step.value())
        }
        Part::ToolResult { call_id, parts, is_error, .. } => {
            Some(Step::result(call_id, parts, *is_error).value())
        }
        _ => None,
    });
    steps.collect()
}
