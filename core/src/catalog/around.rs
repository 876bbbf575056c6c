//! What may be done around the loop, as agents and routes say it in YAML.

use serde_json::{Value as Json, json};

use super::{
    path::Path,
    read::{Fields, ObjectSchema, Read, Reading},
    tree::{Kind, Node, Value},
};
use crate::agent::orchestration::{MAX_ROUNDS, Use, Wanted, Web};

/// The fields, among those of an agent or a route.
#[derive(Default)]
pub(crate) struct Around(pub(crate) Wanted);

impl Around {
    pub(crate) fn take(fields: &mut Fields<'_, '_, '_>) -> Self {
        Self(Wanted {
            intent: fields.optional(Use::Intent.as_str()),
            plan: fields.optional(Use::Plan.as_str()),
            critique: fields.optional(Use::Critique.as_str()).map(|Rounds(rounds)| rounds),
            correct: fields.optional(Use::Correct.as_str()),
            run_code: fields.optional(Use::RunCode.as_str()),
            web: fields.optional(Use::Web.as_str()).map(|When(when)| when.unwrap_or(Web::Never)),
        })
    }

    pub(crate) fn describe(object: &mut ObjectSchema) {
        for it in Use::ALL {
            let about: &[&str] = &[about(it)];
            match it {
                Use::Critique => object.add::<Rounds>(it.as_str(), about, false),
                Use::Web => object.add::<When>(it.as_str(), about, false),
                Use::Intent | Use::Plan | Use::Correct | Use::RunCode => {
                    object.add::<bool>(it.as_str(), about, false);
                }
            }
        }
    }
}

fn about(it: Use) -> &'static str {
    match it {
        Use::Intent => {
            "Whether the model first says of which kind a request is, so that it is given what helps. Only in mode `loop`."
        }
        Use::Plan => {
            "Whether the model plans first, and verifies its answer at last. Only in mode `loop`."
        }
        Use::Critique => {
            "How often the model may criticise its answer and mend it; true is once. Only in mode `loop`."
        }
        Use::Correct => {
            "Whether an answer that must fit a JSON Schema is corrected once if it does not. Only in mode `loop`."
        }
        Use::RunCode => {
            "Whether the code of an answer is run in the sandbox, and mended if it fails. Only in mode `loop`."
        }
        Use::Web => {
            "Whether the web is asked before the model: always, never, or `auto`, where the question asks for it. Only in mode `loop`."
        }
    }
}

/// Rounds of criticism.
#[derive(Default)]
struct Rounds(u32);

impl Read for Rounds {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value {
            let rounds = match scalar.kind() {
                Kind::Bool(flag) => Some(u32::from(flag)),
                Kind::Whole => scalar.text.parse().ok(),
                _ => None,
            };
            if let Some(rounds) = rounds.filter(|rounds| *rounds <= MAX_ROUNDS) {
                return Self(rounds);
            }
        }
        reading
            .note(path, format!("must be true, false, or a whole number from 0 to {MAX_ROUNDS}"));
        Self::default()
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "boolean" },
            { "type": "integer", "minimum": 0, "maximum": MAX_ROUNDS },
        ] })
    }
}

/// When the web is asked. `None`: it could not be read.
#[derive(Default)]
struct When(Option<Web>);

impl Read for When {
    fn read(node: &Node, path: &Path, reading: &mut Reading<'_>) -> Self {
        if let Value::Scalar(scalar) = &node.value {
            let when = match scalar.kind() {
                Kind::Bool(true) => Some(Web::Always),
                Kind::Bool(false) => Some(Web::Never),
                Kind::Text if scalar.text == "auto" => Some(Web::Auto),
                _ => None,
            };
            if when.is_some() {
                return Self(when);
            }
        }
        reading.note(path, "must be true, false or auto");
        Self::default()
    }

    fn schema() -> Json {
        json!({ "anyOf": [{ "type": "boolean" }, { "const": "auto" }] })
    }
}
