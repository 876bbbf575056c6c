//! What is done around the loop, as callers see it.

mod again;
mod each;
mod endings;
mod refusals;
mod told;

use dormouse_core::{
    chat::Dialect,
    ports::{Ended, Printed, Program, Ran},
};
use serde_json::{Value, json};

use crate::bench::question_in;

pub(crate) const CHAT: Dialect = Dialect::OpenAiChat;
pub(crate) const DIALECTS: [Dialect; 3] = [CHAT, Dialect::OpenAiResponses, Dialect::Anthropic];

/// A question in mode `loop`, with these further fields of `dormouse`.
pub(crate) fn with(dialect: Dialect, model: &str, fields: &Value) -> Value {
    let mut body = question_in(dialect, model);
    for (name, value) in fields.as_object().unwrap() {
        body["dormouse"][name] = value.clone();
    }
    body
}

/// The same, with another question.
pub(crate) fn asking(text: &str, fields: &Value) -> Value {
    let mut body = with(CHAT, "m", fields);
    body["messages"][0]["content"] = text.into();
    body
}

/// The same, for an answer of a number `n`.
pub(crate) fn formed(dialect: Dialect, fields: &Value) -> Value {
    let mut body = with(dialect, "m", fields);
    let schema = json!({
        "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
    });
    match dialect {
        Dialect::OpenAiResponses => {
            body["text"] =
                json!({ "format": { "type": "json_schema", "name": "n", "schema": schema } });
        }
        Dialect::Anthropic => {
            body["output_config"] =
                json!({ "format": { "type": "json_schema", "schema": schema } });
        }
        _ => {
            body["response_format"] =
                json!({ "type": "json_schema", "json_schema": { "name": "n", "schema": schema } });
        }
    }
    body
}

/// What a whole answer says, and what it says as thoughts.
pub(crate) fn said(dialect: Dialect, whole: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let joined = |list: &Value, wanted: &str, of: &dyn Fn(&Value) -> String| {
        let all = list.as_array().unwrap().iter().filter(|it| it["type"] == wanted);
        all.map(of).collect::<Vec<_>>().join("|")
    };
    match dialect {
        Dialect::OpenAiResponses => {
            let output = &whole["output"];
            let thought = |item: &Value| {
                ["summary", "content"].map(|field| text(&item[field][0]["text"])).concat()
            };
            (
                joined(output, "message", &|item| text(&item["content"][0]["text"])),
                joined(output, "reasoning", &thought),
            )
        }
        Dialect::Anthropic => (
            joined(&whole["content"], "text", &|block| text(&block["text"])),
            joined(&whole["content"], "thinking", &|block| text(&block["thinking"])),
        ),
        _ => {
            let message = &whole["choices"][0]["message"];
            (text(&message["content"]), text(&message["reasoning_content"]))
        }
    }
}

/// The last thing that the model was told when it was asked for the time `at`.
pub(crate) fn last(asked: &[Value], at: usize) -> String {
    let messages = asked[at]["messages"].as_array().unwrap();
    messages.last().unwrap()["content"].as_str().unwrap().to_owned()
}

/// Programs that fail if they say so.
pub(crate) fn runs(program: &Program) -> Ran {
    let text = [program.command.join(" "), String::from_utf8_lossy(&program.stdin).into_owned()];
    let fails = text.concat().contains("broken");
    let printed = |text: &'static str| Printed { kept: text.into(), dropped: 0 };
    Ran {
        ended: Ended::Exited(i32::from(fails)),
        stdout: printed(if fails { "" } else { "3\n" }),
        stderr: printed(if fails { "NameError: broken\n" } else { "" }),
        time: std::time::Duration::ZERO,
    }
}
