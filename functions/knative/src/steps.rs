//! What a run does on its way to the answer, told to whoever waits for it: on standard error, so that whatever reads
//! the answer reads nothing else.

use std::{
    env,
    io::{IsTerminal, Write, stderr},
};

use dormouse_core::{Code, Error, Result};
use serde_json::Value;

/// How many lines of a call or a result are shown.
const LINES: usize = 20;

/// Tells steps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    /// Whether they are written less brightly than the answer.
    dim: bool,
}

impl Steps {
    /// In the way that standard error allows (<https://no-color.org>).
    pub(crate) fn new() -> Self {
        let plain = env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self { dim: stderr().is_terminal() && !plain }
    }

    /// Tells a step as the chat format has it, `dormouse.step`.
    pub(crate) fn tell(self, step: &Value) -> Result<()> {
        let text = told(step);
        if self.dim { note(&format!("\x1b[2m{text}\x1b[0m")) } else { note(&text) }
    }
}

/// Says a line that is no part of the answer.
pub(crate) fn note(line: &str) -> Result<()> {
    writeln!(stderr().lock(), "{line}").map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard error").caused_by(error)
    })
}

/// A call as `> calculator {"expression":"17*23"}`, and its result as `< 391`, or behind `!` if it failed.
fn told(step: &Value) -> String {
    let text = |field: &str| step.get(field).and_then(Value::as_str).unwrap_or_default();
    match (text("type"), step.get("is_error").and_then(Value::as_bool)) {
        ("tool_call", _) => marked('>', &format!("{} {}", text("name"), text("arguments"))),
        (_, Some(true)) => marked('!', text("output")),
        _ => marked('<', text("output")),
    }
}

/// The first lines of `text`, all below each other. What steers terminals is left out: a model or a stranger's page
/// may have said it.
fn marked(mark: char, text: &str) -> String {
    let mut lines = text.trim_end().lines();
    let mut told = format!("{mark} {}", shown(lines.next().unwrap_or_default()));
    for line in lines.by_ref().take(LINES - 1) {
        told.push_str("\n  ");
        told.push_str(&shown(line));
    }
    match lines.count() {
        0 => told,
        more => format!("{told}\n  ({more} more lines)"),
    }
}

fn shown(line: &str) -> String {
    let harmless =
        |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    line.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_and_its_result_are_lines() {
        let call = json!({ "type": "tool_call", "name": "python", "arguments": "{\"code\":\"print(1)\"}" });
        assert_eq!(told(&call), "> python {\"code\":\"print(1)\"}");
        let result = json!({ "type": "tool_result", "output": "exit status: 0\nstdout:\n1\n", "is_error": false });
        assert_eq!(told(&result), "< exit status: 0\n  stdout:\n  1");
        let failed = json!({ "type": "tool_result", "output": "no such file", "is_error": true });
        assert_eq!(told(&failed), "! no such file");
    }

    #[test]
    fn what_is_long_or_steers_a_terminal_is_not_shown() {
        let line = |output: &str| told(&json!({ "type": "tool_result", "output": output }));
        assert_eq!(line("\x1b[2Jgo\rne"), "< \u{fffd}[2Jgo\u{fffd}ne");
        let long = line(&"1\n".repeat(30));
        assert_eq!(long.lines().count(), LINES + 1);
        assert!(long.ends_with("  (10 more lines)"), "{long}");
    }
}
