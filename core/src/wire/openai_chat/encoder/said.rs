//! What a chunk says of one choice.

use bytes::BytesMut;
use serde_json::{Map, Value};

use super::{super::MESSAGE, finish_reason};
use crate::{
    chat::FinishReason,
    wire::object::{self, Object},
};

const CALLS: &str = "tool_calls";
/// The field of a call that has no id.
const CALL: &str = "function_call";

/// What stands in a `delta`.
#[derive(Debug)]
pub(super) enum Said<'a> {
    Nothing,
    /// Who speaks.
    Role {
        content: Option<&'a str>,
    },
    /// More of what a field says.
    Words {
        field: &'static str,
        text: &'a str,
    },
    /// A call, or more of its arguments. Without an `index` it is of the kind that has no id.
    Call {
        index: Option<u32>,
        id: Option<&'a str>,
        name: Option<&'a str>,
        arguments: &'a str,
    },
}

impl Said<'_> {
    /// The field that is written, where more may stand beside it.
    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Role { .. } => None,
            Self::Words { field, .. } => Some(field),
            Self::Call { index: Some(_), .. } => Some(CALLS),
            Self::Call { index: None, .. } => Some(CALL),
        }
    }

    fn write(&self, delta: &mut Object<'_>) {
        match self {
            Self::Nothing => {}
            Self::Role { content } => {
                delta.word("role", "assistant");
                match content {
                    Some(content) => delta.text("content", content),
                    None => delta.null("content"),
                }
            }
            Self::Words { field, text } => delta.text(field, text),
            Self::Call { index: None, name, arguments, .. } => {
                function(delta, CALL, *name, arguments);
            }
            Self::Call { index: Some(index), id, name, arguments } => {
                delta.list(CALLS, |out| {
                    object::object(out, |call| {
                        call.number("index", *index);
                        if let Some(id) = id {
                            call.text("id", id);
                            call.word("type", "function");
                        }
                        function(call, "function", *name, arguments);
                    });
                });
            }
        }
    }
}

fn function(call: &mut Object<'_>, field: &'static str, name: Option<&str>, arguments: &str) {
    call.object(field, |function| {
        if let Some(name) = name {
            function.text("name", name);
        }
        function.text("arguments", arguments);
    });
}

/// One of a chunk's `choices`.
#[derive(Debug)]
pub(super) struct One<'a> {
    pub(super) choice: u32,
    pub(super) said: &'a Said<'a>,
    pub(super) reason: Option<&'a FinishReason>,
}

impl One<'_> {
    /// Writes it, with `more` fields where they are not there yet: some about the choice, and under
    /// [`MESSAGE`] some about what is said.
    pub(super) fn write(&self, out: &mut BytesMut, mut more: Map<String, Value>) {
        let message = more.shift_remove(MESSAGE);
        let logprobs = more.shift_remove("logprobs");
        object::object(out, |one| {
            one.number("index", self.choice);
            one.object("delta", |delta| {
                self.said.write(delta);
                if let Some(Value::Object(message)) = message {
                    delta.rest(&message, self.said.field().as_slice());
                }
            });
            match logprobs {
                Some(logprobs) => one.value("logprobs", &logprobs),
                None => one.null("logprobs"),
            }
            match self.reason.map(finish_reason) {
                Some(reason) => one.text("finish_reason", reason),
                None => one.null("finish_reason"),
            }
            one.rest(&more, &["index", "delta", "finish_reason"]);
        });
    }
}
